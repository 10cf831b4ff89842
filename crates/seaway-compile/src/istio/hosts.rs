//! Host patterns against host patterns.
//!
//! A VirtualService is served where its hosts and those of a server meet: `*.example.com` on one side and
//! `shop.example.com` on the other meet in the more specific of the two, whichever side it is on.

use seaway_model::HostMatch;

/// Whether every host that `narrow` covers is covered by `wide`.
pub(crate) fn covers(wide: &HostMatch, narrow: &HostMatch) -> bool {
    match (wide, narrow) {
        (HostMatch::Any, _) => true,
        (_, HostMatch::Any) => false,
        (HostMatch::Exact(_), narrow) => wide == narrow,
        (wide, HostMatch::Exact(name)) => wide.matches(name),
        (HostMatch::Suffix(wide), HostMatch::Suffix(narrow) | HostMatch::OneLabel(narrow)) => {
            narrow.ends_with(&**wide)
        }
        (HostMatch::OneLabel(wide), HostMatch::OneLabel(narrow)) => wide == narrow,
        // A wildcard of several labels goes beyond one of a single label.
        (HostMatch::OneLabel(_), HostMatch::Suffix(_)) => false,
    }
}

/// What two patterns have in common: the more specific of the two, if they meet at all.
pub(crate) fn intersection(one: &HostMatch, other: &HostMatch) -> Option<HostMatch> {
    if covers(one, other) {
        Some(other.clone())
    } else if covers(other, one) {
        Some(one.clone())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> HostMatch {
        HostMatch::parse(text).expect("a host")
    }

    #[test]
    fn two_patterns_meet_in_the_more_specific_one() {
        for (one, other, both) in [
            ("*", "*", Some("*")),
            ("*", "a.com", Some("a.com")),
            ("*.a.com", "b.a.com", Some("b.a.com")),
            ("*.a.com", "c.b.a.com", Some("c.b.a.com")),
            ("*.a.com", "*.b.a.com", Some("*.b.a.com")),
            ("*-x.a.com", "*.a.com", Some("*-x.a.com")),
            ("*.a.com", "a.com", None),
            ("*.a.com", "*.b.com", None),
            ("a.com", "b.com", None),
        ] {
            let both = both.map(host);
            assert_eq!(intersection(&host(one), &host(other)), both, "{one} {other}");
            assert_eq!(intersection(&host(other), &host(one)), both, "{other} {one}");
        }
    }

    proptest! {
        #[test]
        fn a_host_is_in_both_exactly_where_it_is_in_what_they_have_in_common(
            one in "(\\*|\\*\\.|\\*-)?[ab](\\.[ab]){0,2}|\\*",
            other in "(\\*|\\*\\.|\\*-)?[ab](\\.[ab]){0,2}|\\*",
            name in "[ab](-[ab])?(\\.[ab](-[ab])?){0,3}",
        ) {
            let (Ok(one), Ok(other)) = (HostMatch::parse(&one), HostMatch::parse(&other)) else {
                return Ok(());
            };
            let both = intersection(&one, &other).is_some_and(|both| both.matches(&name));
            prop_assert_eq!(both, one.matches(&name) && other.matches(&name));
        }
    }
}
