//! Which requests a rule is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::reach::GATEWAY_NAME;
use super::super::shapes::{LABEL, StringMatchShape};
use super::super::{GatewayName, Text};
use crate::decode::{
    At, Cx, Int, Invalid, LabelMap, List, Nested, Shape, TEXT, TRUE_FALSE, TextMap, at, object, syntax,
};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

/// A condition on a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StringMatch {
    /// Equal.
    Exact(Arc<str>),
    /// Starts with; not empty.
    Prefix(Arc<str>),
    /// Matches as a whole. A regular expression, not yet measured.
    Regex(Arc<str>),
    /// There, with any value. Only for headers and query parameters.
    Present,
}

/// A text that every request has.
const MATCH: At<StringMatchShape> = at(StringMatchShape { may_be_empty: false });

/// The path, of which Istio lets an empty prefix stand for all.
struct Uri;

impl Shape for Uri {
    type Out = StringMatch;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<StringMatch> {
        let is_empty_prefix =
            node.get("prefix").and_then(Node::as_str) == Some("") && node.entries().len() == 1;
        match is_empty_prefix {
            true => Some(StringMatch::Present),
            false => MATCH.0.decode(cx, node),
        }
    }
    fn words(&self) -> String {
        MATCH.words()
    }
    fn nested(&self) -> Option<Nested> {
        MATCH.nested()
    }
}

const HEADERS: TextMap<At<StringMatchShape>> = TextMap(
    "mapping of header name to condition",
    header,
    at(StringMatchShape { may_be_empty: true }),
);

const QUERY: TextMap<At<StringMatchShape>> = TextMap(
    "mapping of parameter name to condition",
    syntax::any_key,
    at(StringMatchShape { may_be_empty: true }),
);

fn header(name: &str) -> Result<(), Invalid> {
    if name.starts_with("@request.auth.claims") {
        return Err(Invalid::new(
            format!("{name:?} asks for a claim of a token, and tokens are not looked at"),
            "match something that the request itself says, for example a header",
        ));
    }
    syntax::header_name(name).map(|_| ())
}

object! {
    /// A request for which all of these hold.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct HttpMatch {
        /// A name for messages and logs.
        name: Option<Text> = "name", optional, TEXT;
        /// The path, without the query. A prefix is one of characters.
        uri: Option<Spanned<StringMatch>> = "uri", optional, at(Uri);
        /// `http` or `https`.
        scheme: Option<Spanned<StringMatch>> = "scheme", optional, MATCH;
        /// The method. Case-sensitive.
        method: Option<Spanned<StringMatch>> = "method", optional, MATCH;
        /// The host, with the port as it was sent.
        authority: Option<Spanned<StringMatch>> = "authority", optional, MATCH;
        /// Headers; all must hold.
        headers: BTreeMap<Arc<str>, Spanned<StringMatch>> = "headers", default(BTreeMap::new(), "any"), HEADERS;
        /// Headers that must not be as they are here; none may hold.
        without_headers: BTreeMap<Arc<str>, Spanned<StringMatch>> = "withoutHeaders", default(BTreeMap::new(), "none"), HEADERS;
        /// Query parameters; all must hold.
        query_params: BTreeMap<Arc<str>, Spanned<StringMatch>> = "queryParams", default(BTreeMap::new(), "any"), QUERY;
        /// Take letters of the path in either case; not for regular expressions.
        ignore_uri_case: Spanned<bool> = "ignoreUriCase", default(Spanned::default(), "`false`"), at(TRUE_FALSE);
        /// The port that the request came in by.
        port: Option<Spanned<u16>> = "port", optional, at(Int::port());
        /// The Gateways at which this match holds, instead of those of the VirtualService.
        gateways: Vec<Spanned<GatewayName>> = "gateways", default(Vec::new(), "those of the VirtualService"), List(GATEWAY_NAME);
        /// Labels of the workloads that send the request; only in the mesh.
        source_labels: BTreeMap<Arc<str>, Arc<str>> = "sourceLabels", default(BTreeMap::new(), "any"), LabelMap;
        /// The namespace of the workloads that send the request; only in the mesh.
        source_namespace: Option<Text> = "sourceNamespace", optional, LABEL;
    }
    unimplemented ["statPrefix"];
    finish settle;
}

fn settle(mut matches: HttpMatch, cx: &mut Cx, _: &Node<'_>) -> Option<HttpMatch> {
    if matches
        .uri
        .as_ref()
        .is_some_and(|uri| uri.value == StringMatch::Present)
    {
        matches.uri = None;
    }
    drop_pseudo_headers(&mut matches, cx);
    Some(matches)
}

/// Istio ignores these names in `headers`, since each has a field of its own.
fn drop_pseudo_headers(matches: &mut HttpMatch, cx: &mut Cx) {
    for (field, headers) in [
        ("headers", &mut matches.headers),
        ("withoutHeaders", &mut matches.without_headers),
    ] {
        for name in ["uri", "scheme", "method", "authority"] {
            if let Some(condition) = headers.remove(name) {
                let message = format!("the header \"{name}\" is not looked at");
                let help = format!("write the condition into the field \"{name}\" of the match");
                cx.within(field, |cx| {
                    cx.report_in(name, ProblemKind::IgnoredField, condition.pos, message, help);
                });
            }
        }
    }
}
