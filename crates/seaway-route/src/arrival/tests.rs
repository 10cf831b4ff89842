use std::sync::Arc;

use proptest::prelude::*;
use seaway_model::{HostMatch, L4Route, Listener, ListenerTls, Model, Origin, SecretName, TlsMode};

use super::*;
use crate::RouteTable;

fn relay(host: HostMatch) -> ServerNameRoute {
    ServerNameRoute {
        host,
        mode: TlsMode::Passthrough,
        route: Arc::new(L4Route {
            origin: Origin::default(),
            rule: 0,
            destinations: Vec::new(),
            idle_timeout: None,
            hash_source_ip: false,
        }),
    }
}

fn table(protocol: Protocol, certificates: Vec<HostMatch>, routes: Vec<HostMatch>) -> RouteTable {
    let certificate = |host| ServerCertificate::new(host, SecretName("a/b".into()));
    let listener = Listener {
        name: "test".into(),
        origin: Origin::default(),
        address: None,
        port: 443,
        protocol,
        proxy_protocol: false,
        tls: (protocol == Protocol::Https).then(|| ListenerTls {
            certificates: certificates.into_iter().map(certificate).collect(),
            routes: routes.into_iter().map(relay).collect(),
        }),
        virtual_hosts: Vec::new(),
        l4: None,
    };
    RouteTable::build(&Arc::new(Model {
        listeners: vec![Arc::new(listener)],
        ..Model::default()
    }))
}

fn hosts(texts: &[&str]) -> Vec<HostMatch> {
    texts.iter().map(|text| HostMatch::parse(text).unwrap()).collect()
}

fn told(arrival: &Arrival<'_>) -> String {
    match arrival {
        Arrival::Http => "http".to_owned(),
        Arrival::Relay(route) => format!("relayed by {}", route.host),
        Arrival::Refused => "refused".to_owned(),
    }
}

fn arrivals(certificates: &[&str], routes: &[&str], names: &[Option<&str>]) -> Vec<String> {
    let table = table(Protocol::Https, hosts(certificates), hosts(routes));
    let listener = &table.listeners()[0];
    names.iter().map(|name| told(&listener.arrival(*name))).collect()
}

#[test]
fn the_most_specific_of_certificates_and_routes_decides() {
    assert_eq!(
        arrivals(
            &["a.com", "*.b.com", "*"],
            &["x.b.com", "*.a.com", "*.x.b.com"],
            &[
                Some("a.com"),
                Some("c.b.com"),
                Some("x.b.com"),
                Some("y.x.b.com"),
                Some("q.a.com"),
                Some("z.z")
            ],
        ),
        [
            "http",
            "http",
            "relayed by x.b.com",
            "relayed by *.x.b.com",
            "relayed by *.a.com",
            "http"
        ]
    );
}

#[test]
fn a_route_and_a_certificate_for_one_host_make_a_relay() {
    assert_eq!(
        arrivals(
            &["a.com", "*"],
            &["a.com", "*"],
            &[Some("a.com"), Some("b.com"), None]
        ),
        ["relayed by a.com", "relayed by *", "relayed by *"]
    );
}

#[test]
fn a_name_that_nobody_is_there_for_is_refused() {
    assert_eq!(
        arrivals(&["a.com"], &["b.com"], &[Some("c.com"), Some("")]),
        ["refused", "refused"]
    );
}

#[test]
fn a_client_without_a_name_may_get_a_certificate_by_address() {
    assert_eq!(arrivals(&["10.0.0.1"], &["b.com"], &[None]), ["http"]);
    assert_eq!(arrivals(&[], &["b.com"], &[None]), ["refused"]);
}

#[test]
fn without_tls_a_connection_is_http_or_is_not_asked_about() {
    for (protocol, expected) in [
        (Protocol::Http, "http"),
        (Protocol::Tcp, "refused"),
        (Protocol::Udp, "refused"),
    ] {
        let table = table(protocol, Vec::new(), Vec::new());
        assert_eq!(told(&table.listeners()[0].arrival(Some("a.com"))), expected);
    }
}

fn pattern() -> impl Strategy<Value = HostMatch> {
    prop_oneof![
        prop::sample::select(&["a.b", "b", "b.a.b", "*.b", "*.a.b", "*-a.b", "*"][..])
            .prop_map(|h| HostMatch::parse(h).unwrap()),
        prop::sample::select(&["*.b", "*.a.b"][..]).prop_map(|h| HostMatch::parse_one_label(h).unwrap()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn the_indexes_answer_as_a_scan_does(
        certificates in prop::collection::btree_set(pattern(), 0..5),
        routes in prop::collection::btree_set(pattern(), 0..5),
        name in prop::sample::select(&["a.b", "b", "b.a.b", "c.b", "c-a.b", "d.c.a.b"][..]),
    ) {
        let table = table(Protocol::Https, certificates.iter().cloned().collect(), routes.iter().cloned().collect());
        // The smallest of all that match, a route before a certificate.
        let best = certificates.iter().map(|h| (h, 1)).chain(routes.iter().map(|h| (h, 0)));
        let expected = match best.filter(|(h, _)| h.matches(name)).min() {
            Some((host, 0)) => format!("relayed by {host}"),
            Some(_) => "http".to_owned(),
            None => "refused".to_owned(),
        };
        prop_assert_eq!(told(&table.listeners()[0].arrival(Some(name))), expected);
    }
}
