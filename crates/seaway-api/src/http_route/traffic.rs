//! What is done to some requests: trying again, copying, failing, delaying.

use std::sync::Arc;

use super::{Destination, Text};
use crate::decode::{Cx, Duration, Group, Invalid, List, Percent, Shape, Uint, at, nearest, obj, object};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

/// A percentage, in millionths: `10` is 100,000. 0 to 1,000,000.
pub type Percentage = Spanned<u32>;

const ALL: u32 = 1_000_000;

object! {
    /// When a request is tried again.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Retries {
        /// How many tries there may be after the first.
        attempts: Spanned<u32> = "attempts", required, at(Uint(0, u32::MAX as i64));
        /// How long one try may take.
        per_try_timeout: Option<Spanned<u64>> =
            "perTryTimeout" | "perTryTimeoutSeconds" | "perTtyTimeoutSeconds", optional, at(Duration);
        /// On what: words of Envoy's retry policy, or statuses.
        retry_on: Vec<Text> = "retryOn", default(Vec::new(), "`gateway-error`, `connect-failure`, `refused-stream`"), List(at(RetryWord));
    }
}

/// One of `retryOn`.
struct RetryWord;

/// The words of Envoy's retry policies that have a meaning here.
const RETRY_WORDS: [&str; 11] = [
    "5xx",
    "gateway-error",
    "reset",
    "connect-failure",
    "refused-stream",
    "retriable-4xx",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

impl Shape for RetryWord {
    type Out = Arc<str>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Arc<str>> {
        let written = match &node.value {
            Value::Int(number) => number.to_string(),
            Value::String(text) => text.to_string(),
            _ => {
                cx.wrong_type(node, "text");
                return None;
            }
        };
        match retry_word(&written) {
            Ok(()) => Some(cx.intern(&written)),
            Err(Invalid { message, help }) => {
                cx.report(ProblemKind::InvalidValue, node.pos, message, help);
                None
            }
        }
    }
    fn words(&self) -> String {
        let words: Vec<String> = RETRY_WORDS.iter().map(|word| format!("`{word}`")).collect();
        format!("{}, or a status from 100 to 599", words.join(", "))
    }
}

fn retry_word(written: &str) -> Result<(), Invalid> {
    if RETRY_WORDS.contains(&written) {
        return Ok(());
    }
    if written.bytes().all(|b| b.is_ascii_digit())
        && written
            .parse()
            .is_ok_and(|status: u16| (100..=599).contains(&status))
    {
        return Ok(());
    }
    let help = if written.contains(',') {
        "write each word as an item of its own".to_owned()
    } else if let Some(near) = nearest(written, RETRY_WORDS.into_iter()) {
        format!("did you mean \"{near}\"?")
    } else {
        format!(
            "write a status from 100 to 599, or one of {}",
            RETRY_WORDS.join(", ")
        )
    };
    Err(Invalid::new(
        format!("{written:?} is not a reason to retry"),
        help,
    ))
}

object! {
    /// A copy of some requests.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Mirror {
        /// How many of the requests.
        percentage: Percentage = "percentage", default(Spanned::unwritten(ALL), "`100`"), at(Percent);
        /// Where the copies go. A weight does nothing here.
        destination: Destination = "destination", required, obj();
    }
    check warn_of_weight;
}

/// Kalm's own tools always write the weight, so that warning of it would help nobody.
fn warn_of_weight(cx: &mut Cx, node: &Node<'_>) {
    if cx.group != Group::Kalm
        && let Some(destination) = node.get("destination")
    {
        cx.within("destination", |cx| {
            cx.ignored(destination, "weight", "in a mirror");
        });
    }
}

object! {
    /// An error for some requests.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Fault {
        /// How many of the requests.
        percentage: Percentage = "percentage", default(Spanned::unwritten(ALL), "`100`"), at(Percent);
        /// The status that they are answered with.
        error_status: Spanned<u16> = "errorStatus", required, at(Uint(200, 599));
    }
}

object! {
    /// A delay for some requests.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Delay {
        /// How many of the requests.
        percentage: Percentage = "percentage", default(Spanned::unwritten(ALL), "`100`"), at(Percent);
        /// How long they are held back.
        delay: Spanned<u64> = "delay" | "delaySeconds", required, at(Duration);
    }
}
