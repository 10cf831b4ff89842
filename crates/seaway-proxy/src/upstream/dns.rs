//! Clusters that are DNS names: resolved in the background, again and again as the TTL of each says.
//!
//! One thread with a runtime of its own serves all names, so that a slow name server costs workers nothing; it is
//! started with the first name. A name that fails keeps its last good answer, whatever the failure: an outage of DNS
//! must not become one of ours.
//!
//! A cluster's endpoints are the union of what its names have ([`naming`]). Requests wait for the first answer of any of
//! them and not for the slowest.

mod naming;
mod schedule;
mod system;

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::cluster::Live;
pub(super) use naming::{Followed, Naming, Resolution, listed};
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

/// The thread of lookups.
#[derive(Debug)]
pub(super) struct Lookups {
    resolver: Arc<dyn Resolve>,
    names: OnceLock<mpsc::UnboundedSender<Name>>,
}

#[derive(Debug)]
struct Name {
    live: Weak<Live>,
    followed: Arc<Followed>,
    gone: watch::Receiver<()>,
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self {
            resolver,
            names: OnceLock::new(),
        }
    }

    /// Resolves the names of a cluster that are not resolved yet, for as long as the cluster has them.
    pub(super) fn follow(&self, live: &Arc<Live>) {
        let Some(naming) = live.naming.as_deref() else {
            return;
        };
        for (followed, gone) in naming.unstarted() {
            let names = self
                .names
                .get_or_init(|| start_thread(Arc::clone(&self.resolver)));
            let name = Name {
                live: Arc::downgrade(live),
                followed,
                gone,
            };
            if let Err(mpsc::error::SendError(name)) = names.send(name) {
                let error =
                    "the thread of DNS lookups could not be started; the limit of threads may be too low";
                name.followed.failed(error.into());
                naming.settle();
            }
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

/// Keeps a cluster's endpoints up to one of its names.
async fn follow(resolver: Arc<dyn Resolve>, mut name: Name) {
    let mut schedule = Schedule::default();
    loop {
        let answer = tokio::select! {
            answer = resolver.resolve(name.followed.host()) => answer,
            _ = name.gone.changed() => return,
        };
        let Some(live) = name.live.upgrade() else { return };
        let wait = match &answer {
            Ok(answer) if !answer.addresses.is_empty() => schedule.answered(answer.ttl),
            _ => schedule.failed(),
        };
        match answer {
            Ok(answer) => name.followed.answered(answer.addresses),
            Err(error) => name.followed.failed(error.0.into()),
        }
        // Endpoints first, then those who wait for them.
        if let Some(naming) = live.naming.as_deref() {
            live.update(|spec| spec.listed = naming.listed());
            naming.settle();
        }
        drop(live);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = name.gone.changed() => return,
        }
    }
}
