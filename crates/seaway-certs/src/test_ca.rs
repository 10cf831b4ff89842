//! The test authority: a local certificate authority, made once and kept, that people may trust on their own machine.
//!
//! Its files are `test-ca/ca.crt`, `test-ca/ca.key`, and `test-ca/issued/*.pem` (chain and key in one file, so that the two
//! can never come from different writings) in the data folder. A certificate that was issued is used again after a
//! restart until a third of its life is left, so that clients that remember it are not surprised.
//!
//! A chain holds the leaf and the authority. Clients need only the leaf, since they must have the authority already; it is
//! sent so that `openssl s_client -showcerts` shows what there is to trust, for one certificate's worth of bytes in a
//! handshake that is for tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use seaway_model::{KeyPair, PrivateKey};
use time::OffsetDateTime;

use crate::leaf::{self, Names};
use crate::store::{Issued, Issuer};
use crate::{CertError, disk};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AUTHORITY_LIFE: Duration = DAY.saturating_mul(3650);
const LEAF_LIFE: Duration = DAY.saturating_mul(90);
/// Clocks of clients may be behind by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(60 * 60);
/// Longest common name (RFC 5280, ub-common-name).
const MAX_COMMON_NAME: usize = 64;

const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";

/// The local test authority.
pub struct TestCa {
    certificate: Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    /// Where it is kept; `None` for one in memory.
    folder: Option<PathBuf>,
    /// What was issued by this process.
    issued: Mutex<BTreeMap<Names, Issued>>,
}

/// The authority's certificate.
struct Certificate {
    pem: String,
    der: Vec<u8>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl TestCa {
    /// The authority of a data folder; made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be used, or what is in it is broken or expired. A broken authority is never replaced by
    /// itself: people trust it.
    pub fn open(data: &Path, now: SystemTime) -> Result<Self, CertError> {
        let folder = data.join("test-ca");
        disk::private_folder(&folder)?;
        let _lock = disk::lock(&folder)?;
        let found = (
            disk::read(&folder.join(CERTIFICATE))?,
            disk::read(&folder.join(KEY))?,
        );
        match found {
            (Some(certificate), Some(key)) => Self::load(&folder, &certificate, &key, now),
            (Some(_), None) => Err(CertError::Broken {
                folder,
                what: "ca.key is missing",
            }),
            // The certificate is written last, so a key alone was never used.
            (None, _) => Self::make_in(folder, now),
        }
    }

    /// An authority that is gone with this process.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn ephemeral(now: SystemTime) -> Result<Self, CertError> {
        Self::make(now)
    }

