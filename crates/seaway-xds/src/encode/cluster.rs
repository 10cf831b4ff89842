//! Clusters.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::cluster::v3::cluster::common_lb_config::{
    LocalityConfigSpecifier, LocalityWeightedLbConfig,
};
use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, CommonLbConfig, DiscoveryType, DnsLookupFamily, EdsClusterConfig, LbConfig,
    LbPolicy, LeastRequestLbConfig, MaglevLbConfig, RingHashLbConfig, RoundRobinLbConfig, SlowStartConfig,
};
use envoy_types::pb::envoy::config::cluster::v3::{Cluster as XdsCluster, UpstreamConnectionOptions};
use envoy_types::pb::envoy::config::core::v3::{
    Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as CommonOptions, KeepaliveSettings,
    ProxyProtocolConfig, RuntimeDouble, TcpKeepalive, TransportSocket, UpstreamHttpProtocolOptions,
    proxy_protocol_config,
};
use envoy_types::pb::envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
use envoy_types::pb::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
};
use seaway_model::SecretName;
use seaway_model::{
    Balancing, Cluster, EndpointSource, Fraction, Millis, ProxyProtocolVersion, Trust, UpstreamProtocol,
    Warmup,
};

use super::{Delivery, Encoder, endpoints, limits, tls};
use crate::decode;
use crate::notes::Notes;
use crate::words::{any, duration, long, number, percent};

/// Under which a cluster says how HTTP is spoken.
pub(crate) const HTTP: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/// Sends who the client is.
pub(crate) const PROXY_PROTOCOL: &str = "envoy.transport_sockets.upstream_proxy_protocol";
/// Clear text.
const RAW: &str = "envoy.transport_sockets.raw_buffer";
/// A connection without a request is closed after so long.
pub(crate) const IDLE: Millis = Millis(60_000);

