//! What the wiring hands over: the certificates of a model that an ACME issuer has to make.

use std::sync::Arc;

use seaway_model::{AcmeIssuer, IssuerKind, Material, Model, SecretName};

/// A certificate that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of which secret of the model.
    pub name: SecretName,
    /// DNS names, or `*.` and a DNS name.
    pub domains: Vec<Arc<str>>,
    /// Who makes it.
    pub issuer: Arc<AcmeIssuer>,
}

/// Every secret of a compiled model that an ACME issuer has to make, by name. For [`super::Manager::want`]; of a model
/// that [`crate::fulfil`] has been through, nothing is wanted that is there already.
#[must_use]
pub fn wanted(model: &Model) -> Vec<Wanted> {
    model
        .secrets
        .values()
        .filter_map(|secret| match &secret.material {
            Material::Awaited {
                domains,
                issuer: IssuerKind::Acme(issuer),
            } => Some(Wanted {
                name: secret.name.clone(),
                domains: domains.clone(),
                issuer: Arc::clone(issuer),
            }),
            _ => None,
        })
        .collect()
}
