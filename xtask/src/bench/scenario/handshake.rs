//! A new TLS connection for every request.

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::Way;
use crate::bench::load::{Handshake, Lanes};

pub fn tls(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(async move {
        let client = way.client("http/1.1")?;
        let mut lanes = Lanes::new();
        for _ in 0..way.count {
            lanes.push(Box::new(Handshake {
                address: way.target.tls,
                config: client.clone(),
                requests: way.requests(),
            }));
        }
        Ok(lanes)
    })
}
