//! How Envoy reads requests: as our proxy does.

use envoy_types::pb::envoy::config::common::mutation_rules::v3::header_mutation::{Action, RemoveOnMatch};
use envoy_types::pb::envoy::config::common::mutation_rules::v3::HeaderMutation;
use envoy_types::pb::envoy::config::core::v3::{
    Http1ProtocolOptions, Http2ProtocolOptions, TypedExtensionConfig,
};
use envoy_types::pb::envoy::config::listener::v3::{Filter, filter};
use envoy_types::pb::envoy::extensions::filters::http::cors::v3::Cors;
use envoy_types::pb::envoy::extensions::filters::http::fault::v3::HttpFault;
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    ForwardClientCertDetails, RouteSpecifier, ServerHeaderTransformation, SetCurrentClientCertDetails,
    UpgradeConfig,
};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, http_filter,
};
use envoy_types::pb::envoy::extensions::http::early_header_mutation::header_mutation::v3::HeaderMutation as EarlyMutation;
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use prost::Name;
use seaway_model::Millis;

use super::filters::{CORS, FAULT};
use crate::words::{any, duration, text, yes_or_no};

/// The name of the filter.
pub(crate) const NAME: &str = "envoy.filters.network.http_connection_manager";

/// What clients say of where a request came from begins so, or is one of [`CLAIMED`].
pub(crate) const CLAIMS: &str = "x-forwarded-";
/// See [`CLAIMS`].
pub(crate) const CLAIMED: [&str; 3] = ["x-real-ip", "x-request-id", "forwarded"];

/// Upgrades that pass. Ours passes all but those to another HTTP; Envoy wants to know them.
const UPGRADES: [&str; 1] = ["websocket"];

/// The filter that speaks HTTP. `client`: clients may prove who they are.
pub(crate) fn filter(stat_prefix: &str, routes: RouteSpecifier, client: bool) -> Filter {
    Filter {
        name: NAME.into(),
        config_type: Some(filter::ConfigType::TypedConfig(any(&manager(
            stat_prefix,
            routes,
            client,
        )))),
    }
}

fn manager(stat_prefix: &str, routes: RouteSpecifier, client: bool) -> HttpConnectionManager {
    let mut manager = HttpConnectionManager {
        stat_prefix: stat_prefix.into(),
        route_specifier: Some(routes),
        http_filters: vec![
            // As in our pipeline: a preflight is answered before a fault can hide it.
            http_filter(CORS, &Cors::default()),
            http_filter(FAULT, &HttpFault::default()),
            http_filter(
                "envoy.filters.http.router",
                &Router {
                    suppress_envoy_headers: true,
                    ..Router::default()
                },
            ),
        ],
        http_protocol_options: Some(Http1ProtocolOptions {
            accept_http_10: true,
            allow_custom_methods: true,
            ..Http1ProtocolOptions::default()
        }),
        http2_protocol_options: Some(Http2ProtocolOptions {
            // WebSocket over HTTP/2 (RFC 8441).
            allow_connect: true,
            ..Http2ProtocolOptions::default()
        }),
        server_name: "seaway".into(),
        server_header_transformation: ServerHeaderTransformation::AppendIfAbsent.into(),
        // Nothing that the model says ends a request which goes on slowly.
        stream_idle_timeout: duration(Millis(0)),
        use_remote_address: yes_or_no(true),
        // What a client says of the way it came is taken out before anything is decided by it.
        early_header_mutation_extensions: vec![distrust()],
        upgrade_configs: UPGRADES
            .iter()
            .map(|name| UpgradeConfig {
                upgrade_type: (*name).into(),
                ..UpgradeConfig::default()
            })
            .collect(),
        normalize_path: yes_or_no(true),
        merge_slashes: true,
        ..HttpConnectionManager::default()
    };
    if client {
        manager.forward_client_cert_details = ForwardClientCertDetails::SanitizeSet.into();
        manager.set_current_client_cert_details = Some(SetCurrentClientCertDetails {
            subject: yes_or_no(true),
            dns: true,
            uri: true,
            ..SetCurrentClientCertDetails::default()
        });
    }
    manager
}

fn http_filter<M: Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        name: name.into(),
        config_type: Some(http_filter::ConfigType::TypedConfig(any(config))),
        ..HttpFilter::default()
    }
}

fn distrust() -> TypedExtensionConfig {
    let exact = CLAIMED.map(|name| HeaderMutation {
        action: Some(Action::Remove(name.into())),
    });
    let prefix = HeaderMutation {
        action: Some(Action::RemoveOnMatch(RemoveOnMatch {
            key_matcher: Some(text(MatchPattern::Prefix(CLAIMS.into()))),
        })),
    };
    TypedExtensionConfig {
        name: "envoy.http.early_header_mutation.header_mutation".into(),
        typed_config: Some(any(&EarlyMutation {
            mutations: exact.into_iter().chain([prefix]).collect(),
        })),
    }
}
