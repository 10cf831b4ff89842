//! A gateway that is served from: the process that has the listeners now, and those before it that drain.
//!
//! Every process of a gateway is in one process group, and orphans become our own children (`PR_SET_CHILD_SUBREAPER`), so
//! that the end of each is known, with its exit code.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::watch;
use tokio::time::timeout;

use super::process;
use super::tally::Faults;

/// A start that takes longer has failed, on whatever machine.
const START: Duration = Duration::from_secs(60);

/// What is started.
pub struct Launch<'a> {
    pub name: &'static str,
    pub binary: &'a Path,
    /// Its own: the binary is replaced in it, certificates are kept in it.
    pub folder: PathBuf,
    pub arguments: Vec<OsString>,
}

/// One that serves.
pub struct Gateway {
    pub name: &'static str,
    pub ports: Ports,
    source: PathBuf,
    installed: PathBuf,
    group: Pid,
    said: watch::Receiver<Said>,
    faults: Arc<Faults>,
}

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub tcp: SocketAddr,
}

/// What its processes have said on standard error.
#[derive(Clone, Debug, Default)]
struct Said {
    http: Option<SocketAddr>,
    https: Option<SocketAddr>,
    tcp: Option<SocketAddr>,
    /// How often one of them was ready.
    ready: u64,
    /// Where data planes are told.
    xds: Option<SocketAddr>,
    is_over: bool,
    /// For when it does not start.
    first_lines: Vec<String>,
}

impl Gateway {
    /// Starts one and waits until it is ready. Needs a runtime.
    pub async fn start(launch: Launch<'_>, faults: &Arc<Faults>) -> Result<Self> {
        let mut this = Self::spawn(launch, faults)?;
        let said = this.until(|said| said.ready > 0).await?;
        let port =
            |address: Option<SocketAddr>, which| address.with_context(|| format!("no listener for {which}"));
        this.ports = Ports {
            http: port(said.http, "HTTP")?,
            https: port(said.https, "HTTPS")?,
            tcp: port(said.tcp, "TCP")?,
        };
        Ok(this)
    }

    /// Starts a control plane, and says where it tells data planes what to serve.
    pub async fn control_plane(launch: Launch<'_>, faults: &Arc<Faults>) -> Result<(Self, SocketAddr)> {
        let this = Self::spawn(launch, faults)?;
        let said = this.until(|said| said.ready > 0).await?;
        let xds = said.xds.context("no port for data planes")?;
        Ok((this, xds))
    }

