//! A scenario, measured with every proxy by turns.
//!
//! All proxies of a scenario run at the same time, and one after the other is asked in every round: what the machine does
//! meanwhile meets all alike, and a round's ratios hold where its figures drift. Each round begins with another proxy.

mod idle;
mod memory;
mod requests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use super::certificate::Certificate;
use super::peer::{KERNEL, ONE_ROUTE, OURS, Peer, Running};
use super::process::rest;
use super::scenario::{Connect, Measure, SCENARIOS, Scenario, Way};
use super::site::{Job, Site, Target};
use super::upstream::{self, Upstreams};

/// How long a proxy may take from listening to answering.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take for one answer.
const ONCE: Duration = Duration::from_secs(10);

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Settings {
    pub rounds: usize,
    /// Of each of the two ways of asking, in each round.
    pub time: Duration,
}

/// What is measured of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// Microseconds of processor time for a request, while as much is asked as is answered.
    CpuMicros,
    /// Of one core, meanwhile, in per cent. Well below 100 the load was what was slow.
    BusyPercent,
    /// Requests a second, meanwhile.
    Throughput,
    /// Microseconds to an answer at the fixed rate.
    P50Micros,
    P99Micros,
    /// Microseconds of processor time for a request at the fixed rate.
    PacedCpuMicros,
    /// Resident, in MiB: fresh, after load, with 10,000 routes.
    IdleMib,
    LoadedMib,
    ManyRoutesMib,
    /// Of resident memory for each idle connection.
    KibPerConnection,
}

/// Values of each metric, one for each round.
pub type Samples = BTreeMap<Metric, Vec<f64>>;

/// What was measured of one proxy.
#[derive(Debug, Serialize)]
pub struct Row {
    pub peer: &'static str,
    pub version: String,
    /// Nothing where the proxy cannot do the job.
    pub samples: Samples,
}

/// What was measured in one scenario.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    pub scenario: &'static str,
    pub about: &'static str,
    /// Requests a second at which latency was measured.
    pub rate: Option<f64>,
    pub rows: Vec<Row>,
}

/// Who does which job.
struct Contender<'a> {
    /// As in tables.
    name: &'static str,
    peer: &'a dyn Peer,
    job: Job,
}

/// What every scenario needs.
pub struct Stage {
    runtime: tokio::runtime::Runtime,
    upstreams: Upstreams,
    certificate: Certificate,
    settings: Settings,
}

impl Stage {
    pub fn new(settings: Settings) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let upstreams = runtime.block_on(upstream::start())?;
        Ok(Self {
            runtime,
            upstreams,
            certificate: Certificate::new()?,
            settings,
        })
    }

    /// Measures a scenario.
    pub fn measure(&self, scenario: &Scenario, peers: &[Box<dyn Peer>]) -> Result<Comparison> {
        let (able, mut unable): (Vec<_>, Vec<_>) = peers
            .iter()
            .map(AsRef::as_ref)
            .partition(|peer| peer.can_do(scenario));
        // That a proxy lacks something is worth a line; that bytes cannot be moved without TLS is not.
        unable.retain(|peer| peer.name() != KERNEL);
        let mut contenders = contenders(scenario.job, &able);
        let (rate, mut all) = match scenario.measure {
            Measure::Requests { lanes, connect } => {
                contenders.extend(one_route(scenario.job, &able));
                let (rate, samples) = requests::measure(self, &contenders, lanes, connect)?;
                (Some(rate), samples)
            }
            Measure::Idle => (None, idle::measure(self, scenario.job, &able, scenario.tls)?),
            Measure::Memory => (None, memory::measure(self, &able)?),
        };
        contenders.extend(self::contenders(scenario.job, &unable));
        all.resize_with(contenders.len(), Samples::new);
        let rows = contenders.iter().zip(all).map(|(contender, samples)| {
            Ok(Row {
                peer: contender.name,
                version: contender.peer.version()?,
                samples,
            })
        });
        Ok(Comparison {
            scenario: scenario.name,
            about: scenario.about,
            rate,
            rows: rows.collect::<Result<_>>()?,
        })
    }

    fn way(&self, target: Target, job: Job, count: usize) -> Way<'_> {
        Way {
            target,
            job,
            certificate: &self.certificate,
            count,
        }
    }

    /// Starts a proxy, and returns once it has done its job a first time.
    fn start(&self, peer: &dyn Peer, job: Job, connect: Connect) -> Result<Running> {
        let site = Site {
            job,
            upstreams: &self.upstreams,
            certificate: &self.certificate,
        };
        let running = peer
            .start(&site)
            .with_context(|| format!("{} could not be started", peer.name()))?;
        let began = Instant::now();
        loop {
            let way = self.way(running.target, job, 1);
            let once = async {
                for lane in &mut connect(way).await? {
                    lane.ask().await?;
                }
                anyhow::Ok(())
            };
            let answered = self
                .runtime
                .block_on(async { tokio::time::timeout(ONCE, once).await });
            match answered.context("it does not answer").flatten() {
                Ok(()) => return Ok(running),
                Err(error) if began.elapsed() > PATIENCE => {
                    return Err(error.context(format!("{} does not do its job", peer.name())));
                }
                Err(_) => rest(),
            }
        }
    }
}

fn contenders<'a>(job: Job, peers: &[&'a dyn Peer]) -> Vec<Contender<'a>> {
    let contender = |peer: &&'a dyn Peer| Contender {
        name: peer.name(),
        peer: *peer,
        job,
    };
    peers.iter().map(contender).collect()
}

/// Ours with one route, beside ours with many.
fn one_route<'a>(job: Job, peers: &[&'a dyn Peer]) -> Option<Contender<'a>> {
    let ours = peers.iter().find(|peer| peer.name() == OURS)?;
    Some(Contender {
        name: ONE_ROUTE,
        peer: *ours,
        job: job.with_one_route()?,
    })
}

/// The scenarios of these names, or those whose names begin so; all of them if there is no name.
pub fn chosen(names: &[&str]) -> Vec<&'static Scenario> {
    let known = |name: &str| SCENARIOS.iter().any(|scenario| scenario.name == name);
    let is_meant = |scenario: &&Scenario| {
        names.is_empty()
            || names
                .iter()
                .any(|name| scenario.name == *name || (!known(name) && scenario.name.starts_with(name)))
    };
    SCENARIOS.iter().filter(is_meant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Vec<&'static str> {
        chosen(asked).iter().map(|scenario| scenario.name).collect()
    }

    #[test]
    fn a_whole_name_means_one_scenario_and_a_beginning_all_that_share_it() {
        assert_eq!(names(&["h1"]), ["h1"]);
        assert_eq!(names(&["idle"]), ["idle-plain", "idle-tls"]);
        assert_eq!(names(&["tcp", "grpc"]), ["grpc", "tcp"]);
        assert_eq!(names(&["no-such"]), [""; 0]);
        assert_eq!(names(&[]).len(), SCENARIOS.len());
    }
}
