//! Certificates that compiling left out: asked for by an HttpsCert, and not in the model. They are listed all the same,
//! with what `check` says of them, since who looks for a certificate looks in the list of certificates.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::Resources;
use seaway_certs::acme::{CertState, CertStatus};
use seaway_model::{Diagnostic, Model, Report, SecretName, Severity};

/// API version, namespace and name.
type Key = (Arc<str>, Arc<str>, Arc<str>);

/// One for each HttpsCert that has an error and no certificate.
pub fn refused(model: &Model, report: &Report, resources: &Resources) -> Vec<CertStatus> {
    let mut errors: BTreeMap<Key, &Diagnostic> = BTreeMap::new();
    let of_certs = report.diagnostics.iter().filter(|diagnostic| {
        diagnostic.severity() == Severity::Error && &*diagnostic.origin.kind == "HttpsCert"
    });
    for diagnostic in of_certs {
        let origin = &diagnostic.origin;
        let key = (
            Arc::clone(&origin.api_version),
            Arc::clone(&origin.namespace),
            Arc::clone(&origin.name),
        );
        errors.entry(key).or_insert(diagnostic);
    }
    let left_out = resources.https_certs.iter().filter_map(|object| {
        let meta = &object.meta;
        let name = SecretName(
            match meta.namespace.is_empty() {
                true => format!("httpscert:{}", meta.name.value),
                false => format!("httpscert:{}/{}", meta.namespace, meta.name.value),
            }
            .into(),
        );
        let key = (
            meta.api_version.clone(),
            meta.namespace.clone(),
            meta.name.value.clone(),
        );
        let diagnostic = errors.get(&key).filter(|_| !model.secrets.contains_key(&name))?;
        let spec = &object.spec;
        let domains = spec
            .domains
            .iter()
            .map(|domain| domain.value.to_string())
            .collect();
        let issuer = match (&spec.self_managed_cert_secret_name, &spec.https_cert_issuer) {
            (Some(secret), _) if spec.is_self_managed => {
                format!("Secret {}/{}", meta.namespace, secret.value)
            }
            (_, Some(issuer)) => issuer.value.to_string(),
            _ => "default-http01-issuer".to_owned(),
        };
        let mut status = CertStatus::new(name, domains, issuer);
        status.state = CertState::Refused;
        status.last_error = Some(format!("{}; {}", diagnostic.message, diagnostic.help));
        Some(status)
    });
    left_out.collect()
}
