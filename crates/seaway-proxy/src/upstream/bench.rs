//! The steps of an attempt, one at a time; see [`crate::bench`].

use std::net::SocketAddr;
use std::sync::Arc;

use super::balance::Rng;
use super::cluster::ClusterState;
use super::connect;
use super::members::Member;
use super::pool;
use super::transport::Label;

/// Chooses an endpoint of a cluster.
pub fn choose(cluster: &ClusterState, hash: Option<u64>, rng: &mut impl Rng) -> Option<SocketAddr> {
    cluster.choose(hash, &[], rng).map(|member| member.address)
}

/// An HTTP/1.1 connection that lies in the pool of this thread, to be taken and given back.
#[derive(Debug)]
pub struct Checkout {
    member: Arc<Member>,
    label: Label,
}

impl Checkout {
    /// Connects to an endpoint of the cluster. `None` where that fails.
    pub async fn new(cluster: &ClusterState) -> Option<Self> {
        let member = cluster.choose(None, &[], &mut || 0)?;
        let label = member.place.transport.label(|| None, None).ok()?;
        let (connection, _) = connect::http1(cluster, &member, &label).await.ok()?;
        pool::give_back(&member.place, connection);
        let checkout = Self { member, label };
        // It lies there once the task that drives it has run.
        while !checkout.once().await {
            tokio::task::yield_now().await;
        }
        Some(checkout)
    }

    /// Takes the connection and gives it back. Whether there was one.
    pub async fn once(&self) -> bool {
        let Some(connection) = pool::take_http1(&self.member.place, &self.label).await else {
            return false;
        };
        pool::give_back(&self.member.place, connection);
        true
    }
}
