//! Cloudflare's API, version 4: the zone by the name's parents, then its TXT records.

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::acme::core::{Failure, FailureKind};
use crate::acme::transport::Transport;
use seaway_model::Cloudflare;

#[derive(Deserialize)]
struct Answer<T> {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Vec<Trouble>,
    result: Option<T>,
}

#[derive(Deserialize)]
struct Trouble {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Zone {
    id: String,
}

#[derive(Deserialize)]
struct Record {
    id: String,
    #[serde(default)]
    content: String,
}

/// Adds the values that are not there.
pub(super) async fn publish(
    cloudflare: &Cloudflare,
    domain: &str,
    values: &[String],
    transport: &Transport,
) -> Result<(), Failure> {
    let api = Api {
        cloudflare,
        transport,
    };
    let zone = api.zone(domain).await?;
    let name = format!("_acme-challenge.{domain}");
    let there = api.records(&zone, &name).await?;
    for value in values {
        if !there.iter().any(|record| unquoted(&record.content) == value) {
            let body = serde_json::json!({
                "type": "TXT", "name": name, "content": format!("\"{value}\""), "ttl": 60,
                "comment": "proves the domain to a certificate authority",
            });
            let path = format!("/zones/{zone}/dns_records");
            api.call::<Record>(Method::POST, &path, Some(&body)).await?;
        }
    }
    Ok(())
}

/// Removes the values that are there. Others, maybe of another client, stay.
pub(super) async fn clean(
    cloudflare: &Cloudflare,
    domain: &str,
    values: &[String],
    transport: &Transport,
) -> Result<(), Failure> {
    let api = Api {
        cloudflare,
        transport,
    };
    let zone = api.zone(domain).await?;
    for record in api.records(&zone, &format!("_acme-challenge.{domain}")).await? {
        if values.iter().any(|value| value == unquoted(&record.content)) {
            let path = format!("/zones/{zone}/dns_records/{}", record.id);
            api.call::<serde_json::Value>(Method::DELETE, &path, None).await?;
        }
    }
    Ok(())
}

fn unquoted(content: &str) -> &str {
    content.trim_matches('"')
}

struct Api<'a> {
    cloudflare: &'a Cloudflare,
    transport: &'a Transport,
}

impl Api<'_> {
    /// The zone that holds a domain: the longest of its parents, itself included, that the token may see.
    async fn zone(&self, domain: &str) -> Result<String, Failure> {
        let mut rest = Some(domain);
        while let Some(name) = rest.filter(|name| name.contains('.')) {
            let zones: Vec<Zone> = self
                .call(Method::GET, &format!("/zones?name={name}"), None)
                .await?;
            if let Some(zone) = zones.into_iter().next() {
                return Ok(zone.id);
            }
            rest = name.split_once('.').map(|(_, parent)| parent);
        }
        Err(Failure::new(
            FailureKind::Dns,
            format!(
                "Cloudflare has no zone for {domain} that the token may see; give the token Zone:Read and DNS:Edit for it"
            ),
        ))
    }

    async fn records(&self, zone: &str, name: &str) -> Result<Vec<Record>, Failure> {
        let path = format!("/zones/{zone}/dns_records?type=TXT&name={name}");
        self.call(Method::GET, &path, None).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<T, Failure> {
        let url = format!("{}{path}", self.cloudflare.api.trim_end_matches('/'));
        let token = format!("Bearer {}", self.cloudflare.api_token.reveal());
        let headers = [("authorization", &*token)];
        let failure = |what: String| {
            let mut failure = Failure::new(FailureKind::Dns, format!("Cloudflare's API: {what}"));
            failure.retry_after = self.transport.last().retry_after;
            failure
        };
        let (status, body) = self
            .transport
            .json(method, &url, &headers, body)
            .await
            .map_err(|error| failure(format!("it cannot be reached: {error}")))?;
        let answer: Option<Answer<T>> = serde_json::from_slice(&body).ok();
        match answer {
            Some(Answer { success: true, result: Some(result), .. }) if status.is_success() => Ok(result),
            _ if matches!(status.as_u16(), 401 | 403) => Err(failure(
                "it refuses the token; make one with Zone:Read and DNS:Edit, and put it into the issuer's Secret".into(),
            )),
            Some(Answer { errors, .. }) if !errors.is_empty() => {
                let words: Vec<_> = errors.iter().map(|e| format!("{} ({})", e.message, e.code)).collect();
                Err(failure(words.join("; ")))
            }
            _ => Err(failure(format!("it answers {status}"))),
        }
    }
}
