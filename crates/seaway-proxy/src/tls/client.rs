//! Clients that prove who they are: what is believed of them, and what is kept of their certificate.
//!
//! webpki checks the chain, and that nothing in it was revoked where lists say what is; names and pins are checked here, inside the handshake, so that a client with a wrong name or key
//! hears it by an alert and no byte of it is ever read as a request.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use seaway_model::{ClientValidation, Pins, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::store::{Believed, CertificateError};

/// What a client's certificate says of it. Its chain was checked in the handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// As RFC 2253 writes it: `CN=client,O=Example`. Empty where the certificate has none.
    pub subject: String,
    /// Alternative names of the kind URI, in their order.
    pub uris: Vec<String>,
    /// Alternative names of the kind DNS, in their order.
    pub dns_names: Vec<String>,
    /// SHA-256 of the certificate in DER, in lower-case hexadecimal.
    pub hash: String,
}

impl ClientCertificate {
    /// Reads a certificate. What cannot be read of it is left out, except the hash, which is there always.
    pub(super) fn read(der: &CertificateDer<'_>) -> Self {
        let mut this = Self {
            hash: sha256(der).map(|hash| hash.to_string()).unwrap_or_default(),
            ..Self::default()
        };
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return this;
        };
        this.subject = rfc2253(certificate.subject());
        for name in names(&certificate) {
            match name {
                GeneralName::URI(uri) => this.uris.push((*uri).to_owned()),
                GeneralName::DNSName(name) => this.dns_names.push((*name).to_owned()),
                _ => {}
            }
        }
        this
    }
}

