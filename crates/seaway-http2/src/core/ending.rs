//! Whether there may be more streams, and how it ends when there may not.

use std::task::Waker;

use super::Core;
use crate::error::{By, Error, Reason};
use crate::frame;
use crate::settings::MOST_WINDOW;

impl Core {
    /// Why there can be no more streams.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if let Some(end) = &self.end {
            return Some(end.clone());
        }
        if let Some((_, reason)) = self.farewell {
            return Some(Error::GoAway { reason, by: By::Peer });
        }
        // The numbers of streams are used up.
        (self.next > MOST_WINDOW).then_some(Error::GoAway {
            reason: Reason::NO_ERROR,
            by: By::Codec,
        })
    }

    /// Whether there is a place for one more stream; if not, `waker` is called when there may be.
    pub(crate) fn has_place(&mut self, waker: &Waker) -> bool {
        if self.active < self.allowed.streams && !self.output.is_full() {
            return true;
        }
        if !self.openers.iter().any(|opener| opener.will_wake(waker)) {
            self.openers.push(waker.clone());
        }
        false
    }

    /// Nobody can open another stream.
    pub(crate) fn leave(&mut self) {
        self.is_left = true;
        self.call_driver();
    }

    /// Whether the connection has nothing left to do.
    pub(crate) fn is_done(&self) -> bool {
        let has_said = self
            .accepting
            .as_ref()
            .is_some_and(|accepting| accepting.has_said_farewell());
        let is_last = self.is_left || self.farewell.is_some() || has_said || self.next > MOST_WINDOW;
        self.end.is_some() || self.active == 0 && is_last
    }

    /// The connection is over, and everything on it.
    pub(crate) fn finish(&mut self, error: &Error) {
        if self.end.is_none() {
            self.end = Some(error.clone());
        }
        let keys: Vec<usize> = self.streams.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key, error);
        }
        self.wakes.append(&mut self.openers);
        self.forget_waiting();
    }

    /// Says farewell, unless that was said and nothing has gone wrong since.
    pub(crate) fn say_farewell(&mut self, reason: Reason) {
        let accepting = self.accepting.as_ref();
        if reason == Reason::NO_ERROR && accepting.is_some_and(|accepting| accepting.has_said_farewell()) {
            return;
        }
        let last = accepting.map_or(0, |accepting| accepting.last());
        frame::go_away(&mut self.output.tail, last, reason);
    }
}
