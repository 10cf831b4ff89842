//! CORS and faults, from Envoy's words.

use envoy_types::pb::envoy::extensions::filters::common::fault::v3::fault_delay::FaultDelaySecifier;
use envoy_types::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy;
use envoy_types::pb::envoy::extensions::filters::http::fault::v3::{HttpFault, fault_abort::ErrorType};
use seaway_model::{Abort, Cors, Delay, Fault, Fraction, OriginMatch, StringMatch};

use super::matching::{pattern, string};
use crate::words::{fraction, is_yes, millis};

/// Reads the rules for requests of other origins.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn cors(said: &CorsPolicy) -> Result<Cors, String> {
    let list = |text: &str| -> Vec<std::sync::Arc<str>> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(Into::into).collect()
    };
    let origins = said.allow_origin_string_match.iter().map(|matcher| {
        Ok(match string(matcher)? {
            StringMatch::Exact(any) if *any == *"*" => OriginMatch::Any,
            StringMatch::Exact(exact) => OriginMatch::Exact(exact),
            StringMatch::Prefix(prefix) => OriginMatch::Prefix(prefix),
            StringMatch::Suffix(suffix) => {
                OriginMatch::Regex(pattern(&format!(".*{}", regex_syntax::escape(&suffix)))?)
            }
            StringMatch::Regex(pattern) => OriginMatch::Regex(pattern),
        })
    });
    Ok(Cors {
        allow_origins: origins.collect::<Result<_, String>>()?,
        allow_methods: list(&said.allow_methods),
        allow_headers: list(&said.allow_headers),
        expose_headers: list(&said.expose_headers),
        allow_credentials: is_yes(said.allow_credentials.as_ref()),
        forward_unmatched_preflights: said
            .forward_not_matching_preflights
            .as_ref()
            .is_none_or(|v| v.value),
        max_age_seconds: match said.max_age.as_str() {
            "" => None,
            age => Some(
                age.parse()
                    .map_err(|_| "a max-age that is not a number of seconds")?,
            ),
        },
    })
}

/// Reads faults on purpose.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn fault(said: &HttpFault) -> Result<Fault, String> {
    let delay = match &said.delay {
        None => None,
        Some(delay) => match &delay.fault_delay_secifier {
            Some(FaultDelaySecifier::FixedDelay(length)) => Some(Delay {
                fraction: delay
                    .percentage
                    .as_ref()
                    .map_or(Fraction::ZERO, |p| fraction(Some(p))),
                duration: millis(Some(length)).ok_or("a delay that is not a time")?,
            }),
            _ => return Err("a delay that the request chooses".into()),
        },
    };
    let abort = match &said.abort {
        None => None,
        Some(abort) => {
            let (status, grpc_status) = match &abort.error_type {
                Some(ErrorType::HttpStatus(status)) => (*status, None),
                Some(ErrorType::GrpcStatus(status)) => (200, Some(*status)),
                _ => return Err("an error that the request chooses".into()),
            };
            Some(Abort {
                fraction: abort
                    .percentage
                    .as_ref()
                    .map_or(Fraction::ZERO, |p| fraction(Some(p))),
                status: u16::try_from(status).map_err(|_| "an error that is not a status")?,
                grpc_status: grpc_status
                    .map(|status| u8::try_from(status).map_err(|_| "an error that is not a gRPC status"))
                    .transpose()?,
            })
        }
    };
    Ok(Fault { delay, abort })
}
