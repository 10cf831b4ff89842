//! A change of the rules every tenth of a second, and of the certificate every second.
//!
//! A change counts as applied when an answer has shown its number, and a certificate when a handshake has: at every gateway.
//! The next change waits for that, so that none is skipped; where the machine is too slow for ten a second there are fewer,
//! and the report says how many there were and how long they took.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use seaway_testkit::certs::Ca;
use seaway_testkit::client::ClientTls;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::gateway::Ports;
use super::manifests;
use super::stop::Stop;
use super::tally::Faults;

const RULES: Duration = Duration::from_millis(100);
const CERTIFICATES: Duration = Duration::from_secs(1);
/// A change that takes longer has been lost.
const LOST: Duration = Duration::from_secs(30);
/// Between two handshakes that look for the new certificate.
const LOOK: Duration = Duration::from_millis(20);

/// Replaces a file of a folder as careful editors do.
pub fn replace(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let new = folder.join(format!(".{name}.new"));
    fs::write(&new, text)?;
    fs::rename(new, folder.join(name))
}

/// The highest number that a gateway's answers have shown.
#[derive(Clone, Debug)]
pub struct Seen {
    pub gateway: &'static str,
    number: Arc<watch::Sender<u64>>,
}

impl Seen {
    pub fn new(gateway: &'static str) -> Self {
        let number = Arc::new(watch::Sender::new(0));
        Self { gateway, number }
    }

    /// An answer showed this one.
    pub fn note(&self, number: u64) {
        self.number.send_if_modified(|highest| {
            let is_news = number > *highest;
            *highest = number.max(*highest);
            is_news
        });
    }

    async fn reaches(&self, number: u64) -> bool {
        let mut seen = self.number.subscribe();
        let reached = timeout(LOST, seen.wait_for(|seen| *seen >= number)).await;
        matches!(reached, Ok(Ok(_)))
    }
}

/// How changes went.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    pub count: u64,
    /// From the file to the first answer, or handshake, at the slowest gateway.
    pub took: Vec<Duration>,
}

/// The rules.
pub struct Rules {
    folder: PathBuf,
    seen: Vec<Seen>,
    faults: Arc<Faults>,
    served: watch::Sender<u64>,
}

impl Rules {
    pub fn new(folder: &Path, seen: Vec<Seen>, faults: &Arc<Faults>) -> Self {
        Self {
            folder: folder.to_owned(),
            seen,
            faults: Arc::clone(faults),
            served: watch::Sender::new(0),
        }
    }

    /// The number of the rules that serve everywhere.
    pub fn served(&self) -> watch::Receiver<u64> {
        self.served.subscribe()
    }

    /// Changes them until it is told to stop.
    pub async fn change(self, mut stop: Stop) -> Applied {
        let mut applied = Applied::default();
        let mut pace = interval(RULES);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut number = 0;
        while stop.unless(pace.tick()).await.is_some() {
            number += 1;
            let began = Instant::now();
            if let Err(error) = replace(&self.folder, "rules.yaml", &manifests::rules(number)) {
                self.faults.other("", "a change", error.to_string());
                continue;
            }
            let mut is_served = true;
            for seen in &self.seen {
                if !seen.reaches(number).await {
                    is_served = false;
                    let what = format!("rules {number} did not serve within {LOST:?}");
                    self.faults.other(seen.gateway, "a change", what);
                }
            }
            if is_served {
                applied.count += 1;
                applied.took.push(began.elapsed());
            }
            self.served.send_replace(number);
        }
        applied
    }
}

/// The certificate.
pub struct Certificates {
    pub folder: PathBuf,
    pub ca: Arc<Ca>,
    pub gateways: Vec<(&'static str, Ports)>,
    pub faults: Arc<Faults>,
}

impl Certificates {
    /// Replaces it until it is told to stop.
    pub async fn change(self, mut stop: Stop) -> Applied {
        let mut applied = Applied::default();
        let mut pace = interval(CERTIFICATES);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.unless(pace.tick()).await.is_some() {
            match timeout(LOST, self.replace()).await {
                Ok(Ok(took)) => {
                    applied.count += 1;
                    applied.took.push(took);
                }
                Ok(Err(error)) => self.faults.other("", "a certificate", error.to_string()),
                Err(_) => {
                    let what = format!("was not presented within {LOST:?}");
                    self.faults.other("", "a certificate", what);
                }
            }
        }
        applied
    }

    /// Returns once it is presented everywhere.
    async fn replace(&self) -> io::Result<Duration> {
        let leaf = self.ca.leaf(&[manifests::HOST]);
        let began = Instant::now();
        replace(&self.folder, "certificate.yaml", &manifests::certificate(&leaf))?;
        let trust = ClientTls::trusting(&self.ca.pem())?;
        for (_, ports) in &self.gateways {
            while !leaf.is(&trust.presented(ports.https, manifests::HOST).await?) {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(began.elapsed())
    }
}
