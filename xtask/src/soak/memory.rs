//! What is resident of the process that serves, second by second, and how that is compared.
//!
//! A process that takes over begins anew, so its memory says nothing when it is held against that of an older one. Therefore
//! two things are compared. At the gateway that is never upgraded: after the first minute, and at the end, in one and the
//! same process. At the gateway that is: the first process that took over and the last one, at the same age.
//!
//! What is compared is the lowest of twenty seconds. Bodies of some MiB and a new configuration ten times a second make
//! what is resident go up and down by several MiB, as the allocator gives pages back a while after they are free; the
//! median of such a time is chance, and what grows lifts the lowest as well.

use std::time::Duration;

use serde::Serialize;

use super::gateway::Gateway;
use super::process::Resident;

/// Over how many seconds the lowest is taken.
const WINDOW: f64 = 20.0;
/// The first minute.
const FIRST: f64 = 60.0;
/// What is allowed at the end.
pub const ALLOWED: f64 = 1.05;

/// At one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Since the load began.
    pub at: f64,
    pub process: i32,
    /// Of the process, in seconds.
    pub age: f64,
    pub resident: Resident,
}

impl Sample {
    /// Of the process that serves now; `None` in the moment in which it is replaced.
    pub fn take(gateway: &Gateway, at: Duration) -> Option<Self> {
        let process = gateway.serving().ok()?;
        Some(Self {
            at: at.as_secs_f64(),
            process: process.pid.as_raw_nonzero().get(),
            age: process.age().ok()?,
            resident: process.resident().ok()?,
        })
    }
}

/// Two figures that should be the same.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    pub gateway: &'static str,
    pub how: String,
    pub first: Resident,
    pub last: Resident,
    pub ratio: f64,
}

impl Compared {
    pub fn is_stable(&self) -> bool {
        self.ratio <= ALLOWED
    }
}

/// Within one process. `None` if the run was too short.
pub fn within_one(gateway: &'static str, samples: &[Sample]) -> Option<Compared> {
    let end = samples.last()?.at;
    if end < FIRST + WINDOW {
        return None;
    }
    let first = lowest(samples.iter().filter(|s| s.at > FIRST - WINDOW && s.at <= FIRST))?;
    let last = lowest(samples.iter().filter(|s| s.at > end - WINDOW))?;
    let how = format!("one process, after {FIRST:.0} s and at the end");
    Some(compared(gateway, how, first, last))
}

/// Between the first process that took over and the last one, at the age that the last one has at the end. `None` unless
/// there are two.
pub fn at_equal_age(gateway: &'static str, samples: &[Sample]) -> Option<Compared> {
    let original = samples.first()?.process;
    let last = samples.last()?;
    let successor = samples.iter().find(|s| s.process != original)?.process;
    if successor == last.process || last.age < WINDOW {
        return None;
    }
    let of = |process: i32| {
        let is_of_age = move |s: &&Sample| s.age > last.age - WINDOW && s.age <= last.age;
        lowest(
            samples
                .iter()
                .filter(move |s| s.process == process)
                .filter(is_of_age),
        )
    };
    let how = format!("first and last process that took over, {:.0} s old", last.age);
    Some(compared(gateway, how, of(successor)?, of(last.process)?))
}

fn compared(gateway: &'static str, how: String, first: Resident, last: Resident) -> Compared {
    Compared {
        gateway,
        how,
        first,
        last,
        ratio: last.all / first.all,
    }
}

fn lowest<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<Resident> {
    let all = samples.map(|sample| sample.resident);
    all.min_by(|a, b| a.all.total_cmp(&b.all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: f64, process: i32, age: f64, all: f64) -> Sample {
        let resident = Resident { all, anonymous: 1.0 };
        Sample {
            at,
            process,
            age,
            resident,
        }
    }

    #[test]
    fn one_process_is_compared_with_itself_after_the_first_minute() {
        let samples: Vec<Sample> = (0..=120)
            .map(f64::from)
            .map(|at| sample(at, 1, at, if at <= 60.0 { 10.0 } else { 11.0 }))
            .collect();
        let compared = within_one("x", &samples).expect("long enough");
        assert!((compared.ratio - 1.1).abs() < 1e-9 && !compared.is_stable());
        assert!((compared.first.all - 10.0).abs() < 1e-9, "{compared:?}");
        assert!(within_one("x", samples.get(..60).expect("some")).is_none());
    }

    #[test]
    fn processes_are_compared_at_the_same_age() {
        // Every process grows by a MiB each second of its life, and starts anew.
        let samples: Vec<Sample> = (0..110)
            .map(|at| {
                let age = f64::from(at % 40);
                sample(f64::from(at), at / 40, age, 10.0 + age)
            })
            .collect();
        let compared = at_equal_age("x", &samples).expect("two that took over");
        assert!((compared.ratio - 1.0).abs() < 1e-9, "{compared:?}");
        assert!(at_equal_age("x", samples.get(..80).expect("some")).is_none());
    }
}
