//! What a route changes in a head.

use std::hint::black_box;

use http::{HeaderMap, HeaderValue};
use seaway_model::FieldChanges;
use seaway_route::HeaderEdit;

use super::Walk;

/// One field removed, two set, one added; the same again and again, so that the map does not grow.
pub fn edit() -> Walk {
    let changes = FieldChanges {
        remove: vec!["x-added".into()],
        set: vec![("x-team".into(), "shop".into()), ("x-version".into(), "2".into())],
        add: vec![("x-added".into(), "yes".into())],
    };
    let edit = HeaderEdit::new(&changes.into());
    let mut headers = HeaderMap::new();
    for name in ["host", "user-agent", "accept", "accept-encoding", "cookie"] {
        headers.insert(name, HeaderValue::from_static("a value"));
    }
    Box::new(move |times| {
        for _ in 0..times {
            black_box(&edit).apply(&mut headers);
        }
    })
}
