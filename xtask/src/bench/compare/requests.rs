//! What a request costs, and how long it takes.
//!
//! A round is cut into slices of a tenth of a second, and the proxies take them by turns. A shared machine has phases of
//! seconds in which everything takes twice as long; whoever had his whole turn in one was slow, and another fast. In slices
//! all meet the same phases.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Contender, Metric, Samples, Stage};
use crate::bench::load::{Lanes, paced, quantile, saturate};
use crate::bench::peer::Running;
use crate::bench::scenario::Connect;

/// Of what the slowest proxy can do, how much is asked of all when latency is measured.
const SHARE: f64 = 0.5;

/// How long a proxy is asked before it is another's turn. Long against what it takes to warm a cache.
const SLICE: Duration = Duration::from_millis(100);

/// One proxy under load.
struct Runner<'a> {
    contender: &'a Contender<'a>,
    running: Running,
    samples: Samples,
}

/// What came of one proxy's slices of a round.
#[derive(Default)]
struct Tally {
    answers: f64,
    wall: f64,
    /// Seconds of processor time, while as much was asked as was answered.
    cpu: f64,
    paced_cpu: f64,
    /// Microseconds to each answer at the fixed rate.
    times: Vec<f64>,
}

/// The fixed rate, and what was measured of each proxy.
pub fn measure(
    stage: &Stage,
    contenders: &[Contender<'_>],
    lanes: usize,
    connect: Connect,
) -> Result<(f64, Vec<Samples>)> {
    let mut runners = Vec::new();
    for contender in contenders {
        runners.push(Runner {
            contender,
            running: stage.start(contender.peer, contender.job, connect)?,
            samples: Samples::new(),
        });
    }
    let load = Load {
        stage,
        lanes,
        connect,
    };
    // The first round fills pools and caches, and tells what rate all can hold.
    let mut slowest = f64::INFINITY;
    for runner in &runners {
        let mut tally = Tally::default();
        let asked = tally.saturate(runner, load.connect(runner)?, stage.settings.time);
        stage.runtime.block_on(asked).with_context(|| failed(runner))?;
        slowest = slowest.min(tally.answers / tally.wall);
    }
    let rate = rounded(slowest * SHARE);
    for round in 0..stage.settings.rounds {
        load.round(&mut runners, round, rate)?;
    }
    for runner in &mut runners {
        let resident = runner.running.process.memory("VmRSS")?;
        runner.samples.insert(Metric::LoadedMib, vec![resident]);
    }
    Ok((rate, runners.into_iter().map(|runner| runner.samples).collect()))
}

/// What every proxy is asked for.
struct Load<'a> {
    stage: &'a Stage,
    lanes: usize,
    connect: Connect,
}

impl Load<'_> {
    fn connect(&self, runner: &Runner<'_>) -> Result<Lanes> {
        let way = self
            .stage
            .way(runner.running.target, runner.contender.job, self.lanes);
        let connected = self.stage.runtime.block_on((self.connect)(way));
        connected.with_context(|| failed(runner))
    }

    /// Every proxy's slices, by turns; each round begins with another one.
    fn round(&self, runners: &mut [Runner<'_>], round: usize, rate: f64) -> Result<()> {
        let mut turns = Vec::new();
        for runner in &*runners {
            turns.push((Tally::default(), self.connect(runner)?));
        }
        for slice in 0..slices(self.stage.settings.time) {
            for turn in 0..runners.len() {
                let turn = (round + slice + turn) % runners.len();
                if let (Some(runner), Some((tally, lanes))) = (runners.get(turn), turns.get_mut(turn)) {
                    let asked = tally.slice(runner, std::mem::take(lanes), rate);
                    let asked = self.stage.runtime.block_on(asked);
                    *lanes = asked.with_context(|| failed(runner))?;
                }
            }
        }
        for (runner, (tally, _lanes)) in runners.iter_mut().zip(turns) {
            tally.note(&mut runner.samples)?;
        }
        Ok(())
    }
}

fn failed(runner: &Runner<'_>) -> String {
    format!("{} failed under load", runner.contender.name)
}

/// Into how many slices so much time is cut; at least one.
fn slices(time: Duration) -> usize {
    usize::try_from(time.as_millis() / SLICE.as_millis()).map_or(1, |count| count.max(1))
}

impl Tally {
    /// Asks as much as is answered, then at the fixed rate.
    async fn slice(&mut self, runner: &Runner<'_>, lanes: Lanes, rate: f64) -> Result<Lanes> {
        let lanes = self.saturate(runner, lanes, SLICE).await?;
        let process = &runner.running.process;
        let before = process.cpu()?;
        let (times, lanes) = paced(lanes, rate, SLICE).await?;
        self.paced_cpu += process.cpu()?.saturating_sub(before).as_secs_f64();
        self.times.extend(times);
        Ok(lanes)
    }

    async fn saturate(&mut self, runner: &Runner<'_>, lanes: Lanes, time: Duration) -> Result<Lanes> {
        let process = &runner.running.process;
        let (began, before) = (Instant::now(), process.cpu()?);
        let (answers, lanes) = saturate(lanes, time).await?;
        self.cpu += process.cpu()?.saturating_sub(before).as_secs_f64();
        self.wall += began.elapsed().as_secs_f64();
        self.answers += f64::from(u32::try_from(answers).context("a count")?);
        Ok(lanes)
    }

    /// The round is over.
    fn note(mut self, samples: &mut Samples) -> Result<()> {
        let answers = self.answers.max(1.0);
        let mut note = |metric, value| samples.entry(metric).or_default().push(value);
        note(Metric::CpuMicros, self.cpu * 1e6 / answers);
        note(Metric::BusyPercent, self.cpu * 100.0 / self.wall);
        note(Metric::Throughput, answers / self.wall);
        self.times.sort_by(f64::total_cmp);
        note(Metric::P50Micros, quantile(&self.times, 0.5)?);
        note(Metric::P99Micros, quantile(&self.times, 0.99)?);
        #[expect(clippy::cast_precision_loss, reason = "a count of what is in memory")]
        note(
            Metric::PacedCpuMicros,
            self.paced_cpu * 1e6 / self.times.len() as f64,
        );
        Ok(())
    }
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
    fn time_is_cut_into_tenths_of_a_second_and_never_into_nothing() {
        let slices = |millis| slices(Duration::from_millis(millis));
        assert_eq!([2_000, 250, 100, 10].map(slices), [20, 2, 1, 1]);
    }

    #[test]
    fn a_rate_is_rounded_down_to_two_digits() {
        for (rate, expected) in [(2_479.0, 2_400.0), (99.9, 99.0), (7.35, 7.3), (0.2, 1.0)] {
            assert!((rounded(rate) - expected).abs() < 1e-6, "{rate}");
        }
    }
}
