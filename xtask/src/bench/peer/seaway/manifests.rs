//! The job as manifests.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use crate::bench::certificate::HOST;
use crate::bench::site::{Job, Routes, Site};

/// Routes in one file.
const PER_FILE: usize = 100;

/// Writes them into a folder.
pub fn write(site: &Site<'_>, folder: &Path) -> Result<()> {
    let upstreams = site.upstreams;
    let everything = match site.job {
        Job::Tcp => relay(upstreams.echo),
        Job::Grpc => calls(upstreams.grpc),
        Job::Web(Routes::One) => one(site),
        Job::Web(Routes::Rules) => rules(upstreams.http, upstreams.http_v2),
        Job::Web(Routes::Paths(count)) => {
            let spec = |number| format!("hosts: [{HOST}], paths: [/p{number}]");
            return many(folder, count, upstreams.http, spec);
        }
        Job::Web(Routes::Hosts(count)) => {
            let spec = |number| format!("hosts: [h{number}.{HOST}]");
            return many(folder, count, upstreams.http, spec);
        }
    };
    std::fs::write(folder.join("all.yaml"), everything)?;
    Ok(())
}

fn many(folder: &Path, count: usize, upstream: SocketAddr, spec: impl Fn(usize) -> String) -> Result<()> {
    for first in (0..count).step_by(PER_FILE) {
        let mut text = String::new();
        for number in first..count.min(first + PER_FILE) {
            write!(
                text,
                "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: r{number}, namespace: bench}}\n\
                 spec: {{{}, destinations: [{{host: \"{upstream}\"}}]}}\n",
                spec(number)
            )?;
        }
        std::fs::write(folder.join(format!("{first:05}.yaml")), text)?;
    }
    Ok(())
}

fn one(site: &Site<'_>) -> String {
    let indented = |pem: &str| {
        pem.lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    format!(
        "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: all, namespace: bench}}\n\
         spec: {{hosts: [{HOST}], destinations: [{{host: \"{}\"}}]}}\n\
         ---\napiVersion: seaway.dev/v1alpha1\nkind: HttpsCert\nmetadata: {{name: bench, namespace: bench}}\n\
         spec: {{domains: [{HOST}], isSelfManaged: true, selfManagedCertSecretName: bench}}\n\
         ---\napiVersion: v1\nkind: Secret\nmetadata: {{name: bench, namespace: bench}}\ntype: kubernetes.io/tls\nstringData:\n\
         \x20 tls.crt: |\n{}\x20 tls.key: |\n{}",
        site.upstreams.http,
        indented(&site.certificate.certificate),
        indented(&site.certificate.key),
    )
}

/// A Service of one port, and the one pod behind it, with the label `version`.
fn slice(service: &str, version: &str, address: SocketAddr) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\n\
         metadata: {{name: {service}-{version}, namespace: bench, labels: {{app: {service}, version: {version}}}}}\n\
         ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: {service}-{version}, namespace: bench, labels: {{kubernetes.io/service-name: {service}}}}}\n\
         addressType: IPv4\nports: [{{name: all, port: {}}}]\n\
         endpoints: [{{addresses: [{}], targetRef: {{kind: Pod, name: {service}-{version}}}}}]\n",
        address.port(),
        address.ip()
    )
}

fn service(name: &str, port: u16, protocol: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: bench}}\n\
         spec: {{selector: {{app: {name}}}, ports: [{{name: all, port: {port}{protocol}}}]}}\n"
    )
}

fn calls(upstream: SocketAddr) -> String {
    service("calls", 80, ", appProtocol: kubernetes.io/h2c")
        + &slice("calls", "v1", upstream)
        + &format!(
            "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: all, namespace: bench}}\n\
             spec: {{hosts: [{HOST}], destinations: [{{host: \"calls:80\"}}]}}\n"
        )
}

fn relay(upstream: SocketAddr) -> String {
    service("echo", 9000, "")
        + &slice("echo", "v1", upstream)
        + "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: relay, namespace: bench}\n\
           spec: {servers: [{port: {number: 9000, name: tcp, protocol: TCP}, hosts: [\"*\"]}]}\n\
           ---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: relay, namespace: bench}\n\
           spec: {hosts: [\"*\"], gateways: [relay], tcp: [{route: [{destination: {host: echo}}]}]}\n"
}

fn rules(v1: SocketAddr, v2: SocketAddr) -> String {
    let route = |name: &str, rest: &str| {
        format!(
            "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: {name}, namespace: bench}}\n\
             spec: {{hosts: [{HOST}], retries: {{attempts: 2, retryOn: [gateway-error, connect-failure]}}, {rest}}}\n"
        )
    };
    let newer = "{host: \"shop:80\", subset: {version: v2}}";
    service("shop", 80, "")
        + &slice("shop", "v1", v1)
        + &slice("shop", "v2", v2)
        + &route(
            "canary",
            &format!(
                "conditions: [{{type: header, name: x-canary, operator: equal, value: \"yes\"}}], destinations: [{newer}]"
            ),
        )
        + &route(
            "agent",
            &format!(
                "conditions: [{{type: header, name: user-agent, operator: matchRegexp, value: \".*iPhone.*\"}}], destinations: [{newer}]"
            ),
        )
        + &route(
            "all",
            "destinations: [{host: \"shop:80\", weight: 90, subset: {version: v1}}, {host: \"shop:80\", weight: 10, subset: {version: v2}}]",
        )
}
