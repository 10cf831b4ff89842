//! Pebble, as a program.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Request;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::ChallengeDns;
use super::ports::Port;
use crate::certs::Ca;
use crate::client::{Answer, Client, ClientTls, Wire};
use crate::process::{Log, Process};

/// How a Pebble is to behave. The default is a server on a good day.
#[derive(Clone, Debug)]
pub struct PebbleOptions {
    /// Where http-01 is validated, on every address. `None`: a port where nobody answers.
    pub http_port: Option<u16>,
    /// Where tls-alpn-01 is validated. `None`: a port where nobody answers.
    pub tls_port: Option<u16>,
    /// How many percent of good nonces are refused with `badNonce`. By default none.
    pub nonce_reject_percent: u8,
    /// How many percent of the valid authorizations are used again for a new order. By default half of them, as Pebble
    /// has it; 0 makes every order do every challenge.
    pub authorization_reuse_percent: u8,
    /// The life of its certificates, in whole seconds. By default 90 days.
    pub certificate_lifetime: Duration,
    /// Intermediates above a leaf; at least 1, which is the default.
    pub chain_length: u8,
    /// More roots than one, each with its own chain to choose from. By default none.
    pub alternate_roots: u8,
    /// Key identifier to MAC key (base64url): when there are any, a new account must be bound to one.
    pub external_account_keys: BTreeMap<String, String>,
    /// Domains that it refuses with `rejectedIdentifier`, with everything below them.
    pub blocked_domains: Vec<String>,
    /// Pebble's `-strict`: refuses what a coming version of the protocol may refuse.
    pub strict: bool,
}

impl Default for PebbleOptions {
    fn default() -> Self {
        Self {
            http_port: None,
            tls_port: None,
            nonce_reject_percent: 0,
            authorization_reuse_percent: 50,
            certificate_lifetime: Duration::from_secs(90 * 24 * 60 * 60),
            chain_length: 1,
            alternate_roots: 0,
            external_account_keys: BTreeMap::new(),
            blocked_domains: Vec::new(),
            strict: false,
        }
    }
}

/// A real ACME server. It validates at once (`PEBBLE_VA_NOSLEEP`), asks the given [`ChallengeDns`] for every name, and
/// keeps everything in memory. It is killed when this is dropped.
#[derive(Debug)]
pub struct Pebble {
    options: PebbleOptions,
    dns: ChallengeDns,
    /// Its configuration and its own certificate.
    folder: TempDir,
    tls_root: String,
    acme: Port,
    management: Port,
    /// A port where nobody answers.
    nobody: Port,
    log: Log,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    process: Option<Process>,
    issuing_root: String,
}

impl Pebble {
    /// Starts one, and returns when it answers.
    ///
    /// # Errors
    /// When the program is missing or does not start.
    pub async fn start(options: PebbleOptions, dns: &ChallengeDns) -> io::Result<Self> {
        let ca = Ca::new("the endpoint of Pebble");
        let pebble = Self {
            options,
            dns: dns.clone(),
            folder: tempfile::tempdir()?,
            tls_root: ca.pem(),
            acme: Port::reserve()?,
            management: Port::reserve()?,
            nobody: Port::reserve()?,
            log: Log::new(),
            state: Mutex::default(),
        };
        let leaf = ca.leaf(&["127.0.0.1", "localhost"]);
        std::fs::write(pebble.file("certificate.pem"), leaf.certificate)?;
        std::fs::write(pebble.file("key.pem"), leaf.key)?;
        std::fs::write(pebble.file("pebble.json"), pebble.configuration().to_string())?;
        pebble.start_again().await?;
        Ok(pebble)
    }

    /// `https://127.0.0.1:PORT/dir`
    #[must_use]
    pub fn directory_url(&self) -> String {
        format!("https://{}/dir", self.addr())
    }

