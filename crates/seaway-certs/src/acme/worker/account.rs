//! Accounts: made when first needed, kept, and made anew when the authority does not know one any more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use instant_acme::{Account, AccountCredentials, Error, ExternalAccountKey, NewAccount};
use serde::{Deserialize, Serialize};

use super::{Job, Session, Worker};
use crate::acme::core::{Failure, FailureKind, Step};
use crate::acme::failure;
use crate::acme::storage::{Shelf, file_name};
use crate::acme::transport::Transport;
use seaway_model::AcmeIssuer;

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    directory: String,
    email: Option<String>,
    credentials: AccountCredentials,
}

impl Worker {
    pub(super) async fn session<'a>(&self, job: &'a Job) -> Result<Session<'a>, Failure> {
        let roots = job.issuer.directory_roots.as_deref();
        let transport =
            Transport::new(roots).map_err(|error| not_ordered(Failure::new(FailureKind::Refused, error)))?;
        let account = self.account(&job.issuer, &transport).await.map_err(not_ordered)?;
        Ok(Session {
            account,
            transport,
            job,
        })
    }

    async fn account(&self, issuer: &AcmeIssuer, transport: &Transport) -> Result<Account, Failure> {
        let _one = self.accounts.lock().await;
        let http = || Account::builder_with_http(Box::new(transport.clone()));
        let of = |error: &Error| failure::of(error, transport.last(), &issuer.directory);
        let name = name(issuer);
        if let Some(kept) = self.storage.read::<Kept>(Shelf::Accounts, &name)?
            && kept.directory == *issuer.directory
        {
            return http()
                .from_credentials(kept.credentials)
                .await
                .map_err(|error| of(&error));
        }
        let contact = issuer.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let external = external(issuer)?;
        let (account, credentials) = http()
            .create(&new, issuer.directory.to_string(), external.as_ref())
            .await
            .map_err(|error| of(&error))?;
        let kept = Kept {
            directory: issuer.directory.to_string(),
            email: issuer.email.as_ref().map(ToString::to_string),
            credentials,
        };
        self.storage.write(Shelf::Accounts, &name, &kept)?;
        Ok(account)
    }

    /// After a refusal, whether it is the account that is refused: then it is forgotten, and the next step makes one.
    pub(super) async fn suspect_account(&self, session: &Session<'_>, failure: Failure) -> Failure {
        let suspicious = matches!(
            failure.kind,
            FailureKind::Account | FailureKind::Challenge | FailureKind::Order | FailureKind::Unexpected
        ) && failure.hosts.is_empty()
            && session.job.step != Step::AskRenewal;
        if !suspicious {
            return failure;
        }
        let email = session
            .job
            .issuer
            .email
            .as_ref()
            .map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = email.iter().map(String::as_str).collect();
        let dead = match session.account.update_contacts(&contact).await {
            Err(Error::Api(problem)) => problem
                .r#type
                .as_deref()
                .is_some_and(|t| t.ends_with(":unauthorized") || t.ends_with(":accountDoesNotExist")),
            _ => false,
        };
        if !dead {
            return failure;
        }
        self.storage.remove(Shelf::Accounts, &name(&session.job.issuer));
        let message = format!(
            "the account at {} is not valid any more ({}); a new one is made",
            session.job.issuer.directory, failure.message
        );
        let mut lost = Failure::new(FailureKind::Account, message);
        lost.order_lost = true;
        lost.not_ordered = true;
        lost
    }
}

fn not_ordered(mut failure: Failure) -> Failure {
    failure.not_ordered = true;
    failure
}

fn name(issuer: &AcmeIssuer) -> String {
    let email = issuer.email.as_deref().unwrap_or_default();
    let key = issuer.external_account.as_ref().map(|external| &*external.key_id);
    let directory = issuer
        .directory
        .split_once("://")
        .map_or(&*issuer.directory, |(_, rest)| rest);
    file_name(&[directory, email, key.unwrap_or_default()])
}

fn external(issuer: &AcmeIssuer) -> Result<Option<ExternalAccountKey>, Failure> {
    let Some(external) = &issuer.external_account else {
        return Ok(None);
    };
    let text = external
        .hmac_key
        .reveal()
        .trim()
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    let key = URL_SAFE_NO_PAD.decode(text).map_err(|_| {
        Failure::new(
            FailureKind::Refused,
            "the HMAC key of the external account is not in base64; copy it as the authority shows it",
        )
    })?;
    Ok(Some(ExternalAccountKey::new(external.key_id.to_string(), &key)))
}
