//! Redirects.
//!
//! Envoy keeps the host as the client wrote it, port included, unless it is told another; the model says that a scheme
//! brings its own port, and leaves that port out. So the host is named wherever it is known.

use envoy_types::pb::envoy::config::route::v3::RedirectAction;
use envoy_types::pb::envoy::config::route::v3::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use seaway_model::{PathMatch, Redirect, RedirectPath};

use super::Place;
use super::rewrite::{Rewritten, absolute, replaced};

/// Says a redirect of requests to a place whose path was matched so.
pub(crate) fn redirect(redirect: &Redirect, matched: &PathMatch, place: &Place<'_>) -> RedirectAction {
    let scheme = redirect.scheme.as_deref().unwrap_or(place.scheme);
    let own = if scheme == "https" { 443 } else { 80 };
    let port = redirect.port.filter(|port| *port != own).unwrap_or_default();
    // The host need not be named where Envoy keeps or replaces the port as it should.
    let keeps = redirect.scheme.is_none() && redirect.port.is_none();
    let host = match (&redirect.host, place.host) {
        (Some(host), _) => bracketed(host),
        (None, Some(known)) if !keeps => bracketed(known),
        (None, _) => String::new(),
    };
    RedirectAction {
        host_redirect: host,
        port_redirect: port.into(),
        response_code: code(redirect.status).into(),
        strip_query: false,
        scheme_rewrite_specifier: redirect
            .scheme
            .as_ref()
            .map(|scheme| SchemeRewriteSpecifier::SchemeRedirect(scheme.to_string())),
        path_rewrite_specifier: redirect.path.as_ref().map(|path| match path {
            RedirectPath::Full(full) => PathRewriteSpecifier::PathRedirect(absolute(full)),
            RedirectPath::Prefix(prefix) => match replaced(prefix, matched) {
                Rewritten::Prefix(prefix) => PathRewriteSpecifier::PrefixRewrite(prefix),
                Rewritten::Regex(regex) => PathRewriteSpecifier::RegexRewrite(regex),
            },
        }),
    }
}

/// An IPv6 address as it stands in a URL.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn code(status: u16) -> RedirectResponseCode {
    match status {
        302 => RedirectResponseCode::Found,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        _ => RedirectResponseCode::MovedPermanently,
    }
}
