//! `pebble-challtestsrv`: a DNS server whose records tests set, over its management API.
//!
//! Only its DNS is used; its own answers to challenges are switched off, since the gateway under test gives those.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use http::Request;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::lookup;
use super::ports::Port;
use crate::client::{Client, Wire};
use crate::process::{DEADLINE, Log, Process};

/// Its UDP port cannot be reserved, so another process may be quicker.
const ATTEMPTS: usize = 5;

/// The DNS server that Pebble asks. Clones are handles on the same server, which ends with the last of them.
///
/// Unless told otherwise, every name has the address 127.0.0.1 and no IPv6 address. An alias is followed for one step.
/// Names are given without their final dot and in any case.
#[derive(Clone, Debug)]
pub struct ChallengeDns {
    server: Arc<Server>,
}

#[derive(Debug)]
struct Server {
    process: Process,
    log: Log,
    dns: Port,
    management: Port,
    /// One after the other: several of its calls make up one change of ours.
    changing: Mutex<()>,
}

impl ChallengeDns {
    /// Starts one, and returns when it answers.
    ///
    /// # Errors
    /// When the program is missing or does not start.
    pub async fn start() -> io::Result<Self> {
        let mut failed = io::Error::other("no attempt");
        for _ in 0..ATTEMPTS {
            match Server::start().await {
                Ok(server) => {
                    return Ok(Self {
                        server: Arc::new(server),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Where it answers, over UDP and TCP.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.dns.address()
    }

    /// What it wrote.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.server.log
    }

    /// The address of every name that has none of its own; `None`: no address.
    ///
    /// # Errors
    /// When the server does not answer, here and below.
    pub async fn set_default_ipv4(&self, address: Option<Ipv4Addr>) -> io::Result<()> {
        let ip = address.map_or_else(String::new, |address| address.to_string());
        self.call("set-default-ipv4", json!({ "ip": ip })).await
    }

    /// The same for IPv6.
    pub async fn set_default_ipv6(&self, address: Option<Ipv6Addr>) -> io::Result<()> {
        let ip = address.map_or_else(String::new, |address| address.to_string());
        self.call("set-default-ipv6", json!({ "ip": ip })).await
    }

    /// Replaces a name's addresses of both families; without any it has the default again.
    pub async fn set_addresses(&self, name: &str, addresses: &[IpAddr]) -> io::Result<()> {
        let _changing = self.server.changing.lock().await;
        for (clear, add, is_v4) in [("clear-a", "add-a", true), ("clear-aaaa", "add-aaaa", false)] {
            self.call(clear, json!({ "host": fqdn(name) })).await?;
            let family: Vec<&IpAddr> = addresses.iter().filter(|ip| ip.is_ipv4() == is_v4).collect();
            if !family.is_empty() {
                self.call(add, json!({ "host": fqdn(name), "addresses": family }))
                    .await?;
            }
        }
        Ok(())
    }

    /// Adds a TXT record.
    pub async fn add_txt(&self, name: &str, value: &str) -> io::Result<()> {
        let _changing = self.server.changing.lock().await;
        self.call("set-txt", json!({ "host": fqdn(name), "value": value }))
            .await
    }

    /// Replaces all TXT records of a name.
    pub async fn set_txt<V: AsRef<str> + Sync>(&self, name: &str, values: &[V]) -> io::Result<()> {
        let _changing = self.server.changing.lock().await;
        self.call("clear-txt", json!({ "host": fqdn(name) })).await?;
        for value in values {
            let body = json!({ "host": fqdn(name), "value": value.as_ref() });
            self.call("set-txt", body).await?;
        }
        Ok(())
    }

    /// Removes all TXT records of a name.
    pub async fn clear_txt(&self, name: &str) -> io::Result<()> {
        self.set_txt::<&str>(name, &[]).await
    }

    /// Makes a name an alias.
    pub async fn set_cname(&self, name: &str, target: &str) -> io::Result<()> {
        self.call("set-cname", json!({ "host": fqdn(name), "target": fqdn(target) }))
            .await
    }

    /// Makes it a name of its own again.
    pub async fn clear_cname(&self, name: &str) -> io::Result<()> {
        self.call("clear-cname", json!({ "host": fqdn(name) })).await
    }

    /// Answers every question about a name with SERVFAIL, or does so no more.
    pub async fn set_failing(&self, name: &str, failing: bool) -> io::Result<()> {
        let what = if failing { "set-servfail" } else { "clear-servfail" };
        self.call(what, json!({ "host": fqdn(name) })).await
    }

    /// Restricts who may issue for a name (CAA, tag `issue`).
    pub async fn add_caa_issue(&self, name: &str, authority: &str) -> io::Result<()> {
        let policies = json!([{ "tag": "issue", "value": authority }]);
        self.call("add-caa", json!({ "host": fqdn(name), "policies": policies }))
            .await
    }

    /// How often a name was asked for, whatever the type.
    pub async fn questions(&self, name: &str) -> io::Result<usize> {
        // Its history, unlike its tables, knows names without the final dot.
        let name = fqdn(name);
        let body = json!({ "host": name.trim_end_matches('.') });
        let answer = self.post("dns-request-history", body).await?;
        // A name that nobody asked for is answered with null.
        let events: Option<Vec<Value>> = serde_json::from_slice(&answer)?;
        Ok(events.map_or(0, |events| events.len()))
    }

    /// Asks by DNS for the TXT records of a name, as a validating server does: one alias is followed.
    pub async fn txt(&self, name: &str) -> io::Result<Vec<String>> {
        Ok(lookup::txt(self.addr(), name).await?.txt)
    }

    /// Asks by DNS what a name is an alias of.
    pub async fn cname(&self, name: &str) -> io::Result<Option<String>> {
        Ok(lookup::txt(self.addr(), name).await?.cname)
    }

    async fn call(&self, path: &str, body: Value) -> io::Result<()> {
        self.post(path, body).await.map(drop)
    }

    async fn post(&self, path: &str, body: Value) -> io::Result<bytes::Bytes> {
        let management = self.server.management.address();
        let mut client = Client::open(management, Wire::Http1).await?;
        let request = Request::post(format!("/{path}")).header("host", management.to_string());
        let answer = client.send(request, body.to_string()).await?;
        if answer.status != 200 {
            let said = answer.text();
            let what = format!("{path} {body}: status {} {said:?}", answer.status);
            return Err(self.server.process.complaint(&what));
        }
        Ok(answer.body)
    }
}

impl Server {
    async fn start() -> io::Result<Self> {
        let (dns, management) = (Port::reserve()?, Port::reserve()?);
        // Sees early whether the same UDP port is free too.
        drop(UdpSocket::bind(dns.address())?);
        let log = Log::new();
        let process = Process::start("pebble-challtestsrv", &log, |command| {
            command
                .arg("-dns01")
                .arg(dns.address().to_string())
                .arg("-management")
                .arg(management.address().to_string())
                .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
                .args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        })?;
        process.listening(management.address()).await?;
        process.listening(dns.address()).await?;
        answering(&process, dns.address()).await?;
        Ok(Self {
            process,
            log,
            dns,
            management,
            changing: Mutex::default(),
        })
    }
}

/// Its UDP side starts on its own, after its TCP side or before.
async fn answering(process: &Process, dns: SocketAddr) -> io::Result<()> {
    let start = std::time::Instant::now();
    while let Err(error) = lookup::txt(dns, "ready.test").await {
        if process.ended()? || start.elapsed() > DEADLINE {
            return Err(process.complaint(&format!("does not answer by UDP on {dns} ({error})")));
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// As its tables have it.
fn fqdn(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.').to_ascii_lowercase())
}
