//! One MiB each time.

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::Way;
use crate::bench::load::Stream;
use crate::bench::load::{Http1, Lanes, any, download as down, upload as up};

pub fn download(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(connect(way, false, down))
}

pub fn download_tls(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(connect(way, true, down))
}

pub fn upload(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(connect(way, false, up))
}

pub fn upload_tls(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(connect(way, true, up))
}

async fn connect(way: Way<'_>, tls: bool, lane: fn(Box<dyn Stream>) -> Http1) -> Result<Lanes> {
    let client = way.client("http/1.1")?;
    let (address, config) = if tls {
        (way.target.tls, Some(&client))
    } else {
        (way.target.plain, None)
    };
    let mut lanes = Lanes::new();
    for _ in 0..way.count {
        lanes.push(Box::new(lane(any(address, config).await?)));
    }
    Ok(lanes)
}
