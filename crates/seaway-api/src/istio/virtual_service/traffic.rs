//! What is done to some requests: trying again, copying, failing, delaying, and what scripts of other origins may do.

use std::sync::Arc;

use super::super::shapes::{COUNT, DURATION, PERCENT, StringMatchShape};
use super::super::{Percentage, Text};
use super::{Destination, StringMatch};
use crate::decode::{
    Cx, Invalid, List, OneOf, Parsed, Percent, Shape, TRUE_FALSE, Uint, at, nearest, obj, object, syntax,
};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

/// Every request.
pub(super) const ALL: u32 = 1_000_000;

object! {
    /// When a request is tried again.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Retries {
        /// How many tries there may be after the first; 0: none.
        attempts: Spanned<u32> = "attempts", default(Spanned::default(), "`0`"), COUNT;
        /// How long one try may take.
        per_try_timeout: Option<Spanned<u64>> = "perTryTimeout", optional, DURATION;
        /// On what: words of Envoy's retry policy and statuses, with commas between them.
        retry_on: Vec<Text> = "retryOn", default(Vec::new(), "`connect-failure,refused-stream,unavailable,cancelled`"), RetryOn;
        /// The first pause; each later one is twice as long at most.
        backoff: Option<Spanned<u64>> = "backoff", optional, DURATION;
    }
    unimplemented ["retryRemoteLocalities", "retryIgnorePreviousHosts"];
    finish check_retries;
}

fn check_retries(retries: Retries, cx: &mut Cx, node: &Node<'_>) -> Option<Retries> {
    if retries.attempts.value == 0 {
        for name in [
            "perTryTimeout",
            "retryOn",
            "backoff",
            "retryRemoteLocalities",
            "retryIgnorePreviousHosts",
        ] {
            if let Some(entry) = cx.entry(node, name) {
                let message = format!("\"{name}\" without attempts: nothing is tried again");
                let help = "add \"attempts\", or remove it";
                cx.report_in(name, ProblemKind::ConflictingFields, entry.pos, message, help);
            }
        }
    }
    Some(retries)
}

/// Words with commas between them.
struct RetryOn;

/// What Envoy knows, and Istio accepts.
const NAMED: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

impl Shape for RetryOn {
    type Out = Vec<Text>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Vec<Text>> {
        let Some(written) = node.as_str() else {
            cx.wrong_type(node, "text");
            return None;
        };
        let mut words = Vec::new();
        for word in written.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match retry_word(word) {
                Ok(()) => words.push(Spanned::new(cx.intern(word), node.pos)),
                Err(Invalid { message, help }) => {
                    cx.report(ProblemKind::InvalidValue, node.pos, message, help);
                    return None;
                }
            }
        }
        Some(words)
    }
    fn words(&self) -> String {
        "text: words and statuses with commas between them".to_owned()
    }
    fn refused(&self) -> Vec<String> {
        let words = NAMED.iter().map(|word| format!("5xx,{word}x"));
        words.chain(["'99'".to_owned(), "'600'".to_owned()]).collect()
    }
}

fn retry_word(word: &str) -> Result<(), Invalid> {
    let is_status = word
        .parse()
        .is_ok_and(|status: u16| (100..=599).contains(&status));
    if is_status || NAMED.contains(&word) {
        return Ok(());
    }
    let help = match nearest(word, NAMED.into_iter()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("write statuses from 100 to 599, or words of {}", NAMED.join(", ")),
    };
    Err(Invalid::new(format!("{word:?} is not a reason to retry"), help))
}

object! {
    /// Copies of some requests.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Mirror {
        /// Where they go.
        destination: Spanned<Destination> = "destination", required, at(obj());
        /// How many of the requests.
        percentage: Percentage = "percentage", default(Spanned::unwritten(ALL), "all"), PERCENT;
    }
}

object! {
    /// Faults on purpose: a delay, an error, or both.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Fault {
        /// Hold requests back.
        delay: Option<Spanned<Delay>> = "delay", optional, at(obj());
        /// Answer with an error.
        abort: Option<Spanned<Abort>> = "abort", optional, at(obj());
    }
    finish check_fault;
}

fn check_fault(fault: Fault, cx: &mut Cx, node: &Node<'_>) -> Option<Fault> {
    if fault == Fault::default() {
        let message = "a fault that does nothing";
        cx.report(ProblemKind::MissingField, node.pos, message, "add delay or abort");
    }
    Some(fault)
}

object! {
    /// A delay for some requests.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Delay {
        /// How long they are held back.
        fixed_delay: Spanned<u64> = "fixedDelay", required, DURATION;
        /// How many of the requests.
        percentage: Option<Percentage> = "percentage", optional, PERCENT;
        /// The same, in the older form.
        percent: Option<Percentage> = "percent", optional, at(Percent);
    }
    unimplemented ["exponentialDelay"];
    finish check_delay;
}

impl Delay {
    /// How many of the requests, in whichever form it is written; none if it is not.
    #[must_use]
    pub fn share(&self) -> Percentage {
        let written = self.percentage.clone().or_else(|| self.percent.clone());
        written.unwrap_or_default()
    }
}

fn check_delay(delay: Delay, cx: &mut Cx, node: &Node<'_>) -> Option<Delay> {
    cx.refuse_both(node, "percentage", "percent", "keep \"percentage\"");
    if delay.percentage.is_none() && delay.percent.is_none() {
        warn_of_no_share(cx, node);
    }
    Some(delay)
}

/// Istio takes a missing share for nothing at all.
fn warn_of_no_share(cx: &mut Cx, node: &Node<'_>) {
    let message = "a fault without a percentage is for no request";
    let help = "add \"percentage: {value: 100}\" for all of them";
    cx.report_in("percentage", ProblemKind::IgnoredField, node.pos, message, help);
}

