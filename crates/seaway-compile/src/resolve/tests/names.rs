use super::*;

#[test]
fn every_way_to_write_a_service_means_the_same() {
    for host in [
        "shop:8080",
        "shop.shop:8080",
        "SHOP.shop.svc:8080",
        "shop.shop.svc.cluster.local:8080",
        "shop.shop.svc.cluster.local.:8080",
        "shop",
    ] {
        assert_eq!(resolved(host, SHOP), ["shop/shop:8080 1"], "{host}");
    }
}

#[test]
fn a_name_that_is_no_service_and_no_namespace_is_a_dns_name() {
    assert_eq!(resolved("example.com:8443", SHOP), ["example.com:8443 1"]);
    assert_eq!(resolved("api.example.com", SHOP), ["api.example.com:80 1"]);
}

#[test]
fn two_labels_in_a_known_namespace_must_be_a_service() {
    assert_eq!(resolved("cart.shop:80", SHOP), ["fail 503 service_not_found"]);
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: com}\n";
    assert_eq!(resolved("example.com", namespace), ["fail 503 service_not_found"]);
}

#[test]
fn a_name_of_the_cluster_domain_must_be_a_service() {
    assert_eq!(
        resolved("cart.elsewhere.svc:80", SHOP),
        ["fail 503 service_not_found"]
    );
    assert_eq!(
        resolved("a.b.c.svc.cluster.local", SHOP),
        ["fail 503 service_not_found"]
    );
}

#[test]
fn addresses_and_localhost_are_endpoints_themselves() {
    let destinations = "destinations: [{host: \"[::1]:81\"}, {host: \"10.1.2.3\"}, {host: \"localhost:3000\"}, {host: \"::1\"}]";
    let (model, report) = compiled(&http_route("r", destinations));
    assert_eq!(codes(&report), []);
    assert_eq!(addresses(&model, "[::1]:81"), ["[::1]:81"]);
    assert_eq!(addresses(&model, "[::1]:80"), ["[::1]:80"]);
    assert_eq!(addresses(&model, "10.1.2.3:80"), ["10.1.2.3:80"]);
    assert_eq!(addresses(&model, "localhost:3000"), ["127.0.0.1:3000"]);
}

#[test]
fn the_cluster_of_an_address_comes_from_the_destination_that_names_it() {
    let (model, _) = compiled(&http_route("r", "destinations: [{host: 10.1.2.3}]"));
    let origin = &cluster(&model, "10.1.2.3:80").origin;
    assert_eq!(
        (&*origin.name, &*origin.field),
        ("r", "spec.destinations[0].host")
    );
}

#[test]
fn an_unresolvable_text_leaves_the_route_out_and_says_where() {
    let (model, report) = compiled(&http_route("r", "destinations: [{host: \"shop:99999\"}]"));
    assert!(crate::testing::hosts(&model).is_empty());
    let diagnostic = only(&report, Code::InvalidValue);
    assert_eq!(at(diagnostic), "spec.destinations[0].host 5:30");
    assert!(
        diagnostic.message.contains("shop:99999"),
        "{}",
        diagnostic.message
    );
}

#[test]
fn a_mistyped_service_is_answered_with_the_nearest_name() {
    let route = http_route("r", "destinations: [{host: \"shpo:8080\"}]");
    let (_, report) = compiled(&format!("{route}{SHOP}"));
    let diagnostic = only(&report, Code::ServiceNotFound);
    assert_eq!(diagnostic.message, "there is no Service shop/shpo");
    assert!(diagnostic.help.contains("\"shop\""), "{}", diagnostic.help);
}

#[test]
fn a_service_of_that_name_in_another_namespace_is_suggested_with_it() {
    let other = SHOP.replace("namespace: shop", "namespace: store");
    let route = http_route("r", "destinations: [{host: \"shop:8080\"}]");
    let (_, report) = compiled(&format!("{route}{other}"));
    let help = &only(&report, Code::ServiceNotFound).help;
    assert!(help.contains("\"shop.store\""), "{help}");
}

#[test]
fn short_names_of_a_cluster_scoped_route_are_looked_up_in_default() {
    let route = kalm_route("r", "destinations: [{host: shop}, {host: shop.shop}]");
    let default = SHOP.replace("namespace: shop", "namespace: default");
    let (model, _) = compiled(&format!("{route}{default}{SHOP}"));
    let names = targets(only_route(&model));
    assert_eq!(names, ["default/shop:8080 1", "shop/shop:8080 1"]);
}

