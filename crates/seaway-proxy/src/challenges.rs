//! Proofs for certificate authorities (ACME): what is answered before any route is looked at.
//!
//! An authority asks over the very ports that serve, and it must get its answer whatever the configuration says of the
//! host: no route, a redirect to HTTPS that has no certificate yet, a fault on purpose. Only what is pending is answered.
//! Everything else goes on to the routes, so that whoever has such certificates made elsewhere can forward these paths.
//! Who knows what is pending is behind a trait: the data plane has nothing to do with how certificates are had.

use std::fmt::Debug;
use std::sync::Arc;

use http::Method;
use seaway_model::KeyPair;

use crate::context::Connection;

/// Below it lie the tokens (RFC 8555, section 8.3).
const PREFIX: &str = "/.well-known/acme-challenge/";

/// The reason in the access log.
pub(crate) const REASON: &str = "acme_challenge";

/// What is pending. Asked on the data path: it must not block.
pub trait AcmeChallenges: Debug + Send + Sync {
    /// The body for a token of http-01, if it is pending.
    fn http01(&self, token: &str) -> Option<Arc<str>>;

    /// The certificate for a handshake with ALPN `acme-tls/1` alone (RFC 8737), if one is pending for this server name.
    fn tls_alpn01(&self, server_name: &str) -> Option<Arc<KeyPair>>;
}

/// The proof that a request asks for: a GET in clear text for a pending token. `path` is normalised.
pub(crate) fn proof(connection: &Connection, method: &Method, path: &str) -> Option<Arc<str>> {
    let challenges = connection.shared.options.challenges.as_ref()?;
    let token = path.strip_prefix(PREFIX)?;
    let is_read = *method == Method::GET || *method == Method::HEAD;
    (is_read && connection.tls.is_none())
        .then(|| challenges.http01(token))
        .flatten()
}
