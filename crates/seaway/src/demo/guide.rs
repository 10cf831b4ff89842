//! What the demonstration prints: commands, and what each of them shows.

use std::fmt::{self, Display};
use std::path::Path;

/// Where things ended up listening.
#[derive(Clone, Copy, Debug)]
pub struct Guide<'a> {
    /// Port of plain HTTP.
    pub http: u16,
    /// Port of HTTPS; `None` if it could not be bound.
    pub https: Option<u16>,
    /// The authority that signed the certificate.
    pub authority: &'a Path,
    /// Where the manifests are.
    pub manifests: &'a Path,
    /// Port of the next version's pod, which counts what the mirror sends it.
    pub next: u16,
    /// The admin port, where there is one.
    pub admin: Option<std::net::SocketAddr>,
}

impl Guide<'_> {
    /// `http://canary.localhost:8080/`
    fn http(&self, host: &str, path: &str) -> String {
        format!("http://{host}.localhost{}{path}", Port(self.http, 80))
    }
}

/// A port, unless it is the one that nobody writes.
struct Port(u16, u16);

impl Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 {
            Ok(())
        } else {
            write!(f, ":{}", self.0)
        }
    }
}

impl Display for Guide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The gateway serves. In another terminal:\n")?;
        let mut step =
            |title: &str, command: &str, expect: &str| writeln!(f, "# {title}\n{command}\n#   {expect}\n");
        step(
            "A canary: 5 % to version 2, by weight and not by the number of pods",
            &format!(
                "for i in $(seq 100); do curl -s {}; done | sort | uniq -c",
                self.http("canary", "/")
            ),
            "95 answers name v1, 5 name v2 (one more or less for each worker thread)",
        )?;
        step(
            "iPhones to version 2, everybody else to version 1",
            &format!(
                "curl -A iPhone {0}; curl -A Android {0}",
                self.http("phones", "/")
            ),
            "the first answer names v2, the second v1",
        )?;
        step(
            "A mirror: every second request is copied to the next version, whose answers nobody waits for",
            &format!(
                "for i in $(seq 10); do curl -s {}; done; curl -sI http://127.0.0.1:{} | grep x-shop-requests",
                self.http("mirror", "/"),
                self.next
            ),
            "every answer names v1; version 2 counts its requests, and each time the count grows by about 5",
        )?;
        step(
            "A fault on purpose: a quarter of the orders fail, every search is half a second late",
            &format!(
                "for i in $(seq 20); do curl -s -o /dev/null -w '%{{http_code}}\\n' {}; done | sort | uniq -c; time curl {}",
                self.http("fault", "/orders"),
                self.http("fault", "/search")
            ),
            "about 15 times 200 and 5 times 503; then an answer after 0.5 s",
        )?;
        if let Some(https) = self.https {
            step(
                "TLS: a certificate from a test authority, and plain HTTP sent there",
                &format!(
                    "curl --cacert {} https://tls.localhost{}/; curl -s -o /dev/null -w '%{{http_code}} %{{redirect_url}}\\n' {}",
                    self.authority.display(),
                    Port(https, 443),
                    self.http("tls", "/")
                ),
                "an answer that names v1; then 301 https://tls.localhost/",
            )?;
        }
        step(
            "An Ingress, as Kubernetes has it: its wildcard covers one label",
            &format!(
                "curl {}; curl {}",
                self.http("eu.ingress", "/"),
                self.http("a.b.ingress", "/")
            ),
            "an answer of the shop; then 404, no_route",
        )?;
        step(
            "Why does a request go where it goes?",
            &format!(
                "seaway explain {} --request 'GET http://phones.localhost/' -H 'User-Agent: iPhone'",
                self.manifests.display()
            ),
            "the route that takes it, and why the others do not",
        )?;
        if let Some(admin) = self.admin {
            step(
                "See what happens",
                &format!("curl http://{admin}/metrics"),
                &format!("metrics; a dashboard is on http://{admin}/"),
            )?;
        }
        writeln!(
            f,
            "The manifests are in {}: edit one, and the next request is served by it.\nCtrl-C stops.",
            self.manifests.display()
        )
    }
}
