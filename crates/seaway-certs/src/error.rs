//! Why a certificate could not be had, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use seaway_model::HostMatchError;

/// Why a certificate could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// The data folder cannot be used.
    #[error(
        "cannot {doing} {}: {source}; make the data folder readable and writable for this user, or name another with --data",
        path.display()
    )]
    Io {
        /// `read`, `write`, …
        doing: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the authority is not what it should be.
    #[error(
        "the test authority in {} cannot be used: {what}; restore it, or remove the folder to have a new one made (clients must then trust the new one)",
        folder.display()
    )]
    Broken {
        /// The authority's folder.
        folder: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The authority is too old.
    #[error(
        "the test authority has expired; remove the folder test-ca in the data folder to have a new one made, and trust that one"
    )]
    Expired,
    /// A certificate for nothing.
    #[error("a certificate must be for at least one domain")]
    NoDomains,
    /// A name that no certificate can be for.
    #[error("\"{domain}\" cannot be in a certificate: {why}")]
    Domain {
        /// As asked for.
        domain: String,
        /// What is wrong with it.
        why: HostMatchError,
    },
    /// The cryptographic library refused.
    #[error("the certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
}

impl CertError {
    /// For `map_err` after an operation on a file.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}
