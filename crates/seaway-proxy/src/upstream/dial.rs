//! Connections that are not HTTP: for relays of TCP and of TLS, and the choice of an endpoint for UDP.
//!
//! Nothing is pooled here: whoever dials owns the connection until it is dropped.

use std::net::SocketAddr;
use std::sync::Arc;

use super::cluster::ClusterState;
use super::connect;
use super::in_flight::InFlight;
use super::outlier::Event;
use super::stream::Stream;
use crate::error::Failure;

/// Endpoints that are tried for one connection.
const MOST_TRIES: usize = 3;

/// Who speaks through us: what a PROXY protocol header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress {
    /// The client.
    pub peer: SocketAddr,
    /// What the client connected to.
    pub local: SocketAddr,
}

/// A connection that was made.
#[derive(Debug)]
pub struct Dialled {
    /// Ready for the first byte of the client: what the cluster asks for before (a PROXY protocol header, a TLS
    /// handshake) is done.
    pub stream: Stream,
    /// Who is at the other end.
    pub endpoint: SocketAddr,
    /// Keep it until the connection is closed: it counts the connection among what the endpoint has under way.
    pub in_flight: InFlight,
}

/// Connects to an endpoint of a cluster. One that cannot be reached is followed by up to two others: nothing has been
/// sent yet, so no endpoint has seen anything.
///
/// `hash` is what a hashing policy goes by ([`super::hash_key`]); `None`: chance.
///
/// # Errors
/// Why there is no connection: that of the last endpoint that was tried.
pub async fn dial(
    cluster: &Arc<ClusterState>,
    hash: Option<u64>,
    client: Option<ClientAddress>,
) -> Result<Dialled, Failure> {
    if !cluster.is_resolved() {
        cluster.resolved().await;
    }
    let mut tried: Vec<SocketAddr> = Vec::new();
    loop {
        let chosen = cluster.choose(hash, &tried, &mut || fastrand::u64(..));
        let member = chosen.ok_or(Failure::NoEndpoints)?;
        let address = member.address;
        let host = member
            .name
            .clone()
            .unwrap_or_else(|| address.ip().to_string().into());
        let label = member.place.transport.label(|| Some(&*host), client)?;
        let in_flight = InFlight::begin(cluster.live(), member, None)?;
        match connect::relay(cluster, in_flight.member(), &label).await {
            Ok(stream) => {
                // No answer follows that could say it better.
                cluster.report(&in_flight.member().state, Event::Answered(200));
                return Ok(Dialled {
                    stream,
                    endpoint: address,
                    in_flight,
                });
            }
            Err(failure) => {
                let again =
                    failure.is_unreachable() && !tried.contains(&address) && tried.len() + 1 < MOST_TRIES;
                if !again {
                    return Err(failure);
                }
                tried.push(address);
            }
        }
    }
}

/// Chooses an endpoint to which datagrams of one session go. Does not wait: while a name was never resolved, there is
/// no endpoint. Keep the guard as long as the session.
///
/// # Errors
/// [`Failure::NoEndpoints`] where there is none.
pub fn pick(cluster: &Arc<ClusterState>, hash: Option<u64>) -> Result<(SocketAddr, InFlight), Failure> {
    let chosen = cluster.choose(hash, &[], &mut || fastrand::u64(..));
    let member = chosen.ok_or(Failure::NoEndpoints)?;
    let address = member.address;
    Ok((address, InFlight::begin(cluster.live(), member, None)?))
}
