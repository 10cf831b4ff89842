//! When to give memory back after changes of the configuration.
//!
//! A change leaves the old version behind, and what compiling needed for a moment: as much again as what serves. Giving it
//! back at once would be for nothing where one change follows another, since the next takes it again; never is what the
//! allocator does by itself in a process that idles. So it happens a while after the first change since the last time.

use std::time::{Duration, Instant};

use crate::allocator;

/// How long memory is kept for a next change.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was freed and is not given back yet.
#[derive(Debug, Default)]
pub struct Garbage {
    due: Option<Instant>,
}

impl Garbage {
    /// A change was made.
    pub fn note(&mut self, now: Instant) {
        self.due.get_or_insert(now + PATIENCE);
    }

    /// How long until there is something to do; `None` where there is nothing.
    pub fn patience(&self, now: Instant) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(now))
    }

    /// Gives back what is due. For the thread that made the changes: the allocator looks at what that one has freed.
    pub fn give_back_if_due(&mut self, now: Instant) {
        if self.due.take_if(|due| *due <= now).is_some() {
            allocator::give_back();
        }
    }

    /// Gives everything back, due or not.
    pub fn give_back(&mut self) {
        self.due = None;
        allocator::give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_that_follow_each_other_do_not_put_it_off() {
        let (mut garbage, start) = (Garbage::default(), Instant::now());
        garbage.note(start);
        garbage.note(start + PATIENCE / 2);
        assert_eq!(garbage.patience(start + PATIENCE), Some(Duration::ZERO));
    }

    #[test]
    fn what_was_given_back_is_not_waited_for() {
        let (mut garbage, start) = (Garbage::default(), Instant::now());
        garbage.note(start);
        garbage.give_back_if_due(start + PATIENCE);
        assert_eq!(garbage.patience(start), None);
    }

    #[test]
    fn what_is_not_due_is_kept() {
        let (mut garbage, start) = (Garbage::default(), Instant::now());
        garbage.note(start);
        garbage.give_back_if_due(start + PATIENCE / 2);
        assert_eq!(garbage.patience(start), Some(PATIENCE));
    }
}
