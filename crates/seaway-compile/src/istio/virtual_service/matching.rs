//! Which requests a rule is for: what is asked of each request, and what is known before any comes.
//!
//! Scheme, port, Gateway and the client's workload do not depend on the request but on where it comes in, so they are
//! decided here, and no engine has to.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::istio::{GatewayName, HttpMatch, StringMatch as ApiMatch};
use seaway_api::{Spanned, idle_escape};
use seaway_model::{Code, Conditions, HeaderMatch, PathMatch, Pattern, QueryMatch, StringMatch, ValueMatch};

use crate::findings::Reporter;
use crate::istio::gateway::GatewayKey;

/// Where an alternative of a rule holds.
#[derive(Clone, Debug)]
pub(crate) struct Holds {
    /// Only at these; `None`: at all that the VirtualService names.
    gateways: Option<Vec<GatewayName>>,
    /// Only at this port.
    pub(crate) port: Option<u16>,
    /// `http`, `https`
    schemes: [bool; 2],
    /// Only for requests of these workloads.
    pub(crate) source: Option<Source>,
}

/// The workloads that a rule is for.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// They have all of these labels.
    pub(crate) labels: BTreeMap<Arc<str>, Arc<str>>,
    /// They are in this namespace.
    pub(crate) namespace: Option<Arc<str>>,
}

impl Holds {
    /// Wherever its VirtualService does.
    pub(crate) fn everywhere() -> Self {
        Self {
            gateways: None,
            port: None,
            schemes: [true, true],
            source: None,
        }
    }

    /// Whether it can hold at a port of a Gateway.
    pub(crate) fn at_gateway(&self, gateway: &GatewayKey, port: u16, scheme: &str) -> bool {
        let is_this = |name: &GatewayName| match name {
            GatewayName::Mesh => false,
            GatewayName::Named { namespace, name } => {
                namespace.as_ref() == Some(&gateway.0) && *name == gateway.1
            }
        };
        self.source.is_none() && self.allows(is_this) && self.at(port, scheme)
    }

    /// Whether it can hold for requests from inside the cluster, which come in clear text; their port is a condition.
    pub(crate) fn in_mesh(&self) -> bool {
        let [http, _] = self.schemes;
        http && self.for_mesh()
    }

    /// Whether it may, as far as Gateways are asked for.
    pub(crate) fn for_mesh(&self) -> bool {
        self.allows(|name| *name == GatewayName::Mesh)
    }

    fn allows(&self, is_this: impl Fn(&GatewayName) -> bool) -> bool {
        self.gateways
            .as_ref()
            .is_none_or(|names| names.iter().any(is_this))
    }

    fn at(&self, port: u16, scheme: &str) -> bool {
        let [http, https] = self.schemes;
        let scheme = if scheme == "https" { https } else { http };
        scheme && self.port.is_none_or(|only| only == port)
    }

    /// Whether nothing but the Gateway is asked, so that an alternative without conditions takes everything.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.schemes == [true, true] && self.source.is_none()
    }
}

/// Of a rule for connections.
pub(crate) fn holds_l4(
    gateways: &[Spanned<GatewayName>],
    port: Option<u16>,
    labels: &BTreeMap<Arc<str>, Arc<str>>,
    namespace: Option<&Spanned<Arc<str>>>,
    own: &Arc<str>,
) -> Holds {
    let names = gateways.iter().map(|name| match &name.value {
        GatewayName::Named {
            namespace: None,
            name,
        } => GatewayName::Named {
            namespace: Some(own.clone()),
            name: name.clone(),
        },
        other => other.clone(),
    });
    Holds {
        gateways: (!gateways.is_empty()).then(|| names.collect()),
        port,
        schemes: [true, true],
        source: source(labels, namespace),
    }
}

