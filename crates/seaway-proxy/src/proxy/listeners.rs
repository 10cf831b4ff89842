//! Bringing the bound sockets in line with a model's listeners.
//!
//! A listener's identity is its address, its configured port, and whether it is TCP or UDP. What stays the same by that
//! keeps its sockets, whatever else changes; what is gone is closed before anything new is bound. Where another protocol
//! is spoken from now on (HTTP to HTTPS), the same sockets go from one listener to the next, and no client is refused.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::RecvError;

use arc_swap::ArcSwap;
use seaway_model::{Listener, Model, Protocol};
use serde::Serialize;
use socket2::Socket;

use super::bind::{self, Transport};
use crate::downstream::{Leaving, Slot};
use crate::options::Options;
use crate::tls::Unusable;
use crate::worker::Worker;

/// What became of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// `http-80`
    pub name: Arc<str>,
    /// The port that the configuration says; `--map-port` may bind another.
    pub configured_port: u16,
    /// Where it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<SocketAddr>,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Why it does not serve, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What does not work although it serves: certificates that cannot be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    address: Option<IpAddr>,
    port: u16,
    transport: Transport,
}

impl Key {
    /// `http|*|80`: what the sockets are called that are handed to a new process, which may be of another version.
    fn text(&self, protocol: Protocol) -> String {
        let protocol = match protocol {
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        match self.address {
            Some(address) => format!("{protocol}|{address}|{}", self.port),
            None => format!("{protocol}|*|{}", self.port),
        }
    }

    /// Whether a socket of that name is one of this listener, whatever was spoken on it.
    fn is_called(&self, text: &str) -> bool {
        let all = [Protocol::Http, Protocol::Https, Protocol::Tcp, Protocol::Udp];
        all.into_iter()
            .any(|protocol| transport(protocol) == self.transport && self.text(protocol) == text)
    }
}

/// A listener that serves.
#[derive(Debug)]
struct Bound {
    id: u64,
    slot: Arc<Slot>,
    address: SocketAddr,
    /// Duplicates of the workers' sockets, for handing over.
    sockets: Vec<Socket>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    bound: BTreeMap<Key, Bound>,
    inherited: Vec<(String, Arc<OwnedFd>)>,
    last_id: u64,
}

impl Listeners {
    pub(super) fn new(inherited: Vec<(String, Arc<OwnedFd>)>) -> Self {
        Self {
            inherited,
            ..Self::default()
        }
    }

    pub(super) fn descriptors(&self) -> Vec<(String, RawFd)> {
        self.bound
            .iter()
            .flat_map(|(key, bound)| {
                let name = key.text(bound.slot.protocol);
                bound.sockets.iter().map(move |s| (name.clone(), s.as_raw_fd()))
            })
            .collect()
    }

    /// Closes what the model does not have, binds what is new, renames what has another name.
    pub(super) fn reconcile(
        &mut self,
        model: &Model,
        options: &Options,
        workers: &[Worker],
        unusable: &[Unusable],
    ) -> Vec<ListenerStatus> {
        let wanted: Vec<(Key, &Arc<Listener>)> =
            model.listeners.iter().map(|l| (key(l, options), l)).collect();
        self.close(workers, Leaving::Removed, |key| {
            !wanted.iter().any(|(k, _)| k == key)
        });
        let mut statuses: Vec<ListenerStatus> = Vec::with_capacity(wanted.len());
        for (index, (key, listener)) in wanted.iter().enumerate() {
            let earlier = wanted.iter().take(index);
            let twin = earlier
                .zip(&statuses)
                .find_map(|((k, l), status)| (k == key && status.bound.is_some()).then_some(l));
            let result = match twin {
                Some(twin) => Err(format!(
                    "listener {} already takes this address and port; give one of them another port",
                    twin.name
                )),
                None => self
                    .serve(*key, listener, options, workers)
                    .map_err(|e| explain(&e, port(listener.port, options), listener.port)),
            };
            statuses.push(status(listener, result, unusable));
        }
        // Sockets that the first model does not want would keep connections waiting for nobody.
        self.inherited.clear();
        statuses
    }

    pub(super) fn close_all(&mut self, workers: &[Worker]) {
        self.close(workers, Leaving::Drained, |_| true);
    }

    fn close(&mut self, workers: &[Worker], leaving: Leaving, is_gone: impl Fn(&Key) -> bool) {
        let gone = self.bound.extract_if(.., |key, _| is_gone(key));
        let waits: Vec<_> = gone
            .flat_map(|(_, bound)| {
                // A duplicate would keep the socket, and its queue, alive.
                drop(bound.sockets);
                workers
                    .iter()
                    .map(move |worker| worker.unlisten(bound.id, leaving))
            })
            .collect();
        for wait in waits {
            // An error says that the worker is gone, and its sockets with it.
            let _: Result<(), RecvError> = wait.recv();
        }
    }

    fn serve(
        &mut self,
        key: Key,
        listener: &Listener,
        options: &Options,
        workers: &[Worker],
    ) -> io::Result<SocketAddr> {
        let name = &listener.name;
        if let Some(bound) = self.bound.get(&key)
            && bound.slot.protocol == listener.protocol
        {
            if **bound.slot.name.load() != *name {
                bound.slot.name.store(Arc::new(Arc::clone(name)));
            }
            return Ok(bound.address);
        }
        if workers.is_empty() {
            return Err(io::Error::other("the proxy has been drained"));
        }
        let sockets = match self.bound.get(&key) {
            Some(old) => old
                .sockets
                .iter()
                .map(Socket::try_clone)
                .collect::<io::Result<_>>()?,
            None => self.sockets(key, options, workers.len())?,
        };
        let bound = self.open(listener, sockets)?;
        let (id, address) = (bound.id, bound.address);
        let result = hand_out(&bound, workers);
        // The new one listens already, so that nobody is refused in between.
        if let Some(old) = self.bound.remove(&key) {
            unlisten(workers, old.id, Leaving::Replaced);
        }
        if let Err(error) = result {
            // Some workers may have got theirs.
            drop(bound);
            unlisten(workers, id, Leaving::Removed);
            return Err(error);
        }
        self.bound.insert(key, bound);
        Ok(address)
    }

