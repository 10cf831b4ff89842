//! What tests of several modules need.

use seaway_model::{Action, HeaderMutation, Match, Origin, Route};

/// A route that takes this, does that, and has nothing else.
pub(crate) fn route(matches: Match, action: Action) -> Route {
    Route {
        origin: Origin::default(),
        rule: 0,
        matches,
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: Vec::new(),
        action,
    }
}
