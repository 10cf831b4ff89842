//! What a request costs, and how long it takes.

use std::time::Instant;

use anyhow::{Context, Result};

use super::{Metric, Samples, Settings, Stage};
use crate::bench::load::{paced, quantile, saturate};
use crate::bench::peer::{Peer, Running};
use crate::bench::scenario::Connect;
use crate::bench::site::Job;

/// Of what the slowest proxy can do, how much is asked of all when latency is measured.
const SHARE: f64 = 0.5;

/// One proxy under load.
struct Runner<'a> {
    peer: &'a dyn Peer,
    running: Running,
    samples: Samples,
}

/// The fixed rate, and what was measured of each proxy.
pub fn measure(
    stage: &Stage,
    job: Job,
    peers: &[&dyn Peer],
    lanes: usize,
    connect: Connect,
) -> Result<(f64, Vec<Samples>)> {
    let mut runners = Vec::new();
    for peer in peers {
        runners.push(Runner {
            peer: *peer,
            running: stage.start(*peer, job, connect)?,
            samples: Samples::new(),
        });
    }
    let ask = |runner: &mut Runner<'_>, rate: Option<f64>| {
        let way = stage.way(runner.running.target, job, lanes);
        let round = round(runner, way, connect, stage.settings, rate);
        let throughput = stage.runtime.block_on(round);
        throughput.with_context(|| format!("{} failed under load", runner.peer.name()))
    };
    // The first round fills pools and caches, and tells what rate all can hold.
    let mut slowest = f64::INFINITY;
    for runner in &mut runners {
        slowest = slowest.min(ask(runner, None)?);
        runner.samples.clear();
    }
    let rate = rounded(slowest * SHARE);
    for round in 0..stage.settings.rounds {
        let count = runners.len();
        for turn in 0..count {
            if let Some(runner) = runners.get_mut((round + turn) % count) {
                ask(runner, Some(rate))?;
            }
        }
    }
    for runner in &mut runners {
        let resident = runner.running.process.memory("VmRSS")?;
        runner.samples.insert(Metric::LoadedMib, vec![resident]);
    }
    Ok((rate, runners.into_iter().map(|runner| runner.samples).collect()))
}

/// Asks as much as is answered, then at the fixed rate; gives the requests a second of the former.
async fn round(
    runner: &mut Runner<'_>,
    way: crate::bench::scenario::Way<'_>,
    connect: Connect,
    settings: Settings,
    rate: Option<f64>,
) -> Result<f64> {
    let process = &runner.running.process;
    let lanes = connect(way).await?;
    let (began, before) = (Instant::now(), process.cpu()?);
    let (answers, lanes) = saturate(lanes, settings.time).await?;
    let cpu = process.cpu()?.saturating_sub(before).as_secs_f64();
    let wall = began.elapsed().as_secs_f64();
    let answers = f64::from(u32::try_from(answers).context("a count")?.max(1));
    let mut note = |metric, value| runner.samples.entry(metric).or_default().push(value);
    note(Metric::CpuMicros, cpu * 1e6 / answers);
    note(Metric::BusyPercent, cpu * 100.0 / wall);
    note(Metric::Throughput, answers / wall);
    if let Some(rate) = rate {
        let before = process.cpu()?;
        let (times, _lanes) = paced(lanes, rate, settings.time).await?;
        let cpu = process.cpu()?.saturating_sub(before).as_secs_f64();
        note(Metric::P50Micros, quantile(&times, 0.5)?);
        note(Metric::P99Micros, quantile(&times, 0.99)?);
        #[expect(clippy::cast_precision_loss, reason = "a count of what is in memory")]
        note(Metric::PacedCpuMicros, cpu * 1e6 / times.len() as f64);
    }
    Ok(answers / wall)
}

/// Two digits are enough for a rate.
fn rounded(rate: f64) -> f64 {
    let scale = 10_f64.powf(rate.max(1.0).log10().floor() - 1.0);
    ((rate / scale).floor() * scale).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_rounded_down_to_two_digits() {
        for (rate, expected) in [(2_479.0, 2_400.0), (99.9, 99.0), (7.35, 7.3), (0.2, 1.0)] {
            assert!((rounded(rate) - expected).abs() < 1e-6, "{rate}");
        }
    }
}
