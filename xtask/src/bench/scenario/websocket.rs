//! WebSocket messages.

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::Way;
use crate::bench::load::{Lanes, WebSocket, any};

pub fn plain(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(async move {
        let mut lanes = Lanes::new();
        for _ in 0..way.count {
            let stream = any(way.target.plain, None).await?;
            lanes.push(Box::new(WebSocket::switch(stream).await?));
        }
        Ok(lanes)
    })
}