object! {
    /// An error for some requests: `httpStatus` or `grpcStatus`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Abort {
        /// The status that they are answered with.
        http_status: Option<Spanned<u16>> = "httpStatus", optional, at(Uint(200, 599));
        /// The gRPC status that they are answered with, by its name.
        grpc_status: Option<Spanned<u8>> = "grpcStatus", optional, at(GRPC);
        /// How many of the requests.
        percentage: Option<Percentage> = "percentage", optional, PERCENT;
    }
    unimplemented ["http2Error", "percent"];
    finish check_abort;
}

impl Abort {
    /// How many of the requests; none if it is not written.
    #[must_use]
    pub fn share(&self) -> Percentage {
        self.percentage.clone().unwrap_or_default()
    }
}

/// The names that gRPC gives its statuses, and their numbers.
const GRPC: OneOf<u8> = OneOf(&[
    ("OK", 0),
    ("CANCELLED", 1),
    ("UNKNOWN", 2),
    ("INVALID_ARGUMENT", 3),
    ("DEADLINE_EXCEEDED", 4),
    ("NOT_FOUND", 5),
    ("ALREADY_EXISTS", 6),
    ("PERMISSION_DENIED", 7),
    ("RESOURCE_EXHAUSTED", 8),
    ("FAILED_PRECONDITION", 9),
    ("ABORTED", 10),
    ("OUT_OF_RANGE", 11),
    ("UNIMPLEMENTED", 12),
    ("INTERNAL", 13),
    ("UNAVAILABLE", 14),
    ("DATA_LOSS", 15),
    ("UNAUTHENTICATED", 16),
]);

fn check_abort(abort: Abort, cx: &mut Cx, node: &Node<'_>) -> Option<Abort> {
    cx.refuse_both(node, "httpStatus", "grpcStatus", "keep one of the two");
    if abort.http_status.is_none() && abort.grpc_status.is_none() {
        cx.missing(
            node,
            "httpStatus",
            "add the status that requests are answered with",
        );
    }
    if abort.percentage.is_none() {
        warn_of_no_share(cx, node);
    }
    Some(abort)
}

/// What becomes of preflights of origins that are not allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnmatchedPreflights {
    /// They are forwarded.
    #[default]
    Forward,
    /// They are answered here, without permission.
    Ignore,
}

const UNMATCHED: OneOf<UnmatchedPreflights> = OneOf(&[
    ("UNSPECIFIED", UnmatchedPreflights::Forward),
    ("FORWARD", UnmatchedPreflights::Forward),
    ("IGNORE", UnmatchedPreflights::Ignore),
]);

object! {
    /// What scripts of other origins may do.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Cors {
        /// Origins that are allowed.
        allow_origins: Vec<Spanned<StringMatch>> =
            "allowOrigins", default(Vec::new(), "none"), List(at(StringMatchShape { may_be_empty: false }));
        /// The same in the older form: exact origins, or `*`.
        allow_origin: Vec<Text> = "allowOrigin", default(Vec::new(), "none"), List(at(Parsed("origin", syntax::not_empty)));
        /// Methods that are allowed.
        allow_methods: Vec<Text> = "allowMethods", default(Vec::new(), "none"), List(at(Parsed("method", method)));
        /// Request headers that are allowed, or `*`.
        allow_headers: Vec<Text> = "allowHeaders", default(Vec::new(), "none"), List(at(Parsed("header name", syntax::header_name)));
        /// Response headers that scripts may read, or `*`.
        expose_headers: Vec<Text> = "exposeHeaders", default(Vec::new(), "none"), List(at(Parsed("header name", syntax::header_name)));
        /// How long the answer to a preflight may be kept.
        max_age: Option<Spanned<u64>> = "maxAge", optional, DURATION;
        /// Whether cookies may come along.
        allow_credentials: Spanned<bool> = "allowCredentials", default(Spanned::default(), "`false`"), at(TRUE_FALSE);
        /// What becomes of preflights of other origins.
        unmatched_preflights: Spanned<UnmatchedPreflights> =
            "unmatchedPreflights", default(Spanned::default(), "`FORWARD`"), at(UNMATCHED);
    }
    finish check_cors;
}

impl Cors {
    /// Origins that are allowed, in whichever form they are written.
    #[must_use]
    pub fn origins(&self) -> Vec<Spanned<StringMatch>> {
        let older = self
            .allow_origin
            .iter()
            .map(|text| Spanned::new(StringMatch::Exact(Arc::clone(&text.value)), text.pos));
        self.allow_origins.iter().cloned().chain(older).collect()
    }
}

/// What Istio accepts here. Methods count in capitals.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE",
];

fn method(text: &str) -> Result<Arc<str>, Invalid> {
    if text == "*" || METHODS.contains(&text) {
        return Ok(text.into());
    }
    let help = match nearest(&text.to_ascii_uppercase(), METHODS.into_iter()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("write some of {}, or \"*\" for every method", METHODS.join(", ")),
    };
    Err(Invalid::new(format!("{text:?} is not a method"), help))
}

fn check_cors(cors: Cors, cx: &mut Cx, _: &Node<'_>) -> Option<Cors> {
    if let Some(age) = cors.max_age.as_ref().filter(|age| age.value % 1000 != 0) {
        let message = "a preflight is kept for whole seconds";
        let help = "write for example 24h or 10s";
        cx.report_in("maxAge", ProblemKind::InvalidValue, age.pos, message, help);
    }
    Some(cors)
}