/// What checks the clients of a host.
///
/// # Errors
/// When no authority can be read, or not what they have revoked.
pub(super) fn verifier(
    validation: &ClientValidation,
    believed: &Believed,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let pem = |e: rustls_pki_types::pem::Error| CertificateError::Authorities(e.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(believed.certificates.as_bytes()) {
        roots
            .add(certificate.map_err(pem)?)
            .map_err(|e| CertificateError::Authorities(e.to_string()))?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if !validation.required {
        builder = builder.allow_unauthenticated();
    }
    if let Some(lists) = &believed.revoked {
        let lists = CertificateRevocationListDer::pem_slice_iter(lists.as_bytes());
        let lists = lists.collect::<Result<Vec<_>, _>>().map_err(pem)?;
        if lists.is_empty() {
            let problem = "there is no list of revoked certificates where one should be";
            return Err(CertificateError::Authorities(problem.to_owned()));
        }
        // A list that is out of date does not say who was revoked since.
        builder = builder.with_crls(lists).enforce_revocation_expiration();
    }
    let chain = builder
        .build()
        .map_err(|e| CertificateError::Authorities(e.to_string()))?;
    if validation.subject_alt_names.is_empty() && validation.pins.is_empty() {
        return Ok(chain);
    }
    Ok(Arc::new(Particular {
        chain,
        names: validation.subject_alt_names.clone(),
        pins: validation.pins.clone(),
    }))
}

/// Checks the chain, and that the certificate is one that is meant: by one of its names, and by its hash or its key's.
#[derive(Debug)]
struct Particular {
    chain: Arc<dyn ClientCertVerifier>,
    names: Vec<Arc<str>>,
    pins: Pins,
}

impl ClientCertVerifier for Particular {
    fn offer_client_auth(&self) -> bool {
        self.chain.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        let is_named = self.names.is_empty() || is_named(end_entity, &self.names);
        if is_named && is_pinned(end_entity, &self.pins) {
            Ok(verified)
        } else {
            Err(rustls::CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Whether one of the certificate's names is one of these, exactly; only the case of DNS names is of no account.
fn is_named(der: &CertificateDer<'_>, wanted: &[Arc<str>]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return false;
    };
    names(&certificate).any(|name| match name {
        GeneralName::DNSName(name) => wanted.iter().any(|w| w.eq_ignore_ascii_case(name)),
        GeneralName::URI(name) | GeneralName::RFC822Name(name) => wanted.iter().any(|w| **w == **name),
        GeneralName::IPAddress(bytes) => {
            address(bytes).is_some_and(|a| wanted.iter().any(|w| w.parse() == Ok(a)))
        }
        _ => false,
    })
}

/// Whether the certificate, or its key, is one of these; any is if there are none.
fn is_pinned(der: &CertificateDer<'_>, pins: &Pins) -> bool {
    if pins.is_empty() || is_one_of(&pins.certificates, der) {
        return true;
    }
    !pins.keys.is_empty()
        && X509Certificate::from_der(der)
            .is_ok_and(|(_, certificate)| is_one_of(&pins.keys, certificate.public_key().raw))
}

/// Certificates and keys are no secrets, so the time that this takes tells nothing.
fn is_one_of(hashes: &[Sha256], bytes: &[u8]) -> bool {
    !hashes.is_empty() && sha256(bytes).is_some_and(|hash| hashes.contains(&hash))
}

fn names<'c>(certificate: &'c X509Certificate<'_>) -> impl Iterator<Item = &'c GeneralName<'c>> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    extension.into_iter().flat_map(|e| &e.value.general_names)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// The last part first, characters that mean something escaped (RFC 2253, 2).
fn rfc2253(name: &X509Name<'_>) -> String {
    let parts: Vec<Vec<String>> = name
        .iter_rdn()
        .map(|rdn| rdn.iter().map(attribute).collect())
        .collect();
    let parts: Vec<String> = parts.iter().rev().map(|part| part.join("+")).collect();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type();
    let key = match oid2abbrev(oid, oid_registry()) {
        Ok(abbreviation) => abbreviation.to_owned(),
        Err(_) => oid.to_id_string(),
    };
    match attribute.as_str() {
        Ok(value) => format!("{key}={}", escaped(value)),
        Err(_) => {
            let hex: String = attribute.as_slice().iter().map(|b| format!("{b:02x}")).collect();
            format!("{key}=#{hex}")
        }
    }
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let is_special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || at == 0 && matches!(c, '#' | ' ')
            || at == last && c == ' ';
        if is_special {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// By the provider that TLS runs on, so that no second implementation is in the binary.
fn sha256(bytes: &[u8]) -> Option<Sha256> {
    let suite = TLS13_AES_128_GCM_SHA256.tls13()?;
    let hash = suite.common.hash_provider.hash(bytes);
    hash.as_ref().try_into().ok().map(Sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str], subject: &[(rcgen::DnType, &str)]) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(
            "spiffe://cluster.local/ns/shop/sa/cart".try_into().unwrap(),
        ));
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn a_certificate_is_read_as_the_header_wants_it() {
        let der = certificate(
            &["a.example", "10.0.0.1"],
            &[
                (rcgen::DnType::OrganizationName, "Ship, \"Sea\" & Co"),
                (rcgen::DnType::CommonName, "#1"),
            ],
        );
        let read = ClientCertificate::read(&der);
        assert_eq!(read.subject, r#"CN=\#1,O=Ship\, \"Sea\" & Co"#);
        assert_eq!(read.dns_names, ["a.example"]);
        assert_eq!(read.uris, ["spiffe://cluster.local/ns/shop/sa/cart"]);
        assert_eq!(read.hash.len(), 64);
    }

    #[test]
    fn what_is_no_certificate_has_a_hash_and_nothing_else() {
        let read = ClientCertificate::read(&CertificateDer::from(b"abc".to_vec()));
        // SHA-256's own example (FIPS 180-2, B.1).
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected = ClientCertificate {
            hash: hash.to_owned(),
            ..ClientCertificate::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn names_of_every_kind_count_and_parts_of_names_do_not() {
        let der = certificate(&["a.example", "10.0.0.1"], &[]);
        for (name, counts) in [
            ("a.example", true),
            ("A.Example", true),
            ("spiffe://cluster.local/ns/shop/sa/cart", true),
            ("10.0.0.1", true),
            ("example", false),
            ("*.example", false),
            ("spiffe://cluster.local/ns/shop/sa", false),
            ("10.0.0.2", false),
        ] {
            assert_eq!(is_named(&der, &[name.into()]), counts, "{name}");
        }
    }

    #[test]
    fn a_certificate_is_pinned_by_its_hash_or_by_that_of_its_key() {
        let (der, other) = (certificate(&["a.example"], &[]), certificate(&["a.example"], &[]));
        let (_, read) = X509Certificate::from_der(&der).unwrap();
        let (_, strange) = X509Certificate::from_der(&other).unwrap();
        let key = |certificate: &X509Certificate<'_>| sha256(certificate.public_key().raw).unwrap();
        let whole = |der: &CertificateDer<'_>| sha256(der).unwrap();
        let counts = |keys: &[Sha256], certificates: &[Sha256]| {
            let pins = Pins {
                keys: keys.to_vec(),
                certificates: certificates.to_vec(),
            };
            is_pinned(&der, &pins)
        };
        assert!(counts(&[], &[]), "nothing is asked");
        assert!(counts(&[key(&strange), key(&read)], &[]));
        assert!(counts(&[], &[whole(&other), whole(&der)]));
        assert!(
            counts(&[key(&strange)], &[whole(&der)]),
            "one of either list is enough"
        );
        assert!(!counts(&[key(&strange)], &[]));
        assert!(!counts(&[], &[whole(&other)]));
        assert!(
            !counts(&[whole(&der)], &[key(&read)]),
            "each is for what it is for"
        );
    }
}
