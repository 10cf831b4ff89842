//! The thread: asks the state machine what is due, does it, writes down what came of it.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::state::State;
use super::{Change, Shared};
use crate::CertError;
use crate::acme::core::{Context, Failure, FailureKind, Next, Outcome, Step, Timestamp, apply, begin};
use crate::acme::worker::{Done, Job};
use crate::leaf::Names;

/// Steps at once. Authorities ask for patience, not for speed.
const AT_ONCE: usize = 4;
/// The clock may be set, and a machine may sleep: nobody waits longer than this without looking again.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How often another process's lock is tried, and its proofs are looked for, which an authority may ask of us at once.
const LOOK: Duration = Duration::from_millis(250);
/// Of so many looks one is for its certificates too. They are larger, and nobody waits for them.
const CERTIFICATES: u32 = 4;
/// How often a folder is tried that could not be read.
const TRY_AGAIN: Duration = Duration::from_secs(10);

type Steps = JoinSet<(Names, Arc<Job>, Done)>;

/// Until the manager is dropped.
pub(super) async fn run(shared: &Arc<Shared>) {
    tokio::select! {
        () = shared.stop.notified() => {}
        () = work(shared) => {}
    }
}

async fn work(shared: &Arc<Shared>) {
    let mut right: Option<File> = None;
    let mut looks = 0_u32;
    let mut steps = Steps::new();
    loop {
        if shared.lock().wanted.is_empty() {
            shared.wake.notified().await;
            continue;
        }
        if right.is_none() {
            right = take_right(shared, looks.is_multiple_of(CERTIFICATES));
            looks = looks.wrapping_add(1);
        }
        let sleep = match right {
            Some(_) => start_due(shared, &mut steps),
            None => LOOK,
        };
        tokio::select! {
            Some(done) = steps.join_next() => match done {
                Ok((names, job, done)) => finish(shared, &names, &job, done),
                // A step that panicked is done again after the pause that its record has.
                Err(_) => shared.lock().certificates.values_mut().for_each(|c| c.working = None),
            },
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

/// The right to order, with all that the process before has written. Without the right, what that process has published,
/// and its `certificates` if they are asked for.
fn take_right(shared: &Shared, certificates: bool) -> Option<File> {
    let right = shared.storage.try_lock();
    let mut state = shared.lock();
    let trouble = right.as_ref().err().map(ToString::to_string);
    let troubled = std::mem::replace(&mut state.folder_trouble, trouble) != state.folder_trouble;
    let right = right.ok().flatten();
    let changed = (certificates || right.is_some()) && state.reload(&shared.storage);
    state.orders_here = right.is_some();
    let proofs = state.proofs(&shared.storage);
    drop(state);
    // One that cannot be made is made by the step that wants it, which tells why.
    let _ = shared.challenges.replace(&proofs);
    if changed {
        (shared.on_change)(Change::Certificate);
    }
    if troubled {
        (shared.on_change)(Change::Trouble);
    }
    right
}

/// Starts what is due. The time until something else is.
fn start_due(shared: &Arc<Shared>, steps: &mut Steps) -> Duration {
    let now = Timestamp::from((shared.clock)());
    let mut sleep = LONGEST_SLEEP;
    let mut state = shared.lock();
    if let Err(error) = load_ledgers(&mut state, shared) {
        let trouble = Some(error.to_string());
        if std::mem::replace(&mut state.folder_trouble, trouble) != state.folder_trouble {
            drop(state);
            (shared.on_change)(Change::Trouble);
        }
        return TRY_AGAIN;
    }
    let mut troubled = false;
    let idle: Vec<Names> = state
        .certificates
        .iter()
        .filter(|(_, certificate)| certificate.working.is_none())
        .map(|(names, _)| names.clone())
        .collect();
    for names in idle {
        let Some(certificate) = state.certificates.get(&names) else {
            continue;
        };
        match state.next(certificate, &shared.policy, now) {
            None => {}
            Some(Next::Wait(at, _)) => sleep = sleep.min(at.since(now)),
            Some(Next::Do(_)) if steps.len() >= AT_ONCE => {}
            Some(Next::Do(step)) => match begin_step(&mut state, shared, &names, step, now) {
                Some(job) => {
                    let worker = Arc::clone(&shared.worker);
                    let job = Arc::new(job);
                    steps.spawn(async move {
                        let done = Box::pin(worker.perform(&job)).await;
                        (names, job, done)
                    });
                }
                None => troubled = true,
            },
        }
    }
    drop(state);
    if troubled {
        (shared.on_change)(Change::Trouble);
    }
    // Rounded up, so that it is due when the sleep is over.
    sleep + Duration::from_millis(1)
}

fn load_ledgers(state: &mut State, shared: &Shared) -> Result<(), CertError> {
    let issuers = state
        .certificates
        .values()
        .filter_map(|certificate| certificate.issuer.clone());
    for issuer in issuers.collect::<Vec<_>>() {
        if !state.ledgers.contains_key(&issuer.directory) {
            let ledger = shared.storage.ledger(&issuer.directory)?;
            state.ledgers.insert(Arc::clone(&issuer.directory), ledger);
        }
    }
    Ok(())
}

/// Writes down what is about to be done. What cannot be written is not done.
fn begin_step(state: &mut State, shared: &Shared, names: &Names, step: Step, now: Timestamp) -> Option<Job> {
    let State {
        certificates,
        ledgers,
        counters,
        ..
    } = state;
    let certificate = certificates.get_mut(names)?;
    let issuer = Arc::clone(certificate.issuer.as_ref()?);
    let ledger = ledgers.entry(Arc::clone(&issuer.directory)).or_default();
    let before = (certificate.record.clone(), ledger.clone());
    begin(&mut certificate.record, ledger, step, now);
    let written = shared
        .storage
        .write_ledger(&issuer.directory, ledger)
        .and_then(|()| shared.storage.write_record(names, &certificate.record));
    if let Err(error) = written {
        (certificate.record, *ledger) = before;
        let failure = Outcome::Failed(Failure::from(error));
        let cx = Context {
            directory: &issuer.directory,
            policy: &shared.policy,
            now,
        };
        // Not as the failure of an order, which would be taken from the ledger.
        apply(&mut certificate.record, ledger, Step::Poll, failure, cx);
        *counters.failures.entry(FailureKind::Disk).or_default() += 1;
        return None;
    }
    counters.orders += u64::from(step == Step::Order);
    certificate.working = Some(step);
    Some(Job {
        step,
        names: names.clone(),
        record: certificate.record.clone(),
        issuer,
        pair: certificate.pair.clone(),
    })
}

/// Takes what came of a step.
fn finish(shared: &Shared, names: &Names, job: &Job, done: Done) {
    let now = Timestamp::from((shared.clock)());
    let mut state = shared.lock();
    let State {
        certificates,
        ledgers,
        counters,
        ..
    } = &mut *state;
    let Some(certificate) = certificates.get_mut(names) else {
        return;
    };
    certificate.working = None;
    count(counters, job, &done.outcome);
    let ledger = ledgers.entry(Arc::clone(&job.issuer.directory)).or_default();
    let cx = Context {
        directory: &job.issuer.directory,
        policy: &shared.policy,
        now,
    };
    let issued = matches!(done.outcome, Outcome::Issued(..));
    let failed = matches!(done.outcome, Outcome::Failed(_));
    apply(&mut certificate.record, ledger, job.step, done.outcome, cx);
    let written = shared
        .storage
        .write_ledger(&job.issuer.directory, ledger)
        .and_then(|()| shared.storage.write_record(names, &certificate.record));
    if issued && written.is_ok() {
        shared.storage.remove_order_key(names);
    }
    let changed = done.pair.is_some();
    if changed {
        certificate.pair = done.pair;
    }
    // In memory all is well; a restart would do this step again, which every step allows.
    let trouble = written.err().map(|error| error.to_string());
    let troubled = std::mem::replace(&mut state.folder_trouble, trouble) != state.folder_trouble;
    drop(state);
    if changed {
        (shared.on_change)(Change::Certificate);
    }
    if failed || troubled {
        (shared.on_change)(Change::Trouble);
    }
}

fn count(counters: &mut super::Counters, job: &Job, outcome: &Outcome) {
    match outcome {
        Outcome::Issued(..) => {
            counters.issued += 1;
            counters.renewals += u64::from(job.record.issued.is_some());
        }
        Outcome::Failed(failure) => *counters.failures.entry(failure.kind).or_default() += 1,
        _ => {}
    }
}
