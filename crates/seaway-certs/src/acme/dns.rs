//! dns-01: putting a TXT record where the authority looks, and waiting until it can be seen.

mod acme_dns;
mod cloudflare;
mod resolver;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub(crate) use resolver::Resolver;
use seaway_model::{AcmeIssuer, AcmeMethod};

use super::core::{Failure, FailureKind};
use super::storage::Storage;
use super::transport::Transport;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// A record that our resolver does not see after this long may still be seen by the authority, whose view counts.
const LOOKS: u32 = 60;

/// Where `_acme-challenge` of a domain has to lead, and whether it did when last looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    pub(crate) target: String,
    pub(crate) there: Option<bool>,
}

/// What is needed to publish.
pub(crate) struct Dns {
    pub(crate) resolver: Resolver,
    pub(crate) storage: Storage,
    /// By domain.
    aliases: Mutex<BTreeMap<String, Alias>>,
    /// One registration at a time.
    registering: tokio::sync::Mutex<()>,
}

impl Dns {
    pub(crate) fn new(resolver: Resolver, storage: Storage) -> Self {
        Self {
            resolver,
            storage,
            aliases: Mutex::default(),
            registering: tokio::sync::Mutex::default(),
        }
    }

    /// The alias that a domain needs, if it is known.
    pub(crate) fn alias(&self, domain: &str) -> Option<Alias> {
        self.aliases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(domain)
            .cloned()
    }

    fn set_alias(&self, domain: &str, alias: Alias) {
        let mut aliases = self.aliases.lock().unwrap_or_else(PoisonError::into_inner);
        aliases.insert(domain.to_owned(), alias);
    }

    /// Puts the values at `_acme-challenge` of the domain, and waits until they can be seen. Doing it again is no harm.
    pub(crate) async fn publish(
        &self,
        issuer: &AcmeIssuer,
        domain: &str,
        values: &[String],
        transport: &Transport,
    ) -> Result<(), Failure> {
        match &issuer.method {
            AcmeMethod::Dns01AcmeDns(server) => {
                let account = self.account(server, domain, transport).await?;
                let target = account.fulldomain.to_string();
                self.set_alias(domain, Alias { target, there: None });
                for value in values {
                    acme_dns::update(&server.server, &account, value, transport).await?;
                }
            }
            AcmeMethod::Dns01Cloudflare(cloudflare) => {
                cloudflare::publish(cloudflare, domain, values, transport).await?;
            }
            AcmeMethod::Http01 | AcmeMethod::TlsAlpn01 => {}
        }
        self.wait(domain, values).await
    }

    /// Takes them away, where they would pile up. What cannot be taken away does no harm.
    pub(crate) async fn clean(
        &self,
        issuer: &AcmeIssuer,
        domain: &str,
        values: &[String],
        transport: &Transport,
    ) -> Result<(), Failure> {
        match &issuer.method {
            AcmeMethod::Dns01Cloudflare(cloudflare) => {
                cloudflare::clean(cloudflare, domain, values, transport).await
            }
            // acme-dns keeps the last two by itself.
            _ => Ok(()),
        }
    }

    async fn wait(&self, domain: &str, values: &[String]) -> Result<(), Failure> {
        let name = format!("_acme-challenge.{domain}");
        for _ in 0..LOOKS {
            let seen = self.resolver.txt(&name).await;
            if values.iter().all(|value| seen.contains(value)) {
                self.found(domain, true);
                return Ok(());
            }
            if let Some(alias) = self.alias(domain)
                && let Some(target) = self.resolver.cname(&name).await
            {
                let there = target
                    .as_deref()
                    .is_some_and(|found| same_name(found, &alias.target));
                self.found(domain, there);
                if !there {
                    return Err(no_alias(&name, &alias.target, target.as_deref()));
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn found(&self, domain: &str, there: bool) {
        if let Some(alias) = self.alias(domain) {
            let there = Some(there);
            self.set_alias(domain, Alias { there, ..alias });
        }
    }
}

fn no_alias(name: &str, target: &str, found: Option<&str>) -> Failure {
    let now = match found {
        Some(other) => format!("is an alias of {other}"),
        None => "is not there".to_owned(),
    };
    Failure::new(
        FailureKind::Dns,
        format!("the DNS record {name} {now}; create \"{name} CNAME {target}\" at the domain's DNS provider"),
    )
}

fn same_name(a: &str, b: &str) -> bool {
    a.trim_end_matches('.')
        .eq_ignore_ascii_case(b.trim_end_matches('.'))
}
