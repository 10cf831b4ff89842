use super::*;
use crate::Resource;
use crate::parse::{parse, tests::line};

/// Reads an object of `v1`; `body` starts on line 4.
fn read(kind: &str, body: &str) -> (Option<Resource>, Vec<String>) {
    let text = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: x}}\n{body}\n");
    let (resources, problems) = parse("f", &text);
    (resources.into_iter().next(), problems.iter().map(line).collect())
}

fn service(spec: &str) -> Service {
    let (resource, problems) = read("Service", &format!("spec: {spec}"));
    assert_eq!(problems, [""; 0]);
    match resource {
        Some(Resource::Service(object)) => object.spec.clone(),
        other => panic!("{other:?}"),
    }
}

fn secret(body: &str) -> Secret {
    let (resource, problems) = read("Secret", body);
    assert_eq!(problems, [""; 0]);
    match resource {
        Some(Resource::Secret(object)) => object.spec.clone(),
        other => panic!("{other:?}"),
    }
}

fn pod(body: &str) -> Pod {
    let (resource, problems) = read("Pod", body);
    assert_eq!(problems, [""; 0]);
    match resource {
        Some(Resource::Pod(object)) => object.spec.clone(),
        other => panic!("{other:?}"),
    }
}

fn bad(kind: &str, body: &str, expected: &str) {
    let (resource, problems) = read(kind, body);
    assert_eq!(resource, None, "{body}");
    assert!(
        problems[0].starts_with(expected),
        "{body}\n  {problems:?}\n  not {expected}"
    );
}

#[test]
fn a_service_says_whether_it_is_headless() {
    let headless = service("{clusterIP: None, clusterIPs: [None], ports: [{port: 80}]}");
    assert!(headless.headless && headless.cluster_ips.is_empty());
    let normal = service("{clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1'], ports: [{port: 80}]}");
    assert!(!normal.headless);
    assert_eq!(normal.cluster_ips.len(), 2);
}

#[test]
fn a_target_port_is_a_number_or_a_name() {
    let ports =
        service("{ports: [{name: a, port: 1, targetPort: 8080}, {name: b, port: 2, targetPort: web}]}").ports;
    let targets: Vec<_> = ports
        .iter()
        .map(|port| port.target_port.clone().unwrap().value)
        .collect();
    assert_eq!(targets, [IntOrName::Int(8080), IntOrName::Name("web".into())]);
    bad(
        "Service",
        "spec: {ports: [{port: 1, targetPort: '80'}]}",
        "4:38 spec.ports[0].targetPort InvalidValue",
    );
}

#[test]
fn a_service_says_where_it_is_reached_from_outside() {
    let service = service(
        "{type: NodePort, externalIPs: [192.0.2.1], ports: [{name: dns, port: 53, protocol: UDP, nodePort: 30053}, \
         {name: web, port: 80, nodePort: 0}]}",
    );
    assert_eq!(service.kind, ServiceType::NodePort);
    assert_eq!(&*service.external_ips[0].value, "192.0.2.1");
    let ports: Vec<_> = service
        .ports
        .iter()
        .map(|port| (port.protocol, port.node_port.as_ref().map(|node| node.value)))
        .collect();
    assert_eq!(
        ports,
        [
            (TransportProtocol::Udp, Some(30053)),
            (TransportProtocol::Tcp, None)
        ]
    );
    bad(
        "Service",
        "spec: {ports: [{port: 80, nodePort: 65536}]}",
        "4:37 spec.ports[0].nodePort InvalidValue",
    );
}

#[test]
fn a_service_is_checked_as_kubernetes_does() {
    for (spec, expected) in [
        ("{ports: [{name: a}]}", "4:16 spec.ports[0].port MissingField"),
        ("{ports: [{port: 65536}]}", "4:23 spec.ports[0].port InvalidValue"),
        (
            "{ports: [{name: a, port: 1}, {port: 2}]}",
            "4:36 spec.ports[1].name MissingField",
        ),
        (
            "{ports: [{port: 1, protocol: tcp}]}",
            "4:36 spec.ports[0].protocol InvalidValue",
        ),
        ("{type: ExternalName}", "4:7 spec.externalName MissingField"),
        ("{type: Headless}", "4:14 spec.type InvalidValue"),
    ] {
        bad("Service", &format!("spec: {spec}"), expected);
    }
}

