//! Bytes over TCP.

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::Way;
use crate::bench::load::{Lanes, Relay};

pub fn messages(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(connect(way, 1024))
}

pub fn bulk(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(connect(way, 1 << 20))
}

async fn connect(way: Way<'_>, length: usize) -> Result<Lanes> {
    let mut lanes = Lanes::new();
    for _ in 0..way.count {
        lanes.push(Box::new(Relay::connect(way.target.plain, length).await?));
    }
    Ok(lanes)
}
