//! Values that several of Istio's kinds have.

use std::sync::Arc;

use super::{Percentage, StringMatch, Text, syntax};
use crate::decode::{
    At, Cx, Int, Invalid, Nested, Parsed, Percent, ProtoDuration, Quoted, Shape, Str, Uint, Via, at, object,
};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

pub(super) const DURATION: At<ProtoDuration> = at(ProtoDuration { or_zero: false });
pub(super) const DURATION_OR_ZERO: At<ProtoDuration> = at(ProtoDuration { or_zero: true });
pub(super) const HOST: At<Parsed<Arc<str>>> = at(Parsed("host", syntax::host));
pub(super) const SERVICE_HOST: At<Parsed<Arc<str>>> = at(Parsed("host of a service", syntax::service_host));
pub(super) const LABEL: At<Parsed<Arc<str>>> = at(Parsed("name", syntax::label));
pub(super) const FILE: At<Parsed<Arc<str>>> = at(Parsed("path of a file", syntax::file));
pub(super) const FILLED: At<Parsed<Arc<str>>> = at(Parsed("text", syntax::not_empty));
pub(super) const REGEX: At<Regex> = at(Regex);

/// A whole number that protobuf calls `int32` or `uint32` and that counts something.
pub(super) const COUNT: At<Int<u32>> = at(Uint(0, i32::MAX as i64));

/// A regular expression in RE2's syntax.
pub(super) struct Regex;

impl Shape for Regex {
    type Out = Arc<str>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Arc<str>> {
        let text = Str.decode(cx, node)?;
        match syntax::regex(&text) {
            Ok(()) => Some(text),
            Err(Invalid { message, help }) => {
                cx.report(ProblemKind::InvalidRegex, node.pos, message, help);
                None
            }
        }
    }
    fn words(&self) -> String {
        "regular expression (RE2)".to_owned()
    }
}

object! {
    /// A share.
    #[derive(Clone, Debug)]
    pub(crate) struct PercentFields {
        /// 0 to 100.
        value: Percentage = "value", default(Spanned::unwritten(0u32), "`0`"), at(Percent);
    }
}

/// `{value: 12.5}`
pub(super) const PERCENT: Via<PercentFields, Percentage> = Via(|fields, _, _| Some(fields.value));

object! {
    /// A port, by its number.
    #[derive(Clone, Debug)]
    pub(crate) struct PortFields {
        /// The number.
        number: Spanned<u16> = "number", required, at(Int::port());
    }
}

/// `{number: 80}`
pub(super) const PORT_SELECTOR: Via<PortFields, Spanned<u16>> = Via(|fields, _, _| Some(fields.number));

object! {
    /// A condition on a text: exactly one of the three.
    #[derive(Clone, Debug)]
    pub(crate) struct StringMatchFields {
        /// Equal to this.
        exact: Option<Arc<str>> = "exact", optional, Quoted;
        /// Starts with this.
        prefix: Option<Text> = "prefix", optional, FILLED;
        /// A regular expression that matches the whole text.
        regex: Option<Text> = "regex", optional, REGEX;
    }
}

/// A condition on a text. An empty one asks for the value to be there, where a value may be absent.
pub(super) struct StringMatchShape {
    pub may_be_empty: bool,
}

impl Shape for StringMatchShape {
    type Out = StringMatch;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<StringMatch> {
        // A star alone is no expression in RE2, and Istio takes it for any value.
        let is_star = node.get("regex").and_then(Node::as_str) == Some("*") && node.entries().len() == 1;
        if self.may_be_empty && (node.is_null() || is_star) {
            return Some(StringMatch::Present);
        }
        let StringMatchFields { exact, prefix, regex } =
            <StringMatchFields as crate::decode::Decode>::decode(cx, node)?;
        let mut written = [
            exact.map(StringMatch::Exact),
            prefix.map(|text| StringMatch::Prefix(text.value)),
            regex.map(|text| StringMatch::Regex(text.value)),
        ]
        .into_iter()
        .flatten();
        let help = "write one of {exact: x}, {prefix: x} and {regex: x}";
        match (written.next(), written.next()) {
            (Some(_), Some(_)) => {
                let message = "\"exact\", \"prefix\" and \"regex\" exclude each other";
                cx.report(ProblemKind::ConflictingFields, node.pos, message, help);
                None
            }
            (Some(one), None) => Some(one),
            (None, _) if self.may_be_empty && node.entries().is_empty() => Some(StringMatch::Present),
            (None, _) => {
                let message = "a condition without a text";
                cx.report(ProblemKind::MissingField, node.pos, message, help);
                None
            }
        }
    }
    fn words(&self) -> String {
        let empty = if self.may_be_empty {
            "; `{}`: there, with any value"
        } else {
            ""
        };
        format!("`{{exact: x}}`, `{{prefix: x}}` or `{{regex: x}}`{empty}")
    }
    fn nested(&self) -> Option<Nested> {
        Some(("", <StringMatchFields as crate::decode::Decode>::describe))
    }
}