    /// The authority's certificate in PEM: what clients have to trust.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate.pem
    }

    /// A certificate for these names: hosts, `*.` wildcards, and addresses. The same again until a third of its life is
    /// left.
    ///
    /// # Errors
    /// When a name cannot be in a certificate, the authority has expired, or the data folder cannot be written.
    pub fn issue(&self, domains: &[Arc<str>], now: SystemTime) -> Result<KeyPair, CertError> {
        self.obtain(domains, now).map(|issued| issued.pair)
    }

    fn load(folder: &Path, certificate: &str, key: &str, now: SystemTime) -> Result<Self, CertError> {
        let broken = |what| CertError::Broken {
            folder: folder.to_owned(),
            what,
        };
        let key = rcgen::KeyPair::from_pem(key).map_err(|_| broken("ca.key is not a private key in PEM"))?;
        let pem =
            leaf::first_block(certificate).ok_or_else(|| broken("ca.crt is not a certificate in PEM"))?;
        let parsed = pem
            .parse_x509()
            .map_err(|_| broken("ca.crt is not a certificate"))?;
        if parsed.public_key().subject_public_key.data != key.public_key_raw() {
            return Err(broken("ca.key does not belong to ca.crt"));
        }
        if !parsed.is_ca() {
            return Err(broken("ca.crt is not the certificate of an authority"));
        }
        let (not_before, not_after) =
            leaf::validity(&parsed).ok_or_else(|| broken("ca.crt has dates before 1970"))?;
        if now >= not_after {
            return Err(CertError::Expired);
        }
        let certificate = Certificate {
            pem: certificate.to_owned(),
            der: pem.contents.clone(),
            not_before,
            not_after,
        };
        let issuer = rcgen::Issuer::from_ca_cert_der(&certificate.der.as_slice().into(), key)?;
        Ok(Self::with(certificate, issuer, Some(folder.to_owned())))
    }

    fn make_in(folder: PathBuf, now: SystemTime) -> Result<Self, CertError> {
        let mut made = Self::make(now)?;
        disk::write(&folder, KEY, &made.issuer.key().serialize_pem())?;
        disk::write(&folder, CERTIFICATE, &made.certificate.pem)?;
        made.folder = Some(folder);
        Ok(made)
    }

    fn make(now: SystemTime) -> Result<Self, CertError> {
        let key = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let (not_before, not_after) = (
            whole_seconds(now - CLOCK_SKEW),
            whole_seconds(now + AUTHORITY_LIFE),
        );
        let mut params = CertificateParams::default();
        let id = params.key_identifier(&key);
        params.distinguished_name = common_name(&format!("Seaway test CA {}", short(&id)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = OffsetDateTime::from(not_before);
        params.not_after = OffsetDateTime::from(not_after);
        let made = params.self_signed(&key)?;
        let certificate = Certificate {
            pem: made.pem(),
            der: made.der().to_vec(),
            not_before,
            not_after,
        };
        Ok(Self::with(certificate, rcgen::Issuer::new(params, key), None))
    }

    fn with(
        certificate: Certificate,
        issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
        folder: Option<PathBuf>,
    ) -> Self {
        Self {
            certificate,
            issuer,
            folder,
            issued: Mutex::default(),
        }
    }

    /// From the data folder if it can still be used, otherwise made and kept there.
    fn kept_or_made(&self, names: &Names, now: SystemTime) -> Result<Issued, CertError> {
        let Some(folder) = &self.folder else {
            return self.sign(names, now);
        };
        let folder = folder.join("issued");
        disk::private_folder(&folder)?;
        let _lock = disk::lock(&folder)?;
        let name = names.file_name();
        if let Some(text) = disk::read(&folder.join(&name))?
            && let Some(kept) = self.read_kept(&text, names, now)
        {
            return Ok(kept);
        }
        let made = self.sign(names, now)?;
        let KeyPair {
            certificate_chain,
            private_key,
        } = &made.pair;
        disk::write(
            &folder,
            &name,
            &format!("{certificate_chain}{}", private_key.reveal()),
        )?;
        Ok(made)
    }

    /// A file that does not fit in any way is as good as none: it holds nothing that could not be made again.
    fn read_kept(&self, text: &str, names: &Names, now: SystemTime) -> Option<Issued> {
        let (chain, key) = text.split_at(text.find("-----BEGIN PRIVATE KEY-----")?);
        let pair = KeyPair {
            certificate_chain: chain.into(),
            private_key: PrivateKey::new(key),
        };
        let renew_at = leaf::renewal(&pair, &self.certificate.der, names, now)?;
        (now < renew_at).then_some(Issued { pair, renew_at })
    }

    fn sign(&self, names: &Names, now: SystemTime) -> Result<Issued, CertError> {
        let not_before = whole_seconds(now - CLOCK_SKEW).max(self.certificate.not_before);
        let not_after = whole_seconds(now + LEAF_LIFE).min(self.certificate.not_after);
        if now >= not_after {
            return Err(CertError::Expired);
        }
        let key = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let list: Vec<String> = names.iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(list)?;
        params.distinguished_name = match names.iter().next() {
            Some(name) if name.len() <= MAX_COMMON_NAME => common_name(name),
            _ => DistinguishedName::new(),
        };
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = OffsetDateTime::from(not_before);
        params.not_after = OffsetDateTime::from(not_after);
        let leaf = params.signed_by(&key, &self.issuer)?;
        let chain = format!("{}{}", leaf.pem(), self.certificate.pem);
        Ok(Issued {
            pair: KeyPair {
                certificate_chain: chain.into(),
                private_key: PrivateKey::new(key.serialize_pem()),
            },
            renew_at: leaf::renew_at(not_before, not_after),
        })
    }
}

impl Issuer for TestCa {
    fn obtain(&self, domains: &[Arc<str>], now: SystemTime) -> Result<Issued, CertError> {
        let names = Names::new(domains)?;
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = issued.get(&names)
            && now < known.renew_at
        {
            return Ok(known.clone());
        }
        let fresh = self.kept_or_made(&names, now)?;
        issued.insert(names, fresh.clone());
        Ok(fresh)
    }
}

impl std::fmt::Debug for TestCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestCa")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Eight hexadecimal digits, so that two authorities in one trust store can be told apart.
fn short(id: &[u8]) -> String {
    id.iter().take(4).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Certificates know no fractions of a second.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests;
