//! acme-dns, from its documented protocol: a service whose accounts may each write the TXT records of one subdomain.
//!
//! A name's `_acme-challenge` is an alias of that subdomain, so whoever holds the account can answer dns-01 and change
//! nothing else. Two values are kept, the last ones, because a name and its wildcard are validated side by side.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ChallengeDns;
use super::calls::Calls;
use super::web::{self, Failures, Reply, Scheme, Site, Web};

/// How many values a subdomain has.
const KEPT: usize = 2;
/// The length of a value: a SHA-256 digest in base64url.
const VALUE: usize = 43;

/// An acme-dns server. Ends when it is dropped.
#[derive(Debug)]
pub struct AcmeDns {
    web: Web<Service>,
}

/// What a registration gives, in the shape in which it travels.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct AcmeDnsAccount {
    /// Sent as `X-Api-User`.
    pub username: String,
    /// Sent as `X-Api-Key`.
    pub password: String,
    /// What `_acme-challenge` must be an alias of.
    pub fulldomain: String,
    /// Its first label, which an update names.
    pub subdomain: String,
    /// Who may update, in CIDR notation; empty: everybody.
    pub allowfrom: Vec<String>,
}

#[derive(Debug)]
struct Service {
    domain: String,
    dns: ChallengeDns,
    accounts: Mutex<BTreeMap<String, Entry>>,
    /// An update and its records are one step.
    writing: tokio::sync::Mutex<()>,
    failures: Failures,
}

#[derive(Debug)]
struct Entry {
    account: AcmeDnsAccount,
    values: VecDeque<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Registration {
    #[serde(default)]
    allowfrom: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Update {
    subdomain: String,
    txt: String,
}

impl AcmeDns {
    /// Starts one for the subdomains of `domain`, which it writes into `dns`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(scheme: Scheme, domain: &str, dns: &ChallengeDns) -> io::Result<Self> {
        let service = Service {
            domain: domain.to_owned(),
            dns: dns.clone(),
            accounts: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            failures: Failures::default(),
        };
        let web = Web::start(scheme, service)?;
        Ok(Self { web })
    }

    /// Where its API is: `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.web.url()
    }

    /// Whom clients must trust, with [`Scheme::Https`].
    #[must_use]
    pub fn tls_root_pem(&self) -> Option<&str> {
        self.web.root_pem()
    }

    /// Makes an account without a request, as an operator would have.
    #[must_use]
    pub fn register(&self) -> AcmeDnsAccount {
        self.web.site().register(Vec::new())
    }

    /// Creates the alias that a user must create: `_acme-challenge.DOMAIN` to the account's subdomain. A wildcard shares
    /// it with its parent.
    ///
    /// # Errors
    /// When the DNS server does not answer.
    pub async fn delegate(&self, domain: &str, account: &AcmeDnsAccount) -> io::Result<()> {
        let domain = domain.strip_prefix("*.").unwrap_or(domain);
        let name = format!("_acme-challenge.{domain}");
        self.web.site().dns.set_cname(&name, &account.fulldomain).await
    }

    /// The values that a subdomain has, oldest first; `None` when it is nobody's.
    #[must_use]
    pub fn values(&self, subdomain: &str) -> Option<Vec<String>> {
        let accounts = self.web.site().accounts();
        let entry = accounts.get(subdomain)?;
        Some(entry.values.iter().cloned().collect())
    }

    /// The next requests fail with this status, and do nothing. `retry_after` is the header of that name.
    pub fn fail_next(&self, times: usize, status: u16, retry_after: Option<&str>) {
        self.web.site().failures.order(times, status, retry_after);
    }

    /// Forgets an account, as a server that lost its database has.
    pub fn forget(&self, account: &AcmeDnsAccount) {
        self.web.site().accounts().remove(&account.subdomain);
    }