    fn open(&mut self, listener: &Listener, sockets: Vec<Socket>) -> io::Result<Bound> {
        let first = sockets.first().ok_or(io::ErrorKind::NotFound)?;
        let address = bind::local_address(first)?;
        self.last_id += 1;
        Ok(Bound {
            id: self.last_id,
            slot: Arc::new(Slot {
                name: ArcSwap::from_pointee(Arc::clone(&listener.name)),
                protocol: listener.protocol,
            }),
            address,
            sockets,
        })
    }

    /// Inherited sockets where there are any, and as many new ones as there are workers without one.
    fn sockets(&mut self, key: Key, options: &Options, workers: usize) -> io::Result<Vec<Socket>> {
        let mut sockets = Vec::new();
        for (_, descriptor) in self.inherited.extract_if(.., |(name, _)| key.is_called(name)) {
            let socket = match Arc::try_unwrap(descriptor) {
                Ok(descriptor) => Socket::from(descriptor),
                Err(shared) => Socket::from(shared.try_clone()?),
            };
            sockets.push(socket);
        }
        let Some(first) = sockets.first() else {
            return bind::bind(key.transport, key.address, port(key.port, options), workers);
        };
        let address = bind::local_address(first)?;
        while sockets.len() < workers {
            sockets.push(bind::listen(key.transport, address)?);
        }
        Ok(sockets)
    }
}

fn unlisten(workers: &[Worker], id: u64, leaving: Leaving) {
    for worker in workers {
        let _: Result<(), RecvError> = worker.unlisten(id, leaving).recv();
    }
}

/// Gives each worker its share of the sockets.
fn hand_out(bound: &Bound, workers: &[Worker]) -> io::Result<()> {
    for (socket, worker) in bound.sockets.iter().zip(workers.iter().cycle()) {
        worker.listen(bound.id, socket.try_clone()?, Arc::clone(&bound.slot))?;
    }
    Ok(())
}

fn key(listener: &Listener, options: &Options) -> Key {
    Key {
        address: options.address.or(listener.address),
        port: listener.port,
        transport: transport(listener.protocol),
    }
}

fn transport(protocol: Protocol) -> Transport {
    match protocol {
        Protocol::Http | Protocol::Https | Protocol::Tcp => Transport::Tcp,
        Protocol::Udp => Transport::Udp,
    }
}

fn port(configured: u16, options: &Options) -> u16 {
    options.port_map.get(&configured).copied().unwrap_or(configured)
}

fn status(listener: &Listener, result: Result<SocketAddr, String>, unusable: &[Unusable]) -> ListenerStatus {
    let certificates = listener.tls.iter().flat_map(|tls| &tls.certificates);
    let warnings = certificates
        .flat_map(|c| {
            let of_it = unusable.iter().filter(move |u| u.profile.is_of(c));
            of_it.map(move |u| match u.is_fatal {
                true => format!(
                    "handshakes for {} are refused, since secret {} cannot be used: {}",
                    c.host, u.secret, u.error
                ),
                false => format!(
                    "handshakes for {} do without secret {}, which cannot be used: {}",
                    c.host, u.secret, u.error
                ),
            })
        })
        .collect();
    let (bound, error) = match result {
        Ok(address) => (Some(address), None),
        Err(error) => (None, Some(error)),
    };
    ListenerStatus {
        name: Arc::clone(&listener.name),
        configured_port: listener.port,
        bound,
        protocol: listener.protocol,
        error,
        warnings,
    }
}

/// Says what to do about a port that cannot be bound.
fn explain(error: &io::Error, port: u16, configured: u16) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "something else listens there: stop it, or choose another port with --map-port {configured}:8080"
        ),
        io::ErrorKind::PermissionDenied if port < 1024 => format!(
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it, or choose another port with \
             --map-port {configured}:8080"
        ),
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address: choose another with --address".to_owned()
        }
        io::ErrorKind::Other => return error.to_string(),
        _ => format!("choose another port with --map-port {configured}:8080"),
    };
    format!("port {port} cannot be bound ({error}); {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_privileged_port_asks_for_a_capability_or_a_mapping() {
        let text = explain(&io::ErrorKind::PermissionDenied.into(), 80, 80);
        assert!(
            text.contains("CAP_NET_BIND_SERVICE") && text.contains("--map-port 80:8080"),
            "{text}"
        );
    }

    #[test]
    fn a_status_reads_as_the_admin_endpoint_promises() {
        let status = ListenerStatus {
            name: "http-80".into(),
            configured_port: 80,
            bound: Some(SocketAddr::from(([127, 0, 0, 1], 41233))),
            protocol: Protocol::Http,
            error: None,
            warnings: Vec::new(),
        };
        assert_eq!(
            serde_json::to_string(&status).unwrap(),
            r#"{"name":"http-80","configuredPort":80,"bound":"127.0.0.1:41233","protocol":"http"}"#
        );
    }
}