/// Where an alternative holds. `None` if that could not be read, which is reported.
pub(super) fn holds(one: &HttpMatch, field: &str, reporter: &mut Reporter<'_>) -> Option<Holds> {
    let schemes = match &one.scheme {
        None => [true, true],
        Some(scheme) => {
            let condition = text(scheme, &format!("{field}.scheme"), reporter)?;
            ["http", "https"].map(|word| takes(&condition, word))
        }
    };
    Some(Holds {
        gateways: (!one.gateways.is_empty())
            .then(|| one.gateways.iter().map(|name| name.value.clone()).collect()),
        port: one.port.as_ref().map(|port| port.value),
        schemes,
        source: source(&one.source_labels, one.source_namespace.as_ref()),
    })
}

fn source(labels: &BTreeMap<Arc<str>, Arc<str>>, namespace: Option<&Spanned<Arc<str>>>) -> Option<Source> {
    (!labels.is_empty() || namespace.is_some()).then(|| Source {
        labels: labels.clone(),
        namespace: namespace.map(|name| name.value.clone()),
    })
}

/// Whether a text matches.
fn takes(condition: &ValueMatch, text: &str) -> bool {
    match condition {
        ValueMatch::Is(StringMatch::Exact(exact)) => **exact == *text,
        ValueMatch::Is(StringMatch::Prefix(prefix)) => text.starts_with(&**prefix),
        ValueMatch::Is(StringMatch::Suffix(suffix)) => text.ends_with(&**suffix),
        ValueMatch::Is(StringMatch::Regex(pattern)) => pattern.is_match(text),
        ValueMatch::Present => true,
        ValueMatch::Absent | ValueMatch::IsNot(_) => false,
    }
}

/// What is asked of a request. `None` if that could not be read, which is reported.
pub(super) fn conditions(one: &HttpMatch, field: &str, reporter: &mut Reporter<'_>) -> Option<Conditions> {
    let mut conditions = Conditions {
        path: match &one.uri {
            Some(uri) => path(uri, one.ignore_uri_case.value, &format!("{field}.uri"), reporter)?,
            None => PathMatch::Any,
        },
        ..Conditions::default()
    };
    // Every condition is looked at, so that a person mends them once.
    let mut sound = true;
    match one.method.as_ref().map(|method| (method, &method.value)) {
        None => {}
        Some((_, ApiMatch::Exact(method))) => conditions.methods.push(method.clone()),
        Some((method, _)) => match text(method, &format!("{field}.method"), reporter) {
            Some(value) => conditions.headers.push(header(":method", value)),
            None => sound = false,
        },
    }
    if let Some(authority) = &one.authority {
        match text(authority, &format!("{field}.authority"), reporter) {
            Some(value) => conditions.headers.push(header(":authority", value)),
            None => sound = false,
        }
    }
    for (name, condition) in &one.headers {
        match text(condition, &format!("{field}.headers.{name}"), reporter) {
            Some(value) => conditions.headers.push(header(&name.to_ascii_lowercase(), value)),
            None => sound = false,
        }
    }
    for (name, condition) in &one.without_headers {
        match text(condition, &format!("{field}.withoutHeaders.{name}"), reporter) {
            Some(value) => conditions
                .headers
                .push(header(&name.to_ascii_lowercase(), negated(value))),
            None => sound = false,
        }
    }
    for (name, condition) in &one.query_params {
        match text(condition, &format!("{field}.queryParams.{name}"), reporter) {
            Some(value) => conditions.query.push(QueryMatch {
                name: name.clone(),
                value,
            }),
            None => sound = false,
        }
    }
    sound.then_some(conditions)
}

fn header(name: &str, value: ValueMatch) -> HeaderMatch {
    HeaderMatch {
        name: name.into(),
        value,
    }
}

/// A header that is not there is not like anything, so a negated condition holds for it.
fn negated(value: ValueMatch) -> ValueMatch {
    match value {
        ValueMatch::Present => ValueMatch::Absent,
        ValueMatch::Is(text) => ValueMatch::IsNot(text),
        other => other,
    }
}

