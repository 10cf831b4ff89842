//! Key pairs and authorities that somebody else keeps in files, as Istio's Gateways and DestinationRules name them.
//!
//! A file is read when it is first named, and again when it has changed: [`Files::changed`] compares what the system says
//! of it, which costs one call for each file and follows the links that Kubernetes swaps when it renews a mounted Secret.
//! Watching would need folders that may not be there yet, for certificates that change every few weeks.
//!
//! Who renews a pair writes two files, one after the other. So what cannot be used never takes the place of what could:
//! the last good content keeps serving, and the trouble is told. No message ever has a file's content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use seaway_model::{Authorities, KeyPair, Material, Pem, PrivateKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// No chain, key or bundle of authorities is larger.
const MOST: u64 = 4 * 1024 * 1024;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Files(Mutex<BTreeMap<Source, Known>>);

/// What is read together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    KeyPair {
        certificate: Arc<str>,
        private_key: Arc<str>,
    },
    Authorities(Authorities),
}

/// What came of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What can be used: of now, or the last that could.
    pub(crate) material: Option<Material>,
    /// Why what is there now cannot be, with the file and what to do.
    pub(crate) trouble: Option<String>,
}

#[derive(Debug)]
struct Known {
    /// `None`: to be read again in any case.
    stamps: Option<Vec<Option<Stamp>>>,
    reading: Reading,
}

