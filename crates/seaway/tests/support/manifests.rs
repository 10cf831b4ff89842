//! Manifests, as text.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// An `HttpRoute` for every path of a host, to an address.
pub fn route(host: &str, to: SocketAddr) -> String {
    route_with(host, to, "")
}

/// The same with more fields, each a line of `spec`.
pub fn route_with(host: &str, to: SocketAddr, fields: &str) -> String {
    let name = host.replace('.', "-").replace('*', "any");
    let mut text = format!(
        "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: {name}, namespace: test}}\nspec:\n  \
         hosts: [\"{host}\"]\n  destinations: [{{host: \"{to}\"}}]\n"
    );
    for field in fields.lines() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {field}");
    }
    text
}

/// A route to a Service, by any name.
pub fn route_to(host: &str, destination: &str) -> String {
    let name = host.replace('.', "-");
    format!(
        "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: {name}, namespace: test}}\nspec:\n  \
         hosts: [\"{host}\"]\n  destinations: [{{host: \"{destination}\"}}]\n"
    )
}

/// A Service with one endpoint.
pub fn service(name: &str, to: SocketAddr) -> String {
    let (ip, port) = (to.ip(), to.port());
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: test}}\n\
         spec: {{ports: [{{name: http, port: 8080}}]}}\n---\n\
         apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: {name}-1, namespace: test, labels: {{kubernetes.io/service-name: {name}}}}}\n\
         addressType: IPv4\nports: [{{name: http, port: {port}}}]\nendpoints: [{{addresses: [{ip}]}}]\n"
    )
}

/// An `HttpsCert` with a Secret.
pub fn https_cert(host: &str, secret: &str) -> String {
    format!(
        "apiVersion: seaway.dev/v1alpha1\nkind: HttpsCert\nmetadata: {{name: {secret}, namespace: test}}\n\
         spec: {{domains: [\"{host}\"], isSelfManaged: true, selfManagedCertSecretName: {secret}}}\n"
    )
}

/// An `HttpsCert` from the local test authority.
pub fn test_cert(host: &str) -> String {
    format!(
        "apiVersion: seaway.dev/v1alpha1\nkind: HttpsCertIssuer\nmetadata: {{name: local, namespace: test}}\n\
         spec: {{caForTest: {{}}}}\n---\n\
         apiVersion: seaway.dev/v1alpha1\nkind: HttpsCert\nmetadata: {{name: cert, namespace: test}}\n\
         spec: {{domains: [\"{host}\"], httpsCertIssuer: local}}\n"
    )
}

/// Documents of one file.
pub fn documents(parts: &[String]) -> String {
    parts.join("---\n")
}
