//! Small words of a model.

use std::sync::Arc;

use proptest::prelude::*;
use seaway_model::{FieldChanges, Fraction, HeaderMutation, Millis, Origin, Pattern, Position};

pub fn text(of: &'static [&'static str]) -> BoxedStrategy<Arc<str>> {
    prop::sample::select(of).prop_map(Arc::from).boxed()
}

pub fn word() -> BoxedStrategy<Arc<str>> {
    text(&["a", "B", "1", "x y", "50%", "ü", "a\\1", "100%%"]).boxed()
}

pub fn word_or_nothing() -> BoxedStrategy<Arc<str>> {
    prop_oneof![4 => word(), 1 => Just(Arc::from(""))].boxed()
}

pub fn header_name() -> BoxedStrategy<Arc<str>> {
    text(&["x-a", "x-b", "host", "server", "cookie", ":authority"]).boxed()
}

pub fn pattern() -> BoxedStrategy<Pattern> {
    prop::sample::select(
        &[
            "/v[0-9]+",
            ".*",
            "a|b",
            "",
            "(?x) a # b",
            "[a-c&&[^b]]",
            "(?i)x(y)?",
            "a{2000}",
            "GET|POST",
        ][..],
    )
    .prop_map(|source| Pattern::new(source).expect("an expression"))
    .boxed()
}

pub fn millis() -> BoxedStrategy<Millis> {
    prop_oneof![Just(1), Just(250), Just(1_000), Just(61_001)]
        .prop_map(Millis)
        .boxed()
}

pub fn fraction() -> BoxedStrategy<Fraction> {
    prop_oneof![Just(0), Just(1), Just(1_000), Just(333_333), Just(1_000_000)]
        .prop_map(Fraction::from_millionths)
        .boxed()
}

pub fn count() -> BoxedStrategy<u32> {
    prop_oneof![Just(1), Just(7), Just(100)].boxed()
}

pub fn origin() -> BoxedStrategy<Origin> {
    let position = prop::option::of((text(&["a.yaml", "-"]), 0..9_u32, 0..9_u32));
    (
        text(&["HttpRoute", "Service", ""]),
        word_or_nothing(),
        word_or_nothing(),
        position,
    )
        .prop_map(|(kind, namespace, name, position)| Origin {
            api_version: "v1".into(),
            kind,
            namespace,
            name,
            field: "spec".into(),
            position: position.map(|(file, line, column)| Position { file, line, column }),
        })
        .boxed()
}

pub fn mutation() -> BoxedStrategy<HeaderMutation> {
    let pairs = || prop::collection::vec((header_name(), word_or_nothing()), 0..3);
    prop_oneof![
        2 => Just(HeaderMutation::default()),
        1 => (pairs(), pairs(), prop::collection::vec(header_name(), 0..2))
            .prop_map(|(set, add, remove)| FieldChanges { set, add, remove }.into()),
    ]
    .boxed()
}