#[test]
fn a_port_may_be_left_out_where_only_one_can_be_meant() {
    let one_tcp = service("ports: [{name: dns, port: 53, protocol: UDP}, {name: http, port: 8080}]");
    assert_eq!(resolved("shop", &one_tcp), ["shop/shop:8080 1"]);
    let with_80 = service("ports: [{name: a, port: 8080}, {name: b, port: 80}]");
    assert_eq!(resolved("shop", &with_80), ["shop/shop:80 1"]);
    let unclear = service("ports: [{name: a, port: 8080}, {name: b, port: 8081}]");
    assert_eq!(resolved("shop", &unclear), ["fail 503 port_not_found"]);
}

#[test]
fn an_unknown_port_is_answered_with_the_ports_that_exist() {
    let route = http_route("r", "destinations: [{host: \"shop:81\"}]");
    let service = service("ports: [{name: a, port: 8080}, {name: b, port: 53, protocol: UDP}]");
    let (_, report) = compiled(&format!("{route}{service}"));
    let message = &only(&report, Code::PortNotFound).message;
    assert_eq!(
        message,
        "Service shop/shop has no port 81; it has 8080 (a), 53 (b) UDP"
    );
}

#[test]
fn a_udp_port_cannot_be_forwarded_to() {
    let route = http_route("r", "destinations: [{host: \"shop:53\"}]");
    let service = service("ports: [{name: b, port: 53, protocol: UDP}]");
    let (_, report) = compiled(&format!("{route}{service}"));
    let message = &only(&report, Code::PortNotFound).message;
    assert_eq!(
        message,
        "port 53 of Service shop/shop is UDP, and only TCP can be forwarded to"
    );
}

#[test]
fn a_subset_of_an_address_is_a_field_without_effect() {
    let route = http_route("r", "destinations: [{host: 10.0.0.1, subset: {version: v1}}]");
    let (_, report) = compiled(&route);
    assert_eq!(codes(&report), [Code::IgnoredField]);
}

#[test]
fn the_port_says_what_is_spoken_to_it() {
    for http2 in [
        "appProtocol: kubernetes.io/h2c",
        "appProtocol: grpc",
        "name: http2",
        "name: grpc-api",
        "name: h2c",
    ] {
        assert_eq!(protocol_of(http2), (UpstreamProtocol::Http2, vec![]), "{http2}");
    }
    for http1 in [
        "appProtocol: kubernetes.io/ws",
        "name: grpc-web",
        "name: http",
        "appProtocol: http, name: grpc",
    ] {
        assert_eq!(protocol_of(http1), (UpstreamProtocol::Http1, vec![]), "{http1}");
    }
}

#[test]
fn a_protocol_that_is_not_spoken_is_a_warning() {
    for port in ["appProtocol: https", "name: tls-web", "name: mongo"] {
        let (protocol, codes) = protocol_of(port);
        assert_eq!(
            (protocol, codes),
            (UpstreamProtocol::Http1, vec![Code::UnsupportedProtocol]),
            "{port}"
        );
    }
}

#[test]
fn each_policy_has_a_cluster_of_its_own() {
    let route = |name: &str, policy: &str| {
        http_route(
            name,
            &format!("paths: [/{name}], destinations: [{{host: shop}}], loadBalancing: {{{policy}}}"),
        )
    };
    let manifests = [
        route("a", "policy: leastRequest"),
        route("b", "policy: roundRobin"),
        route("c", "policy: random"),
        route("d", "policy: consistentHash, hashOn: {header: X-User}"),
    ]
    .concat();
    let (model, _) = compiled(&format!("{manifests}{SHOP}"));
    let names: Vec<String> = model.clusters.keys().map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "shop/shop:8080",
            "shop/shop:8080;consistentHash",
            "shop/shop:8080;random",
            "shop/shop:8080;roundRobin"
        ]
    );
}

#[test]
fn only_services_that_are_used_become_clusters() {
    let (model, report) = compiled(SHOP);
    assert!(model.clusters.is_empty());
    assert!(report.diagnostics.is_empty());
}

#[test]
fn what_is_no_authority_is_refused_with_a_reason() {
    for (text, reason) in [
        ("http://shop", "http://"),
        ("shop/cart", "path"),
        ("shop:0", "port"),
        ("shop:http", "port"),
        ("*.example.com", "*"),
        ("[::g]:80", "IPv6"),
        ("a..b", "DNS"),
        ("", "empty"),
    ] {
        let error = Authority::parse(text).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn an_authority_is_a_host_and_maybe_a_port() {
    let parsed = |text: &str| Authority::parse(text).expect(text);
    assert_eq!(parsed("Shop.:80").host, Host::Name("shop".to_owned()));
    assert_eq!(parsed("[::1]").port, None);
    assert_eq!(parsed("10.0.0.1:81").port, Some(81));
    assert!(matches!(parsed("2001:db8::1").host, Host::Address(address) if address.is_ipv6()));
}