impl Encoder<'_> {
    pub(super) fn cluster(&mut self, cluster: &Cluster) {
        let mut notes = self.cluster_notes(cluster);
        let (circuit_breakers, budget) =
            limits::circuit_breakers(&cluster.circuit_breakers, &cluster.retry_budget);
        notes.unless_read("retryBudget", &cluster.retry_budget, budget.as_ref());
        let outlier = cluster.outlier_detection.as_ref().map(limits::outlier_detection);
        if let (Some(said), Some(outlier)) = (&cluster.outlier_detection, &outlier) {
            let mut read = decode::limits::outlier_detection(outlier);
            // It stands elsewhere in the cluster, and is read there.
            read.min_health = said.min_health;
            notes.unless_read("outlierDetection", said, Some(&read));
            if !said.error_codes.is_empty() {
                let why = "Envoy counts 500 to 599";
                self.losses.add(
                    &cluster.origin,
                    vec![("error codes of outlier detection", why.to_owned())],
                );
            }
        }
        self.note_connections(cluster, &mut notes);
        let mut said = XdsCluster {
            name: cluster.name.0.to_string(),
            connect_timeout: duration(Millis(cluster.connect_timeout.0.max(1))),
            lb_policy: policy(cluster.balancing).into(),
            lb_config: tuning(cluster),
            common_lb_config: Some(common_balancing(cluster)),
            circuit_breakers: Some(circuit_breakers),
            outlier_detection: outlier,
            transport_socket: self.transport(cluster),
            typed_extension_protocol_options: HashMap::from([(HTTP.to_owned(), any(&http_options(cluster)))]),
            upstream_connection_options: keepalive(cluster),
            metadata: notes.into_metadata(),
            ..XdsCluster::default()
        };
        self.endpoints(cluster, &mut said);
        self.resources.clusters.insert(said.name.clone(), said.into());
    }

    fn cluster_notes(&self, cluster: &Cluster) -> Notes {
        let mut notes = Notes::new(&cluster.origin);
        if let Some(service) = &cluster.service {
            notes.set("service", service);
        }
        if let Some(subset) = &cluster.subset {
            notes.set("subset", subset);
        }
        let origins = self.origins(secrets_of(cluster));
        if !origins.is_empty() {
            notes.set("secrets", origins);
        }
        let settings = &cluster.balancing_settings;
        if !settings.locality_weights.is_empty() {
            let weights: Vec<_> = settings
                .locality_weights
                .iter()
                .map(|weight| {
                    let place = &weight.locality;
                    (&place.region, &place.zone, &place.subzone, weight.weight)
                })
                .collect();
            notes.set("localityWeights", weights);
        }
        notes
    }

    /// Writes down what of the connections has another form there, or none.
    fn note_connections(&self, cluster: &Cluster, notes: &mut Notes) {
        let pool = &cluster.connection_pool;
        let seconds = |time: Option<Millis>| time.is_none_or(|time| time.0.is_multiple_of(1_000));
        let keepalive = pool.tcp_keepalive.as_ref();
        let is_plain = keepalive
            .is_none_or(|keepalive| seconds(keepalive.time) && seconds(keepalive.interval))
            && pool.idle_timeout != Some(IDLE)
            && pool.max_requests_per_connection != Some(0)
            && (cluster.protocol == UpstreamProtocol::Http2
                || (pool.max_concurrent_streams.is_none() && pool.http2_keepalive.is_none()));
        if !is_plain {
            notes.set("connectionPool", pool);
        }
        let settings = &cluster.balancing_settings;
        let fits = match cluster.balancing {
            Balancing::LeastRequest | Balancing::RoundRobin => {
                settings.minimum_ring_size.is_none() && settings.maglev_table_size.is_none()
            }
            Balancing::RingHash => settings.maglev_table_size.is_none() && settings.warmup.is_none(),
            Balancing::Maglev => settings.minimum_ring_size.is_none() && settings.warmup.is_none(),
            Balancing::Random => {
                settings.minimum_ring_size.is_none()
                    && settings.maglev_table_size.is_none()
                    && settings.warmup.is_none()
            }
        };
        if !fits {
            let warmup = settings.warmup.as_ref();
            let warmup = warmup.map(|w| (w.duration.0, w.minimum.millionths(), w.aggression));
            notes.set(
                "balancing",
                (settings.minimum_ring_size, settings.maglev_table_size, warmup),
            );
        }
    }

    fn endpoints(&mut self, cluster: &Cluster, said: &mut XdsCluster) {
        let (kind, assignment) = match &cluster.endpoints {
            EndpointSource::Static(all) => {
                let kind = match self.options.delivery {
                    Delivery::Ads => DiscoveryType::Eds,
                    Delivery::Static => DiscoveryType::Static,
                };
                (kind, endpoints::of_addresses(cluster, all))
            }
            EndpointSource::Dns(names) => (DiscoveryType::StrictDns, endpoints::of_names(cluster, names)),
            EndpointSource::LogicalDns(name) => (
                DiscoveryType::LogicalDns,
                endpoints::of_names(cluster, std::slice::from_ref(name)),
            ),
        };
        said.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind.into()));
        if kind == DiscoveryType::Eds {
            said.eds_cluster_config = Some(EdsClusterConfig {
                eds_config: self.options.delivery.config_source(),
                service_name: String::new(),
            });
            self.resources
                .endpoints
                .insert(said.name.clone(), assignment.into());
        } else {
            said.load_assignment = Some(assignment);
        }
        if matches!(kind, DiscoveryType::StrictDns | DiscoveryType::LogicalDns) {
            said.dns_lookup_family = DnsLookupFamily::All.into();
            #[expect(
                deprecated,
                reason = "what replaces it is an extension, which older Envoys do not have"
            )]
            {
                said.respect_dns_ttl = true;
            }
        }
    }

    fn transport(&self, cluster: &Cluster) -> Option<TransportSocket> {
        let inner = cluster
            .tls
            .as_ref()
            .map(|tls| tls::upstream(tls, cluster.protocol, self.options.delivery));
        let Some(version) = cluster.proxy_protocol else {
            return inner;
        };
        let version = match version {
            ProxyProtocolVersion::V1 => proxy_protocol_config::Version::V1,
            ProxyProtocolVersion::V2 => proxy_protocol_config::Version::V2,
        };
        Some(tls::socket(
            PROXY_PROTOCOL,
            &ProxyProtocolUpstreamTransport {
                config: Some(ProxyProtocolConfig {
                    version: version.into(),
                    ..ProxyProtocolConfig::default()
                }),
                transport_socket: Some(inner.unwrap_or_else(|| tls::socket(RAW, &RawBuffer::default()))),
                ..ProxyProtocolUpstreamTransport::default()
            },
        ))
    }
}

fn policy(balancing: Balancing) -> LbPolicy {
    match balancing {
        Balancing::LeastRequest => LbPolicy::LeastRequest,
        Balancing::RoundRobin => LbPolicy::RoundRobin,
        Balancing::Random => LbPolicy::Random,
        Balancing::RingHash => LbPolicy::RingHash,
        Balancing::Maglev => LbPolicy::Maglev,
    }
}

