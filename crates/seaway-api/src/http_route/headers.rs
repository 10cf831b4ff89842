//! Header changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Text;
use crate::ProblemKind;
use crate::decode::{Cx, Invalid, List, Parsed, TextMap, at, obj, object, syntax};
use crate::node::Node;

object! {
    /// Header changes in both directions.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Headers {
        /// On the way to the upstream.
        request: HeaderChange = "request", default(HeaderChange::default(), "no change"), obj();
        /// On the way back.
        response: HeaderChange = "response", default(HeaderChange::default(), "no change"), obj();
    }
}

/// A header with its value.
const HEADERS: TextMap<crate::decode::At<Parsed<Arc<str>>>> = TextMap(
    "mapping of header name to value",
    changeable,
    at(Parsed("header value", syntax::header_value)),
);

object! {
    /// Header changes in one direction: first `remove`, then `set`, then `add`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct HeaderChange {
        /// Headers that replace those of the same name.
        set: BTreeMap<Arc<str>, Text> = "set", default(BTreeMap::new(), "none"), HEADERS;
        /// Headers that are added to those of the same name.
        add: BTreeMap<Arc<str>, Text> = "add", default(BTreeMap::new(), "none"), HEADERS;
        /// Headers that are removed.
        remove: Vec<Text> =
            "remove", default(Vec::new(), "none"), List(at(Parsed("header name", syntax::changeable_header)));
    }
    check refuse_twins;
}

fn changeable(name: &str) -> Result<(), Invalid> {
    syntax::changeable_header(name).map(|_| ())
}

/// Header names ignore case, so `X-A` and `x-a` are one key written twice.
fn refuse_twins(cx: &mut Cx, node: &Node<'_>) {
    for field in ["set", "add"] {
        let entries = node.get(field).map(Node::entries).unwrap_or_default();
        for (index, entry) in entries.iter().enumerate() {
            let twin = entries
                .iter()
                .take(index)
                .find(|e| e.key != entry.key && e.key.eq_ignore_ascii_case(&entry.key));
            if let Some(twin) = twin {
                let message = format!("\"{}\" and \"{}\" are the same header", twin.key, entry.key);
                cx.within(field, |cx| {
                    let kind = ProblemKind::DuplicateKey;
                    cx.report_in(&entry.key, kind, entry.pos, message, "keep one of the two");
                });
            }
        }
    }
}
