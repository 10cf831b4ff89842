//! The protocol of acme-dns: `POST /register` answers an account, `POST /update` sets one of its two TXT values.

use std::sync::Arc;

use http::Method;
use serde::{Deserialize, Serialize};

use super::Dns;
use crate::acme::core::{Failure, FailureKind};
use crate::acme::storage::{Shelf, file_name};
use crate::acme::transport::Transport;
use seaway_model::{AcmeDns, AcmeDnsAccount, Hidden};

/// As `POST /register` answers, and as it is kept.
#[derive(Serialize, Deserialize)]
struct Registration {
    username: Arc<str>,
    password: Arc<str>,
    fulldomain: Arc<str>,
    subdomain: Arc<str>,
    #[serde(default)]
    allowfrom: Vec<Arc<str>>,
}

impl Dns {
    /// The account for a domain: configured, kept, or else registered and kept.
    pub(super) async fn account(
        &self,
        server: &AcmeDns,
        domain: &str,
        transport: &Transport,
    ) -> Result<AcmeDnsAccount, Failure> {
        if let Some(account) = server.accounts.get(domain) {
            return Ok(account.clone());
        }
        let _one = self.registering.lock().await;
        let name = file_name(&[domain, &server.server]);
        if let Some(kept) = self.storage.read::<Registration>(Shelf::AcmeDns, &name)? {
            return Ok(account(kept));
        }
        let url = format!("{}/register", base(&server.server));
        let answer = transport.json(Method::POST, &url, &[], None).await;
        let body = checked(&url, answer)?;
        let made: Registration = serde_json::from_slice(&body).map_err(|_| {
            failure(
                &url,
                "its answer is no registration; check the issuer's baseACMEDomain",
            )
        })?;
        self.storage.write(Shelf::AcmeDns, &name, &made)?;
        Ok(account(made))
    }
}

fn account(kept: Registration) -> AcmeDnsAccount {
    AcmeDnsAccount {
        username: kept.username,
        password: Hidden::new(kept.password),
        fulldomain: kept.fulldomain,
        subdomain: kept.subdomain,
        allowfrom: kept.allowfrom,
    }
}

/// Sets a value. The server keeps this one and the one before: a domain and its wildcard need both.
pub(super) async fn update(
    server: &str,
    account: &AcmeDnsAccount,
    value: &str,
    transport: &Transport,
) -> Result<(), Failure> {
    let url = format!("{}/update", base(server));
    let body = serde_json::json!({"subdomain": account.subdomain, "txt": value});
    let headers = [
        ("x-api-user", &*account.username),
        ("x-api-key", account.password.reveal()),
    ];
    let answer = transport.json(Method::POST, &url, &headers, Some(&body)).await;
    checked(&url, answer).map(drop)
}

fn base(server: &str) -> String {
    let server = server.trim_end_matches('/');
    match server.contains("://") {
        true => server.to_owned(),
        false => format!("https://{server}"),
    }
}

fn checked(
    url: &str,
    answer: Result<(http::StatusCode, bytes::Bytes), String>,
) -> Result<bytes::Bytes, Failure> {
    match answer {
        Err(error) => Err(failure(url, &format!("it cannot be reached: {error}"))),
        Ok((status, body)) if status.is_success() => Ok(body),
        Ok((status, _)) if matches!(status.as_u16(), 401 | 403) => Err(failure(
            url,
            "it refuses the account; check username, password, subdomain and allowfrom in the issuer's configs",
        )),
        Ok((status, _)) => Err(failure(url, &format!("it answers {status}"))),
    }
}

fn failure(url: &str, what: &str) -> Failure {
    Failure::new(FailureKind::Dns, format!("the acme-dns server at {url}: {what}"))
}
