//! Whether an endpoint is who it should be.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use seaway_model::{Trust, UpstreamTls};

use super::names;
use super::secrets::{Secrets, system_roots};
use crate::error::TlsFault;

/// What checks the certificates of a cluster's endpoints.
pub(super) fn build(
    tls: &UpstreamTls,
    secrets: &Secrets,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, (TlsFault, String)> {
    let (roots, revoked) = match &tls.trust {
        Trust::Anybody => return Ok(Arc::new(Anybody(Arc::clone(provider)))),
        Trust::System => (system_roots()?, Vec::new()),
        Trust::Secret(name) => (Arc::new(secrets.roots(name)?), secrets.revoked(name)?),
    };
    let asks_for_revoked = !revoked.is_empty();
    // A list that is out of date does not say what was revoked since.
    let by_name = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
        .with_crls(revoked)
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| (TlsFault::NoSecret, error.to_string()))?;
    if tls.subject_alt_names.is_empty() {
        return Ok(by_name);
    }
    Ok(Arc::new(OneOf {
        roots,
        names: tls.subject_alt_names.clone(),
        provider: Arc::clone(provider),
        revoked: asks_for_revoked.then_some(by_name),
    }))
}

/// Believes the authorities, and wants one of these names instead of the one that was asked for.
#[derive(Debug)]
struct OneOf {
    roots: Arc<RootCertStore>,
    names: Vec<Arc<str>>,
    provider: Arc<CryptoProvider>,
    /// Knows what was revoked, where that is asked.
    revoked: Option<Arc<WebPkiServerVerifier>>,
}

impl OneOf {
    /// rustls looks for what was revoked together with the name that was asked for, which is of no account here. The chain
    /// itself has been checked without it, so that nothing but revocation hangs on what is passed over.
    fn check_revoked(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let Some(revoked) = &self.revoked else {
            return Ok(());
        };
        match revoked.verify_server_cert(end_entity, intermediates, server_name, &[], now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ))
            | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl ServerCertVerifier for OneOf {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        self.check_revoked(end_entity, intermediates, server_name, now)?;
        if names::has_one_of(end_entity, &self.names) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Believes anybody who holds the key of the certificate that it shows, since the configuration says so.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
