//! `seaway run`, asked over its sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use http::Request;
use seaway_testkit::client::{Answer, Client, ClientTls, Wire};
use seaway_testkit::echo::Backend;
use serde_json::Value;
use tokio::time::{interval, timeout};

use super::files::Folder;
use super::process::Process;
use super::{DEADLINE, manifests};

/// Between two questions whether something has come about that nobody tells us of.
const PACE: Duration = Duration::from_millis(5);

/// A gateway that serves.
pub struct Gateway {
    /// Its process.
    pub process: Process,
    admin: SocketAddr,
}

/// Arguments that keep a test to itself: loopback, ports of the system's choice, data beside the manifests. Nothing is shed
/// where the machine is slow for a moment; what sheds has tests of its own.
pub fn arguments<'a>(paths: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let fixed = [
        "--address",
        "127.0.0.1",
        "--map-port",
        "80:0",
        "--map-port",
        "443:0",
    ];
    let mut all = vec!["run"];
    all.extend(paths);
    all.extend(fixed);
    let defaults = [
        ("--admin", "127.0.0.1:0"),
        ("--data", "data"),
        ("--workers", "2"),
        ("--max-delay", "2s"),
    ];
    for (flag, default) in defaults {
        if !more.contains(&flag) {
            all.extend([flag, default]);
        }
    }
    all.extend(more);
    all
}

/// A gateway before one backend: a route for this host leads there, beside these manifests.
pub async fn before_a_backend(host: &str, more: &[String], flags: &[&str]) -> (Folder, Backend, Gateway) {
    let backend = Backend::start("one").expect("a port");
    let manifests = [&[manifests::route(host, backend.addr())], more].concat();
    let folder = Folder::with(&[("shop.yaml", &manifests::documents(&manifests))]);
    let gateway = Gateway::start_with(folder.path(), flags).await;
    (folder, backend, gateway)
}

impl Gateway {
    /// Serves the manifests of a folder.
    pub async fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[]).await
    }

    /// The same with more flags.
    pub async fn start_with(folder: &Path, more: &[&str]) -> Self {
        Self::of(Process::start(folder, &arguments(&["."], more))).await
    }

    /// Waits until a process that was started with [`arguments`] is ready.
    pub async fn of(process: Process) -> Self {
        process.ready(0).await;
        let admin = admin_of(&process.line("admin on ").await);
        Self { process, admin }
    }

    /// One that need not be ready, or ever be.
    pub async fn unready(process: Process) -> Self {
        let admin = admin_of(&process.line("admin on ").await);
        Self { process, admin }
    }

    /// Where operators ask.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// From now on the admin port is the one that is named on a line after `mark`: of a process that took over.
    pub async fn follow(&mut self, mark: usize) {
        self.process.ready(mark).await;
        self.admin = admin_of(&self.process.line_from(mark, "admin on ").await);
    }

    /// Asks the admin port.
    pub async fn admin(&self, path: &str) -> Answer {
        let host = self.admin.to_string();
        match self
            .exchange(self.admin, Request::get(path).header("host", host))
            .await
        {
            Ok(answer) => answer,
            Err(error) => self.process.fail(&format!("admin {path}: {error}")),
        }
    }

    /// JSON of the admin port.
    pub async fn admin_json(&self, path: &str) -> Value {
        let answer = self.admin(path).await;
        match serde_json::from_slice(&answer.body) {
            Ok(value) if answer.status == 200 => value,
            _ => self
                .process
                .fail(&format!("admin {path}: {} {}", answer.status, answer.text())),
        }
    }

    /// Where the listener that is configured for a port is bound.
    pub async fn bound(&self, configured: u16) -> SocketAddr {
        let listeners = self.admin_json("/listeners").await;
        let mut all = listeners["listeners"].as_array().into_iter().flatten();
        let bound = all
            .find(|l| l["configuredPort"] == configured)
            .and_then(|l| l["bound"].as_str()?.parse().ok());
        bound.unwrap_or_else(|| {
            self.process
                .fail(&format!("port {configured} is not bound: {listeners}"))
        })
    }

    /// `GET http://host/path`.
    pub async fn get(&self, host: &str, path: &str) -> Answer {
        self.send(Request::get(path).header("host", host)).await
    }

    /// Any request over HTTP/1.1; give a `host`.
    pub async fn send(&self, request: http::request::Builder) -> Answer {
        match self.exchange(self.bound(80).await, request).await {
            Ok(answer) => answer,
            Err(error) => self.process.fail(&format!("no answer: {error}")),
        }
    }

    /// `GET https://host/path`, believing whom `tls` believes.
    pub async fn get_https(&self, host: &str, path: &str, tls: &ClientTls) -> std::io::Result<Answer> {
        let mut client = Client::open_tls(self.bound(443).await, Wire::Http1, host, tls).await?;
        client.send(Request::get(path).header("host", host), "").await
    }

    async fn exchange(&self, to: SocketAddr, request: http::request::Builder) -> std::io::Result<Answer> {
        Client::open(to, Wire::Http1).await?.send(request, "").await
    }

    /// The backend that answers for a host, as it names itself; otherwise the status.
    pub async fn who(&self, host: &str) -> String {
        let answer = self.get(host, "/").await;
        answer
            .header("x-echo-backend")
            .map_or_else(|| answer.status.to_string(), ToOwned::to_owned)
    }

    /// Waits until a host is answered by a backend, or by a status.
    pub async fn answers(&self, host: &str, by: &str) {
        self.until(&format!("{host} is answered by {by}"), async || {
            self.who(host).await == by
        })
        .await;
    }

    /// Waits until a sample of `/metrics` has a value. `series` is the name with the labels, as they stand there.
    pub async fn metric(&self, series: &str, value: f64) {
        self.until(&format!("{series} is {value}"), async || {
            self.sample(series).await == Some(value)
        })
        .await;
    }

    /// A sample of `/metrics`.
    pub async fn sample(&self, series: &str) -> Option<f64> {
        let text = self.admin("/metrics").await.text();
        text.lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// Findings of `/diagnostics` with this code.
    pub async fn findings(&self, code: &str) -> Vec<Value> {
        let all = self.admin_json("/diagnostics").await;
        let all = all["diagnostics"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|d| d["code"] == code).collect()
    }

    /// Waits until `/diagnostics` has a finding with this code.
    pub async fn finding(&self, code: &str) -> Value {
        self.until(&format!("{code} is found"), async || {
            !self.findings(code).await.is_empty()
        })
        .await;
        self.findings(code).await.remove(0)
    }

    /// Asks again and again until it holds.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let mut pace = interval(PACE);
        let asking = async {
            while !holds().await {
                pace.tick().await;
            }
        };
        if timeout(DEADLINE, asking).await.is_err() {
            self.process.fail(&format!("never: {what}"));
        }
    }
}

fn admin_of(line: &str) -> SocketAddr {
    let address = line
        .rsplit_once("http://")
        .map(|(_, address)| address.trim_end_matches('/'));
    address
        .and_then(|a| a.parse().ok())
        .unwrap_or_else(|| panic!("not an address: {line}"))
}
