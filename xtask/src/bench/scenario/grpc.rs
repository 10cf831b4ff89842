//! gRPC, in the clear on both sides.

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::Way;
use super::http2::STREAMS;
use crate::bench::certificate::HOST;
use crate::bench::load::{Lane, Lanes, Unary, any};

pub fn plain(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(async move {
        let mut lanes = Lanes::new();
        while lanes.len() < way.count {
            let stream = any(way.target.plain, None).await?;
            let count = STREAMS.min(way.count - lanes.len());
            let some = Unary::lanes(stream, HOST, count).await?;
            lanes.extend(some.into_iter().map(|lane| Box::new(lane) as Box<dyn Lane>));
        }
        Ok(lanes)
    })
}
