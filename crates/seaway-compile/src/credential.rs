//! Secrets as Istio's objects name them: a `credentialName` is a key pair, or authorities that are believed, or both.
//!
//! Authorities stand in the Secret itself (`ca.crt`, or `cacert` in Istio's generic form), or in a second Secret of the
//! same name with `-cacert` behind it, so that who may change the key need not be who may change whom to believe.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use seaway_api::core::Secret as ApiSecret;
use seaway_api::{Object, Spanned};
use seaway_model::{Authorities, Code, HostMatch, Material, Origin, Pem, Secret, SecretName};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use crate::findings::{Findings, Reporter, origin_of, whereabouts};
use crate::https_cert::store::{Reference, Store};
use crate::objects::Objects;

/// What the second Secret's name ends in.
const COMPANION: &str = "-cacert";
/// The keys that hold authorities, the common one first, and those that hold their lists of revoked certificates.
const AUTHORITY_KEYS: [&str; 2] = ["ca.crt", "cacert"];
const REVOKED_KEYS: [&str; 2] = ["ca.crl", "crl"];

/// How a field names a credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credential<'r> {
    /// Where it is looked for, in this order.
    pub(crate) namespaces: &'r [&'r str],
    /// The Secret's name.
    pub(crate) name: &'r Spanned<Arc<str>>,
    /// `spec.trafficPolicy.tls.credentialName`
    pub(crate) field: &'r str,
}

impl<'r> Credential<'r> {
    fn reference(&self, store: &Store<'_>) -> Reference<'r> {
        let home = self.namespaces.first().copied().unwrap_or_default();
        let found = (self.namespaces.iter()).find(|namespace| store.has(namespace, self.name));
        Reference::inside(found.unwrap_or(&home), self.name, self.field)
    }
}

/// Looks credentials up, and checks them.
pub(crate) struct Credentials<'a> {
    store: Store<'a>,
    now: Option<i64>,
}

impl<'a> Credentials<'a> {
    /// Over these objects, at this time.
    pub(crate) fn new(objects: &'a Objects<'a>, now: Option<i64>) -> Self {
        Self {
            store: Store::new(objects, now),
            now,
        }
    }

