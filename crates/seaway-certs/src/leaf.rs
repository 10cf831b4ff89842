//! Names in certificates, and whether a certificate that was kept can still be used.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use seaway_model::{HostMatch, KeyPair};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::{Pem, parse_x509_pem};
use x509_parser::prelude::FromDer;

use crate::CertError;

/// Names of a certificate: lower case, each once, sorted. An address in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    pub(crate) fn new(domains: &[Arc<str>]) -> Result<Self, CertError> {
        if domains.is_empty() {
            return Err(CertError::NoDomains);
        }
        domains
            .iter()
            .map(|d| name(d))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(String::as_str)
    }

    /// `shop.example.com-1b9f3a04c2d5e677.pem`. The hash tells sets of names apart; should two collide, the names in the
    /// file do not fit, and it is written anew.
    pub(crate) fn file_name(&self) -> String {
        format!("{}.pem", file_name(self.iter()))
    }
}

/// The beginning of the first text, so that people recognise it, and a hash of all of them. FNV-1a: stable over versions,
/// which the standard library's hash is not.
pub(crate) fn file_name<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> String {
    let first: String = texts
        .clone()
        .take(1)
        .flat_map(str::chars)
        .take(80)
        .map(safe)
        .collect();
    let bytes = texts.flat_map(|text| text.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{first}-{hash:016x}")
}

fn name(domain: &str) -> Result<String, CertError> {
    let host = HostMatch::parse_one_label(domain).map_err(|why| CertError::Domain {
        domain: domain.to_owned(),
        why,
    })?;
    match host {
        HostMatch::Exact(host) => Ok(host.to_string()),
        HostMatch::OneLabel(suffix) | HostMatch::Suffix(suffix) => Ok(format!("*{suffix}")),
        // No certificate is for every host. The default one is presented where no other is, and clients that accept it
        // look at the key alone.
        HostMatch::Any => Ok("localhost".to_owned()),
    }
}

fn safe(c: char) -> char {
    match c {
        'a'..='z' | '0'..='9' | '.' | '-' => c,
        _ => '_',
    }
}

/// When a certificate should be renewed, if it is the authority's own, is for exactly these names, belongs to its key
/// and is valid. `None` if any of that is not so.
pub(crate) fn renewal(
    pair: &KeyPair,
    authority: &[u8],
    names: &Names,
    now: SystemTime,
) -> Option<SystemTime> {
    let pem = first_block(&pair.certificate_chain)?;
    let leaf = pem.parse_x509().ok()?;
    let (_, authority) = X509Certificate::from_der(authority).ok()?;
    let key = rcgen::KeyPair::from_pem(pair.private_key.reveal()).ok()?;
    let fits = leaf.verify_signature(Some(authority.public_key())).is_ok()
        && leaf.public_key().subject_public_key.data == key.public_key_raw()
        && names_of(&leaf)? == *names;
    let (begin, end) = validity(&leaf)?;
    (fits && (begin..end).contains(&now)).then(|| renew_at(begin, end))
}

/// Whether a certificate is for exactly these names, and belongs to its key. Who signed it is not asked.
pub(crate) fn is_for(pair: &KeyPair, names: &Names) -> bool {
    let fits = || {
        let pem = first_block(&pair.certificate_chain)?;
        let leaf = pem.parse_x509().ok()?;
        let key = rcgen::KeyPair::from_pem(pair.private_key.reveal()).ok()?;
        Some(leaf.public_key().subject_public_key.data == key.public_key_raw() && names_of(&leaf)? == *names)
    };
    fits().unwrap_or(false)
}

/// From when to when the first certificate of a chain is valid.
pub(crate) fn validity_of(chain: &str) -> Option<(SystemTime, SystemTime)> {
    let pem = first_block(chain)?;
    let leaf = pem.parse_x509().ok()?;
    validity(&leaf)
}

/// The names of the first certificate of a chain; none if it cannot be read.
pub(crate) fn names_in(chain: &str) -> Vec<String> {
    let names = || {
        let pem = first_block(chain)?;
        let leaf = pem.parse_x509().ok()?;
        names_of(&leaf)
    };
    names().map_or_else(Vec::new, |names| names.iter().map(str::to_owned).collect())
}

/// When a third of a life is left.
pub(crate) fn renew_at(begin: SystemTime, end: SystemTime) -> SystemTime {
    let life = end.duration_since(begin).unwrap_or_default();
    begin + life * 2 / 3
}

/// The first certificate of a chain.
pub(crate) fn first_block(chain: &str) -> Option<Pem> {
    let (_, pem) = parse_x509_pem(chain.as_bytes()).ok()?;
    (pem.label == "CERTIFICATE").then_some(pem)
}

/// From when to when a certificate is valid.
pub(crate) fn validity(certificate: &X509Certificate<'_>) -> Option<(SystemTime, SystemTime)> {
    let at = |seconds: i64| {
        let seconds = u64::try_from(seconds).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    };
    let validity = certificate.validity();
    Some((
        at(validity.not_before.timestamp())?,
        at(validity.not_after.timestamp())?,
    ))
}

fn names_of(certificate: &X509Certificate<'_>) -> Option<Names> {
    let names = certificate.subject_alternative_name().ok()??;
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|a| a.to_string()),
        _ => None,
    };
    names
        .value
        .general_names
        .iter()
        .map(text)
        .collect::<Option<_>>()
        .map(Names)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}
