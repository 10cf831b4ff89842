//! Processor time for a request, against nginx.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};

use super::gateway::{Binary, Process};
use super::manifests::Manifests;
use super::{Figure, Promise, load, median, nginx, spread};

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 64;

/// Both by turns: one worker each on core 0, the same route, logs off.
pub fn against_nginx(binary: &Binary) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let upstream = runtime.block_on(load::upstream())?;
    let manifests = Manifests::on_many_hosts(100, upstream.port())?;
    let ours = binary.run(&manifests.path())?;
    let nginx = nginx::start(upstream)?;
    let (mut mine, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let a = runtime.block_on(microseconds(&ours.process, ours.address))?;
        let b = runtime.block_on(microseconds(&nginx.process, nginx.address))?;
        // The first round fills pools and caches.
        if round > 0 {
            mine.push(a);
            theirs.push(b);
            ratios.push(a / b);
        }
    }
    let figure = |name: String, values: Vec<f64>, unit, promise| Figure {
        name,
        note: spread(&values),
        value: median(values),
        unit,
        promise,
    };
    Ok(vec![
        figure("cpu for a request, seaway".to_owned(), mine, "us", None),
        figure(
            format!("cpu for a request, {}", nginx.version),
            theirs,
            "us",
            None,
        ),
        // Differences below 15 % are ties on a shared machine; the prototypes of this shape were level.
        figure(
            "cpu for a request, seaway against nginx".to_owned(),
            ratios,
            "times",
            None::<Promise>,
        ),
    ])
}

async fn microseconds(process: &Process, address: SocketAddr) -> Result<f64> {
    let before = process.cpu_micros()?;
    let answers = load::run(address, "h0.example.com", "/p0/x", CONNECTIONS, TIME).await?;
    let after = process.cpu_micros()?;
    let answers = u32::try_from(answers).context("a count")?;
    Ok((after - before) / f64::from(answers.max(1)))
}
