//! The names of one cluster: what each has answered, and the endpoints that follow from all of them.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seaway_model::{Endpoint, EndpointHealth, EndpointSource, NamedEndpoint};
use tokio::sync::watch;

use super::super::members::Listed;

/// How the lookups of a name went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::upstream) enum Resolution {
    /// Not yet: the first lookup is under way.
    Pending,
    /// By the last lookup.
    Answered,
    /// The last lookup failed; an earlier one may have succeeded.
    Failed(Arc<str>),
}

/// A name that is looked up.
#[derive(Debug)]
pub(in crate::upstream) struct Followed {
    host: Arc<str>,
    state: Mutex<State>,
    started: AtomicBool,
}

/// A name of the cluster, and what its lookups hear from when the cluster no longer has it.
#[derive(Clone, Debug)]
struct Entry {
    followed: Arc<Followed>,
    alive: Arc<watch::Sender<()>>,
}

impl Entry {
    fn new(host: &Arc<str>) -> Self {
        Self {
            followed: Followed::new(host),
            alive: Arc::new(watch::Sender::new(())),
        }
    }
}

#[derive(Debug)]
struct State {
    /// The last good answer, in the order of the name server.
    addresses: Vec<IpAddr>,
    resolution: Resolution,
}

impl Followed {
    fn new(host: &Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            host: Arc::clone(host),
            state: Mutex::new(State {
                addresses: Vec::new(),
                resolution: Resolution::Pending,
            }),
            started: AtomicBool::new(false),
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn answered(&self, addresses: Vec<IpAddr>) {
        let mut state = lock(&self.state);
        if addresses.is_empty() {
            state.resolution = Resolution::Failed("the name has no address".into());
        } else {
            state.addresses = addresses;
            state.resolution = Resolution::Answered;
        }
    }

    pub(super) fn failed(&self, error: Arc<str>) {
        lock(&self.state).resolution = Resolution::Failed(error);
    }
}

/// What a cluster has because it is names.
#[derive(Debug)]
pub(in crate::upstream) struct Naming {
    names: Mutex<Names>,
    /// Whether there is nothing to wait for: a name was answered, or all have failed.
    resolved: watch::Sender<bool>,
    /// The same for who only looks.
    is_resolved: AtomicBool,
}

#[derive(Debug)]
struct Names {
    source: EndpointSource,
    entries: Vec<Entry>,
}

impl Naming {
    /// `None` for endpoints of which none has to be looked up.
    pub(in crate::upstream) fn new(source: &EndpointSource) -> Option<Self> {
        let entries: Vec<_> = unknown(source).map(Entry::new).collect();
        if entries.is_empty() {
            return None;
        }
        // A name that is an address is an endpoint at once.
        let resolved = names(source).any(|name| literal(&name.host).is_some());
        Some(Self {
            names: Mutex::new(Names {
                source: source.clone(),
                entries,
            }),
            resolved: watch::Sender::new(resolved),
            is_resolved: AtomicBool::new(resolved),
        })
    }

    /// Takes other names on. Those that were there before keep their answers, and need no new lookup.
    pub(in crate::upstream) fn change(&self, source: &EndpointSource) {
        let mut names = lock(&self.names);
        let known = |host: &Arc<str>| {
            let found = names.entries.iter().find(|entry| entry.followed.host == *host);
            found.map_or_else(|| Entry::new(host), Entry::clone)
        };
        names.entries = unknown(source).map(known).collect();
        names.source = source.clone();
    }

    /// Names whose lookups have not begun, with what says that they are over.
    pub(super) fn unstarted(&self) -> Vec<(Arc<Followed>, watch::Receiver<()>)> {
        let names = lock(&self.names);
        let fresh = |entry: &&Entry| !entry.followed.started.swap(true, Ordering::Relaxed);
        let fresh = names.entries.iter().filter(fresh);
        fresh
            .map(|entry| (Arc::clone(&entry.followed), entry.alive.subscribe()))
            .collect()
    }

    /// The endpoints of all names together.
    pub(in crate::upstream) fn listed(&self) -> Vec<Listed> {
        let names = lock(&self.names);
        listed(&names.source, |host| {
            let entry = names.entries.iter().find(|entry| *entry.followed.host == *host);
            entry.map_or_else(Vec::new, |entry| lock(&entry.followed.state).addresses.clone())
        })
    }

    /// Tells those who wait, if they need not any more.
    pub(super) fn settle(&self) {
        let states = self.resolutions();
        let answered = states.iter().any(|(_, state)| *state == Resolution::Answered);
        let all_failed = states
            .iter()
            .all(|(_, state)| matches!(state, Resolution::Failed(_)));
        if answered || all_failed {
            self.is_resolved.store(true, Ordering::Release);
            self.resolved.send_replace(true);
        }
    }

    pub(in crate::upstream) fn is_resolved(&self) -> bool {
        self.is_resolved.load(Ordering::Acquire)
    }

    pub(in crate::upstream) async fn resolved(&self) {
        // The sender is ours, so there is always one.
        let _ = self.resolved.subscribe().wait_for(|resolved| *resolved).await;
    }

