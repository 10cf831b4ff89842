//! Doing one step at an authority. A step knows nothing of the steps before it but the order's URL, so that it may as well
//! be the first of a process.

mod account;
mod order;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::{Account, CertificateIdentifier};
use rustls_pki_types::CertificateDer;
use seaway_model::KeyPair;

use super::challenges::Challenges;
use super::core::{Failure, Outcome, Record, Step, Timestamp};
use super::dns::Dns;
use super::failure;
use super::storage::Storage;
use super::transport::Transport;
use crate::leaf::{self, Names};
use seaway_model::AcmeIssuer;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What steps share.
pub(crate) struct Worker {
    pub(crate) storage: Storage,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) dns: Dns,
    /// One account is made at a time.
    pub(crate) accounts: tokio::sync::Mutex<()>,
}

/// One step of one certificate.
pub(crate) struct Job {
    pub(crate) step: Step,
    pub(crate) names: Names,
    pub(crate) record: Record,
    pub(crate) issuer: Arc<AcmeIssuer>,
    /// What serves now.
    pub(crate) pair: Option<KeyPair>,
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    /// The new certificate. It is on disk.
    pub(crate) pair: Option<KeyPair>,
}

/// An authority, as an account.
pub(super) struct Session<'a> {
    pub(super) account: Account,
    pub(super) transport: Transport,
    pub(super) job: &'a Job,
}

impl Session<'_> {
    pub(super) fn failure(&self, error: &instant_acme::Error) -> Failure {
        failure::of(error, self.transport.last(), &self.job.issuer.directory)
    }

    pub(super) fn url(&self) -> String {
        self.job
            .record
            .order
            .as_ref()
            .map(|order| order.url.clone())
            .unwrap_or_default()
    }
}

impl Worker {
    pub(crate) async fn perform(&self, job: &Job) -> Done {
        match self.try_perform(job).await {
            Ok(done) => done,
            Err(failure) => Done {
                outcome: Outcome::Failed(failure),
                pair: None,
            },
        }
    }

    async fn try_perform(&self, job: &Job) -> Result<Done, Failure> {
        let session = self.session(job).await?;
        let done = match job.step {
            Step::AskRenewal => self.ask_renewal(&session).await.map(plain),
            Step::Order => self.order(&session).await.map(plain),
            Step::Challenge => self.challenge(&session).await.map(plain),
            Step::Poll => self.poll(&session).await.map(plain),
            Step::Finalize => self.finalize(&session).await.map(plain),
            Step::Download => self.download(&session).await,
        };
        match done {
            Ok(done) => Ok(done),
            Err(failure) => Err(self.suspect_account(&session, failure).await),
        }
    }

    async fn ask_renewal(&self, session: &Session<'_>) -> Result<Outcome, Failure> {
        let Some(id) = identifier(session.job) else {
            return Ok(Outcome::Renewal(None, DAY));
        };
        match session.account.renewal_info(&id).await {
            Ok((info, again)) => {
                let at = |time| Timestamp::from(SystemTime::from(time));
                let window = (at(info.suggested_window.start), at(info.suggested_window.end));
                // RFC 9773, section 4.3.2: sane limits, both ways.
                Ok(Outcome::Renewal(Some(window), again.clamp(HOUR, DAY)))
            }
            Err(instant_acme::Error::Unsupported(_)) => Ok(Outcome::Renewal(None, DAY)),
            Err(error) => Err(session.failure(&error)),
        }
    }
}

fn plain(outcome: Outcome) -> Done {
    Done { outcome, pair: None }
}

/// How the authority calls the certificate that serves (RFC 9773, section 4.1).
pub(super) fn identifier(job: &Job) -> Option<CertificateIdentifier<'static>> {
    let pair = job.pair.as_ref()?;
    let pem = leaf::first_block(&pair.certificate_chain)?;
    let der = CertificateDer::from(pem.contents);
    CertificateIdentifier::try_from(&der)
        .ok()
        .map(CertificateIdentifier::into_owned)
}
