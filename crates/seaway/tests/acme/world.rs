//! A gateway with a backend, and an authority on a bad day that looks at its ports.

use std::fmt::Write as _;
use std::net::SocketAddr;

use rustix::process::Signal;
use seaway_testkit::acme::{ChallengeDns, Flaky, Pebble, PebbleOptions};
use seaway_testkit::client::ClientTls;
use seaway_testkit::echo::Backend;
use serde_json::Value;

use crate::HOST;
use crate::support::command::{Done, seaway_in};
use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::manifests;

/// What a test has. Fields end in the order in which they stand.
pub struct World {
    pub gateway: Gateway,
    pub flaky: Flaky,
    pub pebble: Pebble,
    pub dns: ChallengeDns,
    pub folder: Folder,
    pub backend: Backend,
    flags: Vec<String>,
}

impl World {
    /// A gateway that sends [`HOST`] to a backend.
    pub async fn new() -> Self {
        Self::start("", &[], PebbleOptions::default()).await
    }

    /// The same, with more lines in its route, and more flags.
    pub async fn start(fields: &str, flags: &[&str], options: PebbleOptions) -> Self {
        let backend = Backend::start("one").expect("a port");
        let route = manifests::route_with(HOST, backend.addr(), fields);
        // So that HTTPS is listened on from the beginning.
        let local = manifests::test_cert("local.example.com");
        let folder = Folder::with(&[("route.yaml", &route), ("local.yaml", &local)]);
        let dns = ChallengeDns::start().await.expect("a DNS server");
        let mut flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        flags.extend(["--dns-server".to_owned(), dns.addr().to_string()]);
        let gateway = Gateway::start_with(folder.path(), &strs(&flags)).await;
        let options = PebbleOptions {
            http_port: Some(gateway.bound(80).await.port()),
            tls_port: Some(gateway.bound(443).await.port()),
            ..options
        };
        let pebble = Pebble::start(options, &dns).await.expect("an authority");
        let flaky = Flaky::start(&pebble).expect("a proxy");
        Self {
            gateway,
            flaky,
            pebble,
            dns,
            folder,
            backend,
            flags,
        }
    }

    /// Asks for a certificate by a method of proof.
    pub fn want(&self, method: &str, domain: &str) {
        self.want_all(method, "", &[domain], "");
    }

    /// The same, with more fields of the issuer, each with a comma after it, and more documents.
    pub fn want_all(&self, method: &str, fields: &str, domains: &[&str], documents: &str) {
        let issuer = format!(
            "apiVersion: seaway.dev/v1alpha1\nkind: HttpsCertIssuer\nmetadata: {{name: pebble, namespace: test}}\n\
             spec: {{{method}: {{{fields} server: \"{}\", rootSecretName: root}}}}\n",
            self.flaky.directory_url()
        );
        let parts = [
            issuer,
            https_cert("shop", domains, "pebble"),
            root("root", &self.flaky.tls_root_pem()),
            documents.to_owned(),
        ];
        self.folder.replace("cert.yaml", &manifests::documents(&parts));
    }

    /// Whom clients of an issued certificate believe.
    pub fn issued(&self) -> ClientTls {
        ClientTls::trusting(&self.pebble.issuing_root_pem()).expect("PEM")
    }

    /// Waits until [`HOST`] is served with a certificate of the authority.
    pub async fn served(&self) {
        self.served_for(HOST).await;
    }

    /// The same for any host.
    pub async fn served_for(&self, host: &str) {
        let tls = self.issued();
        self.gateway
            .until("a certificate of the authority serves", async || {
                self.gateway.get_https(host, "/", &tls).await.is_ok()
            })
            .await;
    }

    /// What is wanted, as `/certs` tells.
    pub async fn cert(&self) -> Option<Value> {
        self.cert_of("shop").await
    }

    /// The same of any HttpsCert.
    pub async fn cert_of(&self, name: &str) -> Option<Value> {
        let all = self.gateway.admin_json("/certs").await;
        let mut all = all["certs"].as_array().into_iter().flatten();
        all.find(|cert| cert["name"] == format!("httpscert:test/{name}"))
            .cloned()
    }

    /// Waits until `/certs` tells what is asked for.
    pub async fn told(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.gateway
            .until(what, async || self.cert().await.is_some_and(|cert| holds(&cert)))
            .await;
        self.cert().await.expect("it was there")
    }

    /// Waits until there is an error, which `/certs`, `seaway certs` and standard error tell in the same words.
    pub async fn told_everywhere(&self) -> String {
        let cert = self
            .told("there is an error", |cert| cert["lastError"].is_string())
            .await;
        let error = cert["lastError"].as_str().expect("a text").to_owned();
        self.gateway.process.line(&error).await;
        let done = self.certs();
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.out.contains(&error), "{error}\n{done:?}");
        error
    }

    /// What `seaway certs` says.
    pub fn certs(&self) -> Done {
        seaway_in(self.folder.path(), &["certs", "--admin", &self.admin()])
    }

    /// Says that something was repaired.
    pub fn reload(&self) {
        self.gateway.process.signal(Signal::HUP);
    }

    /// Stops the gateway as operators do, and starts it anew on the same data.
    pub async fn restart(&mut self) {
        self.restart_with(&[]).await;
    }

    /// The same with more flags.
    pub async fn restart_with(&mut self, more: &[&str]) {
        self.gateway.process.signal(Signal::TERM);
        assert_eq!(self.gateway.process.exit().await, 0);
        let mut flags = strs(&self.flags);
        flags.extend(more);
        self.gateway = Gateway::start_with(self.folder.path(), &flags).await;
    }

    /// Starts a gateway after the one before it has ended.
    pub async fn start_again(&mut self) {
        self.gateway = self.second().await;
    }

    /// Another gateway with the same manifests and the same data, beside the first.
    pub async fn second(&self) -> Gateway {
        Gateway::start_with(self.folder.path(), &strs(&self.flags)).await
    }

    /// The admin address, for a flag.
    pub fn admin(&self) -> String {
        SocketAddr::to_string(&self.gateway.admin_address())
    }
}

/// An HttpsCert of an issuer.
pub fn https_cert(name: &str, domains: &[&str], issuer: &str) -> String {
    format!(
        "apiVersion: seaway.dev/v1alpha1\nkind: HttpsCert\nmetadata: {{name: {name}, namespace: test}}\n\
         spec: {{domains: {domains:?}, httpsCertIssuer: {issuer}}}\n"
    )
}

/// A Secret with a root.
pub fn root(name: &str, pem: &str) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: test}}\nstringData:\n  ca.crt: |\n"
    );
    for line in pem.lines() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {line}");
    }
    text
}

fn strs(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}
