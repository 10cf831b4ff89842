//! The control plane at scale: one change, many data planes.
//!
//! The gateway runs as a process on core 0, simulated data planes in this one on core 1: each is a real stream that asks for
//! everything and accepts it, and reads no more of it than the names. Time runs from the change of a file to the last
//! acknowledgement; bytes are those of the responses, as each client received them.

mod client;
mod folder;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::figure::{Figure, Promise, median, spread};
use super::gateway::Binary;
use client::{Seen, Watchers};
use folder::Folder;

const ROUTES: usize = 10_000;
const ENDPOINTS: usize = 10_000;
const CHANGES: usize = 7;
const PATIENCE: Duration = Duration::from_secs(120);

/// The row.
pub fn scale(binary: &Binary) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut figures = Vec::new();
        for clients in [1, 100, 1_000] {
            figures.extend(with(binary, ROUTES, ENDPOINTS, clients).await?);
        }
        // What one endpoint's change costs must not depend on the size of the configuration.
        figures.extend(with(binary, 10, 10, 1).await?);
        Ok(figures)
    })
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn with(binary: &Binary, routes: usize, endpoints: usize, clients: usize) -> Result<Vec<Figure>> {
    let folder = Folder::new(routes, endpoints)?;
    let gateway = binary.run_with(&folder.path(), &["--xds", "127.0.0.1:0"])?;
    let address: SocketAddr = gateway
        .xds
        .context("the gateway says where it serves data planes")?;
    let before = gateway.process.memory("VmRSS")?;
    let began = Instant::now();
    let mut watchers = Watchers::connect(address, clients).await?;
    wait(&mut watchers, |seen| {
        seen.clusters > 0 && seen.endpoints == seen.clusters && seen.routes > 0
    })
    .await?;
    let connected = began.elapsed().as_secs_f64() * 1000.0;
    let whole = watchers.seen().first().map_or(0, |seen| seen.bytes);
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    let worked = gateway.process.cpu()?;
    for change in 0..CHANGES {
        let start = watchers.seen();
        let began = Instant::now();
        folder.change_one_endpoint(change)?;
        let old: Vec<u64> = start.iter().map(|seen| seen.responses).collect();
        wait_each(&mut watchers, |number, seen| {
            old.get(number).is_some_and(|old| seen.responses > *old)
        })
        .await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        let received: u64 = watchers.seen().iter().map(|seen| seen.bytes).sum();
        let had: u64 = start.iter().map(|seen| seen.bytes).sum();
        bytes.push((received - had) as f64 / clients as f64);
    }
    let worked = (gateway.process.cpu()? - worked).as_secs_f64() * 1000.0 / CHANGES as f64;
    let name = |what: &str| format!("{what}: {routes} routes, {endpoints} endpoints, {clients} clients");
    Ok(vec![
        Figure {
            name: name("one endpoint, change to last acknowledgement"),
            note: spread(&times),
            value: median(times),
            unit: "ms",
            promise: Some(Promise::AtMost(1000.0)),
        },
        Figure {
            name: name("processor time of the server for it"),
            value: worked,
            unit: "ms",
            promise: None,
            note: "compiling and its own data plane are in it".to_owned(),
        },
        Figure {
            name: name("bytes to each client"),
            note: spread(&bytes),
            value: median(bytes),
            unit: "B",
            promise: Some(Promise::AtMost(1024.0)),
        },
        Figure {
            name: name("all to everybody, from nothing"),
            value: connected,
            unit: "ms",
            promise: None,
            note: format!("{:.2} MiB to each", whole as f64 / f64::from(1 << 20)),
        },
        Figure {
            name: name("resident memory of the server"),
            value: gateway.process.memory("VmRSS")?,
            unit: "MiB",
            promise: None,
            note: format!("{before:.1} before the first client; its own data plane is in it"),
        },
    ])
}

async fn wait(watchers: &mut Watchers, is_so: impl Fn(&Seen) -> bool) -> Result<()> {
    wait_each(watchers, |_, seen| is_so(seen)).await
}

async fn wait_each(watchers: &mut Watchers, is_so: impl Fn(usize, &Seen) -> bool) -> Result<()> {
    let all = watchers.until(is_so);
    if tokio::time::timeout(PATIENCE, all).await.is_err() {
        bail!(
            "the clients did not get what they wait for within {PATIENCE:?}: {:?}",
            watchers.seen().first()
        );
    }
    Ok(())
}
