//! Redirects.

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use seaway_model::{FailureReason, Redirect};
use seaway_route::effect::{RedirectRequest, redirect_location};
use seaway_route::normalize;

use super::answer::Answer;
use super::exchange::Exchange;
use super::identity::Identity;
use crate::error::Failure;

/// The head that redirects a request.
pub(crate) fn head<'a>(
    redirect: &Redirect,
    exchange: &Exchange,
    identity: &Identity<'_>,
    matched_path: usize,
) -> Answer<'a> {
    let port = normalize::authority(identity.authority)
        .ok()
        .and_then(|authority| authority.port);
    let location = redirect_location(
        redirect,
        &RedirectRequest {
            scheme: if exchange.connection.tls.is_some() {
                "https"
            } else {
                "http"
            },
            host: &identity.host,
            port,
            path: &identity.path,
            query: identity.query,
            matched_path,
        },
    );
    let status = StatusCode::from_u16(redirect.status);
    match (HeaderValue::try_from(location), status) {
        (Ok(location), Ok(status)) => {
            let mut headers = HeaderMap::with_capacity(2);
            headers.insert(LOCATION, location);
            Answer::Head(status, headers)
        }
        _ => Answer::Failure(Failure::Configuration(FailureReason::InvalidRule, 500)),
    }
}
