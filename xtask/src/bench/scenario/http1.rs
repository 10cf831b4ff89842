//! HTTP/1.1 over connections that stay open.

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::Way;
use crate::bench::load::{Http1, Lanes, any};

pub fn plain(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(connect(way, false))
}

pub fn tls(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(connect(way, true))
}

pub async fn connect(way: Way<'_>, tls: bool) -> Result<Lanes> {
    let client = way.client("http/1.1")?;
    let (address, config) = if tls {
        (way.target.tls, Some(&client))
    } else {
        (way.target.plain, None)
    };
    let requests = way.requests();
    let mut lanes = Lanes::new();
    for number in 0..way.count {
        // Lanes begin far from each other, so that together they ask for everything alike.
        let first = number * requests.len() / way.count.max(1);
        let stream = any(address, config).await?;
        lanes.push(Box::new(Http1::new(stream, requests.clone(), first)));
    }
    Ok(lanes)
}
