//! One certificate for every proxy, and the client that trusts it.
//!
//! An ECDSA key on P-256, which is what authorities hand out today. The client offers TLS 1.3 with one suite and one group,
//! so that every proxy does the same arithmetic: left to themselves, some would choose a post-quantum group and others not.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

/// The host that clients ask for.
pub const HOST: &str = "bench.example.com";

/// A certificate, its key, and who trusts it.
pub struct Certificate {
    dir: TempDir,
    pub certificate: String,
    pub key: String,
    roots: Arc<RootCertStore>,
}

impl Certificate {
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new([HOST.to_owned()])?.signed_by(&key, &issuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone())?;
        let made = Self {
            dir: tempfile::tempdir()?,
            certificate: leaf.pem(),
            key: key.serialize_pem(),
            roots: Arc::new(roots),
        };
        std::fs::write(made.certificate_file(), &made.certificate)?;
        std::fs::write(made.key_file(), &made.key)?;
        std::fs::write(made.both_file(), format!("{}{}", made.certificate, made.key))?;
        Ok(made)
    }

    pub fn certificate_file(&self) -> PathBuf {
        self.dir.path().join("certificate.pem")
    }

    pub fn key_file(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// Certificate and key in one file, as HAProxy wants them.
    pub fn both_file(&self) -> PathBuf {
        self.dir.path().join("both.pem")
    }

    /// A client that never resumes a session, and offers this protocol.
    pub fn client(&self, protocol: &str) -> Result<Arc<ClientConfig>> {
        let provider = CryptoProvider {
            cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![aws_lc_rs::kx_group::X25519],
            ..aws_lc_rs::default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .context("TLS 1.3 with one suite")?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(config))
    }
}