    /// Where ACME is spoken.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.acme.address()
    }

    /// Whom clients must trust to speak to it, in PEM. Stays the same over restarts.
    #[must_use]
    pub fn tls_root_pem(&self) -> String {
        self.tls_root.clone()
    }

    /// The root of the certificates that it issues, in PEM. Another one after [`Pebble::start_again`].
    #[must_use]
    pub fn issuing_root_pem(&self) -> String {
        self.state().issuing_root.clone()
    }

    /// The root of an alternate chain, counted from 1.
    ///
    /// # Errors
    /// When there is none, or Pebble does not answer.
    pub async fn alternate_root_pem(&self, number: u8) -> io::Result<String> {
        self.root(number).await
    }

    /// What Pebble says of a certificate, by the hexadecimal digits of its serial number: `Valid` or `Revoked`; `None`
    /// when it does not know it.
    ///
    /// # Errors
    /// When Pebble does not answer.
    pub async fn certificate_status(&self, serial: &str) -> io::Result<Option<String>> {
        let answer = self.ask(&format!("/cert-status-by-serial/{serial}")).await?;
        if answer.status != 200 {
            return Ok(None);
        }
        let said: Value = serde_json::from_slice(&answer.body)?;
        Ok(said.get("Status").and_then(Value::as_str).map(str::to_owned))
    }

    /// What it wrote, over restarts. Each request is a line such as `POST /order-plz -> calling handler()`.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Stops it where it is (SIGSTOP): connections are accepted by the kernel, and nobody answers.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on, with all that it knows.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Kills it. Its port stays reserved, and connections are refused. What it knew is lost.
    pub fn stop(&self) {
        self.state().process = None;
    }

    /// Starts it on the same ports after [`Pebble::stop`]: it knows no account, and issues from another root. (For an
    /// absence that loses nothing put a [`super::Flaky`] before it.)
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&self) -> io::Result<()> {
        self.stop();
        let process = self.launch()?;
        process.listening(self.addr()).await?;
        process.listening(self.management.address()).await?;
        let issuing_root = self.root(0).await?;
        *self.state() = State {
            process: Some(process),
            issuing_root,
        };
        Ok(())
    }

    fn launch(&self) -> io::Result<Process> {
        let options = &self.options;
        Process::start("pebble", &self.log, |command| {
            command
                .arg("-config")
                .arg(self.file("pebble.json"))
                .arg("-dnsserver")
                .arg(self.dns.addr().to_string())
                .env("PEBBLE_VA_NOSLEEP", "1")
                .env("PEBBLE_WFE_NONCEREJECT", options.nonce_reject_percent.to_string())
                .env(
                    "PEBBLE_AUTHZREUSE",
                    options.authorization_reuse_percent.to_string(),
                )
                .env("PEBBLE_CHAIN_LENGTH", options.chain_length.to_string())
                .env("PEBBLE_ALTERNATE_ROOTS", options.alternate_roots.to_string());
            if options.strict {
                command.arg("-strict");
            }
        })
    }

    fn configuration(&self) -> Value {
        let options = &self.options;
        let nobody = self.nobody.address().port();
        json!({ "pebble": {
            "listenAddress": self.addr().to_string(),
            "managementListenAddress": self.management.address().to_string(),
            "certificate": self.file("certificate.pem"),
            "privateKey": self.file("key.pem"),
            "httpPort": options.http_port.unwrap_or(nobody),
            "tlsPort": options.tls_port.unwrap_or(nobody),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": !options.external_account_keys.is_empty(),
            "externalAccountMACKeys": options.external_account_keys,
            "domainBlocklist": options.blocked_domains,
            "certificateValidityPeriod": options.certificate_lifetime.as_secs(),
        }})
    }

    async fn root(&self, number: u8) -> io::Result<String> {
        let answer = self.ask(&format!("/roots/{number}")).await?;
        if answer.status != 200 {
            return Err(io::Error::other(format!("there is no root {number}")));
        }
        Ok(answer.text())
    }

    /// Of its management interface.
    async fn ask(&self, path: &str) -> io::Result<Answer> {
        let address = self.management.address();
        let tls = ClientTls::trusting(&self.tls_root)?;
        let mut client = Client::open_tls(address, Wire::Http1, "127.0.0.1", &tls).await?;
        let request = Request::get(path).header("host", address.to_string());
        client.send(request, "").await
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let state = self.state();
        let process = state.process.as_ref();
        process
            .ok_or_else(|| io::Error::other("Pebble was stopped"))?
            .signal(signal)
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        Path::join(self.folder.path(), name)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
