//! What a route says to Envoy's HTTP filters: CORS and faults.

use std::collections::HashMap;

use envoy_types::pb::envoy::extensions::filters::common::fault::v3::{
    FaultDelay, fault_delay::FaultDelaySecifier,
};
use envoy_types::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy;
use envoy_types::pb::envoy::extensions::filters::http::fault::v3::{
    FaultAbort, HttpFault, fault_abort::ErrorType,
};
use envoy_types::pb::envoy::r#type::matcher::v3::StringMatcher;
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy_types::pb::google::protobuf::Any;
use seaway_model::{Cors, Fault, OriginMatch};

use super::expression::re2;
use crate::words::{any, duration, expression, share, text, yes_or_no};

/// The names under which the filters stand in the connection manager and in a route.
pub(crate) const CORS: &str = "envoy.filters.http.cors";
/// As above.
pub(crate) const FAULT: &str = "envoy.filters.http.fault";

/// Says the rules for requests of other origins. An origin that Envoy cannot be told is left out.
pub(crate) fn cors(cors: &Cors, losses: &mut Vec<(&'static str, String)>) -> CorsPolicy {
    let origins = cors
        .allow_origins
        .iter()
        .filter_map(|allowed| match origin(allowed) {
            Ok(origin) => Some(origin),
            Err(error) => {
                losses.push(("origin of CORS", format!("{error}; the origin is not allowed")));
                None
            }
        });
    CorsPolicy {
        allow_origin_string_match: origins.collect(),
        allow_methods: cors.allow_methods.join(", "),
        allow_headers: cors.allow_headers.join(", "),
        expose_headers: cors.expose_headers.join(", "),
        max_age: cors
            .max_age_seconds
            .map_or_else(String::new, |age| age.to_string()),
        allow_credentials: yes_or_no(cors.allow_credentials),
        forward_not_matching_preflights: yes_or_no(cors.forward_unmatched_preflights),
        ..CorsPolicy::default()
    }
}

fn origin(origin: &OriginMatch) -> Result<StringMatcher, String> {
    Ok(text(match origin {
        OriginMatch::Any => MatchPattern::Exact("*".into()),
        OriginMatch::Exact(exact) => MatchPattern::Exact(exact.to_string()),
        OriginMatch::Prefix(prefix) if prefix.is_empty() => MatchPattern::SafeRegex(expression(".*")),
        OriginMatch::Prefix(prefix) => MatchPattern::Prefix(prefix.to_string()),
        OriginMatch::Wildcard { before, after } => MatchPattern::SafeRegex(expression(format!(
            "{}.+{}",
            regex_syntax::escape(before),
            regex_syntax::escape(after)
        ))),
        OriginMatch::Regex(pattern) => MatchPattern::SafeRegex(expression(re2(pattern)?)),
    }))
}

/// Says faults on purpose. `grpc`: for a route that takes gRPC requests only.
pub(crate) fn fault(fault: &Fault, grpc: bool) -> HttpFault {
    let delay = fault.delay.as_ref().filter(|delay| delay.duration.0 > 0);
    HttpFault {
        delay: delay.map(|delay| FaultDelay {
            percentage: Some(share(delay.fraction)),
            fault_delay_secifier: duration(delay.duration).map(FaultDelaySecifier::FixedDelay),
        }),
        abort: fault.abort.as_ref().map(|abort| FaultAbort {
            percentage: Some(share(abort.fraction)),
            error_type: Some(match abort.grpc_status.filter(|_| grpc) {
                Some(status) => ErrorType::GrpcStatus(status.into()),
                None => ErrorType::HttpStatus(abort.status.into()),
            }),
            ..FaultAbort::default()
        }),
        ..HttpFault::default()
    }
}

/// Both, as a route has them.
pub(crate) fn per_filter(cors: Option<&CorsPolicy>, fault: Option<&HttpFault>) -> HashMap<String, Any> {
    let cors = cors.map(|cors| (CORS.to_owned(), any(cors)));
    let fault = fault.map(|fault| (FAULT.to_owned(), any(fault)));
    cors.into_iter().chain(fault).collect()
}
