//! As much of Cloudflare's API v4 as setting DNS records takes, from its documentation.
//!
//! Answers have its envelope (`success`, `errors`, `messages`, `result`, `result_info`), and failures its numbers, since
//! a client has to tell a wrong token from a zone that it may not see. TXT records go into the [`ChallengeDns`]; records
//! of other types are only kept.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ChallengeDns;
use super::calls::Calls;
use super::web::{self, Failures, Reply, Scheme, Site, Web};

mod query;

use query::Query;

/// Where the API begins.
const BASE: &str = "/client/v4";

/// A fake Cloudflare with one API token. Ends when it is dropped.
#[derive(Debug)]
pub struct Cloudflare {
    web: Web<Service>,
}

/// A DNS record, in the shape in which it travels.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct CloudflareRecord {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The zone's name.
    #[serde(skip)]
    pub zone: String,
    /// The whole name.
    pub name: String,
    /// Such as `TXT`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value, as it was given.
    pub content: String,
    /// Seconds; 1: automatic.
    pub ttl: u32,
}

#[derive(Debug)]
struct Service {
    token: String,
    zones: Vec<Zone>,
    dns: ChallengeDns,
    records: Mutex<Vec<CloudflareRecord>>,
    /// A change and its records in the DNS are one step.
    writing: tokio::sync::Mutex<()>,
    failures: Failures,
}

#[derive(Debug)]
struct Zone {
    id: String,
    name: String,
    /// Whether the token may change its records; it sees every zone.
    editable: bool,
}

#[derive(Debug, Deserialize)]
struct NewRecord {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    content: String,
    #[serde(default = "automatic")]
    ttl: u32,
}

impl Cloudflare {
    /// Starts one with these zones, which `token` may edit.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(scheme: Scheme, token: &str, zones: &[&str], dns: &ChallengeDns) -> io::Result<Self> {
        Self::with_visible(scheme, token, zones, &[], dns)
    }

    /// The same; the zones of `visible` can be listed by the token but not edited.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn with_visible(
        scheme: Scheme,
        token: &str,
        zones: &[&str],
        visible: &[&str],
        dns: &ChallengeDns,
    ) -> io::Result<Self> {
        let zone = |name: &&str, editable| Zone {
            id: id(),
            name: (*name).to_owned(),
            editable,
        };
        let editable = zones.iter().map(|name| zone(name, true));
        let service = Service {
            token: token.to_owned(),
            zones: editable
                .chain(visible.iter().map(|name| zone(name, false)))
                .collect(),
            dns: dns.clone(),
            records: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            failures: Failures::default(),
        };
        let web = Web::start(scheme, service)?;
        Ok(Self { web })
    }

    /// Where the API is, with its `/client/v4` and without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{BASE}", self.web.url())
    }

    /// Whom clients must trust, with [`Scheme::Https`].
    #[must_use]
    pub fn tls_root_pem(&self) -> Option<&str> {
        self.web.root_pem()
    }

    /// The records that are there, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<CloudflareRecord> {
        self.web.site().records().clone()
    }

    /// The next requests fail with this status, and do nothing. 429 and `retry_after` make it a rate limit.
    pub fn fail_next(&self, times: usize, status: u16, retry_after: Option<&str>) {
        self.web.site().failures.order(times, status, retry_after);
    }

    /// What it was asked. Paths have the `/client/v4`.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        self.web.calls()
    }

    /// Refuses connections from now on.
    pub async fn down(&self) {
        self.web.down().await;
    }

    /// Answers again, on the same port.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub fn up(&self) -> io::Result<()> {
        self.web.up()
    }
}

impl Site for Service {
    async fn answer(&self, request: Request<Bytes>) -> Reply {
        if let Some(failure) = self.failures.next() {
            let mut response = match failure.status {
                429 => error(429, 971, "Please wait and consider throttling your request speed"),
                status => error(status, 10001, "The service is currently unavailable"),
            };
            web::retry_after(&mut response, failure.retry_after.as_deref());
            return Reply::Answer(response);
        }
        Reply::Answer(match self.refusal(&request) {
            Some(refusal) => refusal,
            None => self.route(&request).await,
        })
    }
}

impl Service {
    /// Why this request may do nothing at all.
    fn refusal(&self, request: &Request<Bytes>) -> Option<Response<Full<Bytes>>> {
        let Some(given) = request.headers().get(AUTHORIZATION) else {
            let missing = "Missing X-Auth-Key, X-Auth-Email or Authorization headers";
            return Some(error(400, 9106, missing));
        };
        match given
            .to_str()
            .ok()
            .and_then(|given| given.strip_prefix("Bearer "))
        {
            Some(token) if token == self.token => None,
            Some(token) if !token.is_empty() && !token.contains(char::is_whitespace) => {
                Some(error(403, 9109, "Invalid access token"))
            }
            _ => Some(chained(
                400,
                (6003, "Invalid request headers"),
                (6111, "Invalid format for Authorization header"),
            )),
        }
    }