    /// The certificate chain and key of a credential. `None`: there is none, which is reported.
    pub(crate) fn key_pair(
        &mut self,
        credential: &Credential<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Option<Arc<Secret>> {
        let reference = credential.reference(&self.store);
        self.store.resolve(&reference, reporter)
    }

    /// Says so when the certificate of a key pair that was looked up here does not cover a host it is used for.
    pub(crate) fn check_host(
        &self,
        secret: &SecretName,
        host: &HostMatch,
        origin: &Origin,
        findings: &mut Findings,
    ) {
        self.store.check_host(secret, host, origin, findings);
    }

    /// Whether the credential has authorities, so that they can be left out where they may be.
    pub(crate) fn has_authorities(&self, credential: &Credential<'_>) -> bool {
        self.holder(credential).is_some()
    }

    /// The authorities of a credential, and what they have revoked: by this file, else by a list in the Secret. `None`:
    /// there are none, or none that can be used, which is reported.
    pub(crate) fn authorities(
        &self,
        credential: &Credential<'_>,
        revoked: Option<&Arc<str>>,
        reporter: &mut Reporter<'_>,
    ) -> Option<Arc<Secret>> {
        let Some((object, key)) = self.holder(credential) else {
            self.report_no_authorities(credential, reporter);
            return None;
        };
        let pem = match authorities(object, key) {
            Ok((pem, not_after)) => {
                self.check_time(object, not_after, credential, reporter);
                pem
            }
            Err(why) => {
                report_unusable(object, &why, credential, reporter);
                return None;
            }
        };
        let meta = &object.meta;
        let mut name = format!("ca:{}/{}", meta.namespace, meta.name.value);
        let revoked = match revoked {
            Some(file) => {
                name = format!("{name};revoked={file}");
                Some(Pem::File(file.clone()))
            }
            None => match revoked_in(object) {
                Ok(Some((list, next_update))) => {
                    self.check_list(object, next_update, credential, reporter);
                    Some(Pem::Text(list))
                }
                Ok(None) => None,
                Err(why) => {
                    report_unusable(object, &why, credential, reporter);
                    return None;
                }
            },
        };
        Some(Arc::new(Secret {
            name: SecretName(name.into()),
            origin: origin_of(meta),
            material: Material::Authorities(Authorities {
                certificates: pem.into(),
                revoked,
            }),
        }))
    }

    /// The Secret that holds the authorities, and under which key.
    fn holder(&self, credential: &Credential<'_>) -> Option<(&'a Object<ApiSecret>, &'static str)> {
        let companion = format!("{}{COMPANION}", credential.name.value);
        credential.namespaces.iter().find_map(|namespace| {
            [&*credential.name.value, &companion].iter().find_map(|name| {
                let object = self.store.get(namespace, name)?;
                let key = AUTHORITY_KEYS
                    .iter()
                    .find(|key| object.spec.data.contains_key(**key))?;
                Some((object, *key))
            })
        })
    }

    fn report_no_authorities(&self, credential: &Credential<'_>, reporter: &mut Reporter<'_>) {
        let reference = credential.reference(&self.store).holding("with the key ca.crt");
        // If there is one, it does not hold them; if there is none, that is what is said.
        if let Some(object) = self.store.find(&reference, reporter) {
            let why = format!(
                "it has no ca.crt, and there is no Secret \"{}{COMPANION}\"",
                credential.name.value
            );
            report_unusable(object, &why, credential, reporter);
        }
    }

    /// A list that is out of date does not say who was revoked since, so engines believe nobody by it.
    fn check_list(
        &self,
        object: &Object<ApiSecret>,
        next_update: Option<i64>,
        credential: &Credential<'_>,
        reporter: &mut Reporter<'_>,
    ) {
        if let (Some(now), Some(next_update)) = (self.now, next_update)
            && now > next_update
        {
            let secret = origin_of(&object.meta);
            let at = whereabouts(&secret);
            reporter.report(
                Code::SecretNotKeyPair,
                credential.field,
                credential.name.pos,
                format!("{secret}{at} has a list of revoked certificates that is out of date, so nobody is believed by it"),
                "put the authority's newest list into the Secret, or remove it to believe without one",
            );
        }
    }

    fn check_time(
        &self,
        object: &Object<ApiSecret>,
        not_after: i64,
        credential: &Credential<'_>,
        reporter: &mut Reporter<'_>,
    ) {
        if self.now.is_some_and(|now| now > not_after) {
            reporter.report(
                Code::CertificateExpired,
                credential.field,
                credential.name.pos,
                format!("every authority in {} has expired", origin_of(&object.meta)),
                "put an authority that is valid now into the Secret",
            );
        }
    }
}

/// The authorities in PEM, and when the last of them expires.
fn authorities(object: &Object<ApiSecret>, key: &str) -> Result<(Arc<str>, i64), String> {
    let bytes = object
        .spec
        .data
        .get(key)
        .map(|bytes| &*bytes.value)
        .unwrap_or_default();
    let text = std::str::from_utf8(bytes).map_err(|_| format!("{key} is not text in PEM"))?;
    let mut last = None;
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        let certificate = certificate.map_err(|error| format!("{key} is not PEM: {error}"))?;
        let (_, parsed) = X509Certificate::from_der(&certificate)
            .map_err(|_| format!("{key} does not hold an X.509 certificate"))?;
        last = last.max(Some(parsed.validity().not_after.timestamp()));
    }
    let last = last.ok_or_else(|| format!("{key} holds no certificate in PEM"))?;
    Ok((text.into(), last))
}

/// The lists of revoked certificates in PEM, and when the first of them is out of date. One that cannot be read is no reason
/// to ask nobody.
#[expect(clippy::type_complexity, reason = "used in one place")]
fn revoked_in(object: &Object<ApiSecret>) -> Result<Option<(Arc<str>, Option<i64>)>, String> {
    let data = &object.spec.data;
    let Some((key, bytes)) = REVOKED_KEYS
        .iter()
        .find_map(|key| Some((key, &data.get(*key)?.value)))
    else {
        return Ok(None);
    };
    let text = std::str::from_utf8(bytes).map_err(|_| format!("{key} is not text in PEM"))?;
    let mut times = Vec::new();
    for list in CertificateRevocationListDer::pem_slice_iter(bytes) {
        let list = list.map_err(|error| format!("{key} is not PEM: {error}"))?;
        let (_, parsed) = CertificateRevocationList::from_der(&list)
            .map_err(|_| format!("{key} does not hold a list of revoked certificates"))?;
        times.push(parsed.next_update().map(|time| time.timestamp()));
    }
    match times.is_empty() {
        true => Err(format!("{key} holds no list of revoked certificates in PEM")),
        false => Ok(Some((text.into(), times.into_iter().flatten().min()))),
    }
}

fn report_unusable(
    object: &Object<ApiSecret>,
    why: &str,
    credential: &Credential<'_>,
    reporter: &mut Reporter<'_>,
) {
    let secret = origin_of(&object.meta);
    let at = whereabouts(&secret);
    reporter.report(
        Code::SecretNotKeyPair,
        credential.field,
        credential.name.pos,
        format!("{secret}{at} holds no authorities that can be used: {why}"),
        "it needs ca.crt, the certificates of the authorities that are believed, in PEM; it may have ca.crl, what they have \
         revoked",
    );
}