fn tuning(cluster: &Cluster) -> Option<LbConfig> {
    let settings = &cluster.balancing_settings;
    let slow_start = settings.warmup.as_ref().map(slow_start);
    match cluster.balancing {
        Balancing::LeastRequest => slow_start.map(|slow_start| {
            LbConfig::LeastRequestLbConfig(LeastRequestLbConfig {
                slow_start_config: Some(slow_start),
                ..LeastRequestLbConfig::default()
            })
        }),
        Balancing::RoundRobin => slow_start.map(|slow_start| {
            LbConfig::RoundRobinLbConfig(RoundRobinLbConfig {
                slow_start_config: Some(slow_start),
            })
        }),
        Balancing::RingHash => settings.minimum_ring_size.map(|size| {
            LbConfig::RingHashLbConfig(RingHashLbConfig {
                minimum_ring_size: long(size.into()),
                ..RingHashLbConfig::default()
            })
        }),
        Balancing::Maglev => settings.maglev_table_size.map(|size| {
            LbConfig::MaglevLbConfig(MaglevLbConfig {
                table_size: long(size.into()),
            })
        }),
        Balancing::Random => None,
    }
}

fn slow_start(warmup: &Warmup) -> SlowStartConfig {
    SlowStartConfig {
        slow_start_window: duration(warmup.duration),
        aggression: Some(RuntimeDouble {
            default_value: f64::from(warmup.aggression) / 1_000.0,
            runtime_key: "seaway.aggression".into(),
        }),
        min_weight_percent: percent(warmup.minimum),
    }
}

fn common_balancing(cluster: &Cluster) -> CommonLbConfig {
    let threshold = cluster
        .outlier_detection
        .as_ref()
        .map_or(Fraction::ZERO, |outlier| outlier.min_health);
    CommonLbConfig {
        // Envoy's own is 50 %.
        healthy_panic_threshold: percent(threshold),
        locality_config_specifier: (!cluster.balancing_settings.locality_weights.is_empty()).then_some(
            LocalityConfigSpecifier::LocalityWeightedLbConfig(LocalityWeightedLbConfig {}),
        ),
        ..CommonLbConfig::default()
    }
}

fn http_options(cluster: &Cluster) -> HttpProtocolOptions {
    let pool = &cluster.connection_pool;
    let protocol = match cluster.protocol {
        UpstreamProtocol::Http1 => ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default()),
        UpstreamProtocol::Http2 => ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions {
            max_concurrent_streams: pool.max_concurrent_streams.and_then(number),
            connection_keepalive: pool.http2_keepalive.as_ref().map(|pings| KeepaliveSettings {
                interval: duration(pings.interval),
                timeout: duration(pings.timeout),
                ..KeepaliveSettings::default()
            }),
            ..Http2ProtocolOptions::default()
        }),
    };
    HttpProtocolOptions {
        common_http_protocol_options: Some(CommonOptions {
            idle_timeout: duration(pool.idle_timeout.unwrap_or(IDLE)),
            max_connection_duration: pool.max_connection_duration.and_then(duration),
            max_requests_per_connection: pool.max_requests_per_connection.and_then(number),
            ..CommonOptions::default()
        }),
        upstream_http_protocol_options: cluster.tls.as_ref().filter(|tls| tls.server_name.is_none()).map(
            |tls| UpstreamHttpProtocolOptions {
                auto_sni: true,
                auto_san_validation: tls.subject_alt_names.is_empty() && tls.trust != Trust::Anybody,
                ..UpstreamHttpProtocolOptions::default()
            },
        ),
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(protocol),
        })),
        ..HttpProtocolOptions::default()
    }
}

/// In whole seconds there; a part of one is one.
fn keepalive(cluster: &Cluster) -> Option<UpstreamConnectionOptions> {
    let said = cluster.connection_pool.tcp_keepalive.as_ref()?;
    let seconds = |time: Option<Millis>| {
        time.and_then(|time| number(u32::try_from(time.0.div_ceil(1_000)).unwrap_or(u32::MAX)))
    };
    Some(UpstreamConnectionOptions {
        tcp_keepalive: Some(TcpKeepalive {
            keepalive_probes: said.probes.and_then(number),
            keepalive_time: seconds(said.time),
            keepalive_interval: seconds(said.interval),
        }),
        ..UpstreamConnectionOptions::default()
    })
}

/// The secrets that TLS to a cluster needs.
pub(super) fn secrets_of(cluster: &Cluster) -> impl Iterator<Item = &SecretName> {
    cluster.tls.iter().flat_map(|tls| {
        let trust = match &tls.trust {
            Trust::Secret(name) => Some(name),
            Trust::System | Trust::Anybody => None,
        };
        trust.into_iter().chain(&tls.client_certificate)
    })
}
