//! Cross-origin requests.

use std::sync::Arc;

use super::Text;
use crate::decode::{Invalid, List, Parsed, TRUE_FALSE, Uint, at, object, syntax};

object! {
    /// Cross-origin requests, as the Fetch standard has them.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Cors {
        /// Origins that may read answers: `*`, an origin, or an origin with one `*` in its host.
        allow_origins: Vec<Text> = "allowOrigins", default(Vec::new(), "none"), List(at(Parsed("origin", origin)));
        /// Methods that they may use.
        allow_methods: Vec<Text> =
            "allowMethods", default(Vec::new(), "none"), List(at(Parsed("method, or `*`", method)));
        /// Request headers that they may send.
        allow_headers: Vec<Text> =
            "allowHeaders", default(Vec::new(), "none"), List(at(Parsed("header name, or `*`", syntax::header_name)));
        /// Response headers that they may read.
        expose_headers: Vec<Text> =
            "exposeHeaders", default(Vec::new(), "none"), List(at(Parsed("header name, or `*`", syntax::header_name)));
        /// Whether they may send cookies and the like.
        allow_credentials: bool = "allowCredentials", default(false, "`false`"), TRUE_FALSE;
        /// How long a browser may remember the answer to a preflight, in seconds.
        max_age_seconds: Option<u64> = "maxAgeSeconds", optional, Uint(0, u32::MAX as i64);
    }
}

fn method(text: &str) -> Result<Arc<str>, Invalid> {
    syntax::method(text)
}

/// `scheme://host[:port]`, without a path (RFC 6454), with at most one star.
fn origin(text: &str) -> Result<Arc<str>, Invalid> {
    if matches!(text, "*" | "null") {
        return Ok(text.into());
    }
    let Some((scheme, host)) = text.split_once("://") else {
        return Err(Invalid::new(
            format!("{text:?} is not an origin"),
            format!("an origin has a scheme: write \"https://{text}\""),
        ));
    };
    if scheme.is_empty()
        || !scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    {
        return Err(Invalid::new(
            format!("{scheme:?} is not a scheme"),
            "write for example https://app.example.com",
        ));
    }
    if let Some((host, _)) = host.split_once(['/', '?', '#']) {
        return Err(Invalid::new(
            format!("the origin {text:?} contains a path"),
            format!("an origin ends with its host: write \"{scheme}://{host}\""),
        ));
    }
    if host.is_empty() || host.matches('*').count() > 1 || host.chars().any(|c| c.is_whitespace() || c == '@')
    {
        return Err(Invalid::new(
            format!("{host:?} is not the host of an origin"),
            "write a DNS name, with a port if it is not the scheme's, and with one \"*\" at most",
        ));
    }
    Ok(text.into())
}
