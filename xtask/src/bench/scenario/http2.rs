//! HTTP/2 over TLS.

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::Way;
use crate::bench::certificate::HOST;
use crate::bench::load::{Http2, Lane, Lanes, any};

/// Streams of one connection.
pub const STREAMS: usize = 8;

pub fn tls(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(async move {
        let client = way.client("h2")?;
        let uri = format!("https://{HOST}/x");
        let mut lanes = Lanes::new();
        while lanes.len() < way.count {
            let stream = any(way.target.tls, Some(&client)).await?;
            let count = STREAMS.min(way.count - lanes.len());
            let some = Http2::lanes(stream, &uri, count).await?;
            lanes.extend(some.into_iter().map(|lane| Box::new(lane) as Box<dyn Lane>));
        }
        Ok(lanes)
    })
}
