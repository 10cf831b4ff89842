//! What the running gateway keeps of certificates: its issuers, and when they must be asked again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use seaway_model::{KeyPair, SecretName};

use crate::files::Files;
use crate::{CertError, TestCa};

/// A certificate with the time to ask for a new one.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Chain and key.
    pub pair: KeyPair,
    /// When a third of its life is left.
    pub renew_at: SystemTime,
}

/// Somebody who makes certificates. Asked again with the same names, it may answer with the same certificate.
pub trait Issuer: Send + Sync {
    /// A certificate for these names.
    ///
    /// # Errors
    /// Says what to do about it.
    fn obtain(&self, domains: &[Arc<str>], now: SystemTime) -> Result<Issued, CertError>;
}

/// The issuers of one process. An authority is made when the first certificate asks for it, so a configuration without
/// certificates needs no data folder.
#[derive(Debug)]
pub struct CertStore {
    /// `None`: in memory.
    data: Option<PathBuf>,
    test_ca: Mutex<Option<Arc<TestCa>>>,
    renewals: Mutex<BTreeMap<SecretName, SystemTime>>,
    /// What others keep in files of their own.
    pub(crate) files: Files,
}

impl CertStore {
    /// Keeps what it makes in a data folder. Nothing is read or written yet.
    #[must_use]
    pub fn open(data: &Path) -> Self {
        Self::new(Some(data.to_owned()))
    }

    /// Keeps nothing: for offline commands and tests.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self::new(None)
    }

    fn new(data: Option<PathBuf>) -> Self {
        Self {
            data,
            test_ca: Mutex::default(),
            renewals: Mutex::default(),
            files: Files::default(),
        }
    }

    /// The test authority, opened or made when it is first asked for.
    ///
    /// # Errors
    /// As [`TestCa::open`]. The next call tries again.
    pub fn test_ca(&self, now: SystemTime) -> Result<Arc<TestCa>, CertError> {
        let mut slot = lock(&self.test_ca);
        if let Some(authority) = &*slot {
            return Ok(Arc::clone(authority));
        }
        let authority = Arc::new(match &self.data {
            Some(data) => TestCa::open(data, now)?,
            None => TestCa::ephemeral(now)?,
        });
        *slot = Some(Arc::clone(&authority));
        Ok(authority)
    }

    /// When [`crate::fulfil`] must be called again, even if nothing else changes. `None`: not by itself.
    #[must_use]
    pub fn renew_at(&self) -> Option<SystemTime> {
        lock(&self.renewals).values().min().copied()
    }

    /// Whether [`crate::fulfil`] would find other certificates in the files that the model names.
    #[must_use]
    pub fn files_changed(&self) -> bool {
        self.files.changed()
    }

    /// Whether the model names any files.
    #[must_use]
    pub fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Has all files read again by the next [`crate::fulfil`].
    pub fn read_files_again(&self) {
        self.files.read_again();
    }

    /// When a certificate of the test authority is renewed.
    pub(crate) fn renewal(&self, name: &SecretName) -> Option<SystemTime> {
        lock(&self.renewals).get(name).copied()
    }

    pub(crate) fn set_renewals(&self, renewals: BTreeMap<SecretName, SystemTime>) {
        *lock(&self.renewals) = renewals;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
