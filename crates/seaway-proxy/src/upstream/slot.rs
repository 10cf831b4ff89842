//! Where a request waits to be sent, and what is left of its head when it was.
//!
//! Hardly any request is sent twice, so what makes it possible must cost little. HTTP/1.1 writes a head from where it is, and
//! leaves it for another try. HTTP/2 takes it away, so there it is kept in another form first ([`Kept`]). A copy of every
//! head, before anybody knows where it goes, was a thirtieth of what a request costs.

use http::{HeaderMap, Request};

use super::kept::Kept;
use crate::body::Body;

/// A place for one request.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    request: Option<Box<Request<Body>>>,
    /// Whether its head may be needed once more after it was sent.
    repeats: bool,
    fields: Option<Fields>,
}

/// What was sent.
#[derive(Debug)]
enum Fields {
    Whole(HeaderMap),
    Text(Kept),
}

impl Slot {
    /// With a request that is sent once.
    pub(crate) fn once(request: Box<Request<Body>>) -> Self {
        Self {
            request: Some(request),
            ..Self::default()
        }
    }

    /// Whether nothing waits here: it was sent, or part of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.request.is_none()
    }

    /// What waits here, to be made fit for its wire and written.
    pub(crate) fn request(&mut self) -> Option<&mut Request<Body>> {
        self.request.as_deref_mut()
    }

    /// Makes a request unless one waits, from the fields of the one that was sent, if they are left. `repeats`: whether
    /// that may happen once more.
    pub(crate) fn fill(
        &mut self,
        repeats: bool,
        make: impl FnOnce(Option<HeaderMap>) -> Option<Box<Request<Body>>>,
    ) {
        self.repeats = repeats;
        if self.request.is_none() {
            let fields = match self.fields.take() {
                Some(Fields::Whole(fields)) => Some(fields),
                Some(Fields::Text(kept)) => {
                    let fields = kept.restore();
                    self.fields = Some(Fields::Text(kept));
                    Some(fields)
                }
                None => None,
            };
            self.request = make(fields);
        }
    }

    /// Before the request is made fit for a wire that takes the head away.
    pub(crate) fn keep(&mut self) {
        if let Some(request) = &self.request
            && self.repeats
            && self.fields.is_none()
        {
            let headers = request.headers();
            let kept = Kept::of(headers).map(Fields::Text);
            self.fields = Some(kept.unwrap_or_else(|| Fields::Whole(headers.clone())));
        }
    }

    /// Takes the request away.
    pub(crate) fn take(&mut self) -> Option<Box<Request<Body>>> {
        self.request.take()
    }

    /// The request was sent, or must not be as it is: only its fields may be needed.
    pub(crate) fn spend(&mut self) {
        if let Some(mut request) = self.request.take()
            && self.repeats
            && self.fields.is_none()
        {
            self.fields = Some(Fields::Whole(std::mem::take(request.headers_mut())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(repeats: bool) -> Slot {
        let mut slot = Slot::default();
        slot.fill(repeats, |fields| {
            assert!(fields.is_none());
            let request = Request::get("/").header("host", "a").header("x", "1");
            Some(Box::new(request.body(Body::Empty).unwrap()))
        });
        slot
    }

    /// What is there for the next try.
    fn again(slot: &mut Slot) -> Option<HeaderMap> {
        let mut found = None;
        slot.fill(true, |fields| {
            found = fields;
            Some(Box::new(Request::new(Body::Empty)))
        });
        found
    }

    #[test]
    fn the_fields_of_what_was_written_are_there_for_another_try() {
        let mut slot = filled(true);
        slot.spend();
        assert!(slot.is_empty());
        assert_eq!(again(&mut slot).unwrap().len(), 2);
    }

    #[test]
    fn the_fields_of_what_was_taken_away_are_there_as_they_were_before_as_often_as_they_are_needed() {
        let mut slot = filled(true);
        slot.keep();
        slot.request().unwrap().headers_mut().remove("host");
        for _ in 0..2 {
            slot.take();
            assert_eq!(again(&mut slot).unwrap()["host"], "a");
        }
    }

    #[test]
    fn what_goes_once_leaves_nothing() {
        let mut slot = filled(false);
        slot.keep();
        slot.spend();
        assert!(again(&mut slot).is_none());
    }

    #[test]
    fn what_waits_is_not_made_again() {
        let mut slot = filled(true);
        slot.fill(true, |_| unreachable!("it waits"));
        assert!(!slot.is_empty());
    }
}
