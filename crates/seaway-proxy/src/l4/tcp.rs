//! The way of a connection that is relayed: a destination, an endpoint, and then bytes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use seaway_model::{L4Route, Millis, Target};
use seaway_telemetry::Transport;

use super::account::Account;
use super::relay::{Ended, Relay, Side};
use crate::context::Connection;
use crate::downstream::Permit;
use crate::error::Failure;
use crate::pipeline::l4_destination;
use crate::snapshot::Snapshot;
use crate::upstream::{self, ClientAddress, ClusterState, Dialled};

/// How long nothing may move, unless the route says otherwise.
const IDLE: Duration = Duration::from_secs(3600);

/// A route, and the version of the configuration that it is of.
#[derive(Clone, Debug)]
pub(crate) struct Relayed {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) route: Arc<L4Route>,
}

/// Relays a connection until it ends. `first` was read of it already. A connection that cannot be relayed is closed.
pub(crate) async fn serve(
    client: impl Side,
    first: Vec<u8>,
    relayed: Relayed,
    connection: Arc<Connection>,
    permit: Permit,
) {
    let server_name = connection.tls.as_ref().and_then(|tls| tls.server_name.as_ref());
    let mut account = Account::new(
        Transport::Tcp,
        &connection.listener,
        server_name,
        connection.peer,
        &relayed.route,
    );
    let idle = relayed.route.idle_timeout.map_or(IDLE, Millis::duration);
    let idle = (!idle.is_zero()).then_some(idle);
    let hash = hash(&relayed.route, connection.peer.ip());
    let cluster = match choose(&relayed) {
        Ok(cluster) => cluster,
        Err(Nowhere::NoRoute) => return account.failed(Failure::NoRoute),
        Err(Nowhere::Failure(failure)) => return account.failed_by(failure),
    };
    account.goes_to(cluster.config());
    drop(relayed);
    let address = ClientAddress {
        peer: connection.peer,
        local: connection.local,
    };
    // What it takes to connect is needed for a moment only, and a connection may stay for days.
    let dialled = Box::pin(upstream::dial(&cluster, hash, Some(address))).await;
    drop((cluster, connection));
    let Dialled {
        stream,
        endpoint,
        in_flight,
    } = match dialled {
        Ok(dialled) => dialled,
        Err(failure) => return account.failed(failure),
    };
    account.opened(endpoint);
    let relay = Relay::new(client, first, stream, idle);
    let ended = relay.run(|moved, now| account.moved(moved, now)).await;
    match ended {
        Ended::Done => {}
        Ended::Idle => account.failed(Failure::StreamIdle),
        Ended::Downstream => account.failed(Failure::ClientGone),
        Ended::Upstream => account.failed(Failure::UpstreamReset),
    }
    drop((in_flight, permit));
}

/// Why a connection goes nowhere.
enum Nowhere<'r> {
    NoRoute,
    Failure(&'r seaway_model::Failure),
}

/// The cluster of the next session of a route, if it has one.
pub(super) fn cluster(relayed: &Relayed) -> Option<Arc<ClusterState>> {
    choose(relayed).ok()
}

fn choose(relayed: &Relayed) -> Result<Arc<ClusterState>, Nowhere<'_>> {
    let Relayed { snapshot, route } = relayed;
    let destination = l4_destination(snapshot, route).ok_or(Nowhere::NoRoute)?;
    match &destination.target {
        Target::Cluster(name) => snapshot.cluster(name).map(Arc::clone).ok_or(Nowhere::NoRoute),
        Target::Fail(failure) => Err(Nowhere::Failure(failure)),
    }
}

/// What a hashing balancer goes by. `None`: chance.
pub(super) fn hash(route: &L4Route, client: IpAddr) -> Option<u64> {
    route.hash_source_ip.then(|| match client.to_canonical() {
        IpAddr::V4(address) => upstream::hash_key(&address.octets()),
        IpAddr::V6(address) => upstream::hash_key(&address.octets()),
    })
}
