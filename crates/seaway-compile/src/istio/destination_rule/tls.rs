//! `tls` to the upstream.
//!
//! Whatever is missing for it stops the traffic, and never weakens it: a certificate that is not there would have the
//! upstream refuse us or, worse, us believe anybody.

use std::sync::Arc;

use seaway_api::Spanned;
use seaway_api::istio::{ClientTls, ClientTlsMode};
use seaway_model::{
    Authorities, Code, Failure, FailureReason, Material, Pem, Secret, SecretName, Trust, UpstreamTls,
};

use super::Translator;
use crate::credential::Credential;
use crate::resolve::ROOT_NAMESPACE;
use crate::resolve::policy::Tls;

/// What may stand instead of a file: the operating system's authorities.
const SYSTEM: &str = "system";

impl Translator<'_, '_> {
    pub(super) fn tls(&mut self, tls: &Spanned<ClientTls>, field: &str) -> Tls {
        match tls.mode.value {
            ClientTlsMode::Disable => Tls::Off,
            ClientTlsMode::IstioMutual => self.refuse_mesh_tls(tls, field),
            ClientTlsMode::Simple | ClientTlsMode::Mutual => {
                let made = match &tls.credential_name {
                    Some(name) => self.with_secret(tls, name, field),
                    None => Some(self.with_files(tls, field)),
                };
                if let (Some(list), Some(Tls::On(made, _))) = (&tls.ca_crl, &made)
                    && !matches!(made.trust, Trust::Secret(_))
                {
                    return self.refuse_list(list, field);
                }
                made.unwrap_or_else(|| {
                    refused(format!(
                        "{} asks for TLS with a credential that is not there or cannot be used",
                        self.reporter.origin
                    ))
                })
            }
        }
    }

    fn refuse_mesh_tls(&mut self, tls: &ClientTls, field: &str) -> Tls {
        self.reporter.report(
            Code::MeshTlsUnavailable,
            &format!("{field}.mode"),
            tls.mode.pos,
            "ISTIO_MUTUAL needs a certificate of Istio's control plane, which the gateway does not have",
            "requests are answered 503, since anything less would be weaker than what is asked for; write DISABLE if \
             the workloads take clear text, or MUTUAL with a certificate of your own",
        );
        let origin = self.reporter.origin;
        refused(format!(
            "{origin} asks for ISTIO_MUTUAL, and there is no control plane of Istio's"
        ))
    }

    /// A list says nothing of whom other authorities have revoked.
    fn refuse_list(&mut self, list: &Spanned<Arc<str>>, field: &str) -> Tls {
        self.reporter.report(
            Code::ConflictingFields,
            &format!("{field}.caCrl"),
            list.pos,
            "nobody is believed whose revoked certificates this list could name",
            "add caCertificates or credentialName, without insecureSkipVerify; until then requests are answered 503, since \
             the upstream could show a certificate that was revoked",
        );
        let origin = self.reporter.origin;
        refused(format!(
            "{origin} has caCrl, and no authorities that the list could be of"
        ))
    }

    fn with_secret(&mut self, tls: &ClientTls, name: &Spanned<Arc<str>>, field: &str) -> Option<Tls> {
        let field = format!("{field}.credentialName");
        let home = self.reporter.origin.namespace.clone();
        let namespaces = [&*home, ROOT_NAMESPACE];
        let credential = Credential {
            namespaces: &namespaces,
            name,
            field: &field,
        };
        let mut secrets = Vec::new();
        let is_mutual = tls.mode.value == ClientTlsMode::Mutual;
        let client_certificate = if is_mutual {
            let secret = self.credentials.key_pair(&credential, &mut self.reporter)?;
            secrets.push(secret.clone());
            Some(secret.name.clone())
        } else {
            None
        };
        let trust = if tls.insecure_skip_verify.value {
            Trust::Anybody
        } else if is_mutual && tls.ca_crl.is_none() && !self.credentials.has_authorities(&credential) {
            Trust::System
        } else {
            let revoked = tls.ca_crl.as_ref().map(|list| &list.value);
            let secret = self
                .credentials
                .authorities(&credential, revoked, &mut self.reporter)?;
            secrets.push(secret.clone());
            Trust::Secret(secret.name.clone())
        };
        Some(Tls::On(upstream(tls, trust, client_certificate), secrets))
    }

    fn with_files(&mut self, tls: &ClientTls, field: &str) -> Tls {
        let mut secrets = Vec::new();
        let mut add = |name: String, field: &str, at: &Spanned<Arc<str>>, material| {
            let name = SecretName(name.into());
            secrets.push(Arc::new(Secret {
                name: name.clone(),
                origin: self.at(field, at.pos),
                material,
            }));
            name
        };
        let client_certificate = match (&tls.client_certificate, &tls.private_key) {
            (Some(certificate), Some(key)) if tls.mode.value == ClientTlsMode::Mutual => {
                let material = Material::KeyPairFiles {
                    certificate: certificate.value.clone(),
                    private_key: key.value.clone(),
                };
                let name = format!("file:{},{}", certificate.value, key.value);
                Some(add(
                    name,
                    &format!("{field}.clientCertificate"),
                    certificate,
                    material,
                ))
            }
            _ => None,
        };
        let trust = match &tls.ca_certificates {
            _ if tls.insecure_skip_verify.value => Trust::Anybody,
            Some(file) if *file.value != *SYSTEM => {
                let revoked = tls.ca_crl.as_ref().map(|list| list.value.clone());
                let name = match &revoked {
                    Some(list) => format!("ca-file:{};revoked={list}", file.value),
                    None => format!("ca-file:{}", file.value),
                };
                let material = Material::Authorities(Authorities {
                    certificates: Pem::File(file.value.clone()),
                    revoked: revoked.map(Pem::File),
                });
                Trust::Secret(add(name, &format!("{field}.caCertificates"), file, material))
            }
            _ => Trust::System,
        };
        Tls::On(upstream(tls, trust, client_certificate), secrets)
    }
}

fn upstream(tls: &ClientTls, trust: Trust, client_certificate: Option<SecretName>) -> UpstreamTls {
    UpstreamTls {
        server_name: tls.sni.as_ref().map(|sni| sni.value.clone()),
        subject_alt_names: tls
            .subject_alt_names
            .iter()
            .map(|name| name.value.clone())
            .collect(),
        trust,
        client_certificate,
    }
}

fn refused(message: String) -> Tls {
    Tls::Refused(Failure {
        status: 503,
        reason: FailureReason::TlsUnavailable,
        message: message.into(),
    })
}