    fn spawn(launch: Launch<'_>, faults: &Arc<Faults>) -> Result<Self> {
        let Launch {
            name,
            binary,
            folder,
            arguments,
        } = launch;
        fs::create_dir_all(&folder)?;
        let installed = folder.join("seaway");
        fs::copy(binary, &installed).with_context(|| binary.display().to_string())?;
        let mut child = Command::new(&installed)
            .args(arguments)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| installed.display().to_string())?;
        let group = process::pid(child.id())?;
        let said = listen(name, child.stderr.take().context("a pipe")?, Arc::clone(faults));
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Ok(Self {
            name,
            ports: Ports {
                http: nowhere,
                https: nowhere,
                tcp: nowhere,
            },
            source: binary.to_owned(),
            installed,
            group,
            said,
            faults: Arc::clone(faults),
        })
    }

    /// The process that serves now: the youngest.
    pub fn serving(&self) -> Result<process::Process> {
        let all = process::of_group(self.group)?;
        all.into_iter()
            .max_by_key(|process| process.started)
            .with_context(|| format!("gateway {} is gone", self.name))
    }

    /// Replaces the binary and has the process that serves hand over to it. Returns when the new one is ready.
    pub async fn upgrade(&self) -> Result<()> {
        let new = self.installed.with_extension("new");
        let (source, target) = (self.source.clone(), self.installed.clone());
        tokio::task::spawn_blocking(move || fs::copy(source, &new).and_then(|_| fs::rename(new, target)))
            .await??;
        let old = self.serving()?;
        let before = self.said.borrow().ready;
        kill_process(old.pid, Signal::USR2)?;
        self.until(|said| said.ready > before).await?;
        if self.serving()?.pid == old.pid {
            bail!("the old process serves on");
        }
        Ok(())
    }

    /// Has all its processes end, and waits until they have.
    pub async fn stop(self, patience: Duration) {
        // They may have ended already, which is told where their exit codes are looked at.
        let _ = kill_process_group(self.group, Signal::TERM);
        let mut said = self.said.clone();
        let ended = timeout(patience, said.wait_for(|said| said.is_over)).await;
        if ended.is_err() {
            self.faults
                .other(self.name, "process", format!("does not end within {patience:?}"));
        }
        self.reap();
    }

    /// Notes how processes have ended, and lets go of them.
    pub fn reap(&self) {
        for trouble in process::reap(self.group) {
            self.faults.other(self.name, "process", trouble);
        }
    }

    async fn until(&self, holds: impl FnMut(&Said) -> bool) -> Result<Said> {
        let mut said = self.said.clone();
        let waited = timeout(START, said.wait_for(holds)).await;
        match waited {
            Ok(Ok(said)) => Ok(said.clone()),
            _ => {
                let lines = self.said.borrow().first_lines.join("\n  ");
                bail!("gateway {} does not become ready:\n  {lines}", self.name)
            }
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // All of them may be gone already.
        let _ = kill_process_group(self.group, Signal::KILL);
        process::reap(self.group);
    }
}

/// Reads standard error on a thread that ends with it.
fn listen(
    gateway: &'static str,
    stream: impl Read + Send + 'static,
    faults: Arc<Faults>,
) -> watch::Receiver<Said> {
    let (sender, said) = watch::channel(Said::default());
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if is_trouble(&line) {
                faults.other(gateway, "said", &line);
            }
            sender.send_modify(|said| said.hear(&line));
        }
        sender.send_modify(|said| said.is_over = true);
    });
    said
}

/// Lines that are never said when all is well.
fn is_trouble(line: &str) -> bool {
    let words = ["error", "warning", "panicked", "cut off", "the upgrade failed"];
    words.iter().any(|word| line.contains(word))
}

impl Said {
    /// `http-80 on 127.0.0.1:44729 (configured 80)`, `ready`
    fn hear(&mut self, line: &str) {
        if self.ready == 0 {
            self.first_lines.push(line.to_owned());
        }
        if line == "ready" {
            self.ready += 1;
        }
        let mut words = line.split_whitespace();
        let (Some(name), Some("on"), Some(Ok(address))) =
            (words.next(), words.next(), words.next().map(str::parse))
        else {
            return;
        };
        let place = match name.split_once('-').map_or(name, |(protocol, _)| protocol) {
            "http" => &mut self.http,
            "https" => &mut self.https,
            "tcp" => &mut self.tcp,
            "xds" => &mut self.xds,
            _ => return,
        };
        *place = Some(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gateway_says_is_understood() {
        let mut said = Said::default();
        for line in [
            "http-80 on 127.0.0.1:4001 (configured 80)",
            "https-443 on 127.0.0.1:4002 (configured 443)",
            "tcp-9000 on 127.0.0.1:4003 (configured 9000)",
            "ready",
            "configuration 2 serves, no findings",
        ] {
            said.hear(line);
        }
        assert_eq!(said.ready, 1);
        let ports = [said.http, said.https, said.tcp].map(|a| a.map(|a| a.port()));
        assert_eq!(ports, [Some(4001), Some(4002), Some(4003)]);
    }

    #[test]
    fn connections_that_were_cut_off_are_trouble_and_a_clean_configuration_is_not() {
        assert!(is_trouble("drained; 1 connection was cut off after 60s"));
        assert!(is_trouble("thread 'seaway-0' panicked at src/x.rs:1:2:"));
        assert!(!is_trouble("configuration 7 serves, no findings"));
    }
}
