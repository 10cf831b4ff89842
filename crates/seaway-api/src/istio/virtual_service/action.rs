//! What becomes of a request: destinations, redirects, answers, delegates, rewrites.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::Text;
use super::super::shapes::{COUNT, FILLED, LABEL, PORT_SELECTOR, REGEX, SERVICE_HOST};
use super::Headers;
use crate::decode::{
    Cx, Int, Invalid, List, Nested, OneOf, Parsed, RedirectStatus, Shape, Str, TEXT, Uint, at, obj, object,
    syntax as text,
};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

object! {
    /// A service, and which part of it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Destination {
        /// A Service (`reviews`, `reviews.prod.svc.cluster.local`) or the host of a ServiceEntry.
        host: Text = "host", required, SERVICE_HOST;
        /// A subset that a DestinationRule names.
        subset: Option<Text> = "subset", optional, LABEL;
        /// The port of the service; needed if it has several.
        port: Option<Spanned<u16>> = "port", optional, PORT_SELECTOR;
    }
}

object! {
    /// A destination and its share.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct WeightedDestination {
        /// Where to.
        destination: Spanned<Destination> = "destination", required, at(obj());
        /// Its share: this divided by the sum of all weights, exactly. A single destination gets everything.
        weight: Option<Spanned<u32>> = "weight", optional, COUNT;
        /// Header changes for this destination only.
        headers: Option<Spanned<Headers>> = "headers", optional, at(obj());
    }
}

/// The destinations of a rule for requests.
pub(super) const DESTINATIONS: Weighted<WeightedDestination> = Weighted(|one| one.weight.as_ref());

/// A list of which every item has a weight.
pub(super) struct Weighted<T>(pub fn(&T) -> Option<&Spanned<u32>>);

impl<T: crate::decode::Decode> Shape for Weighted<T> {
    type Out = Vec<Spanned<T>>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Self::Out> {
        let all = List(at(obj::<T>())).decode(cx, node)?;
        let sum: u64 = all
            .iter()
            .map(|one| (self.0)(one).map_or(0, |weight| u64::from(weight.value)))
            .sum();
        if all.len() > 1 && sum == 0 {
            let message = "no destination has a weight, so that none would get anything";
            let help = "give each destination a weight; the share of each is its weight over the sum of all";
            cx.report(ProblemKind::InvalidValue, node.pos, message, help);
        }
        Some(all)
    }
    fn words(&self) -> String {
        List(at(obj::<T>())).words()
    }
    fn nested(&self) -> Option<Nested> {
        List(at(obj::<T>())).nested()
    }
}

object! {
    /// An answer that sends the client elsewhere. What is left out stays as in the request.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Redirect {
        /// The new path, as a whole.
        uri: Option<Text> = "uri", optional, at(Parsed("path", text::path));
        /// What the matched prefix of the path becomes.
        prefix_rewrite: Option<Text> = "prefixRewrite", optional, at(Parsed("path", text::path));
        /// The new host.
        authority: Option<Text> = "authority", optional, FILLED;
        /// The new scheme: `http` or `https`.
        scheme: Option<Text> = "scheme", optional, at(OneOfText(&["http", "https"]));
        /// The new port.
        port: Option<Spanned<u16>> = "port", optional, at(Int::port());
        /// Where the new port comes from.
        derive_port: Option<Spanned<RedirectPort>> = "derivePort", optional, at(DERIVE);
        /// The status of the answer.
        redirect_code: Spanned<u16> = "redirectCode", default(Spanned::unwritten(301u16), "`301`"), at(RedirectStatus);
    }
    finish check_redirect;
}

/// `derivePort`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedirectPort {
    /// 80 or 443, as the new scheme has it.
    FromProtocolDefault,
    /// That of the request.
    FromRequestPort,
}

const DERIVE: OneOf<RedirectPort> = OneOf(&[
    ("FROM_PROTOCOL_DEFAULT", RedirectPort::FromProtocolDefault),
    ("FROM_REQUEST_PORT", RedirectPort::FromRequestPort),
]);

/// One of some words, which is kept as a text.
struct OneOfText(&'static [&'static str]);

impl Shape for OneOfText {
    type Out = Arc<str>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Arc<str>> {
        let written = Str.decode(cx, node)?;
        if self.0.contains(&&*written) {
            return Some(written);
        }
        let message = format!("{written:?} is not one of the values of this field");
        let near = crate::decode::nearest(&written, self.0.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write {}", self.0.join(" or ")),
        };
        cx.report(ProblemKind::InvalidValue, node.pos, message, help);
        None
    }
    fn may_be_empty_for_none(&self) -> bool {
        true
    }
    fn words(&self) -> String {
        let words: Vec<String> = self.0.iter().map(|word| format!("`{word}`")).collect();
        words.join(" or ")
    }
    fn refused(&self) -> Vec<String> {
        self.0.iter().map(|word| format!("{word}x")).collect()
    }
}

fn check_redirect(redirect: Redirect, cx: &mut Cx, node: &Node<'_>) -> Option<Redirect> {
    cx.refuse_both(node, "uri", "prefixRewrite", "keep one of the two");
    cx.refuse_both(node, "port", "derivePort", "keep one of the two");
    let fields = [
        "uri",
        "prefixRewrite",
        "authority",
        "scheme",
        "port",
        "derivePort",
        "redirectCode",
    ];
    if fields.iter().all(|name| cx.entry(node, name).is_none()) {
        let message = "a redirect that changes nothing would go round in circles";
        let help = "add uri, authority, scheme or port";
        cx.report(ProblemKind::MissingField, node.pos, message, help);
    }
    Some(redirect)
}

