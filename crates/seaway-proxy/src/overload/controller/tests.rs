//! The controller against a worker that is made of numbers.

use proptest::prelude::*;

use super::*;

const TICK: f64 = 0.010;

/// A worker with a queue, in seconds of simulated time.
struct Worker {
    controller: Controller,
    /// Seconds of work that a request is when it is served, and when it is shed.
    served: f64,
    shed: f64,
    now: f64,
    /// When each waiting request came, and how many came then.
    queue: std::collections::VecDeque<(f64, f64)>,
    share: f64,
    done: Done,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    served: f64,
    shed: f64,
    longest_wait: f64,
}

impl Worker {
    fn new() -> Self {
        Self {
            controller: Controller::new(Settings::default()),
            served: 50e-6,
            shed: 15e-6,
            now: 0.0,
            queue: std::collections::VecDeque::new(),
            share: 0.0,
            done: Done::default(),
        }
    }

    /// Requests come for so many seconds at so many times what can be served.
    fn run(&mut self, seconds: f64, demand: f64) -> Done {
        self.done = Done::default();
        let end = self.now + seconds;
        while self.now < end {
            self.queue.push_back((self.now, demand * TICK / self.served));
            self.work();
        }
        self.done
    }

    /// Until the next look, which comes when all that was there before has been worked on.
    fn work(&mut self) {
        let began = self.now;
        let each = self.served * (1.0 - self.share) + self.shed * self.share;
        let mut left = TICK;
        while left > 0.0 {
            let Some((came, count)) = self.queue.front_mut() else {
                break;
            };
            self.done.longest_wait = self.done.longest_wait.max(began - *came);
            let taken = count.min(left / each);
            self.done.served += taken * (1.0 - self.share);
            self.done.shed += taken * self.share;
            left -= taken * each;
            *count -= taken;
            if *count < 1e-6 {
                self.queue.pop_front();
            }
        }
        self.now += TICK;
        let late = self.queue.front().map_or(0.0, |(came, _)| self.now - came);
        self.share = self
            .controller
            .look(Duration::from_secs_f64(self.now), Duration::from_secs_f64(late));
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn whoever_has_time_left_sheds_nothing() {
    let mut worker = Worker::new();
    for demand in [0.1, 0.5, 0.9, 0.99] {
        assert_eq!(worker.run(5.0, demand).shed, 0.0, "{demand}");
    }
}

#[test]
fn a_burst_that_drains_by_itself_sheds_nothing() {
    let mut worker = Worker::new();
    assert_eq!(worker.run(0.05, 4.0).shed, 0.0);
    assert_eq!(worker.run(5.0, 0.2).shed, 0.0);
}

#[test]
fn one_long_stall_sheds_nothing() {
    let mut controller = Controller::new(Settings::default());
    for look in 0..100_u64 {
        let late = if look == 50 { millis(2000) } else { millis(1) };
        let now = millis(look * 10 + if look > 50 { 2000 } else { 0 });
        assert_eq!(controller.look(now, late), 0.0, "{look}");
    }
}

#[test]
fn without_a_target_nothing_is_shed() {
    let mut controller = Controller::new(Settings {
        target: Duration::ZERO,
        ..Settings::default()
    });
    for look in 0..1000_u64 {
        assert_eq!(controller.look(millis(look * 10), millis(5000)), 0.0);
    }
}

#[test]
fn overload_is_brought_back_to_the_target_and_most_of_what_can_be_served_is() {
    let target = Settings::default().target.as_secs_f64();
    for demand in [1.2, 1.5, 2.0, 2.8] {
        let mut worker = Worker::new();
        worker.run(0.5, 0.5);
        worker.run(2.0, demand);
        let done = worker.run(10.0, demand);
        assert!(done.longest_wait < 4.0 * target, "{demand}: {done:?}");
        // What is left of the time when the rest of the demand has been shed.
        let share = (1.0 - demand * worker.shed / worker.served) / (1.0 - worker.shed / worker.served);
        let possible = 10.0 / worker.served * share;
        assert!(done.served > 0.75 * possible, "{demand}: {done:?} of {possible}");
    }
}

#[test]
fn once_the_overload_is_over_shedding_ends_within_a_second() {
    for demand in [1.5, 2.5, 10.0] {
        let mut worker = Worker::new();
        worker.run(3.0, demand);
        assert!(worker.share > 0.0);
        // What waits was let in by nobody yet.
        worker.queue.clear();
        worker.run(1.0, 0.5);
        assert_eq!(worker.run(5.0, 0.5).shed, 0.0, "{demand}");
    }
}

proptest! {
    #[test]
    fn the_share_is_a_share_whatever_is_seen(
        looks in prop::collection::vec((0..2000_u64, 0..10_000_u64), 1..300),
    ) {
        let mut controller = Controller::new(Settings::default());
        let mut now = 0;
        for (step, late) in looks {
            now += step;
            let share = controller.look(millis(now), millis(late));
            prop_assert!(share == 0.0 || (LEAST..=MOST).contains(&share), "{share}");
        }
    }

    #[test]
    fn nothing_is_shed_before_it_was_late_for_a_whole_interval(
        looks in prop::collection::vec((1..30_u64, 0..500_u64), 1..300),
    ) {
        let settings = Settings::default();
        let mut controller = Controller::new(settings);
        let (mut now, mut late_since) = (0, None);
        for (step, late) in looks {
            now += step;
            late_since = if millis(late) < settings.target { None } else { late_since.or(Some(now)) };
            let share = controller.look(millis(now), millis(late));
            let is_standing = late_since.is_some_and(|since| millis(now - since) >= settings.interval);
            if share > 0.0 {
                prop_assert!(is_standing);
                break;
            }
        }
    }

    #[test]
    fn what_is_never_late_again_is_never_shed_again(
        looks in prop::collection::vec((1..100_u64, 0..1000_u64), 1..200),
    ) {
        let mut controller = Controller::new(Settings::default());
        let mut now = 0;
        for (step, late) in looks {
            now += step;
            controller.look(millis(now), millis(late));
        }
        for _ in 0..150 {
            now += 10;
            controller.look(millis(now), millis(1));
        }
        prop_assert_eq!(controller.look(millis(now + 10), millis(1)), 0.0);
    }
}
