//! The run itself: a look at every process each second, and the upgrades.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::gateway::Gateway;
use super::memory::{Compared, Sample, at_equal_age, within_one};
use super::report::Memory;
use super::tally::Tally;

/// The first upgrade comes in the middle of the first minute, so that a run of one minute has one, and a successor is
/// there at the end of the minute.
const FIRST_UPGRADE: Duration = Duration::from_secs(30);
const UPGRADES: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(1);
/// In looks.
const HALF_A_MINUTE: usize = 30;

/// What was seen.
pub struct Watched {
    pub upgrades: u64,
    upgraded: (&'static str, Vec<Sample>),
    steady: (&'static str, Vec<Sample>),
}

/// Returns when the time is over.
pub async fn watch(upgraded: &Gateway, steady: &Gateway, tally: &Tally, time: Duration) -> Watched {
    let mut watched = Watched {
        upgrades: 0,
        upgraded: (upgraded.name, Vec::new()),
        steady: (steady.name, Vec::new()),
    };
    let began = Instant::now();
    let mut next = FIRST_UPGRADE;
    let mut pace = interval(LOOK);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while began.elapsed() < time {
        pace.tick().await;
        for (gateway, samples) in [
            (upgraded, &mut watched.upgraded.1),
            (steady, &mut watched.steady.1),
        ] {
            samples.extend(Sample::take(gateway, began.elapsed()));
            gateway.reap();
        }
        if began.elapsed() >= next {
            next += UPGRADES;
            match upgraded.upgrade().await {
                Ok(()) => watched.upgrades += 1,
                Err(error) => tally
                    .faults()
                    .other(upgraded.name, "an upgrade", format!("{error:#}")),
            }
        }
    }
    watched
}

impl Watched {
    /// At the end, and on the way there.
    pub fn memory(&self) -> Vec<Memory> {
        let memory = |(gateway, samples): &(&'static str, Vec<Sample>)| {
            let over_time = samples.iter().step_by(HALF_A_MINUTE);
            Some(Memory {
                gateway,
                at_the_end: samples.last()?.resident,
                over_time: over_time.map(|sample| sample.resident.all).collect(),
            })
        };
        let both = [&self.upgraded, &self.steady];
        both.into_iter().filter_map(memory).collect()
    }

    /// Whether it grows.
    pub fn compared(&self) -> Vec<Compared> {
        let (upgraded, steady) = (&self.upgraded, &self.steady);
        [
            within_one(steady.0, &steady.1),
            at_equal_age(upgraded.0, &upgraded.1),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
