//! Which requests a route is for.

use std::sync::Arc;

use super::Text;
use crate::decode::{
    At, Cx, Decode as _, Group, Invalid, Nested, OneOf, Parsed, Shape, TEXT, at, object, syntax,
};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

/// One of `paths`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathSpec {
    /// `/x` in `seaway.dev`, or `{prefix: /x}`: by path elements.
    Prefix(Arc<str>),
    /// `/x` in `core.kalm.dev`: by characters.
    StringPrefix(Arc<str>),
    /// `{exact: /x}`
    Exact(Arc<str>),
    /// `{regex: ...}`, whole path, not yet checked.
    Regex(Arc<str>),
}

/// `http` or `https`: which listener a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Clear text.
    Http,
    /// TLS.
    Https,
}

pub(super) const SCHEME: OneOf<Scheme> = OneOf(&[("http", Scheme::Http), ("https", Scheme::Https)]);

const PATH: Parsed<Arc<str>> = Parsed("path", syntax::path);

object! {
    /// A path in its long form: exactly one of the three.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub(crate) struct LongPath {
        /// The whole path, and no other.
        exact: Option<Arc<str>> = "exact", optional, PATH;
        /// Whole path elements: `/foo` covers `/foo` and `/foo/bar`.
        prefix: Option<Arc<str>> = "prefix", optional, PATH;
        /// A regular expression for the whole path.
        regex: Option<Arc<str>> = "regex", optional, Parsed("regular expression", syntax::not_empty);
    }
}

/// A path: plain text for a prefix, or a mapping.
pub(super) struct PathShape;

impl Shape for PathShape {
    type Out = PathSpec;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<PathSpec> {
        if let Value::Map(_) = node.value {
            return long_path(cx, node);
        }
        let path = PATH.decode(cx, node)?;
        Some(match cx.group {
            Group::Plain | Group::Istio => PathSpec::Prefix(path),
            Group::Kalm => PathSpec::StringPrefix(path),
        })
    }
    fn words(&self) -> String {
        "path, or `{exact: /x}`, `{prefix: /x}`, `{regex: ...}`".to_owned()
    }
    fn nested(&self) -> Option<Nested> {
        Some(("", LongPath::describe))
    }
}

fn long_path(cx: &mut Cx, node: &Node<'_>) -> Option<PathSpec> {
    match LongPath::decode(cx, node)? {
        LongPath {
            exact: Some(path),
            prefix: None,
            regex: None,
        } => Some(PathSpec::Exact(path)),
        LongPath {
            exact: None,
            prefix: Some(path),
            regex: None,
        } => Some(PathSpec::Prefix(path)),
        LongPath {
            exact: None,
            prefix: None,
            regex: Some(pattern),
        } => Some(PathSpec::Regex(pattern)),
        LongPath {
            exact: None,
            prefix: None,
            regex: None,
        } => {
            let help = "write one of {exact: /x}, {prefix: /x} and {regex: ...}";
            cx.report(ProblemKind::MissingField, node.pos, "a path without a path", help);
            None
        }
        _ => {
            let message = "\"exact\", \"prefix\" and \"regex\" exclude each other";
            let help = "write each as an item of its own; any of them may match";
            cx.report(ProblemKind::ConflictingFields, node.pos, message, help);
            None
        }
    }
}

/// `type` of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionSource {
    /// A request header.
    Header,
    /// A query parameter.
    Query,
    /// A cookie. Not in Kalm.
    Cookie,
}

const SOURCE: OneOf<ConditionSource> = OneOf(&[
    ("header", ConditionSource::Header),
    ("query", ConditionSource::Query),
    ("cookie", ConditionSource::Cookie),
]);

/// `operator` of a condition. Kalm has the first three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum Operator {
    Equal,
    WithPrefix,
    MatchRegexp,
    NotEqual,
    WithoutPrefix,
    NotMatchRegexp,
    Exists,
    Absent,
}

const OPERATOR: OneOf<Operator> = OneOf(&[
    ("equal", Operator::Equal),
    ("withPrefix", Operator::WithPrefix),
    ("matchRegexp", Operator::MatchRegexp),
    ("notEqual", Operator::NotEqual),
    ("withoutPrefix", Operator::WithoutPrefix),
    ("notMatchRegexp", Operator::NotMatchRegexp),
    ("exists", Operator::Exists),
    ("absent", Operator::Absent),
]);

const NAME: At<Parsed<Arc<str>>> = at(Parsed("text", syntax::not_empty));

object! {
    /// A condition on a header, a query parameter or a cookie.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Condition {
        /// What is looked at.
        source: ConditionSource = "type", required, SOURCE;
        /// Its name. Header names ignore case.
        name: Text = "name", required, NAME;
        /// How it is compared. Regular expressions match the whole value. `core.kalm.dev` has the first three.
        operator: Spanned<Operator> = "operator", required, at(OPERATOR);
        /// With what it is compared. Left out only for `exists` and `absent`.
        value: Option<Text> = "value", optional, TEXT;
    }
    finish check_condition;
}

fn check_condition(condition: Condition, cx: &mut Cx, node: &Node<'_>) -> Option<Condition> {
    if condition.source != ConditionSource::Query
        && let Err(Invalid { message, help }) = syntax::header_name(&condition.name)
    {
        cx.report_in(
            "name",
            ProblemKind::InvalidValue,
            condition.name.pos,
            message,
            help,
        );
    }
    let needs_value = !matches!(*condition.operator, Operator::Exists | Operator::Absent);
    match (&condition.value, needs_value) {
        (None, true) => cx.missing(
            node,
            "value",
            "add the value to compare with, or use the operator exists",
        ),
        (Some(_), false) => cx.ignored(node, "value", "with the operators exists and absent"),
        _ => {}
    }
    let in_kalm = matches!(
        *condition.operator,
        Operator::Equal | Operator::WithPrefix | Operator::MatchRegexp
    );
    if cx.group == Group::Kalm && !in_kalm {
        let message = "core.kalm.dev has only the operators equal, withPrefix and matchRegexp";
        let help = "write apiVersion: seaway.dev/v1alpha1 to use this operator";
        let pos = condition.operator.pos;
        cx.report_in("operator", ProblemKind::InvalidValue, pos, message, help);
    }
    Some(condition)
}
