//! The resolver that the system is set up with: `/etc/hosts`, then the name servers of `/etc/resolv.conf`.
//!
//! Read once, at the first name. A system without name servers still has its hosts file and `localhost`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::{Answer, Lookup, Resolve, ResolveError};

/// Names by the system's set-up.
#[derive(Default)]
pub struct SystemResolver(OnceLock<Result<System, String>>);

struct System {
    resolver: TokioResolver,
    /// Why there are no name servers.
    crippled: Option<String>,
}

impl std::fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SystemResolver")
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Lookup<'a> {
        Box::pin(async move {
            if is_localhost(host) {
                return Ok(loopback());
            }
            let system = self.0.get_or_init(System::read);
            let system = system.as_ref().map_err(|error| ResolveError(error.clone()))?;
            system.lookup(host).await
        })
    }
}

impl System {
    fn read() -> Result<Self, String> {
        let (mut builder, crippled) = match TokioResolver::builder_tokio() {
            Ok(builder) => (builder, None),
            Err(error) => {
                let provider = TokioRuntimeProvider::default();
                let nothing = ResolverConfig::from_name_servers(Vec::new());
                let builder = TokioResolver::builder_with_config(nothing, provider);
                (builder, Some(error.to_string()))
            }
        };
        builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let resolver = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { resolver, crippled })
    }

    async fn lookup(&self, host: &str) -> Result<Answer, ResolveError> {
        let found = self.resolver.lookup_ip(host).await.map_err(|error| {
            ResolveError(match &self.crippled {
                Some(why) => {
                    format!("{host} is not in /etc/hosts, and /etc/resolv.conf names no server: {why}")
                }
                None => error.to_string(),
            })
        })?;
        Ok(Answer {
            addresses: found.iter().collect(),
            ttl: found.valid_until().saturating_duration_since(Instant::now()),
        })
    }
}

/// RFC 6761, 6.3: these names are always the loopback, and no name server is asked.
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    last.eq_ignore_ascii_case("localhost")
}

fn loopback() -> Answer {
    Answer {
        addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        ttl: Duration::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_under_localhost_is_the_loopback() {
        for name in ["localhost", "LOCALHOST", "localhost.", "api.localhost"] {
            assert!(is_localhost(name), "{name}");
        }
    }

    #[test]
    fn a_name_that_only_begins_with_localhost_is_not_the_loopback() {
        for name in ["localhost.example.com", "mylocalhost", ""] {
            assert!(!is_localhost(name), "{name}");
        }
    }
}
