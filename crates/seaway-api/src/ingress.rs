//! `Ingress` and `IngressClass` of `networking.k8s.io/v1`.
//!
//! What is checked is what Kubernetes checks when such an object is created, so that an object from a cluster is never
//! refused, and one from a file is refused here as it would be there.

mod syntax;

use std::sync::Arc;

use crate::decode::{Cx, Int, List, OneOf, Parsed, TEXT, Via, at, obj, object};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

type Text = Spanned<Arc<str>>;

object! {
    /// The spec of an Ingress.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Ingress {
        /// `spec.ingressClassName`
        ingress_class_name: Option<Text> = "ingressClassName", optional, TEXT;
        /// `spec.defaultBackend`
        default_backend: Option<Spanned<Backend>> = "defaultBackend", optional, at(Via(backend));
        /// `spec.tls`
        tls: Vec<Spanned<IngressTls>> = "tls", default(Vec::new(), "none"), List(at(obj()));
        /// `spec.rules`
        rules: Vec<Spanned<IngressRule>> = "rules", default(Vec::new(), "none"), List(at(obj()));
    }
    check needs_a_backend;
}

fn needs_a_backend(cx: &mut Cx, node: &Node<'_>) {
    let no_rules = node
        .get("rules")
        .is_none_or(|rules| matches!(&rules.value, Value::Seq(items) if items.is_empty()));
    if no_rules && node.get("defaultBackend").is_none() {
        cx.missing(
            node,
            "defaultBackend",
            "add rules, or a defaultBackend for every request",
        );
    }
}

object! {
    /// One of `spec.tls`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct IngressTls {
        /// Empty: the certificate is for every host.
        hosts: Vec<Text> = "hosts", default(Vec::new(), "every host"), List(at(Parsed("host", syntax::host)));
        /// `None`: TLS is asked for, and the certificate comes from elsewhere.
        secret_name: Option<Text> = "secretName", optional, TEXT;
    }
}

/// One of `spec.rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressRule {
    /// `None`: every host.
    pub host: Option<Text>,
    /// `http.paths`; `None` without `http`: everything of that host goes to the default backend.
    pub paths: Option<Vec<Spanned<IngressPath>>>,
}

object! {
    /// One of `spec.rules`.
    #[derive(Clone, Debug)]
    pub(crate) struct RuleFields {
        /// Absent or empty: every host.
        host: Option<Text> = "host", optional, at(Parsed("host", syntax::rule_host));
        /// Absent: everything goes to the default backend.
        http: Option<HttpFields> = "http", optional, obj();
    }
}

object! {
    /// `http` of a rule.
    #[derive(Clone, Debug)]
    pub(crate) struct HttpFields {
        /// At least one.
        paths: Vec<Spanned<IngressPath>> = "paths", required, List(at(obj()));
    }
    check needs_a_path;
}

fn needs_a_path(cx: &mut Cx, node: &Node<'_>) {
    if matches!(node.get("paths").map(|n| &n.value), Some(Value::Seq(items)) if items.is_empty()) {
        cx.missing(
            node,
            "paths",
            "add a path, or remove \"http\" to use the default backend",
        );
    }
}

impl crate::decode::Decode for IngressRule {
    fn decode(cx: &mut Cx, node: &Node<'_>) -> Option<Self> {
        let fields = RuleFields::decode(cx, node)?;
        Some(Self {
            host: fields.host.filter(|host| !host.is_empty()),
            paths: fields.http.map(|http| http.paths),
        })
    }
    fn describe() -> crate::decode::ObjectShape {
        RuleFields::describe()
    }
}

object! {
    /// One of `http.paths`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct IngressPath {
        /// Empty only for `ImplementationSpecific`.
        path: Text = "path", default(Spanned::unwritten(""), "empty"), TEXT;
        /// Required.
        path_type: Spanned<PathType> = "pathType", required, at(PATH_TYPE);
        /// Required.
        backend: Spanned<Backend> = "backend", required, at(Via(backend));
    }
    finish check_path;
}

/// `pathType`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum PathType {
    Exact,
    Prefix,
    ImplementationSpecific,
}

