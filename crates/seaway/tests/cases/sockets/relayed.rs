//! Probes of connections that are relayed: whatever speaks HTTP at the far end says who it is.

use std::io;
use std::time::Duration;

use seaway_model::Protocol;
use seaway_testkit::cases::Probe;
use seaway_testkit::client::{ClientTls, Raw, RawAnswer, Wire};
use serde_json::Value;

use super::{Served, Url, ask};

/// Said through the relay.
const HELLO: &str = "GET /relayed HTTP/1.1\r\nHost: relayed\r\n\r\n";
/// An answer that does not come would have come by then.
const DEADLINE: Duration = Duration::from_secs(30);

impl Served {
    /// One line for each thing that is not as explained. What goes through untouched is TLS, and datagrams are not HTTP:
    /// the backends speak neither, so those are only explained here and have their tests in the proxy.
    pub(super) async fn relayed(
        &self,
        mode: &str,
        probe: &Probe,
        explanation: &Value,
    ) -> io::Result<Vec<String>> {
        if matches!(mode, "passthrough" | "udp") {
            return Ok(Vec::new());
        }
        let destinations = explanation["destinations"].as_array();
        let destinations = destinations.map(Vec::as_slice).unwrap_or_default();
        let taking = || {
            let share = |d: &&Value| d["share"].as_f64() > Some(0.0);
            destinations.iter().filter(share)
        };
        let reached = |d: &Value| {
            d["cluster"]
                .as_str()
                .is_some_and(|c| self.backends.contains_key(c))
        };
        let answer = tokio::time::timeout(DEADLINE, self.hello(mode, probe)).await?;
        Ok(match answer {
            Ok(answer) => {
                let backend = answer.header("x-echo-backend").unwrap_or_default();
                match taking().any(|d| d["cluster"] == backend) {
                    true => Vec::new(),
                    false => vec![format!("{backend:?} answered, which is none of the destinations")],
                }
            }
            Err(_) if taking().any(|d| !reached(d)) => Vec::new(),
            Err(error) => vec![format!("nobody answered through the relay: {error}")],
        })
    }

    async fn hello(&self, mode: &str, probe: &Probe) -> io::Result<RawAnswer> {
        let (_, url) = probe.method_and_url();
        let url = Url::parse(url).ok_or(io::ErrorKind::InvalidInput)?;
        let port = probe.port.unwrap_or(url.port);
        if mode == "terminate" {
            let bound = self.bound(port, Protocol::Https)?;
            let tls = ClientTls::blind();
            let stream = tls.connect(bound, url.server_name(), Wire::Http1).await?;
            return ask(Raw::over(stream), "GET", HELLO).await;
        }
        let bound = self.bound(port, Protocol::Tcp)?;
        ask(Raw::open(bound).await?, "GET", HELLO).await
    }
}