/// Tells two versions of a file apart.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Files {
    /// What the files hold.
    pub(crate) fn read(&self, source: &Source) -> Reading {
        let mut all = self.lock();
        // Looked at before they are read: what changes meanwhile is seen by the next look.
        let stamps = source.stamps();
        let before = match all.remove(source) {
            Some(known) if known.stamps.as_ref() == Some(&stamps) => {
                let reading = known.reading.clone();
                all.insert(source.clone(), known);
                return reading;
            }
            known => known.and_then(|known| known.reading.material),
        };
        let reading = match source.load() {
            Ok(material) => Reading {
                material: Some(material),
                trouble: None,
            },
            Err(trouble) => Reading {
                trouble: Some(match &before {
                    Some(_) => format!("{trouble}; the last good content keeps serving"),
                    None => trouble,
                }),
                material: before,
            },
        };
        let known = Known {
            stamps: Some(stamps),
            reading: reading.clone(),
        };
        all.insert(source.clone(), known);
        reading
    }

    /// Whether any file is not as it was when it was read.
    pub(crate) fn changed(&self) -> bool {
        let all = self.lock();
        all.iter()
            .any(|(source, known)| known.stamps.as_ref() != Some(&source.stamps()))
    }

    /// Whether there is anything that could change.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Has everything read again the next time, also what seems to be as it was.
    pub(crate) fn read_again(&self) {
        for known in self.lock().values_mut() {
            known.stamps = None;
        }
    }

    /// Forgets what nobody names any more.
    pub(crate) fn keep_only(&self, used: &BTreeSet<Source>) {
        self.lock().retain(|source, _| used.contains(source));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Source, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// Of a material that is in files.
    pub(crate) fn of(material: &Material) -> Option<Self> {
        match material {
            Material::KeyPairFiles {
                certificate,
                private_key,
            } => Some(Self::KeyPair {
                certificate: Arc::clone(certificate),
                private_key: Arc::clone(private_key),
            }),
            Material::Authorities(authorities) if authorities.is_in_files() => {
                Some(Self::Authorities(authorities.clone()))
            }
            Material::KeyPair(_) | Material::Authorities(_) | Material::Awaited { .. } => None,
        }
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let paths: Vec<&Arc<str>> = match self {
            Self::KeyPair {
                certificate,
                private_key,
            } => vec![certificate, private_key],
            Self::Authorities(Authorities {
                certificates,
                revoked,
            }) => {
                let parts = std::iter::once(certificates).chain(revoked);
                parts.filter_map(file).collect()
            }
        };
        paths
            .iter()
            .map(|path| std::fs::metadata(&***path).ok().as_ref().map(Stamp::of))
            .collect()
    }

    fn load(&self) -> Result<Material, String> {
        match self {
            Self::KeyPair {
                certificate,
                private_key,
            } => key_pair(certificate, private_key).map(Material::KeyPair),
            Self::Authorities(there) => authorities(there).map(Material::Authorities),
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn key_pair(certificate: &str, private_key: &str) -> Result<KeyPair, String> {
    let (chain, key) = (text(certificate)?, text(private_key)?);
    let ders = certificates(certificate, &chain)?;
    let leaf = ders.first().map(|leaf| &**leaf).unwrap_or_default();
    let (_, leaf) = X509Certificate::from_der(leaf)
        .map_err(|_| format!("{certificate} does not hold an X.509 certificate; put one there, in PEM"))?;
    if leaf.public_key().raw != public_key(private_key, &key)? {
        return Err(format!(
            "the key in {private_key} does not belong to the first certificate of {certificate}; put the key there that \
             the certificate was made for"
        ));
    }
    Ok(KeyPair {
        certificate_chain: chain.into(),
        private_key: PrivateKey::new(key),
    })
}

fn file(part: &Pem) -> Option<&Arc<str>> {
    match part {
        Pem::File(path) => Some(path),
        Pem::Text(_) => None,
    }
}

/// With everything read that is in files.
fn authorities(there: &Authorities) -> Result<Authorities, String> {
    type Check = dyn Fn(&str, &str) -> Result<(), String>;
    let read = |part: &Pem, check: &Check| -> Result<Pem, String> {
        let Some(path) = file(part) else {
            return Ok(part.clone());
        };
        let text = text(path)?;
        check(path, &text)?;
        Ok(Pem::Text(text.into()))
    };
    Ok(Authorities {
        certificates: read(&there.certificates, &|path, text| {
            certificates(path, text).map(drop)
        })?,
        revoked: match &there.revoked {
            Some(part) => Some(read(part, &revocation_lists)?),
            None => None,
        },
    })
}

fn revocation_lists(path: &str, text: &str) -> Result<(), String> {
    let mut is_empty = true;
    for list in CertificateRevocationListDer::pem_slice_iter(text.as_bytes()) {
        let list = list.map_err(|error| format!("{path} is not PEM: {error}; write the lists anew"))?;
        CertificateRevocationList::from_der(&list).map_err(|_| {
            format!("{path} does not hold a list of revoked certificates; put one there, in PEM")
        })?;
        is_empty = false;
    }
    match is_empty {
        true => Err(format!(
            "{path} holds no list of revoked certificates in PEM; it must begin with -----BEGIN X509 CRL-----"
        )),
        false => Ok(()),
    }
}

fn certificates(path: &str, text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{path} is not PEM: {error}; write the certificates anew"))?;
    if all.is_empty() {
        return Err(format!(
            "{path} holds no certificate in PEM; it must begin with -----BEGIN CERTIFICATE-----"
        ));
    }
    Ok(all)
}

/// The public half of a key in PKCS #8, PKCS #1 or SEC 1, encoded as in a certificate.
fn public_key(path: &str, pem: &str) -> Result<Vec<u8>, String> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| format!("{path} holds no private key in PEM; an encrypted key cannot be used"))?;
    any_supported_type(&key)
        .ok()
        .and_then(|key| key.public_key().map(|public| public.to_vec()))
        .ok_or_else(|| {
            format!("{path} is not a key that TLS can use: take RSA of 2048 bits or more, ECDSA or Ed25519")
        })
}

fn text(path: &str) -> Result<String, String> {
    let unreadable = |error: std::io::Error| {
        format!(
            "{path} cannot be read: {error}; put the file there, readable for this user, or correct the path (it is looked \
             for again every few seconds)"
        )
    };
    // Asked for first: opening a pipe would wait for whoever writes to it.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("{path} is not a file; name the file itself"));
    }
    let file = std::fs::File::open(Path::new(path)).map_err(unreadable)?;
    let mut text = String::new();
    let length = file
        .take(MOST + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if length as u64 > MOST {
        return Err(format!(
            "{path} is larger than {MOST} bytes, so it is no certificate"
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
