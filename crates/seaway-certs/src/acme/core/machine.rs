//! The transitions.

use std::time::Duration;

use super::backoff::{self, random};
use super::{
    FailureKind, IssuedInfo, LastError, Ledger, Limit, OrderRecord, Phase, Policy, Record, Timestamp,
    renew_at,
};

/// How often an authority without renewal information, or one that does not answer, is asked for it.
const ASK_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What a decision depends on besides the state.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The directory that the certificate should come from.
    pub(crate) directory: &'a str,
    pub(crate) policy: &'a Policy,
    pub(crate) now: Timestamp,
}

/// Something to do at the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask when it wants the certificate renewed.
    AskRenewal,
    /// Make an order.
    Order,
    /// Publish answers and tell it.
    Challenge,
    /// Ask whether it has seen them.
    Poll,
    /// Send the request for the certificate.
    Finalize,
    /// Fetch the certificate.
    Download,
}

/// What to do, or until when not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Do(Step),
    Wait(Timestamp, Waiting),
}

/// Why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// There is a certificate, and it is not old enough.
    Renewal,
    /// The authority works, or a failure was not long ago.
    Pause,
    /// One of our limits.
    Limit(Limit),
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// To [`Step::AskRenewal`]: the suggested window, if the authority has such a thing, and when to ask again.
    Renewal(Option<(Timestamp, Timestamp)>, Duration),
    /// To [`Step::Order`]: the order's URL.
    Ordered(String),
    /// To [`Step::Challenge`]: the authority was told.
    Answered,
    /// It is not done yet; with the pause that it asks for.
    Pending(Option<Duration>),
    /// To [`Step::Poll`], and to [`Step::Challenge`] where nothing had to be proven again.
    Ready,
    /// To [`Step::Finalize`].
    Finalized,
    /// To [`Step::Download`]: valid from and to.
    Issued(Timestamp, Timestamp),
    /// To any.
    Failed(Failure),
}

/// A step failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// In plain words, with what to do.
    pub(crate) message: String,
    /// What the authority asks for.
    pub(crate) retry_after: Option<Duration>,
    /// The order, if there was one, is of no more use.
    pub(crate) order_lost: bool,
    /// Certainly no order was made.
    pub(crate) not_ordered: bool,
    /// Hosts whose validation failed.
    pub(crate) hosts: Vec<String>,
    /// The order must not name the certificate it replaces.
    pub(crate) without_replaces: bool,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
            order_lost: false,
            not_ordered: false,
            hosts: Vec::new(),
            without_replaces: false,
        }
    }
}

/// What to do for a certificate now.
pub(crate) fn next(record: &Record, ledger: &Ledger, cx: Context<'_>) -> Next {
    let order = record
        .order
        .as_ref()
        .filter(|order| order.directory == cx.directory);
    if order.is_none()
        && let Some(issued) = current(record, cx)
    {
        let due = renew_at(issued, &record.names.join(","));
        let pause = record.not_before.unwrap_or_default();
        if cx.now < due {
            let ask = issued.ask_again.max(pause);
            return match cx.now < ask {
                true => Next::Wait(due.min(ask), Waiting::Renewal),
                false => Next::Do(Step::AskRenewal),
            };
        }
    }
    if let Some(until) = record.not_before.filter(|until| cx.now < *until) {
        return Next::Wait(until, Waiting::Pause);
    }
    let renewal = current(record, cx).is_some();
    let (step, limit) = match order.map(|order| order.phase) {
        None => (
            Step::Order,
            ledger.order_allowed(record, renewal, cx.policy, cx.now),
        ),
        Some(Phase::Challenging) => (
            Step::Challenge,
            ledger.challenge_allowed(record, cx.policy, cx.now),
        ),
        Some(Phase::Validating) => (Step::Poll, None),
        Some(Phase::Finalizing) => (
            Step::Finalize,
            // Asked for again, it is still the same one.
            order
                .filter(|order| !order.counted)
                .and_then(|order| ledger.certificate_allowed(record, order.renewal, cx.policy, cx.now)),
        ),
        Some(Phase::Downloading) => (Step::Download, None),
    };
    match limit {
        Some((at, limit)) => Next::Wait(at, Waiting::Limit(limit)),
        None => Next::Do(step),
    }
}

/// A certificate from the directory that is wanted.
fn current<'a>(record: &'a Record, cx: Context<'_>) -> Option<&'a IssuedInfo> {
    record
        .issued
        .as_ref()
        .filter(|issued| issued.directory == cx.directory)
}

