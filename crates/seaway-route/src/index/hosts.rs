//! Host patterns by hash: the cost does not depend on how many there are.
//!
//! A wildcard keeps what follows its star, which begins with a dot or a dash. So it is enough to ask for the rest of the
//! host at each dot (and at each dash, if any pattern begins with one), from the longest rest to the shortest.
//!
//! Among many hosts what is read for one lies in cold memory, so the texts of all of them lie side by side and not each where
//! the model has it.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};
use seaway_model::HostMatch;

use super::short;

/// Finds the most specific pattern that covers a host.
#[derive(Debug, Default)]
pub(crate) struct HostIndex {
    exact: Exact,
    suffixes: FxHashMap<Arc<str>, Suffix>,
    dashes: bool,
    /// Wildcards that begin otherwise, which only models made by hand can have; most specific first.
    odd: Vec<(HostMatch, usize)>,
    any: Option<usize>,
}

#[derive(Debug, Default)]
struct Suffix {
    one_label: Option<usize>,
    many: Option<usize>,
}

impl HostIndex {
    /// Numbers the patterns in the order in which they come. Of two equal ones the first counts.
    pub(crate) fn build<'a>(hosts: impl Iterator<Item = &'a HostMatch>) -> Self {
        let mut index = Self::default();
        for (number, host) in hosts.enumerate() {
            match host {
                HostMatch::Exact(text) => {
                    index.exact.insert(text, number);
                }
                HostMatch::OneLabel(text) if text.starts_with('.') => {
                    index
                        .suffixes
                        .entry(Arc::clone(text))
                        .or_default()
                        .one_label
                        .get_or_insert(number);
                }
                HostMatch::Suffix(text) if text.starts_with(['.', '-']) => {
                    index.dashes |= text.starts_with('-');
                    index
                        .suffixes
                        .entry(Arc::clone(text))
                        .or_default()
                        .many
                        .get_or_insert(number);
                }
                HostMatch::OneLabel(_) | HostMatch::Suffix(_) => index.odd.push((host.clone(), number)),
                HostMatch::Any => {
                    index.any.get_or_insert(number);
                }
            }
        }
        index.odd.sort();
        index.exact.shrink();
        index
    }

    /// The number of the most specific pattern that covers this host.
    pub(crate) fn find(&self, host: &str) -> Option<usize> {
        if let Some(number) = self.exact.get(host) {
            return Some(number);
        }
        let regular = if self.suffixes.is_empty() {
            None
        } else {
            self.suffix(host)
        };
        if self.odd.is_empty() {
            return regular.map(|(_, number)| number).or(self.any);
        }
        let odd = self.odd.iter().find(|(pattern, _)| pattern.matches(host));
        match (regular, odd) {
            (Some((pattern, _)), Some((odd, number))) if *odd < pattern => Some(*number),
            (Some((_, number)), _) => Some(number),
            (None, Some((_, number))) => Some(*number),
            (None, None) => self.any,
        }
    }

    fn suffix(&self, host: &str) -> Option<(HostMatch, usize)> {
        let mut first_label = true;
        for (at, byte) in host.bytes().enumerate() {
            if byte != b'.' && !(byte == b'-' && self.dashes) {
                continue;
            }
            let found = host
                .get(at..)
                .filter(|_| at > 0)
                .and_then(|rest| self.suffixes.get_key_value(rest));
            if let Some((text, suffix)) = found {
                if let Some(number) = suffix.one_label.filter(|_| first_label) {
                    return Some((HostMatch::OneLabel(Arc::clone(text)), number));
                }
                if let Some(number) = suffix.many {
                    return Some((HostMatch::Suffix(Arc::clone(text)), number));
                }
            }
            first_label &= byte != b'.';
        }
        None
    }
}

/// Whole hosts and their numbers.
#[derive(Debug, Default)]
struct Exact {
    entries: HashTable<Entry>,
    text: String,
}

