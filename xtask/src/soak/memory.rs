//! What is resident of the process that serves, second by second, and how that is compared.
//!
//! A process that takes over begins anew, so its memory says nothing when it is held against that of an older one. Therefore
//! two things are compared. At the gateway that is never upgraded: all that is resident after the first minute, and at the
//! end, in one and the same process. At the gateway that is: those processes that took over first and those that did last, at
//! the same age, by what is their own. How much of the program file each has mapped is not: that depends on which part of it
//! each has used so far and what the system kept of it, and differs by a fifth between two processes of the same minute.
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
    Some(Compared {
        gateway,
        how: format!("one process, after {FIRST:.0} s and at the end"),
        first,
        last,
        ratio: last.all / first.all,
    })
}

/// Between the first half of the processes that took over and the last, at the age that the last one has at the end. `None`
/// unless there are two.
pub fn at_equal_age(gateway: &'static str, samples: &[Sample]) -> Option<Compared> {
    let original = samples.first()?.process;
    let last = samples.last()?;
    if last.age < WINDOW {
        return None;
    }
    let is_of_age = |s: &&Sample| s.process != original && s.age > last.age - WINDOW && s.age <= last.age;
    let of_age: Vec<&Sample> = samples.iter().filter(is_of_age).collect();
    let successors = of_age.chunk_by(|a, b| a.process == b.process);
    let figures: Vec<Resident> = successors
        .filter_map(|of_one| lowest(of_one.iter().copied()))
        .collect();
    let half = figures.len() / 2;
    let first = mean(figures.get(..half)?)?;
    let last_ones = mean(figures.get(figures.len() - half..)?)?;
    Some(Compared {
        gateway,
        how: format!(
            "what is not the program file, of the first {half} and the last {half} processes that took over, {:.0} s old",
            last.age
        ),
        first,
        last: last_ones,
        ratio: last_ones.anonymous / first.anonymous,
    })
}

fn mean(all: &[Resident]) -> Option<Resident> {
    #[expect(clippy::cast_precision_loss, reason = "one a minute")]
    let count = all.len() as f64;
    (!all.is_empty()).then(|| Resident {
        all: all.iter().map(|one| one.all).sum::<f64>() / count,
        anonymous: all.iter().map(|one| one.anonymous).sum::<f64>() / count,
    })
}

fn lowest<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<Resident> {
    let all = samples.map(|sample| sample.resident);
    all.min_by(|a, b| a.all.total_cmp(&b.all))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a process that has mapped ever more of the program file.
    fn sample(at: f64, process: i32, age: f64, own: f64) -> Sample {
        let resident = Resident {
            all: own + f64::from(process),
            anonymous: own,
        };
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
            .map(|at| sample(at, 0, at, if at <= 60.0 { 10.0 } else { 11.0 }))
            .collect();
        let compared = within_one("x", &samples).expect("long enough");
        assert!((compared.ratio - 1.1).abs() < 1e-9 && !compared.is_stable());
        assert!((compared.first.all - 10.0).abs() < 1e-9, "{compared:?}");
        assert!(within_one("x", samples.get(..60).expect("some")).is_none());
    }

    /// Each process lives for 40 seconds and starts anew with `own` of its number and its age.
    fn successors(seconds: i32, own: impl Fn(i32, f64) -> f64) -> Vec<Sample> {
        let sample = |at: i32| {
            let (process, age) = (at / 40, f64::from(at % 40));
            sample(f64::from(at), process, age, own(process, age))
        };
        (0..seconds).map(sample).collect()
    }

    #[test]
    fn processes_are_compared_at_the_same_age() {
        let samples = successors(110, |_, age| 10.0 + age);
        let compared = at_equal_age("x", &samples).expect("two that took over");
        assert!((compared.ratio - 1.0).abs() < 1e-9, "{compared:?}");
        let too_few = samples.get(..80).expect("some");
        assert!(at_equal_age("x", too_few).is_none());
    }

    #[test]
    fn the_first_half_of_those_that_took_over_is_compared_with_the_last() {
        // 10, 20 and 50, the middle one, and 30 and 30.
        let own = |process, _| [0.0, 10.0, 20.0, 50.0, 30.0, 30.0][usize::try_from(process).expect("small")];
        let compared = at_equal_age("x", &successors(240, own)).expect("five that took over");
        assert!((compared.first.anonymous - 15.0).abs() < 1e-9, "{compared:?}");
        assert!((compared.ratio - 2.0).abs() < 1e-9, "{compared:?}");
    }
}