fn text(condition: &Spanned<ApiMatch>, field: &str, reporter: &mut Reporter<'_>) -> Option<ValueMatch> {
    Some(match &condition.value {
        ApiMatch::Present => ValueMatch::Present,
        ApiMatch::Exact(text) => ValueMatch::Is(StringMatch::Exact(text.clone())),
        ApiMatch::Prefix(text) => ValueMatch::Is(StringMatch::Prefix(text.clone())),
        ApiMatch::Regex(source) => {
            let source = Spanned::new(source.clone(), condition.pos);
            let pattern = pattern(&source, field, MATCH_TAKES_NOTHING, reporter)?;
            ValueMatch::Is(StringMatch::Regex(pattern))
        }
    })
}

/// What becomes of a rule of which an action cannot be read.
pub(super) const RULE_FAILS: &str = "this rule answers 500 until it is mended";
/// What becomes of a match that cannot be read.
const MATCH_TAKES_NOTHING: &str =
    "until it is mended this match takes no requests, and those of the rule's other matches are answered 500";

/// A regular expression, or a finding that says what happens `until_then`.
pub(super) fn pattern(
    source: &Spanned<Arc<str>>,
    field: &str,
    until_then: &str,
    reporter: &mut Reporter<'_>,
) -> Option<Pattern> {
    match Pattern::new(source.value.clone()) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            reporter.report(
                Code::InvalidRegex,
                field,
                source.pos,
                format!("\"{}\" is not a usable regular expression: {error}", source.value),
                format!(
                    "patterns match the whole value, without look-around and back-references, and have a bounded size; \
                     {until_then}"
                ),
            );
            None
        }
    }
}

/// Letters of expressions keep their case, as in Istio.
fn path(
    uri: &Spanned<ApiMatch>,
    ignores_case: bool,
    field: &str,
    reporter: &mut Reporter<'_>,
) -> Option<PathMatch> {
    report_impossible(uri, field, reporter);
    let lower = |text: &Arc<str>| -> Arc<str> { text.to_ascii_lowercase().into() };
    Some(match &uri.value {
        ApiMatch::Present => PathMatch::Any,
        ApiMatch::Prefix(text) if **text == *"/" => PathMatch::Any,
        ApiMatch::Prefix(text) if ignores_case => PathMatch::PrefixIgnoringCase(lower(text)),
        ApiMatch::Prefix(text) => PathMatch::Prefix(text.clone()),
        ApiMatch::Exact(text) if ignores_case => PathMatch::ExactIgnoringCase(lower(text)),
        ApiMatch::Exact(text) => PathMatch::Exact(text.clone()),
        ApiMatch::Regex(source) => {
            let source = Spanned::new(source.clone(), uri.pos);
            PathMatch::Regex(pattern(&source, field, MATCH_TAKES_NOTHING, reporter)?)
        }
    })
}

/// Says so when no path can be like this.
fn report_impossible(uri: &Spanned<ApiMatch>, field: &str, reporter: &mut Reporter<'_>) {
    let (ApiMatch::Exact(text) | ApiMatch::Prefix(text)) = &uri.value else {
        return;
    };
    let part = ["//", "/./", "/../"].into_iter().find(|part| text.contains(part));
    let part = part.or_else(|| idle_escape(text));
    let why = match part {
        _ if !text.starts_with('/') => format!("\"{text}\" does not start with a slash, and every path does"),
        Some(part) => format!("\"{text}\" holds \"{part}\", which no path has once it is normalised"),
        None if text.contains('?') => {
            format!("\"{text}\" holds a question mark, and the query is no part of the path")
        }
        None => return,
    };
    reporter.report(
        Code::IgnoredField,
        field,
        uri.pos,
        format!("this never matches: {why}"),
        "write the path as it stands in a request; conditions on the query go into queryParams",
    );
}
