//! What a request says it is, refused where two readers could disagree.
//!
//! The codecs have dealt with framing; this is about who the request is for. A name can be said
//! in the target, in `:authority` and in `Host`, and every reader behind us picks its own favourite, so they must agree.

use std::borrow::Cow;

use http::header::{HOST, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use seaway_route::normalize::{self, BadHost, BadPath};

use super::fields::Found;
use super::hop;
use crate::error::Failure;

/// Who a request is for, in the one form that matching and forwarding use.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    /// Lower case, without port; empty for HTTP/1.0 without `Host`.
    pub(crate) host: Cow<'a, str>,
    /// As sent, port included: what the upstream gets as `Host`.
    pub(crate) authority: &'a str,
    /// Normalised.
    pub(crate) path: Cow<'a, str>,
    /// Without the question mark.
    pub(crate) query: Option<&'a str>,
}

impl Identity<'_> {
    /// Says the host in a Host field too where the client said it in `:authority` or in the target only. The upstream
    /// needs one anyway.
    pub(crate) fn add_host_field(&self, sent: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if !self.authority.is_empty()
            && sent.is_none()
            && let Ok(host) = HeaderValue::from_str(self.authority)
        {
            headers.insert(HOST, host);
        }
    }
}

/// Checks a head. `host` is the only Host field.
///
/// # Errors
/// [`Failure::BadRequest`], [`Failure::UriTooLong`], [`Failure::ConnectRefused`].
pub(crate) fn identify<'a, B>(
    request: &Request<B>,
    uri: &'a Uri,
    host: Option<&'a HeaderValue>,
    found: Found,
    max_target: usize,
) -> Result<Identity<'a>, Failure> {
    // An extended CONNECT goes upstream as an upgrade, for which the same protocols are refused.
    let protocol = request.extensions().get::<seaway_http2::Protocol>();
    let may_tunnel = protocol.is_some_and(|protocol| hop::leaves_http(protocol.as_str()));
    if request.method() == Method::CONNECT && !may_tunnel {
        return Err(Failure::ConnectRefused);
    }
    if target_len(uri) > max_target {
        return Err(Failure::UriTooLong);
    }
    if request.version() == Version::HTTP_2 {
        check_http2_fields(request.headers(), found)?;
    }
    let authority = authority(request.version(), uri, host)?;
    let path = normalize::path(uri.path()).map_err(|e| Failure::BadRequest(bad_path(e)))?;
    if *path == *normalize::ASTERISK && request.method() != Method::OPTIONS {
        return Err(Failure::BadRequest("only OPTIONS has the target *"));
    }
    if let Some(query) = uri.query() {
        normalize::query(query).map_err(|e| Failure::BadRequest(bad_path(e)))?;
    }
    Ok(Identity {
        host: normalize::host(authority).map_err(|e| Failure::BadRequest(bad_host(e)))?,
        authority,
        path,
        query: uri.query(),
    })
}

fn target_len(uri: &Uri) -> usize {
    let authority = uri.authority().map_or(0, |a| a.as_str().len());
    authority + uri.path_and_query().map_or(0, |p| p.as_str().len())
}

/// `:authority`, the authority of an absolute target, or `Host`.
fn authority<'a>(version: Version, uri: &'a Uri, host: Option<&'a HeaderValue>) -> Result<&'a str, Failure> {
    let host = match host {
        Some(value) => Some(
            value
                .to_str()
                .map_err(|_| Failure::BadRequest("the Host field is not ASCII text"))?,
        ),
        None => None,
    };
    match (uri.authority().map(|a| a.as_str()), host) {
        (Some(target), Some(host)) if !is_same_place(uri, target, host) => Err(Failure::BadRequest(
            "the target and the Host field name different hosts",
        )),
        // RFC 9112, 3.2: every HTTP/1.1 request has a Host field, also one with an absolute target.
        (_, None) if version == Version::HTTP_11 => Err(Failure::BadRequest("there is no Host field")),
        (None, None) if version == Version::HTTP_2 => Err(Failure::BadRequest("there is no :authority")),
        (Some(target), _) => Ok(target),
        (None, Some(host)) => Ok(host),
        (None, None) => Ok(""),
    }
}

/// Case does not matter, nor does a port that the scheme implies (RFC 9110, 4.2.3).
fn is_same_place(uri: &Uri, target: &str, host: &str) -> bool {
    if target.eq_ignore_ascii_case(host) {
        return true;
    }
    let implied = match uri.scheme_str() {
        Some("http") => ":80",
        Some("https") => ":443",
        _ => ":",
    };
    let bare = |text: &str| {
        let rest = text.strip_suffix(implied).or(text.strip_suffix(':'));
        rest.unwrap_or(text).to_ascii_lowercase()
    };
    bare(target) == bare(host)
}

fn check_http2_fields(headers: &HeaderMap, found: Found) -> Result<(), Failure> {
    if found.has_of_connection() {
        return Err(Failure::BadRequest(
            "a header of HTTP/1 connections in an HTTP/2 request",
        ));
    }
    if !found.has(Found::TE) {
        return Ok(());
    }
    match headers.get(TE) {
        Some(te) if !te.as_bytes().eq_ignore_ascii_case(b"trailers") => {
            Err(Failure::BadRequest("HTTP/2 allows no other te than trailers"))
        }
        _ => Ok(()),
    }
}

fn bad_path(error: BadPath) -> &'static str {
    match error {
        BadPath::NotAbsolute => "the path does not start with a slash",
        BadPath::Character => "the target contains a character that must be percent-encoded",
        BadPath::Escape => "the path contains a percent sign without two hexadecimal digits",
        BadPath::Nul => "the path contains an encoded NUL",
        BadPath::HiddenDots => "the path hides a dot segment",
        BadPath::Overlong => "the path contains an overlong UTF-8 sequence",
    }
}

fn bad_host(error: BadHost) -> &'static str {
    match error {
        BadHost::Character => "the host contains a character that no DNS name has",
        BadHost::EmptyLabel => "the host has an empty label",
        BadHost::TooLong => "the host is longer than 253 bytes",
        BadHost::Port => "the port is not a number from 0 to 65535",
        BadHost::Empty => "there is a port but no host",
        BadHost::Ipv6 => "the brackets do not hold an IPv6 address",
    }
}
