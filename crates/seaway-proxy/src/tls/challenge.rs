//! Handshakes of authorities that validate tls-alpn-01 (RFC 8737).

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ServerConfig};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use seaway_model::KeyPair;

use crate::challenges::AcmeChallenges;

/// The only protocol that such a handshake offers.
const PROTOCOL: &[u8] = b"acme-tls/1";

/// What presents the proof, if this is such a handshake and its name is pending. One that is not pending goes the way of
/// all others, which refuses it: no site speaks this protocol.
pub(super) fn config(challenges: &dyn AcmeChallenges, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
    let mut offered = hello.alpn()?;
    if offered.next() != Some(PROTOCOL) || offered.next().is_some() {
        return None;
    }
    build(&*challenges.tls_alpn01(hello.server_name()?)?)
}

/// Not kept: it is used once or twice, and made only while it is pending.
fn build(pair: &KeyPair) -> Option<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_slice_iter(pair.certificate_chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    let key = PrivateKeyDer::from_pem_slice(pair.private_key.reveal().as_bytes()).ok()?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = provider.key_provider.load_private_key(key).ok()?;
    // Not `CertifiedKey::from_der`: to compare the keys it parses the certificate, and refuses a critical extension that
    // it does not know, which the proof is.
    let certified = CertifiedKey::new(chain, key);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Some(Arc::new(config))
}
