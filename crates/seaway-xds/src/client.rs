//! The data plane's side of xDS: a client of the incremental ADS.
//!
//! Owns the stream, its reconnection, what is held ([`holder`], pure) and the copy of it on disk ([`cache`]). It hands out
//! whole sets of resources, and knows nothing of what they do.
//!
//! When the control plane is gone, what is held stays; with a cache it stays over a restart, too. A control plane that
//! comes back is told what is held and sends what is different.

mod cache;
pub mod holder;
mod references;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{Node, node::UserAgentVersionType};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

use crate::{Kind, Resources};
pub use holder::{Fault, Holder, Judge};

/// A whole configuration may be one resource.
const MAX_RESPONSE: usize = 256 << 20;
/// The first pause before connecting again; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// What is referred to and does not come is waited for only so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where from, and who we are.
#[derive(Clone, Debug)]
pub struct Options {
    /// `127.0.0.1:18000`
    pub server: String,
    /// The node's id, as the control plane shows it.
    pub node: String,
    /// The node's cluster: what several of the same kind have in common.
    pub cluster: String,
    /// A folder in which what is held is kept over restarts.
    pub cache: Option<PathBuf>,
}

/// How it stands.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What is to be served; `None`: nothing was ever received.
    pub resources: Option<Arc<Resources>>,
    /// Whether the control plane is connected.
    pub connected: bool,
    /// Whether the resources come from the cache, and no control plane has confirmed them.
    pub from_cache: bool,
    /// What was refused, with reasons.
    pub refused: Vec<Fault>,
    /// What went wrong last, and what to do about it; `None` while all is well.
    pub trouble: Option<String>,
}

/// Runs until every receiver of the states is gone.
pub async fn run(options: Options, judge: Arc<Judge>, states: watch::Sender<State>) {
    let mut client = Client::new(options, judge, states);
    client.load();
    let mut pause = FIRST_PAUSE;
    while !client.states.is_closed() {
        let heard = client.connected().await;
        if heard {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = client.states.closed() => {}
        }
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

struct Client {
    options: Options,
    judge: Arc<Judge>,
    states: watch::Sender<State>,
    holder: Holder,
    /// Whether what is held was not published yet.
    is_new: bool,
    /// When what is held is published although something is missing.
    publish_by: Option<Instant>,
}

impl Client {
    fn new(options: Options, judge: Arc<Judge>, states: watch::Sender<State>) -> Self {
        Self {
            options,
            judge,
            states,
            holder: Holder::default(),
            is_new: false,
            publish_by: None,
        }
    }

    fn load(&mut self) {
        let Some(folder) = &self.options.cache else { return };
        match cache::load(folder) {
            Ok(responses) if responses.is_empty() => {}
            Ok(responses) => {
                for response in responses {
                    self.holder.take(response, &*self.judge);
                }
                let resources = Arc::new(self.holder.resources().clone());
                self.states.send_modify(|state| {
                    state.resources = Some(resources);
                    state.from_cache = true;
                });
            }
            Err(trouble) => self.states.send_modify(|state| state.trouble = Some(trouble)),
        }
    }

    /// One connection, until it ends. Whether anything was heard on it.
    async fn connected(&mut self) -> bool {
        let mut heard = false;
        let trouble = match self.stream().await {
            Ok((requests, mut responses)) => loop {
                tokio::select! {
                    message = responses.message() => match message {
                        Ok(Some(response)) => {
                            heard = true;
                            self.take(response, &requests);
                        }
                        Ok(None) => break "the control plane ended the stream".to_owned(),
                        Err(status) => break status.message().to_owned(),
                    },
                    () = until(self.publish_by) => self.publish(),
                    () = self.states.closed() => return heard,
                }
            },
            Err(trouble) => trouble,
        };
        let trouble = format!(
            "no connection to the control plane at {} ({trouble}); what is held keeps serving, and it is tried again",
            self.options.server
        );
        self.states.send_modify(|state| {
            state.connected = false;
            state.trouble = Some(trouble);
        });
        heard
    }

    async fn stream(
        &mut self,
    ) -> Result<
        (
            mpsc::UnboundedSender<DeltaDiscoveryRequest>,
            Streaming<DeltaDiscoveryResponse>,
        ),
        String,
    > {
        let channel = connect(&self.options.server)
            .await
            .map_err(|error| chain(&error))?;
        let mut service =
            AggregatedDiscoveryServiceClient::new(channel).max_decoding_message_size(MAX_RESPONSE);
        let (requests, outbound) = mpsc::unbounded_channel();
        for request in self.holder.greet(&self.node()) {
            // The receiver is alive: it is right here.
            let _: Result<(), _> = requests.send(request);
        }
        let opened: Result<_, Status> = service
            .delta_aggregated_resources(UnboundedReceiverStream::new(outbound))
            .await;
        let responses = opened.map_err(|status| status.message().to_owned())?.into_inner();
        Ok((requests, responses))
    }

    fn node(&self) -> Node {
        Node {
            id: self.options.node.clone(),
            cluster: self.options.cluster.clone(),
            user_agent_name: "seaway".to_owned(),
            user_agent_version_type: Some(UserAgentVersionType::UserAgentVersion(
                env!("CARGO_PKG_VERSION").to_owned(),
            )),
            ..Node::default()
        }
    }

    fn take(
        &mut self,
        response: DeltaDiscoveryResponse,
        requests: &mpsc::UnboundedSender<DeltaDiscoveryRequest>,
    ) {
        let reaction = self.holder.take(response, &*self.judge);
        for request in reaction.requests {
            // A stream that has ended is seen by whoever reads from it.
            let _: Result<(), _> = requests.send(request);
        }
        self.is_new |= reaction.changed;
        if !self.holder.is_begun() {
            return;
        }
        if self.holder.missing().is_empty() {
            self.publish();
        } else if self.is_new && self.publish_by.is_none() {
            self.publish_by = Some(Instant::now() + PATIENCE);
        }
    }

    fn publish(&mut self) {
        self.publish_by = None;
        let refused = self.holder.refused();
        let is_new = std::mem::take(&mut self.is_new) || self.states.borrow().resources.is_none();
        let resources = is_new.then(|| Arc::new(self.holder.resources().clone()));
        let trouble = resources
            .as_ref()
            .and_then(|_| self.save())
            .or_else(|| self.waiting());
        self.states.send_modify(|state| {
            if let Some(resources) = resources {
                state.resources = Some(resources);
            }
            state.connected = true;
            state.from_cache = false;
            state.refused = refused;
            state.trouble = trouble;
        });
    }

    fn save(&self) -> Option<String> {
        let folder = self.options.cache.as_ref()?;
        cache::save(folder, &self.holder.save()).err()
    }

    fn waiting(&self) -> Option<String> {
        let missing = self.holder.missing();
        let (kind, name) = missing.first()?;
        let count = missing.len();
        let kind = kind.word();
        Some(format!(
            "{count} resources did not come, among them the {kind} {name:?}; what leads to them answers 503"
        ))
    }
}

async fn connect(server: &str) -> Result<Channel, tonic::transport::Error> {
    let server = server.strip_prefix("http://").unwrap_or(server);
    Endpoint::from_shared(format!("http://{server}"))?
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .connect()
        .await
}

/// `transport error: tcp connect error: Connection refused (os error 111)`
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// How a fault reads: `routes "http-80": …`.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind: Kind = self.kind;
        write!(f, "{} {:?}: {}", kind.word(), self.name, self.reason)
    }
}
