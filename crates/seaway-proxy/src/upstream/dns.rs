//! Clusters that are a DNS name: resolved in the background, again and again as the TTL says.
//!
//! One thread with a runtime of its own serves all names, so that a slow name server costs workers nothing; it is
//! started with the first name. A name that fails keeps its last good answer, whatever the failure: an outage of DNS
//! must not become one of ours.

mod schedule;
mod system;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use seaway_model::Endpoint;
use tokio::sync::{mpsc, watch};

use super::cluster::Live;
pub use schedule::Schedule;
pub use system::SystemResolver;

/// What a name has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// IPv4 and IPv6.
    pub addresses: Vec<IpAddr>,
    /// How long that holds.
    pub ttl: Duration,
}

/// Why a name has no answer, for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ResolveError(pub String);

/// A lookup under way.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = Result<Answer, ResolveError>> + Send + 'a>>;

/// Something that resolves names.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// Every address of a name. Called on the thread of lookups, within its runtime.
    fn resolve<'a>(&'a self, host: &'a str) -> Lookup<'a>;
}

/// How the lookups of a name went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// Not yet: the first lookup is under way.
    Pending,
    /// By the last lookup.
    Answered,
    /// The last lookup failed; an earlier one may have succeeded.
    Failed(Arc<str>),
}

/// What a cluster has because it is a name.
#[derive(Debug)]
pub(super) struct Naming {
    pub(super) resolution: watch::Sender<Resolution>,
    /// Dropped with the cluster; its lookups then stop.
    alive: watch::Sender<()>,
}

impl Default for Naming {
    fn default() -> Self {
        Self {
            resolution: watch::Sender::new(Resolution::Pending),
            alive: watch::Sender::new(()),
        }
    }
}

/// The thread of lookups.
#[derive(Debug)]
pub(super) struct Lookups {
    resolver: Arc<dyn Resolve>,
    names: OnceLock<mpsc::UnboundedSender<Name>>,
}

#[derive(Debug)]
struct Name {
    live: Weak<Live>,
    gone: watch::Receiver<()>,
    host: Arc<str>,
    port: u16,
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self {
            resolver,
            names: OnceLock::new(),
        }
    }

    /// Resolves a name for as long as the cluster lives.
    pub(super) fn start(&self, live: &Arc<Live>, host: &Arc<str>, port: u16) {
        let Some(naming) = live.naming.as_deref() else {
            return;
        };
        let names = self
            .names
            .get_or_init(|| start_thread(Arc::clone(&self.resolver)));
        let name = Name {
            live: Arc::downgrade(live),
            gone: naming.alive.subscribe(),
            host: Arc::clone(host),
            port,
        };
        if names.send(name).is_err() {
            let error = "the thread of DNS lookups could not be started; the limit of threads may be too low";
            naming.resolution.send_replace(Resolution::Failed(error.into()));
        }
    }
}

fn start_thread(resolver: Arc<dyn Resolve>) -> mpsc::UnboundedSender<Name> {
    let (sender, mut names) = mpsc::unbounded_channel::<Name>();
    let serve = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async {
            // Ends when the registry is dropped, and every lookup with it.
            while let Some(name) = names.recv().await {
                tokio::spawn(follow(Arc::clone(&resolver), name));
            }
        });
    };
    // When it fails, the receiver is dropped with the closure, and sending says so.
    let _ = std::thread::Builder::new().name("seaway-dns".into()).spawn(serve);
    sender
}

/// Keeps one cluster's endpoints up to its name.
async fn follow(resolver: Arc<dyn Resolve>, mut name: Name) {
    let mut schedule = Schedule::default();
    loop {
        let answer = tokio::select! {
            answer = resolver.resolve(&name.host) => answer,
            _ = name.gone.changed() => return,
        };
        let Some(live) = name.live.upgrade() else { return };
        let wait = match &answer {
            Ok(answer) if !answer.addresses.is_empty() => schedule.answered(answer.ttl),
            _ => schedule.failed(),
        };
        take(&live, answer, name.port);
        drop(live);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = name.gone.changed() => return,
        }
    }
}

fn take(live: &Live, answer: Result<Answer, ResolveError>, port: u16) {
    let resolution = match answer {
        Ok(answer) if answer.addresses.is_empty() => Resolution::Failed("the name has no address".into()),
        Ok(answer) => {
            let mut addresses = answer.addresses;
            addresses.sort_unstable();
            addresses.dedup();
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, port));
            live.set_endpoints(&addresses.map(Endpoint::new).collect::<Vec<_>>());
            Resolution::Answered
        }
        Err(error) => Resolution::Failed(error.0.into()),
    };
    // Endpoints first, then those who wait for them.
    if let Some(naming) = live.naming.as_deref() {
        naming.resolution.send_replace(resolution);
    }
}
