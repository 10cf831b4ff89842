use super::*;

#[test]
fn slices_win_over_endpoints_pods_and_the_cluster_ip() {
    let service = service("clusterIP: 10.96.0.1, selector: {app: shop}, ports: [{port: 8080}]");
    let slice = slice(
        "s",
        "{port: 9000}",
        "{addresses: [10.0.0.2]}, {addresses: [10.0.0.1]}",
    );
    let endpoints = "---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: shop, namespace: shop}\n\
                     subsets: [{addresses: [{ip: 10.0.0.9}], ports: [{port: 9001}]}]\n";
    let pod = pod("p", "10.0.0.7", "app: shop");
    let all = format!("{service}{slice}{endpoints}{pod}");
    assert_eq!(endpoints_of(&all), ["10.0.0.1:9000", "10.0.0.2:9000"]);
    assert_eq!(
        endpoints_of(&format!("{service}{endpoints}{pod}")),
        ["10.0.0.9:9001"]
    );
    assert_eq!(endpoints_of(&format!("{service}{pod}")), ["10.0.0.7:8080"]);
    assert_eq!(endpoints_of(&service), ["10.96.0.1:8080"]);
}

#[test]
fn a_slice_port_is_found_by_the_name_of_the_service_port() {
    let service = service("ports: [{name: web, port: 80}, {name: admin, port: 81}]");
    let slice = slice(
        "s",
        "{name: admin, port: 9001}, {name: web, port: 9000}",
        "{addresses: [10.0.0.1]}",
    );
    assert_eq!(endpoints_of(&format!("{service}{slice}")), ["10.0.0.1:9000"]);
}

#[test]
fn a_named_target_port_is_that_of_each_pod() {
    let service = service("selector: {app: shop}, ports: [{port: 80, targetPort: web}]");
    let pod = pod("p", "10.0.0.7", "app: shop");
    assert_eq!(endpoints_of(&format!("{service}{pod}")), ["10.0.0.7:9000"]);
}

#[test]
fn a_selector_takes_only_pods_that_have_all_its_labels() {
    let service = service("selector: {app: shop, tier: web}, ports: [{port: 80}]");
    let one = pod("one", "10.0.0.1", "app: shop, tier: web");
    let other = pod("other", "10.0.0.2", "app: shop, tier: db");
    assert_eq!(endpoints_of(&format!("{service}{one}{other}")), ["10.0.0.1:80"]);
}

#[test]
fn conditions_of_a_slice_decide_about_its_endpoints() {
    let endpoints = "{addresses: [10.0.0.1], conditions: {ready: true}, zone: a}, \
                     {addresses: [10.0.0.2], conditions: {ready: false}}, \
                     {addresses: [10.0.0.3], conditions: {ready: false, serving: true, terminating: true}}, \
                     {addresses: [10.0.0.4], conditions: {ready: false, serving: false, terminating: true}}";
    let manifests = format!(
        "{}{}{}",
        http_route("r", TO_SHOP),
        service("ports: [{port: 80}]"),
        slice("s", "{port: 80}", endpoints)
    );
    let (model, _) = compiled(&manifests);
    let EndpointSource::Static(list) = &cluster(&model, "shop/shop:80").endpoints else {
        panic!("static endpoints expected");
    };
    let facts: Vec<_> = list
        .iter()
        .map(|e| {
            (
                e.address.ip().to_string(),
                e.health,
                e.locality.as_ref().map(|place| &*place.zone),
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            ("10.0.0.1".to_owned(), EndpointHealth::Healthy, Some("a")),
            ("10.0.0.3".to_owned(), EndpointHealth::Draining, None),
        ]
    );
}

#[test]
fn publish_not_ready_addresses_counts_all() {
    let service = service("publishNotReadyAddresses: true, ports: [{port: 80}]");
    let slice = slice(
        "s",
        "{port: 80}",
        "{addresses: [10.0.0.2], conditions: {ready: false}}",
    );
    assert_eq!(endpoints_of(&format!("{service}{slice}")), ["10.0.0.2:80"]);
}

#[test]
fn an_address_in_two_slices_counts_once() {
    let service = service("ports: [{port: 80}]");
    let one = slice(
        "a",
        "{port: 80}",
        "{addresses: [10.0.0.1], conditions: {ready: false, serving: true, terminating: true}}",
    );
    let two = slice("b", "{port: 80}", "{addresses: [10.0.0.1]}");
    let manifests = format!("{}{service}{one}{two}", http_route("r", TO_SHOP));
    let (model, _) = compiled(&manifests);
    let EndpointSource::Static(list) = &cluster(&model, "shop/shop:80").endpoints else {
        panic!("static endpoints expected");
    };
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].health, EndpointHealth::Healthy);
}