    /// Every name that is looked up, and how that went.
    pub(in crate::upstream) fn resolutions(&self) -> Vec<(Arc<str>, Resolution)> {
        let state = |entry: &Entry| {
            let resolution = lock(&entry.followed.state).resolution.clone();
            (Arc::clone(&entry.followed.host), resolution)
        };
        lock(&self.names).entries.iter().map(state).collect()
    }
}

/// The endpoints of a source, with the addresses that `answers` gives for names.
pub(in crate::upstream) fn listed(
    source: &EndpointSource,
    answers: impl Fn(&str) -> Vec<IpAddr>,
) -> Vec<Listed> {
    let addresses = |name: &NamedEndpoint| match literal(&name.host) {
        Some(ip) => vec![ip],
        None => answers(&name.host),
    };
    match source {
        EndpointSource::Static(endpoints) => endpoints.iter().map(Listed::from).collect(),
        EndpointSource::Dns(names) => names
            .iter()
            .flat_map(|name| {
                let mut addresses = addresses(name);
                // Name servers turn the order; a set of endpoints must not change by that.
                addresses.sort_unstable();
                addresses.dedup();
                addresses.into_iter().map(|ip| at(name, ip))
            })
            .collect(),
        EndpointSource::LogicalDns(name) => {
            let addresses = addresses(name);
            let mut addresses = addresses.into_iter();
            let first = addresses.next().map(|ip| Listed {
                others: Some(addresses.map(|ip| SocketAddr::new(ip, name.port)).collect()),
                ..at(name, ip)
            });
            first.into_iter().collect()
        }
    }
}

fn at(name: &NamedEndpoint, ip: IpAddr) -> Listed {
    Listed {
        endpoint: Endpoint {
            address: SocketAddr::new(ip, name.port),
            weight: name.weight,
            health: EndpointHealth::Healthy,
            locality: name.locality.clone(),
            priority: name.priority,
        },
        name: literal(&name.host).is_none().then(|| Arc::clone(&name.host)),
        others: None,
    }
}

fn names(source: &EndpointSource) -> impl Iterator<Item = &NamedEndpoint> {
    let (many, one) = match source {
        EndpointSource::Static(_) => (&[][..], None),
        EndpointSource::Dns(names) => (names.as_slice(), None),
        EndpointSource::LogicalDns(name) => (&[][..], Some(name)),
    };
    many.iter().chain(one)
}

/// The names that have to be looked up, each once.
fn unknown(source: &EndpointSource) -> impl Iterator<Item = &Arc<str>> {
    let mut seen = std::collections::BTreeSet::new();
    names(source)
        .map(|name| &name.host)
        .filter(move |host| literal(host).is_none() && seen.insert(Arc::clone(host)))
}

/// An IP address in the place of a name.
fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn names_of(hosts: &[&str]) -> EndpointSource {
        EndpointSource::Dns(hosts.iter().map(|host| NamedEndpoint::new(*host, 80)).collect())
    }

    fn addresses(naming: &Naming) -> Vec<IpAddr> {
        naming
            .listed()
            .iter()
            .map(|listed| listed.endpoint.address.ip())
            .collect()
    }

    fn followed(naming: &Naming, host: &str) -> Arc<Followed> {
        let names = lock(&naming.names);
        let entry = names.entries.iter().find(|entry| entry.followed.host() == host);
        Arc::clone(&entry.unwrap().followed)
    }

    #[test]
    fn the_endpoints_are_the_union_of_all_names() {
        let naming = Naming::new(&names_of(&["a.test", "10.0.0.9", "b.test"])).unwrap();
        followed(&naming, "b.test").answered(vec![TWO, ONE, TWO]);
        assert_eq!(addresses(&naming), ["10.0.0.9".parse().unwrap(), ONE, TWO]);
    }

    #[test]
    fn a_name_keeps_what_its_configuration_says_of_it() {
        let mut name = NamedEndpoint::new("a.test", 8080);
        (name.weight, name.priority) = (7, 2);
        let listed = listed(&EndpointSource::Dns(vec![name]), |_| vec![ONE]);
        let endpoint = &listed[0].endpoint;
        assert_eq!(
            (endpoint.weight, endpoint.priority, endpoint.address.port()),
            (7, 2, 8080)
        );
    }

    #[test]
    fn nobody_waits_for_the_slowest_name() {
        let naming = Naming::new(&names_of(&["a.test", "b.test"])).unwrap();
        naming.settle();
        assert!(!naming.is_resolved());
        followed(&naming, "a.test").failed("no such name".into());
        naming.settle();
        assert!(!naming.is_resolved());
        followed(&naming, "b.test").answered(vec![ONE]);
        naming.settle();
        assert!(naming.is_resolved());
    }

    #[test]
    fn names_of_which_all_have_failed_keep_nobody_waiting() {
        let naming = Naming::new(&names_of(&["a.test"])).unwrap();
        followed(&naming, "a.test").answered(Vec::new());
        naming.settle();
        assert!(naming.is_resolved());
    }

    #[test]
    fn names_that_stay_keep_their_answers_and_new_ones_are_looked_up() {
        let naming = Naming::new(&names_of(&["a.test", "b.test"])).unwrap();
        assert_eq!(naming.unstarted().len(), 2);
        followed(&naming, "a.test").answered(vec![ONE]);
        naming.change(&names_of(&["c.test", "a.test"]));
        assert_eq!(addresses(&naming), [ONE]);
        let unstarted: Vec<_> = naming.unstarted();
        assert_eq!(unstarted.len(), 1);
        assert_eq!(unstarted[0].0.host(), "c.test");
    }

    #[test]
    fn one_endpoint_stands_for_a_logical_name_however_many_addresses_it_has() {
        let source = EndpointSource::LogicalDns(NamedEndpoint::new("cdn.test", 443));
        let listed = listed(&source, |_| vec![TWO, ONE]);
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].endpoint.address.ip(), TWO);
        assert_eq!(listed[0].others, Some(vec![SocketAddr::new(ONE, 443)]));
    }

    #[test]
    fn addresses_need_no_names() {
        assert!(Naming::new(&names_of(&["10.0.0.1", "[fd00::1]"])).is_none());
        assert!(Naming::new(&EndpointSource::Static(Vec::new())).is_none());
    }
}
