//! Accounts, orders, certificates and keys below `acme/` of the data folder. Files 0600, folders 0700, each written whole.
//!
//! ```text
//! acme/.lock                     held by the process that orders
//! acme/accounts/NAME.state       one for each directory, e-mail address and external account
//! acme/certificates/NAME.state   the state of a certificate
//! acme/certificates/NAME.pem     chain and key that serve
//! acme/certificates/NAME.key     the key of an order in progress
//! acme/ledgers/NAME.state        what was asked of a directory within a week
//! acme/challenges/NAME.state     answers that are published
//! acme/acme-dns/NAME.state       accounts registered there
//! ```
//!
//! The states are JSON, and are not called so: `seaway run .` reads every `*.json` below its folder as a manifest, and the
//! data folder is there unless another is named.

use std::fs::File;
use std::path::{Path, PathBuf};

use seaway_model::{KeyPair, PrivateKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::challenges::Proof;
use super::core::{IssuedInfo, Ledger, Record};
use crate::leaf::{self, Names};
use crate::{CertError, disk};

/// Kinds of files.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shelf {
    Accounts,
    Certificates,
    Ledgers,
    AcmeDns,
    Challenges,
}

impl Shelf {
    fn folder(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Certificates => "certificates",
            Self::Ledgers => "ledgers",
            Self::AcmeDns => "acme-dns",
            Self::Challenges => "challenges",
        }
    }
}

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    folder: PathBuf,
}

impl Storage {
    /// Nothing is read or written yet.
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            folder: data.join("acme"),
        }
    }

    /// The right to order. `None` while another process has it. Given back when the file is dropped, also by a crash.
    pub(crate) fn try_lock(&self) -> Result<Option<File>, CertError> {
        disk::private_folder(&self.folder)?;
        disk::try_lock(&self.folder)
    }

    /// A file that cannot be understood is as good as none: all it holds can be made again.
    pub(crate) fn read<T: DeserializeOwned>(&self, shelf: Shelf, name: &str) -> Result<Option<T>, CertError> {
        let text = disk::read(&self.path(shelf, &format!("{name}.state")))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(crate) fn write<T: Serialize>(&self, shelf: Shelf, name: &str, what: &T) -> Result<(), CertError> {
        let text = serde_json::to_string_pretty(what)
            .map_err(|error| CertError::io("write", &self.folder)(std::io::Error::other(error)))?;
        self.put(shelf, &format!("{name}.state"), &text)
    }

    pub(crate) fn remove(&self, shelf: Shelf, name: &str) {
        // If it stays, it is read again and found wanting again.
        let _ = std::fs::remove_file(self.path(shelf, &format!("{name}.state")));
    }

    pub(crate) fn ledger(&self, directory: &str) -> Result<Ledger, CertError> {
        let name = file_name(&[directory]);
        self.read(Shelf::Ledgers, &name).map(Option::unwrap_or_default)
    }

    pub(crate) fn write_ledger(&self, directory: &str, ledger: &Ledger) -> Result<(), CertError> {
        self.write(Shelf::Ledgers, &file_name(&[directory]), ledger)
    }

    /// The state of a certificate, with what serves. One whose certificate is gone or broken is without one.
    pub(crate) fn certificate(&self, names: &Names) -> Result<(Record, Option<KeyPair>), CertError> {
        let list: Vec<String> = names.iter().map(str::to_owned).collect();
        let record: Option<Record> = self.read(Shelf::Certificates, &stem(names))?;
        let mut record = record
            .filter(|record| record.names == list)
            .unwrap_or_else(|| Record {
                names: list,
                ..Record::default()
            });
        let pair = self.pair(names)?;
        record.issued = match &pair {
            None => None,
            // It serves, but whose it is, is not known: it is had anew.
            Some(pair) => record.issued.or_else(|| unknown(pair)),
        };
        Ok((record, pair))
    }

    /// What serves.
    pub(crate) fn pair(&self, names: &Names) -> Result<Option<KeyPair>, CertError> {
        let text = disk::read(&self.path(Shelf::Certificates, &format!("{}.pem", stem(names))))?;
        Ok(text
            .and_then(|text| split(&text))
            .filter(|pair| leaf::is_for(pair, names)))
    }

    pub(crate) fn write_record(&self, names: &Names, record: &Record) -> Result<(), CertError> {
        self.write(Shelf::Certificates, &stem(names), record)
    }

    pub(crate) fn write_pair(&self, names: &Names, pair: &KeyPair) -> Result<(), CertError> {
        let text = format!(
            "{}\n{}",
            pair.certificate_chain.trim_end(),
            pair.private_key.reveal()
        );
        self.put(Shelf::Certificates, &format!("{}.pem", stem(names)), &text)
    }

    /// The key of an order in progress; made if it is not there.
    pub(crate) fn order_key(&self, names: &Names) -> Result<rcgen::KeyPair, CertError> {
        if let Some(key) = self.kept_order_key(names)? {
            return Ok(key);
        }
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        self.put(
            Shelf::Certificates,
            &format!("{}.key", stem(names)),
            &key.serialize_pem(),
        )?;
        Ok(key)
    }

    pub(crate) fn kept_order_key(&self, names: &Names) -> Result<Option<rcgen::KeyPair>, CertError> {
        let text = disk::read(&self.path(Shelf::Certificates, &format!("{}.key", stem(names))))?;
        Ok(text.and_then(|text| rcgen::KeyPair::from_pem(&text).ok()))
    }

    pub(crate) fn remove_order_key(&self, names: &Names) {
        // One that stays is used for the next order, which is no harm.
        let _ = std::fs::remove_file(self.path(Shelf::Certificates, &format!("{}.key", stem(names))));
    }

    pub(crate) fn write_proofs(&self, names: &Names, proofs: &[Proof]) -> Result<(), CertError> {
        self.write(Shelf::Challenges, &stem(names), &proofs)
    }

    /// None where they cannot be read: they are published again then.
    pub(crate) fn proofs(&self, names: &Names) -> Vec<Proof> {
        let read = self.read(Shelf::Challenges, &stem(names));
        read.ok().flatten().unwrap_or_default()
    }

    pub(crate) fn remove_proofs(&self, names: &Names) {
        self.remove(Shelf::Challenges, &stem(names));
    }

    fn put(&self, shelf: Shelf, name: &str, text: &str) -> Result<(), CertError> {
        let folder = self.folder.join(shelf.folder());
        disk::private_folder(&folder)?;
        disk::write(&folder, name, text)
    }

    fn path(&self, shelf: Shelf, name: &str) -> PathBuf {
        self.folder.join(shelf.folder()).join(name)
    }
}

fn unknown(pair: &KeyPair) -> Option<IssuedInfo> {
    let (from, to) = leaf::validity_of(&pair.certificate_chain)?;
    Some(IssuedInfo {
        directory: String::new(),
        not_before: from.into(),
        not_after: to.into(),
        window: None,
        ask_again: from.into(),
    })
}

fn stem(names: &Names) -> String {
    names.file_name().trim_end_matches(".pem").to_owned()
}

/// A readable and unique file name for some texts.
pub(crate) fn file_name(texts: &[&str]) -> String {
    leaf::file_name(texts.iter().copied())
}

fn split(text: &str) -> Option<KeyPair> {
    let (chain, key) = text.split_at(text.find("-----BEGIN PRIVATE KEY-----")?);
    Some(KeyPair {
        certificate_chain: chain.into(),
        private_key: PrivateKey::new(key),
    })
}

#[cfg(test)]
mod tests;
