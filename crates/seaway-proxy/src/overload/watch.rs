//! The task by which a worker watches itself.
//!
//! It sleeps for a moment and looks how late it is woken. In a run queue that is first in, first out, that is how late
//! everybody is. The processor time of the thread says how much of it is the worker's own doing: a machine that gives
//! the core to somebody else, or a process that was stopped, makes a timer late without a queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, sleep_until};

use super::{ASLEEP, AWAKE, Controller, Load, Overload};
use crate::context::Shared;

/// Between two looks.
const TICK: Duration = Duration::from_millis(10);
/// After so many looks that found nothing to do, it sleeps until something comes.
const QUIET: u32 = 20;

/// Watches for as long as the worker's runtime is there. Spawn it on that, so that it waits in the queue as others do.
pub(crate) async fn watch(shared: Arc<Shared>, worker: usize) {
    let overload = &shared.overload;
    let Some(load) = overload.worker(worker) else {
        return;
    };
    let mut controller = Controller::new(overload.settings);
    let began = Instant::now();
    loop {
        load.slept().await;
        let mut quiet = 0;
        let mut used = processor_time();
        while quiet < QUIET {
            let due = Instant::now() + TICK;
            sleep_until(due).await;
            let now = Instant::now();
            let used_now = processor_time();
            let both = used.zip(used_now);
            let own = own_lateness(now - due, both);
            if let Some((before, now)) = both {
                load.refusals.look(now.saturating_sub(before));
            }
            used = used_now;
            let is_busy = look(overload, load, &mut controller, now - began, own);
            quiet = if is_busy { 0 } else { quiet + 1 };
        }
    }
}

/// Takes one look. Says whether there is a reason for another one soon.
fn look(
    overload: &Overload,
    load: &Load,
    controller: &mut Controller,
    now: Duration,
    late: Duration,
) -> bool {
    let for_delay = controller.look(now, late);
    let for_memory = overload.memory.share(now);
    load.is_for_memory
        .store(for_memory > for_delay, Ordering::Relaxed);
    load.share
        .store(of_dice(for_delay.max(for_memory)), Ordering::Relaxed);
    load.late.store(
        u32::try_from(late.as_micros()).unwrap_or(u32::MAX),
        Ordering::Relaxed,
    );
    load.stirred.swap(false, Ordering::Relaxed) || for_delay.max(for_memory) > 0.0
}

/// A share of all that dice can show.
#[expect(clippy::cast_possible_truncation, reason = "a share of at most 1 is in range")]
fn of_dice(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32
}

/// Of a lateness, what the thread itself was at work. `used`: its processor time at the look before and now.
fn own_lateness(late: Duration, used: Option<(Duration, Duration)>) -> Duration {
    used.map_or(late, |(before, now)| late.min(now.saturating_sub(before)))
}

/// Of this thread. `None` where the system does not say.
fn processor_time() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .ok()
        .map(Duration::from)
}

impl Load {
    /// Returns when something has come.
    async fn slept(&self) {
        self.late.store(0, Ordering::Relaxed);
        if self.stirred.swap(false, Ordering::Relaxed) {
            return;
        }
        self.watcher.state.store(ASLEEP, Ordering::Relaxed);
        self.watcher.wake.notified().await;
        self.watcher.state.store(AWAKE, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Limits;
    use crate::overload::Cause;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_process_that_was_stopped_is_not_late_by_its_own_doing() {
        assert_eq!(
            own_lateness(millis(2000), Some((millis(500), millis(501)))),
            millis(1)
        );
        assert_eq!(
            own_lateness(millis(20), Some((millis(500), millis(530)))),
            millis(20)
        );
        assert_eq!(own_lateness(millis(20), None), millis(20));
    }

    #[test]
    fn processor_time_is_spent_by_work_and_not_by_waiting() {
        let (wall, before) = (std::time::Instant::now(), processor_time().unwrap());
        while processor_time().unwrap() - before < millis(5) {
            std::hint::spin_loop();
        }
        assert!(wall.elapsed() >= millis(4));
    }

    #[test]
    fn a_worker_that_is_late_for_long_sheds_and_stops_when_it_is_not() {
        let overload = Overload::new(&Limits::default(), 1);
        let load = overload.worker(0).unwrap();
        let mut controller = Controller::new(overload.settings);
        for n in 0..100 {
            assert_eq!(load.sheds(|| 0).is_some(), n > 20, "{n}");
            look(&overload, load, &mut controller, millis(n * 10), millis(80));
        }
        assert_eq!(load.sheds(|| 0), Some(Cause::Delay));
        assert!(overload.status().share > 0.0 && overload.status().delay > 0.0);
        let is_busy = (100..400).all(|n| look(&overload, load, &mut controller, millis(n * 10), millis(1)));
        assert!(!is_busy);
        assert_eq!((load.sheds(|| 0), overload.status().share), (None, 0.0));
    }

    #[tokio::test]
    async fn who_watches_sleeps_until_something_comes() {
        let overload = Overload::new(&Limits::default(), 1);
        let load = overload.worker(0).unwrap();
        let slept = async {
            load.slept().await;
            load.slept().await;
        };
        let stirs = async {
            load.stir();
            tokio::task::yield_now().await;
            load.stir();
        };
        tokio::join!(slept, stirs);
    }
}
