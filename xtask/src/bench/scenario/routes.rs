//! Many routes, or few that take more to match: HTTP/1.1, all routes asked in turn.

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::{Way, http1};
use crate::bench::load::Lanes;

pub fn plain(way: Way<'_>) -> BoxFuture<'_, Result<Lanes>> {
    Box::pin(http1::connect(way, false))
}
