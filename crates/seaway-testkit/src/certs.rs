//! Certificates for tests, made when they are needed: no key lies in the repository that could be mistaken for a real one.
#![allow(
    clippy::expect_used,
    reason = "making a key fails only on a broken machine, and then the test should fail"
)]

use std::io;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData as _,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use seaway_model::Sha256;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::client::PeerCertificate;

/// A certificate authority that nobody trusts but a test.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, in PEM.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The leaf alone: the authority is a root.
    pub certificate: String,
    /// PKCS #8.
    pub key: String,
}

impl Ca {
    /// Makes one.
    #[must_use]
    pub fn new(common_name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Self { issuer }
    }

    /// Its certificate, to be trusted.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these DNS names and IP addresses.
    #[must_use]
    pub fn leaf(&self, names: &[&str]) -> Leaf {
        self.sign(&leaf_params(names))
    }

    /// The same, but it ended with the year 2001.
    #[must_use]
    pub fn expired_leaf(&self, names: &[&str]) -> Leaf {
        let mut params = leaf_params(names);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2001, 12, 31);
        self.sign(&params)
    }

    /// A list, good for long, of what it has revoked: these.
    #[must_use]
    pub fn revoking(&self, leaves: &[&Leaf]) -> String {
        let revoked = |leaf: &&Leaf| RevokedCertParams {
            serial_number: leaf.serial(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2099, 1, 1),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: leaves.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("a list");
        list.pem().expect("a list in PEM")
    }

    fn sign(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Leaf {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ca").finish_non_exhaustive()
    }
}

impl Leaf {
    /// The chain and the key as rustls wants them.
    pub(crate) fn der(&self) -> io::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        let chain = chain.collect::<Result<_, _>>().map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(io::Error::other)?;
        Ok((chain, key))
    }

    fn serial(&self) -> SerialNumber {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("the certificate");
        let (_, certificate) = X509Certificate::from_der(&der).expect("the certificate");
        SerialNumber::from_slice(certificate.raw_serial())
    }

    /// SHA-256 of its key as certificates hold it, by which it can be pinned.
    #[must_use]
    pub fn key_hash(&self) -> Sha256 {
        let key = KeyPair::from_pem(&self.key).expect("the key");
        sha256(&key.subject_public_key_info())
    }

    /// SHA-256 of the certificate, by which it can be pinned.
    #[must_use]
    pub fn hash(&self) -> Sha256 {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("the certificate");
        sha256(&der)
    }

    /// Whether this is what a server presented.
    #[must_use]
    pub fn is(&self, presented: &PeerCertificate) -> bool {
        PeerCertificate::from_pem_slice(self.certificate.as_bytes()).is_ok_and(|own| own == *presented)
    }

    /// A `kubernetes.io/tls` Secret with this key pair, as a YAML document.
    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> String {
        let indented = |pem: &str| {
            pem.lines()
                .map(|line| format!("    {line}\n"))
                .collect::<String>()
        };
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             type: kubernetes.io/tls\nstringData:\n  tls.crt: |\n{}  tls.key: |\n{}",
            indented(&self.certificate),
            indented(&self.key)
        )
    }
}

fn sha256(bytes: &[u8]) -> Sha256 {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
    let hash = suite.common.hash_provider.hash(bytes);
    Sha256(hash.as_ref().try_into().expect("32 bytes"))
}

fn leaf_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names that a certificate can have");
    // Either end of a connection may show it.
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params
}
