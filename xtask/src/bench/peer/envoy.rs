//! Envoy, with one worker and a static configuration. Many routes are a list, as every control plane sends them.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::{Value, json};

use super::start::{Place, said};
use super::{Peer, Running};
use crate::bench::certificate::HOST;
use crate::bench::site::{Job, Routes, Site};
use crate::parts;

pub struct Envoy;

impl Peer for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn version(&self) -> Result<String> {
        let line = said(parts::command("envoy", "envoy").arg("--version"), "version:")?;
        // `version: COMMIT/1.40.0/Clean/...`, after the program's own path.
        let told = line.rsplit("version:").next().unwrap_or_default();
        Ok(told.split('/').nth(1).unwrap_or_default().to_owned())
    }

    fn start(&self, site: &Site<'_>) -> Result<Running> {
        let place = Place::new()?;
        let file = place.write("envoy.json", &configuration(site, &place).to_string())?;
        let mut command = parts::command("envoy", "envoy");
        command
            .args([
                "--disable-hot-restart",
                "--concurrency",
                "1",
                "--log-level",
                "error",
                "-c",
            ])
            .arg(&file);
        place.run(&command)
    }
}

fn configuration(site: &Site<'_>, place: &Place) -> Value {
    let listeners = match site.job {
        Job::Tcp => vec![listener("plain", place.plain, &relay(), None)],
        Job::Grpc => vec![listener(
            "plain",
            place.plain,
            &manager(&[virtual_host(&[to("grpc")])]),
            None,
        )],
        Job::Web(routes) => {
            let filter = manager(&virtual_hosts(routes));
            vec![
                listener("plain", place.plain, &filter, None),
                listener("tls", place.tls, &filter, Some(site)),
            ]
        }
    };
    json!({"static_resources": {
        "listeners": listeners,
        "clusters": [
            cluster("v1", site.upstreams.http, false),
            cluster("v2", site.upstreams.http_v2, false),
            cluster("grpc", site.upstreams.grpc, true),
            cluster("echo", site.upstreams.echo, false),
        ],
    }})
}

fn listener(name: &str, port: u16, filter: &Value, tls: Option<&Site<'_>>) -> Value {
    let mut chain = json!({"filters": [filter]});
    if let (Some(site), Some(chain)) = (tls, chain.as_object_mut()) {
        let pair = json!({
            "certificate_chain": {"filename": site.certificate.certificate_file()},
            "private_key": {"filename": site.certificate.key_file()},
        });
        let context = json!({
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": [pair],
            },
        });
        let socket = json!({"name": "envoy.transport_sockets.tls", "typed_config": context});
        chain.insert("transport_socket".to_owned(), socket);
    }
    json!({"name": name, "address": address(SocketAddr::from(([127, 0, 0, 1], port))), "filter_chains": [chain]})
}

fn address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn relay() -> Value {
    json!({"name": "envoy.filters.network.tcp_proxy", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "relay",
        "cluster": "echo",
    }})
}

fn manager(virtual_hosts: &[Value]) -> Value {
    json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web",
        "use_remote_address": true,
        "stream_idle_timeout": "0s",
        "common_http_protocol_options": {"idle_timeout": "600s"},
        "http2_protocol_options": {"max_concurrent_streams": 1000},
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {"name": "all", "virtual_hosts": virtual_hosts},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        }}],
    }})
}

fn virtual_host(routes: &[Value]) -> Value {
    json!({"name": "all", "domains": [HOST], "routes": routes})
}

fn to(cluster: &str) -> Value {
    json!({"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}})
}

fn virtual_hosts(routes: Routes) -> Vec<Value> {
    match routes {
        Routes::One => vec![virtual_host(&[to("v1")])],
        Routes::Paths(count) => {
            let route = |number| json!({"match": {"prefix": format!("/p{number}/")}, "route": {"cluster": "v1", "timeout": "0s"}});
            vec![virtual_host(&(0..count).map(route).collect::<Vec<_>>())]
        }
        Routes::Hosts(count) => (0..count)
            .map(|number| {
                let name = format!("h{number}.{HOST}");
                json!({"name": name, "domains": [name], "routes": [to("v1")]})
            })
            .collect(),
        Routes::Rules => vec![virtual_host(&rules())],
    }
}

fn rules() -> Vec<Value> {
    let retry = json!({"retry_on": "connect-failure,refused-stream,gateway-error", "num_retries": 2});
    let v2 = |header: Value| {
        json!({
            "match": {"prefix": "/", "headers": [header]},
            "route": {"cluster": "v2", "timeout": "0s", "retry_policy": retry},
        })
    };
    let shares = json!({"clusters": [{"name": "v1", "weight": 90}, {"name": "v2", "weight": 10}]});
    vec![
        v2(json!({"name": "x-canary", "string_match": {"exact": "yes"}})),
        v2(json!({"name": "user-agent", "string_match": {"safe_regex": {"regex": ".*iPhone.*"}}})),
        json!({
            "match": {"prefix": "/"},
            "route": {"weighted_clusters": shares, "timeout": "0s", "retry_policy": retry},
        }),
    ]
}

fn cluster(name: &str, endpoint: SocketAddr, is_http2: bool) -> Value {
    let most = 100_000;
    let limits = json!({"max_connections": most, "max_pending_requests": most, "max_requests": most, "max_retries": most});
    let protocol = if is_http2 {
        "http2_protocol_options"
    } else {
        "http_protocol_options"
    };
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(endpoint)}}]}],
        },
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {protocol: {}},
        }},
    })
}