object! {
    /// An answer without any destination.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DirectResponse {
        /// Its status.
        status: Spanned<u16> = "status", required, at(Uint(200, 599));
        /// Its body.
        body: Option<Spanned<ResponseBody>> = "body", optional, at(BodyShape);
    }
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseBody {
    /// Text.
    Text(Arc<str>),
    /// Bytes, decoded from base64.
    Bytes(Arc<[u8]>),
}

object! {
    /// The body of an answer: one of the two.
    #[derive(Clone, Debug)]
    pub(crate) struct BodyFields {
        /// Text.
        string: Option<Arc<str>> = "string", optional, Str;
        /// Bytes in base64.
        bytes: Option<Arc<[u8]>> = "bytes", optional, Parsed("base64", base64);
    }
}

fn base64(text: &str) -> Result<Arc<[u8]>, Invalid> {
    STANDARD
        .decode(text)
        .map(Into::into)
        .map_err(|error| Invalid::new(format!("not base64: {error}"), "encode the body with base64"))
}

struct BodyShape;

/// Istio's limit.
const MOST_BODY: usize = 1 << 20;

impl Shape for BodyShape {
    type Out = ResponseBody;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<ResponseBody> {
        let BodyFields { string, bytes } = <BodyFields as crate::decode::Decode>::decode(cx, node)?;
        let help = "write one of {string: text} and {bytes: base64}";
        let length = string.as_ref().map_or(0, |s| s.len()) + bytes.as_ref().map_or(0, |b| b.len());
        if length > MOST_BODY {
            let message = format!("a body of {length} bytes is too long");
            let help = "shorten it to at most 1 MiB, or serve it from a service";
            cx.report(ProblemKind::InvalidValue, node.pos, message, help);
        }
        match (string, bytes) {
            (Some(text), None) => Some(ResponseBody::Text(text)),
            (None, Some(bytes)) => Some(ResponseBody::Bytes(bytes)),
            (Some(_), Some(_)) => {
                let message = "\"string\" and \"bytes\" exclude each other";
                cx.report(ProblemKind::ConflictingFields, node.pos, message, help);
                None
            }
            (None, None) => Some(ResponseBody::Text(Arc::from(""))),
        }
    }
    fn words(&self) -> String {
        "mapping".to_owned()
    }
    fn nested(&self) -> Option<Nested> {
        Some(("", <BodyFields as crate::decode::Decode>::describe))
    }
}

object! {
    /// Another VirtualService whose rules decide, for the requests that this rule takes.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Delegate {
        /// Its name.
        name: Text = "name", required, at(Parsed("name", text::object_name));
        /// Its namespace.
        namespace: Option<Text> = "namespace", optional, LABEL;
    }
}

object! {
    /// What changes before forwarding.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Rewrite {
        /// Replaces the matched prefix, or the whole of a path that was matched exactly or by a regular expression.
        uri: Option<Text> = "uri", optional, FILLED;
        /// Replaces the host.
        authority: Option<Text> = "authority", optional, FILLED;
        /// Replaces what an expression matches in the path.
        uri_regex_rewrite: Option<Spanned<RegexRewrite>> = "uriRegexRewrite", optional, at(obj());
    }
    finish check_rewrite;
}

object! {
    /// What is replaced in the path.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RegexRewrite {
        /// What is looked for.
        pattern: Text = "match", required, REGEX;
        /// What it becomes; `\1` is the first group.
        rewrite: Text = "rewrite", required, TEXT;
    }
}

fn check_rewrite(rewrite: Rewrite, cx: &mut Cx, node: &Node<'_>) -> Option<Rewrite> {
    cx.refuse_both(
        node,
        "uri",
        "uriRegexRewrite",
        "replace the path by one of the two",
    );
    if rewrite == Rewrite::default() {
        let message = "a rewrite that changes nothing";
        let help = "write uri, uriRegexRewrite or authority, or remove it";
        cx.report(ProblemKind::MissingField, node.pos, message, help);
    }
    Some(rewrite)
}

/// Exactly one thing is done with a request, and only what goes on can be changed, delayed or copied.
pub(super) fn check_action(cx: &mut Cx, node: &Node<'_>) {
    let has = |cx: &Cx, name: &str| {
        cx.entry(node, name)
            .is_some_and(|entry| !matches!(&entry.value.value, Value::Seq(items) if items.is_empty()))
    };
    let actions = ["delegate", "redirect", "directResponse", "route"];
    let mut written = actions.into_iter().filter(|name| has(cx, name));
    let Some(first) = written.next() else {
        let help = "add for example \"route: [{destination: {host: my-service}}]\", or a redirect, directResponse or delegate";
        cx.missing(node, "route", help);
        return;
    };
    let others: Vec<&str> = written.collect();
    for other in others {
        cx.refuse_both(node, first, other, "a rule does one thing; remove one of the two");
    }
    let useless: &[&str] = match first {
        "redirect" | "directResponse" => {
            for name in ["fault", "rewrite"] {
                let help = "a rule that answers itself changes and fails nothing; remove it";
                cx.refuse_both(node, first, name, help);
            }
            &["mirror", "mirrors", "retries", "timeout"]
        }
        // A delegate takes from here what it does not say itself.
        _ => &[],
    };
    for name in useless {
        cx.ignored(node, name, &format!("beside \"{first}\""));
    }
}
