//! `Ingress` and `IngressClass` of `networking.k8s.io/v1`.

use std::sync::Arc;

use crate::Spanned;

type Text = Spanned<Arc<str>>;

/// The spec of an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingress {
    /// `spec.ingressClassName`
    pub ingress_class_name: Option<Text>,
    /// `spec.defaultBackend`
    pub default_backend: Option<Spanned<Backend>>,
    /// `spec.tls`
    pub tls: Vec<Spanned<IngressTls>>,
    /// `spec.rules`
    pub rules: Vec<Spanned<IngressRule>>,
}

/// One of `spec.tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressTls {
    /// Empty: the certificate is for every host.
    pub hosts: Vec<Text>,
    /// `None`: TLS is asked for, and the certificate comes from elsewhere.
    pub secret_name: Option<Text>,
}

/// One of `spec.rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressRule {
    /// `None`: every host.
    pub host: Option<Text>,
    /// `http.paths`; `None` without `http`: everything of that host goes to the default backend.
    pub paths: Option<Vec<Spanned<IngressPath>>>,
}

/// One of `http.paths`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressPath {
    /// Empty only for `ImplementationSpecific`.
    pub path: Text,
    /// Required.
    pub path_type: Spanned<PathType>,
    /// Required.
    pub backend: Spanned<Backend>,
}

/// `pathType`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum PathType {
    Exact,
    Prefix,
    ImplementationSpecific,
}

/// A backend: one of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `service: {name, port: {number | name}}`
    Service {
        /// In the Ingress's namespace.
        name: Text,
        /// Its port.
        port: Spanned<BackendPort>,
    },
    /// `resource: {apiGroup, kind, name}`
    Resource {
        /// Kind.
        kind: Text,
        /// Name.
        name: Text,
    },
}

/// `port` of a service backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendPort {
    /// `number`
    Number(u16),
    /// `name`
    Name(Arc<str>),
}

/// The spec of an IngressClass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressClass {
    /// `spec.controller`; Seaway's is `seaway.dev/ingress-controller`.
    pub controller: Text,
}
