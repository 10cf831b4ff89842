//! Room for new connections when nearly all that may be open are: those go that ask for nothing.
//!
//! A flood of connections that are opened and left costs an attacker little, and without this would keep everybody else
//! out for as long as it lasts. nginx closes idle connections for that reason; here those go first that have never asked for
//! anything, since that is what a flood is made of, and an ordinary client asks at once. Of a few that are picked by
//! chance the one that has been silent longest goes: an order of all of them would have to be kept up with every
//! request. Each has a moment for its first word, which it may be saying already; whoever comes meanwhile waits in the
//! kernel's queue, where it costs nothing, and is not refused.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::tally::Tally;

/// How many are looked at.
const LOOKED_AT: usize = 16;
/// A connection that has not asked for anything yet is left alone for so long: its request may be on the way, or lie in the
/// kernel's buffer until its task has a turn.
const FIRST_WORD: Duration = Duration::from_millis(100);
/// A connection that has asked for something is left alone for so long after its last answer.
const SPARED: Duration = Duration::from_secs(5);

/// The connections of a worker. The lock is only ever taken by that worker's thread.
#[derive(Debug, Default)]
pub(crate) struct Crowd(Mutex<Vec<Member>>);

#[derive(Debug)]
struct Member {
    presence: Arc<Presence>,
    task: AbortHandle,
}

/// What came of making room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// A connection ends. Its place is free when its task has had a turn.
    Made,
    /// There are connections that may go if they are silent for so long yet.
    In(Duration),
    /// All are being served.
    None,
}

/// What a connection is at. Kept by its worker.
#[derive(Debug)]
pub(crate) struct Presence {
    accepted: Instant,
    /// Requests under way.
    busy: Tally,
    has_asked: AtomicBool,
    /// When the last of them was over, in milliseconds since it was accepted.
    over: AtomicU64,
    /// Where it is in the crowd.
    place: AtomicUsize,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            accepted: Instant::now(),
            busy: Tally::default(),
            has_asked: AtomicBool::new(false),
            over: AtomicU64::new(0),
            place: AtomicUsize::new(usize::MAX),
        }
    }
}

impl Presence {
    /// A request came.
    pub(crate) fn begin(&self) {
        self.busy.up();
        self.has_asked.store(true, Ordering::Relaxed);
    }

    /// One is over.
    pub(crate) fn end(&self) {
        if self.busy.down() == 0 {
            let millis = u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.over.store(millis, Ordering::Relaxed);
        }
    }

    /// How willingly it is closed; `None`: not at all, it is being served.
    fn idleness(&self, now: Instant) -> Option<Idleness> {
        if self.busy.get() > 0 {
            return None;
        }
        let over = Duration::from_millis(self.over.load(Ordering::Relaxed));
        Some(Idleness {
            is_new: !self.has_asked.load(Ordering::Relaxed),
            silent: now.saturating_duration_since(self.accepted + over),
        })
    }
}

/// Whoever never asked comes first, then goes by silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Idleness {
    is_new: bool,
    silent: Duration,
}

impl Idleness {
    /// How long it is left alone yet.
    fn spared(self) -> Duration {
        let in_all = if self.is_new { FIRST_WORD } else { SPARED };
        in_all.saturating_sub(self.silent)
    }
}

/// Takes a connection out of the crowd when it ends.
#[derive(Debug)]
pub(crate) struct Stay {
    crowd: Arc<Crowd>,
    pub(crate) presence: Arc<Presence>,
}

impl Stay {
    /// Of a connection that is about to begin.
    pub(crate) fn new(crowd: &Arc<Crowd>) -> Self {
        Self {
            crowd: Arc::clone(crowd),
            presence: Arc::default(),
        }
    }
}

impl Crowd {
    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection, which runs in a task.
    pub(crate) fn join(&self, presence: Arc<Presence>, task: AbortHandle) {
        let mut members = self.members();
        presence.place.store(members.len(), Ordering::Relaxed);
        members.push(Member { presence, task });
    }

    fn leave(&self, presence: &Presence) {
        let mut members = self.members();
        let place = presence.place.load(Ordering::Relaxed);
        if place >= members.len() {
            return;
        }
        drop(members.swap_remove(place));
        if let Some(moved) = members.get(place) {
            moved.presence.place.store(place, Ordering::Relaxed);
        }
    }

