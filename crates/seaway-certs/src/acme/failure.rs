//! From an authority's error to a kind of failure and a remedy.

use instant_acme::{Error, Problem};

use super::core::{Failure, FailureKind};
use super::transport::{Last, words};
use crate::CertError;

const URN: &str = "urn:ietf:params:acme:error:";

impl From<CertError> for Failure {
    fn from(error: CertError) -> Self {
        let kind = match error {
            CertError::Io { .. } => FailureKind::Disk,
            _ => FailureKind::Unexpected,
        };
        Self::new(kind, error.to_string())
    }
}

/// Of a request to an authority. `last` is what the answer's head said.
pub(crate) fn of(error: &Error, last: Last, directory: &str) -> Failure {
    let mut failure = match (error, last.status) {
        (Error::Api(problem), _) => of_problem(problem),
        (_, Some(status)) if status.is_server_error() => Failure::new(
            FailureKind::Unreachable,
            format!("{directory} answers {status}; it is asked again"),
        ),
        (_, Some(status)) if status.as_u16() == 429 => Failure::new(
            FailureKind::RateLimited,
            format!("{directory} says that it is asked too often; it is asked again later"),
        ),
        (Error::Other(cause), None) => Failure::new(
            FailureKind::Unreachable,
            format!(
                "{directory} cannot be reached: {}; check the network, and the issuer's server and root",
                words(&**cause)
            ),
        ),
        (error, _) => Failure::new(
            FailureKind::Unexpected,
            format!(
                "{directory} gives an answer that makes no sense: {error}; check that it is the URL of an ACME directory"
            ),
        ),
    };
    failure.retry_after = last.retry_after;
    // Without any answer an order may have been made all the same.
    failure.not_ordered = last.status.is_some();
    failure
}

/// A problem document (RFC 8555, section 6.7).
pub(crate) fn of_problem(problem: &Problem) -> Failure {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    let kind = kind.strip_prefix(URN).unwrap_or(kind);
    let (class, remedy) = match kind {
        "rateLimited" => (FailureKind::RateLimited, "it is asked again when it allows that"),
        "serverInternal" => (FailureKind::Unreachable, "it is asked again"),
        "badNonce" => (FailureKind::Unreachable, "it is asked again"),
        "accountDoesNotExist" => (FailureKind::Account, "a new account is made"),
        "externalAccountRequired" => (
            FailureKind::Refused,
            "this authority wants a key identifier and an HMAC key, which it hands out to its customers",
        ),
        "invalidContact" | "unsupportedContact" => {
            (FailureKind::Refused, "correct the issuer's e-mail address")
        }
        "rejectedIdentifier" | "unsupportedIdentifier" => (
            FailureKind::Refused,
            "this authority makes no certificate for that name; remove it, or use another",
        ),
        "caa" => (
            FailureKind::Challenge,
            "add the authority to the domain's CAA records",
        ),
        "dns" => (FailureKind::Challenge, "check the domain's DNS records"),
        "connection" => (
            FailureKind::Challenge,
            "the authority must reach the domain at this gateway: check its DNS records and the firewall",
        ),
        "tls" | "incorrectResponse" | "unauthorized" => (
            FailureKind::Challenge,
            "the domain must lead to this gateway: check its DNS records and what is in front",
        ),
        "userActionRequired" => (FailureKind::Refused, "agree to the authority's terms, as it says"),
        "orderNotReady" | "malformed" => (FailureKind::Order, "a new order is made"),
        "alreadyReplaced" => (FailureKind::Order, "a new order is made"),
        _ if problem.status.is_some_and(|status| status >= 500) => {
            (FailureKind::Unreachable, "it is asked again")
        }
        _ => (FailureKind::Unexpected, "it is tried again"),
    };
    let mut failure = Failure::new(
        class,
        format!("the authority says: {}; {remedy}", detail(problem, kind)),
    );
    failure.without_replaces = kind == "alreadyReplaced";
    failure.order_lost = matches!(class, FailureKind::Order | FailureKind::Account);
    failure
}

fn detail(problem: &Problem, kind: &str) -> String {
    let mut text = problem.detail.clone().unwrap_or_else(|| kind.to_owned());
    for sub in &problem.subproblems {
        text = format!("{text}; {sub}");
    }
    text
}
