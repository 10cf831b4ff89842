//! The secrets of a cluster's TLS, as the model has them now.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use seaway_model::{Material, Model, SecretName, Trust, UpstreamTls};

use crate::error::TlsFault;

/// A reason why there is no TLS, with what a person should know.
type Problem = (TlsFault, String);

/// What the secrets hold that a cluster names; `None` for those that are not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::upstream) struct Secrets {
    authorities: Option<Material>,
    identity: Option<Material>,
}

impl Secrets {
    pub(in crate::upstream) fn of(tls: &UpstreamTls, model: &Model) -> Self {
        let material = |name: &SecretName| Some(model.secrets.get(name)?.material.clone());
        Self {
            authorities: match &tls.trust {
                Trust::Secret(name) => material(name),
                Trust::System | Trust::Anybody => None,
            },
            identity: tls.client_certificate.as_ref().and_then(material),
        }
    }

    /// The authorities of the secret of that name.
    pub(super) fn roots(&self, name: &SecretName) -> Result<RootCertStore, Problem> {
        let (pem, _) = self.believed(name)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate
                .map_err(|error| error.to_string())
                .and_then(|der| roots.add(der).map_err(|error| error.to_string()));
            added.map_err(|error| {
                let problem = format!("an authority of secret {name} cannot be used: {error}");
                (TlsFault::NoSecret, problem)
            })?;
        }
        if roots.is_empty() {
            return Err((
                TlsFault::NoSecret,
                format!("secret {name} holds no authority in PEM"),
            ));
        }
        Ok(roots)
    }

    /// What they have revoked. Empty: nobody asks.
    pub(super) fn revoked(
        &self,
        name: &SecretName,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, Problem> {
        let (_, Some(pem)) = self.believed(name)? else {
            return Ok(Vec::new());
        };
        let unusable = |why: String| {
            let problem = format!("the lists of revoked certificates of secret {name} cannot be used: {why}");
            (TlsFault::NoSecret, problem)
        };
        let lists = CertificateRevocationListDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unusable(error.to_string()))?;
        match lists.is_empty() {
            true => Err(unusable("there is none in PEM".to_owned())),
            false => Ok(lists),
        }
    }

    fn believed(&self, name: &SecretName) -> Result<(&Arc<str>, Option<&Arc<str>>), Problem> {
        let there = match &self.authorities {
            Some(Material::Authorities(authorities)) => authorities.text(),
            _ => None,
        };
        there.ok_or_else(|| {
            let what = "which says whom to believe";
            missing(name, what, self.authorities.as_ref(), "authorities")
        })
    }

    /// The chain and the key that prove who we are, where the cluster asks for them.
    pub(super) fn identity(
        &self,
        tls: &UpstreamTls,
    ) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Problem> {
        let Some(name) = &tls.client_certificate else {
            return Ok(None);
        };
        let Some(Material::KeyPair(pair)) = &self.identity else {
            let what = "which proves who we are";
            return Err(missing(
                name,
                what,
                self.identity.as_ref(),
                "a certificate and its key",
            ));
        };
        let unreadable = |error: rustls_pki_types::pem::Error| {
            (TlsFault::NoSecret, format!("secret {name} is not PEM: {error}"))
        };
        let chain = CertificateDer::pem_slice_iter(pair.certificate_chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(pair.private_key.reveal().as_bytes()).map_err(unreadable)?;
        Ok(Some((chain, key)))
    }
}

fn missing(name: &SecretName, what: &str, there: Option<&Material>, wanted: &str) -> Problem {
    let problem = match there {
        None => format!("secret {name}, {what}, does not exist"),
        Some(Material::KeyPairFiles { .. }) => format!("the files of {name}, {what}, could not be read"),
        Some(Material::Authorities(there)) if there.is_in_files() => {
            format!("the files of {name}, {what}, could not be read")
        }
        Some(Material::Awaited { .. }) => format!("secret {name}, {what}, has not been issued yet"),
        Some(_) => format!("secret {name}, {what}, does not hold {wanted}"),
    };
    (TlsFault::NoSecret, problem)
}

/// The authorities of the operating system, read once.
pub(super) fn system_roots() -> Result<Arc<RootCertStore>, Problem> {
    use std::sync::OnceLock;
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // What cannot be read or is no authority is left out, as every client of the system does.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() {
        let problem = "the system has no certificate authorities: install its package ca-certificates, set \
                       SSL_CERT_FILE, or name a secret with authorities";
        return Err((TlsFault::NoSecret, problem.to_owned()));
    }
    Ok(Arc::clone(roots))
}
