//! What the gateways are told: pure functions from a number to manifests.
//!
//! Three files change, each for a reason of its own: `endpoints.yaml` when a backend comes or goes, `certificate.yaml` when
//! the certificate is replaced, and `rules.yaml` ten times a second. The rules say their number in a header of every
//! answer, so that clients see when a change serves.

use std::net::SocketAddr;

use seaway_testkit::certs::Leaf;

/// The host that clients ask for.
pub const HOST: &str = "soak.example.com";
/// The header of answers with the number of the rules.
pub const NUMBER: &str = "x-soak-number";

/// What never changes.
pub const FIXED: &str = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: soak, namespace: soak}
spec:
  servers:
    - {port: {number: 80, name: http, protocol: HTTP}, hosts: [\"*\"]}
    - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [soak.example.com], tls: {mode: SIMPLE, credentialName: soak}}
    - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: [\"*\"]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: soak}
spec: {selector: {app: soak}, ports: [{name: http, port: 80}, {name: grpc, port: 90}]}
---
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: soak}
spec: {selector: {app: soak}, ports: [{name: tcp, port: 9000}]}
";

/// A backend that may be asked.
#[derive(Clone, Debug)]
pub struct Pod {
    pub name: String,
    /// `v1` or `v2`, by which the subsets go.
    pub version: &'static str,
    /// HTTP/1.1, HTTP/2 and gRPC.
    pub web: SocketAddr,
    pub tcp: SocketAddr,
}

/// The backends that there are.
pub fn endpoints(pods: &[Pod]) -> String {
    pods.iter().map(endpoint).collect()
}

fn endpoint(pod: &Pod) -> String {
    let Pod {
        name,
        version,
        web,
        tcp,
    } = pod;
    let slice = |service: &str, ports: String| {
        format!(
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: {service}-{name}, namespace: soak, labels: {{kubernetes.io/service-name: {service}}}}}\n\
             addressType: IPv4\nports: [{ports}]\n\
             endpoints: [{{addresses: [{}], targetRef: {{kind: Pod, name: {name}}}}}]\n",
            web.ip()
        )
    };
    let web = slice(
        "web",
        format!("{{name: http, port: {0}}}, {{name: grpc, port: {0}}}", web.port()),
    );
    let tcp = slice("echo", format!("{{name: tcp, port: {}}}", tcp.port()));
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: soak, labels: {{app: soak, version: {version}}}}}\n\
         {web}{tcp}"
    )
}

/// The certificate of the host.
pub fn certificate(leaf: &Leaf) -> String {
    leaf.secret("soak", "soak")
}

/// The rules with this number: weights, headers, conditions, hosts that come and go, and how services are balanced.
pub fn rules(number: u64) -> String {
    let weight = 1 + number % 99;
    let rest = 100 - weight;
    let headers = format!(
        "headers: {{request: {{set: {{x-soak-sent: \"{number}\"}}, add: {{x-soak-turn-{}: \"1\"}}}}, \
         response: {{set: {{{NUMBER}: \"{number}\"}}, remove: [x-soak-none-{}]}}}}",
        number % 5,
        number % 3
    );
    let split = |service: &str, port: u16| {
        format!(
            "route: [{{destination: {{host: {service}, port: {{number: {port}}}, subset: v1}}, weight: {weight}}}, \
             {{destination: {{host: {service}, port: {{number: {port}}}, subset: v2}}, weight: {rest}}}]"
        )
    };
    let (web, grpc, tcp) = (split("web", 80), split("web", 90), split("echo", 9000));
    let (condition, policy) = (condition(number), policy(number / 5));
    let mut rules = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: soak}}\n\
         spec:\n  hosts: [{HOST}]\n  gateways: [soak]\n  http:\n\
         \x20   - {{match: [{{uri: {{prefix: /grpc}}}}], {grpc}, {headers}}}\n\
         \x20   - {{match: [{condition}], route: [{{destination: {{host: web, port: {{number: 80}}, subset: v1}}}}], {headers}}}\n\
         \x20   - {{{web}, {headers}}}\n\
         ---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: echo, namespace: soak}}\n\
         spec: {{hosts: [\"*\"], gateways: [soak], tcp: [{{match: [{{port: 9000}}], {tcp}}}]}}\n"
    );
    for service in ["web", "echo"] {
        rules += &format!(
            "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: {service}, namespace: soak}}\n\
             spec:\n  host: {service}\n  trafficPolicy: {policy}\n  subsets:\n\
             \x20   - {{name: v1, labels: {{version: v1}}}}\n    - {{name: v2, labels: {{version: v2}}}}\n"
        );
    }
    for host in 0..number % 7 {
        rules += &format!(
            "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: guest-{host}, namespace: soak}}\n\
             spec: {{hosts: [guest{}.example.com], paths: [/{number}], destinations: [{{host: \"web:80\"}}]}}\n",
            (number + host) % 20
        );
    }
    rules
}

/// A condition, which holds for some of the requests.
fn condition(number: u64) -> &'static str {
    match number % 4 {
        0 => "{headers: {x-soak-turn: {exact: \"0\"}}}",
        1 => "{headers: {x-soak-turn: {regex: \"[0-3]\"}}, method: {exact: GET}}",
        2 => "{uri: {prefix: /1}}",
        _ => "{queryParams: {turn: {exact: \"1\"}}}",
    }
}

/// A policy of a DestinationRule. None of them limits what the load needs.
fn policy(number: u64) -> &'static str {
    match number % 6 {
        0 => "{loadBalancer: {simple: ROUND_ROBIN}}",
        1 => "{loadBalancer: {simple: LEAST_REQUEST}}",
        2 => {
            "{loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {connectTimeout: 5s, maxConnections: 5000}}}"
        }
        3 => "{loadBalancer: {consistentHash: {useSourceIp: true}}}",
        4 => "{connectionPool: {http: {http2MaxRequests: 10000, maxRequestsPerConnection: 50}}}",
        _ => {
            "{loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: {consecutive5xxErrors: 5, interval: 5s, baseEjectionTime: 5s}}"
        }
    }
}

#[cfg(test)]
mod tests {
    use seaway_api::Resources;
    use seaway_compile::{Options, compile};

    use super::*;

    /// A finding would be counted as a failure of the gateway.
    #[test]
    fn every_change_is_free_of_findings() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let pod = |name: &str, version, port| Pod {
            name: name.into(),
            version,
            web: at(port),
            tcp: at(port + 1),
        };
        let leaf = seaway_testkit::certs::Ca::new("soak").leaf(&[HOST]);
        let endpoints = endpoints(&[pod("a", "v1", 4001), pod("b", "v2", 4003)]);
        for number in 0..210 {
            let text = [
                FIXED,
                &endpoints,
                "---\n",
                &certificate(&leaf),
                "---\n",
                &rules(number),
            ]
            .concat();
            let mut resources = Resources::default();
            resources.parse_into("soak.yaml", &text);
            let (model, report) = compile(&resources, &Options::default());
            assert_eq!(report.diagnostics, [], "{number}");
            assert!(model.listeners.len() >= 3, "{number}");
        }
    }
}