#[test]
fn a_misspelt_field_of_a_service_is_a_warning() {
    let (resource, problems) = read("Service", "spec: {selektor: {a: b}, sessionAffinity: None}");
    assert!(resource.is_some());
    assert_eq!(
        problems,
        ["4:8 spec.selektor UnknownField: unknown field \"selektor\" (did you mean \"selector\"?)"]
    );
}

#[test]
fn secrets_are_decoded_and_string_data_wins() {
    let secret = secret("type: kubernetes.io/tls\ndata: {a: aGVsbG8=, b: aGVsbG8=}\nstringData: {b: world}");
    assert_eq!(&*secret.data["a"].value, b"hello");
    assert_eq!(&*secret.data["b"].value, b"world");
    assert_eq!(secret.data["b"].pos, crate::Pos { line: 6, column: 17 });
    assert_eq!(&*secret.kind, "kubernetes.io/tls");
}

#[test]
fn line_breaks_in_base64_do_not_count() {
    assert_eq!(
        &*secret("data:\n  a: |\n    aGVs\n    bG8=").data["a"].value,
        b"hello"
    );
}

#[test]
fn base64_that_is_wrong_is_reported_without_the_value() {
    bad(
        "Secret",
        "data: {a: 'aGVs!G8='}",
        "4:11 data.a InvalidValue: not base64: character 5 does not belong there",
    );
    bad(
        "Secret",
        "data: {a: 'aGVsbG8'}",
        "4:11 data.a InvalidValue: not base64",
    );
    bad(
        "Secret",
        "data:\n  a: |\n    -----BEGIN CERTIFICATE-----",
        "6:5 data.a InvalidValue: not base64: character 1 does",
    );
}

#[test]
fn a_secret_never_shows_its_values() {
    let shown = format!("{:?}", secret("stringData: {password: hunter2}"));
    assert!(
        shown.contains("password") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn a_pod_without_conditions_counts_as_ready() {
    assert!(pod("spec: {containers: []}").ready);
    assert!(pod("status: {conditions: [{type: Ready, status: 'True'}]}").ready);
    assert!(!pod("status: {conditions: [{type: Ready, status: 'False'}]}").ready);
    assert!(!pod("status: {conditions: []}").ready);
}

#[test]
fn a_pod_gives_its_addresses_and_named_ports() {
    let pod = pod("spec:
  hostNetwork: false
  initContainers: [{name: side, restartPolicy: Always, ports: [{name: admin, containerPort: 9}]}]
  containers: [{name: a, ports: [{name: web, containerPort: 8080}, {containerPort: 1}]}]
status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}");
    assert_eq!(
        pod.ips.iter().map(|ip| &*ip.value).collect::<Vec<_>>(),
        ["10.0.0.1", "fd00::1"]
    );
    assert_eq!(
        pod.ports.iter().map(|(k, v)| (&**k, *v)).collect::<Vec<_>>(),
        [("admin", 9), ("web", 8080)]
    );
    assert!(!pod.terminating);
}

#[test]
fn a_pod_that_is_being_deleted_is_terminating() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: x, deletionTimestamp: '2021-04-05T06:07:08Z'}\n";
    let (resources, problems) = parse("f", text);
    assert_eq!(problems, []);
    assert!(matches!(&resources[0], Resource::Pod(pod) if pod.spec.terminating));
}

#[test]
fn a_slice_keeps_what_is_not_said_apart_from_false() {
    let text = "apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: x}
addressType: IPv4
endpoints:
  - {addresses: [10.0.0.1], conditions: {ready: false}}
  - {addresses: [10.0.0.2], targetRef: {kind: Node, name: n}}
ports: [{port: 80}]
";
    let (resources, problems) = parse("f", text);
    assert_eq!(problems, []);
    let Resource::EndpointSlice(slice) = &resources[0] else {
        panic!("{resources:?}");
    };
    let [one, two] = &slice.spec.endpoints[..] else {
        panic!("{slice:?}");
    };
    assert_eq!((one.ready, one.serving, two.ready), (Some(false), None, None));
    assert_eq!(two.target_pod, None);
}