/// To be called, and written to disk, before a step is done.
pub(crate) fn begin(record: &mut Record, ledger: &mut Ledger, step: Step, now: Timestamp) {
    match (step, &mut record.order) {
        (Step::Order, order) => {
            *order = None;
            ledger.ordered(record, now);
        }
        (Step::Finalize, Some(order)) if !order.counted => {
            order.counted = true;
            let renewal = order.renewal;
            ledger.certified(record, renewal, now);
        }
        _ => {}
    }
}

/// After a restart: what was published is gone, so it is published again. The order goes on.
pub(crate) fn resume(record: &mut Record) {
    if let Some(order) = &mut record.order
        && order.phase == Phase::Validating
    {
        order.phase = Phase::Challenging;
    }
}

/// Takes what came of a step.
pub(crate) fn apply(record: &mut Record, ledger: &mut Ledger, step: Step, outcome: Outcome, cx: Context<'_>) {
    match outcome {
        Outcome::Renewal(window, again) => {
            if let Some(issued) = &mut record.issued {
                issued.window = window;
                issued.ask_again = cx.now.after(again);
            }
        }
        // Renewal information is a courtesy; that it is missing is no failure of the certificate.
        Outcome::Failed(failure) if step == Step::AskRenewal => {
            if let Some(issued) = &mut record.issued {
                let again = failure.retry_after.unwrap_or(ASK_AGAIN / 4).min(ASK_AGAIN);
                issued.ask_again = cx.now.after(again);
            }
        }
        Outcome::Ordered(url) => {
            record.not_before = None;
            record.order = Some(OrderRecord {
                directory: cx.directory.to_owned(),
                url,
                phase: Phase::Challenging,
                polls: 0,
                counted: false,
                renewal: current(record, cx).is_some(),
            });
        }
        Outcome::Answered => {
            enter(record, Phase::Validating);
            record.not_before = Some(cx.now.after(backoff::poll(0, None)));
        }
        Outcome::Pending(retry_after) => pending(record, retry_after, cx.now),
        Outcome::Ready => enter(record, Phase::Finalizing),
        Outcome::Finalized => enter(record, Phase::Downloading),
        Outcome::Issued(not_before, not_after) => issued(record, not_before, not_after, cx),
        Outcome::Failed(failure) => failed(record, ledger, step, failure, cx),
    }
}

fn enter(record: &mut Record, phase: Phase) {
    record.not_before = None;
    if let Some(order) = &mut record.order {
        order.phase = phase;
        order.polls = 0;
    }
}

fn pending(record: &mut Record, retry_after: Option<Duration>, now: Timestamp) {
    if let Some(order) = &mut record.order {
        order.polls = order.polls.saturating_add(1);
        record.not_before = Some(now.after(backoff::poll(order.polls, retry_after)));
    }
}

fn issued(record: &mut Record, not_before: Timestamp, not_after: Timestamp, cx: Context<'_>) {
    record.issued = Some(IssuedInfo {
        directory: cx.directory.to_owned(),
        not_before,
        not_after,
        window: None,
        ask_again: cx.now.after(Duration::from_secs(60)),
    });
    record.order = None;
    record.not_before = None;
    record.failures = 0;
    record.last_error = None;
    record.without_replaces = false;
}

fn failed(record: &mut Record, ledger: &mut Ledger, step: Step, failure: Failure, cx: Context<'_>) {
    if step == Step::Order && failure.not_ordered {
        ledger.not_ordered(record);
    }
    for host in &failure.hosts {
        ledger.failed(host, cx.now);
    }
    if failure.order_lost {
        record.order = None;
    } else if let Some(order) = &mut record.order
        && order.phase == Phase::Validating
    {
        // Whatever it was, the answers are published again before the authority is asked again.
        order.phase = Phase::Challenging;
    }
    // A failure of another kind is partly progress; all of it would let two kinds take turns without a pause.
    let same = record
        .last_error
        .as_ref()
        .is_none_or(|last| last.kind == failure.kind);
    record.failures = if same {
        record.failures
    } else {
        record.failures / 2
    }
    .saturating_add(1);
    let random = random(
        cx.policy.seed,
        &record.names.join(","),
        u64::from(record.failures),
    );
    let expiry = record.issued.as_ref().map(|issued| issued.not_after);
    let pause = backoff::pause(
        failure.kind,
        record.failures,
        failure.retry_after,
        expiry,
        cx.now,
        random,
    );
    record.not_before = Some(cx.now.after(pause));
    record.without_replaces |= failure.without_replaces;
    record.last_error = Some(LastError {
        kind: failure.kind,
        message: failure.message,
        at: cx.now,
        patience_asked: failure.retry_after.is_some(),
    });
}

#[cfg(test)]
mod tests;