/// A host by where its text is.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    length: u32,
    number: u32,
}

impl Exact {
    /// Of two equal hosts the first counts.
    fn insert(&mut self, host: &str, number: usize) {
        let Self { entries, text } = self;
        let found = entries.entry(
            FxBuildHasher.hash_one(host),
            |entry| entry.host(text) == Some(host),
            |entry| FxBuildHasher.hash_one(entry.host(text).unwrap_or_default()),
        );
        if let hashbrown::hash_table::Entry::Vacant(vacant) = found {
            vacant.insert(Entry {
                start: short(text.len()),
                length: short(host.len()),
                number: short(number),
            });
            text.push_str(host);
        }
    }

    fn get(&self, host: &str) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        let hash = FxBuildHasher.hash_one(host);
        let entry = (self.entries).find(hash, |entry| entry.host(&self.text) == Some(host))?;
        Some(entry.number as usize)
    }

    fn shrink(&mut self) {
        let Self { entries, text } = self;
        text.shrink_to_fit();
        entries.shrink_to_fit(|entry| FxBuildHasher.hash_one(entry.host(text).unwrap_or_default()));
    }
}

impl Entry {
    fn host(self, text: &str) -> Option<&str> {
        let start = self.start as usize;
        text.get(start..start + self.length as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> HostMatch {
        HostMatch::parse_one_label(text).unwrap()
    }

    fn many(text: &str) -> HostMatch {
        HostMatch::parse(text).unwrap()
    }

    fn found(hosts: &[HostMatch], host: &str) -> Option<String> {
        HostIndex::build(hosts.iter())
            .find(host)
            .map(|n| format!("{:?}", hosts[n]))
    }

    #[test]
    fn the_most_specific_pattern_wins_whatever_the_order() {
        let hosts = [
            many("*"),
            many("*.com"),
            many("*.b.com"),
            one("*.b.com"),
            many("*-x.b.com"),
            many("a.b.com"),
        ];
        for (host, expected) in [
            ("a.b.com", many("a.b.com")),
            ("z.b.com", one("*.b.com")),
            ("y.z.b.com", many("*.b.com")),
            ("y-x.b.com", many("*-x.b.com")),
            ("q.y-x.b.com", many("*-x.b.com")),
            ("b.com", many("*.com")),
            ("com", many("*")),
            ("", many("*")),
        ] {
            assert_eq!(found(&hosts, host), Some(format!("{expected:?}")), "{host}");
        }
    }

    #[test]
    fn a_wildcard_covers_at_least_one_character() {
        assert_eq!(found(&[many("*.b.com")], "b.com"), None);
        assert_eq!(found(&[many("*.b.com")], ".b.com"), None);
        assert_eq!(found(&[many("*-x.com")], "-x.com"), None);
    }

    #[test]
    fn a_wildcard_for_one_label_covers_one() {
        assert_eq!(found(&[one("*.b.com")], "a.a.b.com"), None);
        assert!(found(&[one("*.b.com")], "a.b.com").is_some());
    }

    fn pattern() -> impl Strategy<Value = HostMatch> {
        prop_oneof![
            "[ab][.-]?[ab]{0,2}".prop_map(|t| HostMatch::Exact(t.into())),
            "[.-]?[ab]([.-][ab]){0,2}".prop_map(|t| HostMatch::Suffix(t.into())),
            "\\.?[ab]([.-][ab]){0,2}".prop_map(|t| HostMatch::OneLabel(t.into())),
            Just(HostMatch::Any),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_index_answers_as_a_scan_does(hosts in prop::collection::vec(pattern(), 0..8), host in "[ab.-]{0,7}") {
            let scan = hosts.iter().filter(|h| h.matches(&host)).min();
            let index = HostIndex::build(hosts.iter()).find(&host).map(|n| &hosts[n]);
            prop_assert_eq!(index, scan);
        }
    }
}