#[test]
fn a_service_without_endpoints_is_a_warning_at_its_port() {
    let service = service("ports: [{port: 80}]");
    let (_, report) = compiled(&format!("{}{service}", http_route("r", TO_SHOP)));
    let diagnostic = only(&report, Code::NoEndpoints);
    assert_eq!(at(diagnostic), "spec.ports[0] 10:16");
    assert_eq!(diagnostic.origin.kind.as_ref(), "Service");
}

#[test]
fn an_external_name_is_resolved_by_dns() {
    let service = service("type: ExternalName, externalName: Shop.Example.com.");
    assert_eq!(endpoints_of(&service), ["dns shop.example.com:80"]);
}

#[test]
fn a_subset_takes_the_pods_that_have_its_labels() {
    let service = service("selector: {app: shop}, ports: [{port: 80}]");
    let v1 = pod("one", "10.0.0.1", "app: shop, version: v1");
    let v2 = pod("two", "10.0.0.2", "app: shop, version: v2, track: canary");
    let destinations = "destinations: [{host: shop, weight: 95, subset: {version: v1}}, \
                        {host: shop, weight: 5, subset: {version: v2, track: canary}}]";
    let (model, report) = compiled(&format!("{}{service}{v1}{v2}", http_route("r", destinations)));
    assert_eq!(codes(&report), []);
    assert_eq!(addresses(&model, "shop/shop:80/v1"), ["10.0.0.1:80"]);
    assert_eq!(
        addresses(&model, "shop/shop:80/track=canary,version=v2"),
        ["10.0.0.2:80"]
    );
    let subset = cluster(&model, "shop/shop:80/v1").subset.as_deref();
    assert_eq!(subset, Some("v1"));
}

#[test]
fn the_pod_of_a_slice_endpoint_is_found_by_reference_or_by_address() {
    let service = service("ports: [{port: 80}]");
    let slice = slice(
        "s",
        "{port: 80}",
        "{addresses: [10.9.9.9], targetRef: {kind: Pod, name: one}}, {addresses: [10.0.0.2]}",
    );
    let one = pod("one", "10.0.0.1", "version: v1");
    let two = pod("two", "10.0.0.2", "version: v1");
    let route = http_route("r", "destinations: [{host: shop, subset: {version: v1}}]");
    let (model, _) = compiled(&format!("{route}{service}{slice}{one}{two}"));
    assert_eq!(
        addresses(&model, "shop/shop:80/v1"),
        ["10.0.0.2:80", "10.9.9.9:80"]
    );
}

#[test]
fn a_subset_without_pods_is_empty_and_a_warning() {
    let route = http_route("r", "destinations: [{host: shop, subset: {version: v9}}]");
    let (model, report) = compiled(&format!("{route}{SHOP}"));
    assert!(addresses(&model, "shop/shop:8080/v9").is_empty());
    let diagnostic = only(&report, Code::EmptySubset);
    assert_eq!(
        diagnostic.message,
        "no pod of Service shop/shop has the labels version=v9"
    );
}