const PATH_TYPE: OneOf<PathType> = OneOf(&[
    ("Exact", PathType::Exact),
    ("Prefix", PathType::Prefix),
    ("ImplementationSpecific", PathType::ImplementationSpecific),
]);

fn check_path(path: IngressPath, cx: &mut Cx, node: &Node<'_>) -> Option<IngressPath> {
    let strict = *path.path_type != PathType::ImplementationSpecific;
    if strict && path.path.is_empty() {
        cx.missing(node, "path", "add an absolute path, or \"/\" for all");
    } else if let Err(invalid) = syntax::path(&path.path, strict) {
        let pos = path.path.pos;
        cx.report_in(
            "path",
            ProblemKind::InvalidValue,
            pos,
            invalid.message,
            invalid.help,
        );
    }
    Some(path)
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

object! {
    /// A backend: exactly one of these.
    #[derive(Clone, Debug)]
    pub(crate) struct BackendFields {
        /// A Service of the Ingress's namespace.
        service: Option<ServiceFields> = "service", optional, obj();
        /// Any other object.
        resource: Option<ResourceFields> = "resource", optional, obj();
    }
    check old_form;
}

object! {
    /// A Service of the Ingress's namespace.
    #[derive(Clone, Debug)]
    pub(crate) struct ServiceFields {
        /// Its name.
        name: Text = "name", required, TEXT;
        /// Its port.
        port: Spanned<BackendPort> = "port", required, at(Via(backend_port));
    }
}

object! {
    /// Any other object.
    #[derive(Clone, Debug)]
    pub(crate) struct ResourceFields {
        /// Kind.
        kind: Text = "kind", required, TEXT;
        /// Name.
        name: Text = "name", required, TEXT;
    }
    known ["apiGroup"];
}

object! {
    /// A port: exactly one of these.
    #[derive(Clone, Debug)]
    pub(crate) struct PortFields {
        /// By number.
        number: Option<u16> = "number", optional, Int::port();
        /// By name.
        name: Option<Arc<str>> = "name", optional, Parsed("name", crate::decode::syntax::not_empty);
    }
}

/// What v1beta1 had. Everybody's old manifests have it, so it gets an answer of its own.
fn old_form(cx: &mut Cx, node: &Node<'_>) {
    if let Some(entry) = node.entry("serviceName") {
        let message = "\"serviceName\" and \"servicePort\" are of networking.k8s.io/v1beta1";
        let help = "write \"service: {name: NAME, port: {number: PORT}}\"";
        cx.report_in("serviceName", ProblemKind::MissingField, entry.pos, message, help);
    }
}

fn backend(fields: BackendFields, cx: &mut Cx, node: &Node<'_>) -> Option<Backend> {
    cx.refuse_both(node, "service", "resource", "keep one of the two");
    match fields {
        BackendFields {
            service: Some(ServiceFields { name, port }),
            ..
        } => Some(Backend::Service { name, port }),
        BackendFields {
            resource: Some(ResourceFields { kind, name }),
            ..
        } => Some(Backend::Resource { kind, name }),
        _ => {
            if node.get("serviceName").is_none() {
                cx.missing(
                    node,
                    "service",
                    "add \"service: {name: NAME, port: {number: PORT}}\"",
                );
            }
            None
        }
    }
}

fn backend_port(fields: PortFields, cx: &mut Cx, node: &Node<'_>) -> Option<BackendPort> {
    cx.refuse_both(node, "number", "name", "keep one of the two");
    match fields {
        PortFields {
            number: Some(number), ..
        } => Some(BackendPort::Number(number)),
        PortFields { name: Some(name), .. } => Some(BackendPort::Name(name)),
        _ => {
            cx.missing(node, "number", "add the port's number, or its name");
            None
        }
    }
}

object! {
    /// The spec of an IngressClass.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct IngressClass {
        /// `spec.controller`; Seaway's is `seaway.dev/ingress-controller`.
        controller: Text = "controller", required, TEXT;
    }
    known ["parameters"];
}

#[cfg(test)]
mod tests;