    async fn route(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let parts: Vec<&str> = path
            .strip_prefix(BASE)
            .unwrap_or_default()
            .trim_matches('/')
            .split('/')
            .collect();
        let query = Query::parse(request.uri().query().unwrap_or_default());
        match (request.method(), parts.as_slice()) {
            (&Method::GET, ["user", "tokens", "verify"]) => {
                success(&json!({ "id": id(), "status": "active" }))
            }
            (&Method::GET, ["zones"]) => self.list_zones(&query),
            (method, ["zones", zone, rest @ ..]) => {
                let Some(zone) = self.zones.iter().find(|known| known.id == *zone) else {
                    return error(
                        404,
                        7003,
                        &format!("Could not route to {path}, perhaps your object identifier is invalid?"),
                    );
                };
                match (method, rest) {
                    (&Method::GET, []) => success(&zone.json()),
                    (_, ["dns_records", ..]) if !zone.editable => error(403, 10000, "Authentication error"),
                    (&Method::GET, ["dns_records"]) => self.list_records(zone, &query),
                    (&Method::POST, ["dns_records"]) => self.create(zone, request.body()).await,
                    (&Method::DELETE, ["dns_records", record]) => self.delete(zone, record).await,
                    _ => no_route(),
                }
            }
            _ => no_route(),
        }
    }

    fn list_zones(&self, query: &Query) -> Response<Full<Bytes>> {
        let found = self.zones.iter().filter(|zone| query.allows("name", &zone.name));
        query.page(found.map(Zone::json).collect())
    }

    fn list_records(&self, zone: &Zone, query: &Query) -> Response<Full<Bytes>> {
        let records = self.records();
        let found = records.iter().filter(|record| {
            record.zone == zone.name
                && query.allows("type", &record.kind)
                && query.allows("name", &record.name)
                && query.allows("content", &record.content)
        });
        query.page(found.map(|record| json!(record)).collect())
    }

    async fn create(&self, zone: &Zone, body: &Bytes) -> Response<Full<Bytes>> {
        let Ok(new) = serde_json::from_slice::<NewRecord>(body) else {
            return error(400, 9207, "Request body is invalid.");
        };
        if new.ttl != automatic() && !(60..=86400).contains(&new.ttl) {
            let why = "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.";
            return chained(400, (1004, "DNS Validation Error"), (9021, why));
        }
        let _writing = self.writing.lock().await;
        let record = CloudflareRecord {
            id: id(),
            zone: zone.name.clone(),
            name: zone.whole(&new.name),
            kind: new.kind,
            content: new.content,
            ttl: new.ttl,
        };
        let same = |known: &CloudflareRecord| {
            (&known.name, &known.kind, &known.content) == (&record.name, &record.kind, &record.content)
        };
        if self.records().iter().any(same) {
            return error(400, 81058, "An identical record already exists.");
        }
        self.records().push(record.clone());
        self.publish(&record)
            .await
            .unwrap_or_else(|| success(&json!(record)))
    }

    async fn delete(&self, zone: &Zone, wanted: &str) -> Response<Full<Bytes>> {
        let _writing = self.writing.lock().await;
        let this = |record: &CloudflareRecord| record.zone == zone.name && record.id == wanted;
        let removed = {
            let mut records = self.records();
            let place = records.iter().position(this);
            place.map(|place| records.remove(place))
        };
        let Some(record) = removed else {
            return error(404, 81044, "Record does not exist.");
        };
        let answer = success(&json!({ "id": record.id }));
        self.publish(&record).await.unwrap_or(answer)
    }

    /// Makes the DNS say what the records say of this one's name. What comes back is a failure.
    async fn publish(&self, changed: &CloudflareRecord) -> Option<Response<Full<Bytes>>> {
        if changed.kind != "TXT" {
            return None;
        }
        let of_name = |record: &&CloudflareRecord| record.kind == "TXT" && record.name == changed.name;
        let values: Vec<String> = self
            .records()
            .iter()
            .filter(of_name)
            .map(|record| unquoted(&record.content))
            .collect();
        let written = self.dns.set_txt(&changed.name, &values).await;
        written.err().map(|why| error(500, 10001, &why.to_string()))
    }

    fn records(&self) -> MutexGuard<'_, Vec<CloudflareRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Zone {
    fn json(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "status": "active", "paused": false, "type": "full" })
    }

    /// A name outside the zone is taken as one below it.
    fn whole(&self, name: &str) -> String {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == self.name || name.ends_with(&format!(".{}", self.name)) {
            name
        } else if name == "@" {
            self.name.clone()
        } else {
            format!("{name}.{}", self.name)
        }
    }
}

fn success(result: &Value) -> Response<Full<Bytes>> {
    let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
    web::json(200, &body)
}

fn error(status: u16, code: u32, message: &str) -> Response<Full<Bytes>> {
    failure(status, json!({ "code": code, "message": message }))
}

fn chained(status: u16, outer: (u32, &str), inner: (u32, &str)) -> Response<Full<Bytes>> {
    let chain = [json!({ "code": inner.0, "message": inner.1 })];
    failure(
        status,
        json!({ "code": outer.0, "message": outer.1, "error_chain": chain }),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "made for this call")]
fn failure(status: u16, error: Value) -> Response<Full<Bytes>> {
    let body = json!({ "success": false, "errors": [error], "messages": [], "result": null });
    web::json(status, &body)
}

fn no_route() -> Response<Full<Bytes>> {
    error(404, 7000, "No route for that URI")
}

/// TXT content may come in quotes, which are not part of the value.
fn unquoted(content: &str) -> String {
    let inner = content.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(content).to_owned()
}

fn automatic() -> u32 {
    1
}

/// As its identifiers look.
fn id() -> String {
    web::hex() + &web::hex()
}
