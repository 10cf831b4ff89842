//! Backends that come and go, as pods of a deployment do that is rolled over and over.
//!
//! A new one is started and becomes an endpoint. An old one is first taken out of the endpoints; when that serves, it
//! goes on for a grace, as pods do whose `preStop` sleeps, since a process that drains may still send it the last request
//! of a connection; then it accepts nothing more, finishes what it has, streams included, and ends.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use seaway_testkit::echo::Backend;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::changes::replace;
use super::manifests::{self, Pod};
use super::stop::Stop;
use super::tally::Faults;

/// Between two pods that are replaced.
const PACE: Duration = Duration::from_secs(2);
/// How long a pod goes on after it is no endpoint any more.
const GRACE: Duration = Duration::from_secs(3);
/// Pods of each version.
const PODS: usize = 2;

/// A pod with its servers.
struct Running {
    pod: Pod,
    web: Backend,
    tcp: Echo,
}

impl Running {
    async fn start(name: String, version: &'static str) -> io::Result<Self> {
        let web = Backend::start(&name)?;
        let tcp = Echo::start().await?;
        let pod = Pod {
            name,
            version,
            web: web.addr(),
            tcp: tcp.address,
        };
        Ok(Self { pod, web, tcp })
    }

    /// Returns when the last client has gone.
    async fn finish(mut self) {
        self.web.finish().await;
        self.tcp.finish().await;
    }
}

/// All of them.
pub struct Backends {
    folder: PathBuf,
    running: VecDeque<Running>,
    leaving: JoinSet<()>,
    started: u64,
    faults: Arc<Faults>,
}

impl Backends {
    /// Starts some of each version, and writes where they are.
    pub async fn start(folder: PathBuf, faults: &Arc<Faults>) -> Result<Self> {
        let mut this = Self {
            folder,
            running: VecDeque::new(),
            leaving: JoinSet::new(),
            started: 0,
            faults: Arc::clone(faults),
        };
        for _ in 0..PODS {
            this.add("v1").await?;
            this.add("v2").await?;
        }
        this.write()?;
        Ok(this)
    }

    async fn add(&mut self, version: &'static str) -> io::Result<()> {
        self.started += 1;
        let pod = Running::start(format!("{version}-{}", self.started), version).await?;
        self.running.push_back(pod);
        Ok(())
    }

    fn write(&self) -> io::Result<()> {
        let pods: Vec<Pod> = self.running.iter().map(|running| running.pod.clone()).collect();
        replace(&self.folder, "endpoints.yaml", &manifests::endpoints(&pods))
    }

    /// Replaces one after the other until it is told to stop; says how many were.
    pub async fn roll(mut self, served: watch::Receiver<u64>, mut stop: Stop) -> (Self, u64) {
        let mut replaced = 0;
        while stop.unless(tokio::time::sleep(PACE)).await.is_some() {
            match self.replace(&served).await {
                Ok(()) => replaced += 1,
                Err(error) => self.faults.other("", "a backend", error.to_string()),
            }
            while self.leaving.try_join_next().is_some() {}
        }
        (self, replaced)
    }

    async fn replace(&mut self, served: &watch::Receiver<u64>) -> io::Result<()> {
        let Some(version) = self.running.front().map(|oldest| oldest.pod.version) else {
            return Ok(());
        };
        self.add(version).await?;
        self.write()?;
        let Some(oldest) = self.running.pop_front() else {
            return Ok(());
        };
        is_served(served).await;
        self.write()?;
        let served = served.clone();
        self.leaving.spawn(async move {
            is_served(&served).await;
            tokio::time::sleep(GRACE).await;
            oldest.finish().await;
        });
        Ok(())
    }

    /// Ends them all; nobody asks any more.
    pub async fn stop(mut self) {
        for running in self.running.drain(..) {
            self.leaving.spawn(running.finish());
        }
        while self.leaving.join_next().await.is_some() {}
    }
}

/// Waits until what is written now serves. Rules that are written later are read together with it, so they tell; the
/// number under way may have been read before.
async fn is_served(served: &watch::Receiver<u64>) {
    let mut served = served.clone();
    let now = *served.borrow();
    // An error says that nothing changes any more.
    let _ = served.wait_for(|served| *served >= now + 2).await;
}

/// Says back every byte, as long as its clients want.
struct Echo {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Echo {
    async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, mut stopping) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    _ = stopping.changed() => break,
                    accepted = listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            connections.spawn(echo(stream));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
            drop(listener);
            while connections.join_next().await.is_some() {}
        });
        Ok(Self { address, stop, task })
    }

    async fn finish(self) {
        self.stop.send_replace(true);
        // Fails only if an echo panicked, which its client has seen.
        let _ = self.task.await;
    }
}

async fn echo(mut stream: TcpStream) {
    // Fails only when nodelay is not known, and lines then take longer.
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.split();
    // The client ends it, in whatever way.
    let _ = tokio::io::copy(&mut reader, &mut writer).await;
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut writer).await;
}
