//! Header changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Text;
use crate::decode::{At, Cx, Decode, Invalid, List, ObjectShape, Parsed, TextMap, at, obj, object, syntax};
use crate::node::Node;
use crate::{Pos, ProblemKind};

/// Header changes in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The new host: what `request.set` gives `host` or `:authority`.
    pub host: Option<Text>,
    /// On the way there.
    pub request: HeaderOperations,
    /// On the way back.
    pub response: HeaderOperations,
}

object! {
    /// Header changes in both directions.
    #[derive(Clone, Debug)]
    pub(crate) struct HeadersFields {
        /// On the way there. To set `host` or `:authority` is to change the host.
        request: HeaderOperations = "request", default(HeaderOperations::default(), "no change"), obj();
        /// On the way back.
        response: HeaderOperations = "response", default(HeaderOperations::default(), "no change"), obj();
    }
}

impl Decode for Headers {
    fn decode(cx: &mut Cx, node: &Node<'_>) -> Option<Self> {
        let HeadersFields {
            mut request,
            mut response,
        } = HeadersFields::decode(cx, node)?;
        let names: Vec<Arc<str>> = request.set.keys().filter(|name| is_host(name)).cloned().collect();
        let mut hosts: Vec<Text> = names.iter().filter_map(|name| request.set.remove(name)).collect();
        for (field, operations) in [("request", &mut request), ("response", &mut response)] {
            cx.within(field, |cx| operations.keep_changeable(cx));
        }
        Some(Self {
            host: hosts.pop(),
            request,
            response,
        })
    }
    fn describe() -> ObjectShape {
        HeadersFields::describe()
    }
}

const HEADERS: TextMap<At<Parsed<Arc<str>>>> = TextMap(
    "mapping of header name to value",
    |name| header(name).map(|_| ()),
    at(Parsed("header value", syntax::header_value)),
);

object! {
    /// Header changes in one direction: first `remove`, then `set`, then `add`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct HeaderOperations {
        /// Headers that replace those of the same name.
        set: BTreeMap<Arc<str>, Text> = "set", default(BTreeMap::new(), "none"), HEADERS;
        /// Headers that are added to those of the same name.
        add: BTreeMap<Arc<str>, Text> = "add", default(BTreeMap::new(), "none"), HEADERS;
        /// Headers that are removed.
        remove: Vec<Text> = "remove", default(Vec::new(), "none"), List(at(Parsed("header name", header)));
    }
}

fn header(name: &str) -> Result<Arc<str>, Invalid> {
    match name {
        ":authority" => Ok(name.into()),
        _ => syntax::header_name(name),
    }
}

fn is_host(name: &str) -> bool {
    name == ":authority" || name.eq_ignore_ascii_case("host")
}

/// Why Seaway does not change a header, if it does not.
fn unchangeable(name: &str) -> Option<Invalid> {
    if is_host(name) {
        return Some(Invalid::new(
            format!("{name:?} can only be set, and only in a request"),
            "remove it; a rewrite with \"authority\" changes the host",
        ));
    }
    // What is no name at all was reported when it was read.
    syntax::header_name(name).ok()?;
    syntax::changeable_header(name).err()
}

impl HeaderOperations {
    /// Takes out what Istio would hand to Envoy and what would change nothing: a rule is worth more than a header.
    fn keep_changeable(&mut self, cx: &mut Cx) {
        for (field, headers) in [("set", &mut self.set), ("add", &mut self.add)] {
            headers.retain(|name, value| {
                cx.within(field, |cx| {
                    cx.within(name, |cx| {
                        warn_of_commands(cx, value);
                        read_percents(cx, value);
                        is_kept(cx, name, value.pos)
                    })
                })
            });
        }
        let mut index = 0;
        self.remove.retain(|name| {
            index += 1;
            cx.within("remove", |cx| {
                cx.within_item(index - 1, |cx| is_kept(cx, &name.value, name.pos))
            })
        });
    }
}

fn is_kept(cx: &mut Cx, name: &str, pos: Pos) -> bool {
    let Some(Invalid { message, help }) = unchangeable(name) else {
        return true;
    };
    cx.report(ProblemKind::IgnoredField, pos, message, help);
    false
}

/// Envoy replaces `%NAME%` in values. Seaway sends them as they are written, which is worth a word.
fn warn_of_commands(cx: &mut Cx, value: &Text) {
    let is_command = value.split('%').skip(1).step_by(2).any(|part| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.bytes().all(|b| {
                b.is_ascii_uppercase()
                    || b.is_ascii_digit()
                    || b"_():?-".contains(&b)
                    || b.is_ascii_lowercase()
            })
    });
    if is_command {
        let message = format!(
            "{:?} is sent as it is: Envoy's commands are not implemented",
            &*value.value
        );
        let help = "write a fixed value";
        cx.report(ProblemKind::IgnoredField, value.pos, message, help);
    }
}

/// To Envoy `%%` is a per cent sign, and one alone begins a command.
fn read_percents(cx: &mut Cx, value: &mut Text) {
    if !value.contains('%') {
        return;
    }
    let Some(read) = without_escapes(value) else {
        let message = format!("{:?} has a per cent sign that begins nothing", &*value.value);
        let help = "write \"%%\" for a per cent sign";
        cx.report(ProblemKind::InvalidValue, value.pos, message, help);
        return;
    };
    value.value = read.into();
}

/// The text with `%` for `%%`, and commands as they are written; `None` if a command does not end.
fn without_escapes(text: &str) -> Option<String> {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('%') {
        read += literal;
        read.push('%');
        if let Some(after) = after.strip_prefix('%') {
            rest = after;
            continue;
        }
        // What a command is given may have a per cent sign in it.
        let end = match (after.find('%')?, after.find('(')) {
            (end, Some(open)) if open < end => {
                let close = open + after.get(open..)?.find(')')?;
                close + after.get(close..)?.find('%')?
            }
            (end, _) => end,
        };
        read += after.get(..=end)?;
        rest = after.get(end + 1..)?;
    }
    read += rest;
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::without_escapes;

    #[test]
    fn a_per_cent_sign_is_written_twice() {
        for (text, read) in [
            ("100%%", Some("100%")),
            ("%%a%%%%", Some("%a%%")),
            ("a %PROTOCOL% b%%", Some("a %PROTOCOL% b%")),
            ("%START_TIME(%Y/%m)%", Some("%START_TIME(%Y/%m)%")),
            ("100%", None),
            ("%a", None),
            ("%A(%", None),
        ] {
            assert_eq!(without_escapes(text).as_deref(), read, "{text}");
        }
    }
}
