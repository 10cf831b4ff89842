//! Asking DNS what the authority will see. Nothing is cached.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

/// The system's name servers, or one that is named.
pub(crate) struct Resolver {
    server: Option<SocketAddr>,
    /// Made at the first question: most installations never ask one.
    made: OnceLock<Option<TokioResolver>>,
}

impl Resolver {
    pub(crate) fn new(server: Option<SocketAddr>) -> Self {
        Self {
            server,
            made: OnceLock::new(),
        }
    }

    /// Values of a name, aliases followed. None where it cannot be asked.
    pub(crate) async fn txt(&self, name: &str) -> Vec<String> {
        let answers = self.lookup(name, RecordType::TXT).await.unwrap_or_default();
        let text = |data: RData| match data {
            RData::TXT(txt) => Some(
                txt.txt_data
                    .iter()
                    .map(|part| String::from_utf8_lossy(part))
                    .collect(),
            ),
            _ => None,
        };
        answers.into_iter().filter_map(text).collect()
    }

    /// What a name is an alias of, `Some(None)` if it is none. `None`: it could not be asked.
    pub(crate) async fn cname(&self, name: &str) -> Option<Option<String>> {
        let answers = self.lookup(name, RecordType::CNAME).await?;
        Some(answers.into_iter().find_map(|data| match data {
            RData::CNAME(target) => Some(target.0.to_utf8()),
            _ => None,
        }))
    }

    async fn lookup(&self, name: &str, kind: RecordType) -> Option<Vec<RData>> {
        let resolver = self.made.get_or_init(|| make(self.server)).as_ref()?;
        match resolver.lookup(format!("{name}."), kind).await {
            Ok(found) => Some(found.answers().iter().map(|record| record.data.clone()).collect()),
            Err(error) if error.is_no_records_found() => Some(Vec::new()),
            Err(_) => None,
        }
    }
}

fn make(server: Option<SocketAddr>) -> Option<TokioResolver> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio().ok()?,
        Some(address) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            let server = NameServerConfig::new(address.ip(), true, connections.into());
            let config = ResolverConfig::from_name_servers(vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.cache_size = 0;
    options.attempts = 2;
    options.timeout = Duration::from_secs(3);
    builder.build().ok()
}