    /// Ends one that asks for nothing, if there is one. `dice`: any number below the one given.
    pub(crate) fn evict(&self, now: Instant, mut dice: impl FnMut(usize) -> usize) -> Room {
        let members = self.members();
        if members.is_empty() {
            return Room::None;
        }
        let looked_at = (0..LOOKED_AT).filter_map(|_| members.get(dice(members.len())));
        let idle: Vec<(Idleness, &Member)> = looked_at
            .filter(|member| !member.task.is_finished())
            .filter_map(|member| Some((member.presence.idleness(now)?, member)))
            .collect();
        let may_go = idle.iter().filter(|(idleness, _)| idleness.spared().is_zero());
        let Some((_, member)) = may_go.max_by_key(|(idleness, _)| *idleness) else {
            let soonest = idle.iter().map(|(idleness, _)| idleness.spared()).min();
            return soonest.map_or(Room::None, Room::In);
        };
        // It is not chosen again, should the task not have ended by then.
        member.presence.busy.up();
        member.task.abort();
        Room::Made
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.crowd.leave(&self.presence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection that lasts until it is evicted.
    fn connection(crowd: &Arc<Crowd>) -> (Arc<Presence>, tokio::task::JoinHandle<()>) {
        let stay = Stay::new(crowd);
        let presence = Arc::clone(&stay.presence);
        let task = tokio::spawn(async move {
            let _stay = stay;
            std::future::pending::<()>().await;
        });
        crowd.join(Arc::clone(&presence), task.abort_handle());
        (presence, task)
    }

    /// Looks at all of them, so much later.
    fn evict(crowd: &Crowd, later: Duration) -> Room {
        let mut next = 0;
        crowd.evict(Instant::now() + later, |count| {
            next += 1;
            next % count
        })
    }

    #[tokio::test]
    async fn whoever_never_asked_goes_first_and_the_longest_silent_of_those() {
        let crowd = Arc::new(Crowd::default());
        let (asked, _asked) = connection(&crowd);
        asked.begin();
        asked.end();
        let (_, old) = connection(&crowd);
        let (_, new) = connection(&crowd);
        assert_eq!(evict(&crowd, SPARED * 2), Room::Made);
        assert!(old.await.unwrap_err().is_cancelled());
        assert_eq!(evict(&crowd, SPARED * 2), Room::Made);
        assert!(new.await.unwrap_err().is_cancelled());
        assert_eq!(crowd.members().len(), 1);
    }

    #[tokio::test]
    async fn whoever_is_served_or_was_a_moment_ago_stays() {
        let crowd = Arc::new(Crowd::default());
        let (presence, task) = connection(&crowd);
        presence.begin();
        assert_eq!(evict(&crowd, SPARED * 2), Room::None);
        presence.end();
        assert!(matches!(evict(&crowd, Duration::ZERO), Room::In(left) if left > FIRST_WORD));
        assert_eq!(evict(&crowd, SPARED * 2), Room::Made);
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(crowd.members().is_empty());
    }

    #[tokio::test]
    async fn whoever_came_just_now_may_say_a_first_word() {
        let crowd = Arc::new(Crowd::default());
        let (_, task) = connection(&crowd);
        assert!(matches!(evict(&crowd, Duration::ZERO), Room::In(left) if left <= FIRST_WORD));
        assert!(!task.is_finished());
        assert_eq!(evict(&crowd, FIRST_WORD), Room::Made);
        assert!(task.await.unwrap_err().is_cancelled());
    }

    #[tokio::test]
    async fn those_that_end_leave_the_others_in_their_places() {
        let crowd = Arc::new(Crowd::default());
        let mut all: Vec<_> = (0..10).map(|_| connection(&crowd)).collect();
        for place in [0, 4, 7, 0] {
            let (_, task) = all.remove(place);
            task.abort();
            task.await.unwrap_err();
            let members = crowd.members();
            assert_eq!(members.len(), all.len());
            for (place, member) in members.iter().enumerate() {
                assert_eq!(member.presence.place.load(Ordering::Relaxed), place);
            }
        }
    }
}
