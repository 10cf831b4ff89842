//! The names in a certificate against those that a cluster accepts: exact, of whatever kind (RFC 5280, 4.2.1.6).
//!
//! A DNS name of the certificate may be a wildcard, which stands for one label (RFC 6125, 6.4.3); one that a cluster
//! accepts may not. The common name is not looked at: nobody has for twenty years.

use std::net::IpAddr;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Whether the certificate has one of these names.
pub(super) fn has_one_of(certificate: &CertificateDer<'_>, accepted: &[Arc<str>]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return false;
    };
    let names = &names.value.general_names;
    names
        .iter()
        .any(|name| accepted.iter().any(|accepted| is(name, accepted)))
}

fn is(name: &GeneralName<'_>, accepted: &str) -> bool {
    match name {
        GeneralName::DNSName(name) => is_dns(name, accepted),
        GeneralName::URI(uri) => *uri == accepted,
        GeneralName::RFC822Name(address) => *address == accepted,
        GeneralName::IPAddress(bytes) => address(bytes).is_some_and(|ip| Ok(ip) == accepted.parse()),
        _ => false,
    }
}

fn is_dns(name: &str, accepted: &str) -> bool {
    if let Some(parent) = name.strip_prefix("*.") {
        let rest = accepted.split_once('.');
        return rest.is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent));
    }
    name.eq_ignore_ascii_case(accepted)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from);
    v4().or_else(v6)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn has(certificate: &CertificateDer<'_>, accepted: &str) -> bool {
        has_one_of(certificate, &["nobody.invalid".into(), accepted.into()])
    }

    #[test]
    fn a_name_of_any_kind_is_found_and_no_other() {
        let certificate = certificate(vec![
            SanType::DnsName("shop.example.com".try_into().unwrap()),
            SanType::URI("spiffe://cluster.local/ns/a/sa/b".try_into().unwrap()),
            SanType::Rfc822Name("ops@example.com".try_into().unwrap()),
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
            SanType::IpAddress("fd00::1".parse().unwrap()),
        ]);
        for name in [
            "shop.example.com",
            "SHOP.example.com",
            "spiffe://cluster.local/ns/a/sa/b",
            "ops@example.com",
            "10.0.0.1",
            "fd00:0::1",
        ] {
            assert!(has(&certificate, name), "{name}");
        }
        for name in ["example.com", "spiffe://cluster.local/ns/a/sa/c", "10.0.0.2", ""] {
            assert!(!has(&certificate, name), "{name}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let certificate = certificate(vec![SanType::DnsName("*.example.com".try_into().unwrap())]);
        assert!(has(&certificate, "shop.example.com"));
        for name in ["example.com", "a.shop.example.com", ".example.com"] {
            assert!(!has(&certificate, name), "{name}");
        }
    }

    #[test]
    fn a_certificate_without_names_or_that_is_none_has_no_name() {
        assert!(!has(&certificate(Vec::new()), "shop.example.com"));
        assert!(!has(&CertificateDer::from(vec![1, 2, 3]), "shop.example.com"));
    }
}
