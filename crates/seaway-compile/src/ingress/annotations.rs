//! Annotations of an Ingress that other controllers read.
//!
//! Much of what people want of an Ingress is not in it, and each controller has annotations of its own for that: rewrites,
//! time limits, redirects. None of them is read here, for they mean what one program does. Whoever moves an Ingress here
//! has to be told of each, as the rules without them may send requests where nobody meant.

use seaway_api::Object;
use seaway_api::ingress::Ingress;
use seaway_model::Code;

use crate::findings::Reporter;

/// Domains of controllers. Most use one under `ingress.kubernetes.io`.
const DOMAINS: [&str; 9] = [
    "getambassador.io",
    "haproxy.org",
    "haproxy-ingress.github.io",
    "ingress.gcp.kubernetes.io",
    "konghq.com",
    "networking.gke.io",
    "nginx.com",
    "nginx.org",
    "projectcontour.io",
];
/// The one that everybody reads.
const CLASS: &str = "kubernetes.io/ingress.class";

/// Warns of each annotation that would change what is served, elsewhere.
pub(super) fn warn_of_foreign(object: &Object<Ingress>, reporter: &mut Reporter<'_>) {
    for (key, value) in object.meta.annotations.iter().filter(|(key, _)| is_foreign(key)) {
        reporter.report(
            Code::IgnoredField,
            &format!("metadata.annotations[\"{key}\"]"),
            value.pos,
            format!("\"{key}\" is read by another controller, and does nothing here"),
            "write an HttpRoute that says the same, or remove it if the rules are right without it",
        );
    }
}

fn is_foreign(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else {
        return false;
    };
    let is_of_an_ingress = domain == "ingress.kubernetes.io" || domain.ends_with(".ingress.kubernetes.io");
    let is_of_the_oldest = key.starts_with("kubernetes.io/ingress.") && key != CLASS;
    is_of_an_ingress || is_of_the_oldest || DOMAINS.contains(&domain)
}

#[cfg(test)]
mod tests {
    use super::is_foreign;

    #[test]
    fn annotations_of_other_controllers_are_told_from_the_rest() {
        for (key, expected) in [
            ("nginx.ingress.kubernetes.io/rewrite-target", true),
            ("alb.ingress.kubernetes.io/scheme", true),
            ("ingress.kubernetes.io/ssl-redirect", true),
            ("nginx.org/websocket-services", true),
            ("kubernetes.io/ingress.allow-http", true),
            ("kubernetes.io/ingress.class", false),
            ("kubectl.kubernetes.io/last-applied-configuration", false),
            ("cert-manager.io/cluster-issuer", false),
            ("note", false),
        ] {
            assert_eq!(is_foreign(key), expected, "{key}");
        }
    }
}
