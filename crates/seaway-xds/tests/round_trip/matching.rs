//! Conditions of any kind.

use std::net::IpAddr;

use proptest::prelude::*;
use seaway_model::{
    Conditions, CookieMatch, HeaderMatch, Match, PathMatch, QueryMatch, StringMatch, ValueMatch,
};

use crate::words::{header_name, pattern, text, word, word_or_nothing};

pub fn path() -> BoxedStrategy<PathMatch> {
    let paths = || text(&["/", "/a", "/a/", "/a b", "", "/a.b/c"]);
    prop_oneof![
        Just(PathMatch::Any),
        paths().prop_map(PathMatch::Exact),
        paths().prop_map(PathMatch::Elements),
        paths().prop_map(PathMatch::Prefix),
        paths().prop_map(PathMatch::ExactIgnoringCase),
        paths().prop_map(PathMatch::PrefixIgnoringCase),
        pattern().prop_map(PathMatch::Regex),
    ]
    .boxed()
}

fn string() -> BoxedStrategy<StringMatch> {
    prop_oneof![
        word_or_nothing().prop_map(StringMatch::Exact),
        word_or_nothing().prop_map(StringMatch::Prefix),
        word_or_nothing().prop_map(StringMatch::Suffix),
        pattern().prop_map(StringMatch::Regex),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<ValueMatch> {
    prop_oneof![
        Just(ValueMatch::Present),
        Just(ValueMatch::Absent),
        string().prop_map(ValueMatch::Is),
        string().prop_map(ValueMatch::IsNot),
    ]
    .boxed()
}

fn conditions() -> BoxedStrategy<Conditions> {
    let methods = prop::collection::vec(text(&["GET", "POST", "M-SEARCH"]), 0..3);
    let headers = prop::collection::vec(
        (prop_oneof![header_name(), text(&[":method"])], value())
            .prop_map(|(name, value)| HeaderMatch { name, value }),
        0..5,
    );
    let query = prop::collection::vec(
        (word(), value()).prop_map(|(name, value)| QueryMatch { name, value }),
        0..3,
    );
    let cookies = prop::collection::vec(
        (word(), value()).prop_map(|(name, value)| CookieMatch { name, value }),
        0..3,
    );
    let sources = prop::option::weighted(0.1, Just([IpAddr::from([10, 0, 0, 1])].into()));
    (path(), methods, headers, query, cookies, sources)
        .prop_map(|(path, methods, headers, query, cookies, sources)| Conditions {
            path,
            methods,
            headers,
            query,
            cookies,
            sources,
        })
        .boxed()
}

pub fn matches() -> BoxedStrategy<Match> {
    prop_oneof![
        9 => conditions().prop_map(Match::When),
        1 => word().prop_map(|because| Match::Never { because }),
    ]
    .boxed()
}