    /// What it was asked.
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
            let mut response = web::json(failure.status, &json!({ "error": "db_error" }));
            web::retry_after(&mut response, failure.retry_after.as_deref());
            return Reply::Answer(response);
        }
        Reply::Answer(match (request.method(), request.uri().path()) {
            (&Method::POST, "/register") => self.registration(request.body()),
            (&Method::POST, "/update") => self.update(&request).await,
            (&Method::GET, "/health") => web::respond(200, "text/plain", ""),
            (_, "/register" | "/update" | "/health") => {
                web::respond(405, "text/plain", "Method Not Allowed\n")
            }
            _ => web::respond(404, "text/plain", "404 page not found\n"),
        })
    }
}

impl Service {
    fn registration(&self, body: &Bytes) -> Response<Full<Bytes>> {
        let asked = if body.is_empty() {
            Registration::default()
        } else {
            let Ok(asked) = serde_json::from_slice(body) else {
                return error(400, "malformed_json_payload");
            };
            asked
        };
        if asked.allowfrom.iter().any(|range| Range::parse(range).is_none()) {
            return error(400, "invalid_allowfrom_cidr");
        }
        web::json(201, &json!(self.register(asked.allowfrom)))
    }

    fn register(&self, allowfrom: Vec<String>) -> AcmeDnsAccount {
        let subdomain = uuid();
        let account = AcmeDnsAccount {
            username: uuid(),
            password: [web::hex(), web::hex(), web::hex()].concat().split_off(8),
            fulldomain: format!("{subdomain}.{}", self.domain),
            subdomain: subdomain.clone(),
            allowfrom,
        };
        let entry = Entry {
            account: account.clone(),
            values: VecDeque::new(),
        };
        self.accounts().insert(subdomain, entry);
        account
    }

    async fn update(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let Some(update) = self.authorized(request) else {
            return error(401, "forbidden");
        };
        let base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if update.txt.len() != VALUE || !update.txt.chars().all(base64url) {
            return error(400, "bad_txt");
        }
        let _writing = self.writing.lock().await;
        let values = self.remember(&update);
        let name = format!("{}.{}", update.subdomain, self.domain);
        match self.dns.set_txt(&name, &values).await {
            Ok(()) => web::json(200, &json!({ "txt": update.txt })),
            Err(_) => error(500, "db_error"),
        }
    }

    /// The update, when its headers are those of the account that the subdomain belongs to.
    fn authorized(&self, request: &Request<Bytes>) -> Option<Update> {
        let header = |name| request.headers().get(name)?.to_str().ok();
        let update: Update = serde_json::from_slice(request.body()).ok()?;
        let accounts = self.accounts();
        let account = &accounts.get(&update.subdomain)?.account;
        let known = header("x-api-user")? == account.username && header("x-api-key")? == account.password;
        // Everybody is on loopback here.
        let here = IpAddr::from([127, 0, 0, 1]);
        let inside = |range: &String| Range::parse(range).is_some_and(|range| range.contains(here));
        let allowed = account.allowfrom.is_empty() || account.allowfrom.iter().any(inside);
        (known && allowed).then_some(update)
    }

    fn remember(&self, update: &Update) -> Vec<String> {
        let mut accounts = self.accounts();
        let Some(entry) = accounts.get_mut(&update.subdomain) else {
            return Vec::new();
        };
        entry.values.push_back(update.txt.clone());
        if entry.values.len() > KEPT {
            entry.values.pop_front();
        }
        entry.values.iter().cloned().collect()
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address and how many of its leading bits count.
struct Range {
    address: IpAddr,
    bits: u32,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.parse().ok().filter(|bits| *bits <= most)?;
        Some(Self { address, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= self.bits,
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= self.bits,
            _ => false,
        }
    }
}

fn error(status: u16, what: &str) -> Response<Full<Bytes>> {
    web::json(status, &json!({ "error": what }))
}

/// Random, in the form of a version 4 UUID.
fn uuid() -> String {
    let (a, b) = (web::hex(), web::hex());
    let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    format!(
        "{}-{}-4{}-8{}-{}",
        part(&a, 0, 8),
        part(&a, 8, 12),
        part(&a, 12, 15),
        part(&b, 0, 3),
        part(&b, 3, 15)
    )
}
