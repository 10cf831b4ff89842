//! The issuing state machine: pure, with time and randomness passed in.
//!
//! ```text
//! Idle ──due──► Ordering ──► Challenging ──► Validating ──► Finalizing ──► Downloading ──► Idle, with a certificate
//!                  ▲              ▲               │ refused        │             │
//!                  └── back-off ──┴───────────────┴────────────────┴─────────────┘
//! ```
//!
//! One [`Record`] is the state of one certificate, one [`Ledger`] what was asked of one directory in the last week; both
//! are plain data that the driver writes to disk after every transition. [`next`] says what to do and when, [`begin`]
//! notes an order before it is sent, [`apply`] takes what came of it. Nothing here knows HTTP, files or threads, so a
//! year with outages and crashes is simulated in a second.
//!
//! Rejected: a task per certificate that sleeps between steps. Its state would live on a stack, where a restart loses it.

mod backoff;
mod ledger;
mod machine;
mod policy;
mod record;
mod renewal;
mod timestamp;

pub(crate) use ledger::{Ledger, Limit};
pub(crate) use machine::{Context, Failure, Next, Outcome, Step, Waiting, apply, begin, next, resume};
pub(crate) use policy::Policy;
pub use record::FailureKind;
pub(crate) use record::{IssuedInfo, LastError, OrderRecord, Phase, Record};
pub(crate) use renewal::renew_at;
pub(crate) use timestamp::Timestamp;

#[cfg(test)]
mod simulation;
