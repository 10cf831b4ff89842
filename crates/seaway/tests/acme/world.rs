//! A gateway with a backend, and an authority that looks at its ports.

use std::fmt::Write as _;
use std::net::SocketAddr;

use seaway_testkit::acme::{ChallengeDns, Pebble, PebbleOptions};
use seaway_testkit::client::ClientTls;
use seaway_testkit::echo::Backend;
use serde_json::Value;

use crate::HOST;
use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::manifests;

/// What a test has. Fields end in the order in which they stand.
pub struct World {
    pub gateway: Gateway,
    pub pebble: Pebble,
    pub folder: Folder,
    pub backend: Backend,
    flags: Vec<&'static str>,
}

impl World {
    /// A gateway that sends [`HOST`] to a backend, with more lines in its route.
    pub async fn start(fields: &str, flags: &[&'static str], options: PebbleOptions) -> Self {
        let backend = Backend::start("one").expect("a port");
        let route = manifests::route_with(HOST, backend.addr(), fields);
        // So that HTTPS is listened on from the beginning.
        let local = manifests::test_cert("local.example.com");
        let folder = Folder::with(&[("route.yaml", &route), ("local.yaml", &local)]);
        let gateway = Gateway::start_with(folder.path(), flags).await;
        let dns = ChallengeDns::start().await.expect("a DNS server");
        let options = PebbleOptions {
            http_port: Some(gateway.bound(80).await.port()),
            tls_port: Some(gateway.bound(443).await.port()),
            ..options
        };
        let pebble = Pebble::start(options, &dns).await.expect("an authority");
        Self {
            gateway,
            pebble,
            folder,
            backend,
            flags: flags.to_vec(),
        }
    }

    /// Asks for a certificate by a method of proof.
    pub fn want(&self, method: &str, domain: &str) {
        let mut text = format!(
            "apiVersion: seaway.dev/v1alpha1\nkind: HttpsCertIssuer\nmetadata: {{name: pebble, namespace: test}}\n\
             spec: {{{method}: {{server: \"{}\", rootSecretName: root}}}}\n---\n\
             apiVersion: seaway.dev/v1alpha1\nkind: HttpsCert\nmetadata: {{name: shop, namespace: test}}\n\
             spec: {{domains: [\"{domain}\"], httpsCertIssuer: pebble}}\n---\n\
             apiVersion: v1\nkind: Secret\nmetadata: {{name: root, namespace: test}}\nstringData:\n  ca.crt: |\n",
            self.pebble.directory_url()
        );
        for line in self.pebble.tls_root_pem().lines() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "    {line}");
        }
        self.folder.replace("cert.yaml", &text);
    }

    /// Whom clients of an issued certificate believe.
    pub fn issued(&self) -> ClientTls {
        ClientTls::trusting(&self.pebble.issuing_root_pem()).expect("PEM")
    }

    /// Waits until [`HOST`] is served with a certificate of the authority.
    pub async fn served(&self) {
        let tls = self.issued();
        self.gateway
            .until("a certificate of the authority serves", async || {
                self.gateway.get_https(HOST, "/", &tls).await.is_ok()
            })
            .await;
    }

    /// The certificate, as `/certs` tells.
    pub async fn cert(&self) -> Option<Value> {
        let mut all = self.gateway.admin_json("/certs").await;
        all["certs"].as_array_mut().and_then(Vec::pop)
    }

    /// Waits until `/certs` tells what is asked for.
    pub async fn told(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.gateway
            .until(what, async || self.cert().await.is_some_and(|cert| holds(&cert)))
            .await;
        self.cert().await.expect("it was there")
    }

    /// Stops the gateway as operators do, and starts it anew on the same data.
    pub async fn restart(&mut self) {
        self.gateway.process.signal(rustix::process::Signal::TERM);
        assert_eq!(self.gateway.process.exit().await, 0);
        self.gateway = Gateway::start_with(self.folder.path(), &self.flags).await;
    }

    /// The admin address, for a flag.
    pub fn admin(&self) -> String {
        SocketAddr::to_string(&self.gateway.admin_address())
    }
}
