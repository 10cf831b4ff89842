use super::*;
use crate::fixture;

fn key(status: u16) -> Key {
    Key::of(&crate::RequestRecord {
        status,
        ..fixture::record()
    })
}

fn value<'t>(labels: &'t str, name: &str) -> Option<&'t str> {
    labels
        .split("\",")
        .find_map(|l| l.strip_prefix(name)?.strip_prefix("=\""))
        .map(|v| v.trim_end_matches('"'))
}

#[test]
fn a_service_is_named_as_istio_names_it() {
    let cluster = fixture::service_cluster("shop", "store", Some("v2"));
    let labels = http(&Identity::default(), Some(&cluster), &key(200));
    for (name, expected) in [
        ("reporter", "source"),
        ("source_workload", "seaway"),
        ("destination_service", "shop.store.svc.cluster.local"),
        ("destination_service_name", "shop"),
        ("destination_service_namespace", "store"),
        ("destination_workload_namespace", "store"),
        ("destination_workload", "unknown"),
        ("destination_version", "v2"),
        ("destination_canonical_revision", "v2"),
        ("request_protocol", "http"),
        ("response_code", "200"),
        ("response_flags", "-"),
        ("connection_security_policy", "unknown"),
        ("grpc_response_status", ""),
    ] {
        assert_eq!(value(&labels, name), Some(expected), "{name} in {labels}");
    }
}

#[test]
fn every_label_has_a_value_and_none_is_made_up() {
    let labels = http(&Identity::default(), None, &key(404));
    let names: Vec<&str> = labels
        .split("\",")
        .filter_map(|l| l.split_once('='))
        .map(|(n, _)| n)
        .collect();
    assert_eq!(names, ISTIO_LABELS);
    let labels = tcp(&Identity::default(), None, Transport::Tcp, 0);
    let names: Vec<&str> = labels
        .split("\",")
        .filter_map(|l| l.split_once('='))
        .map(|(n, _)| n)
        .collect();
    assert_eq!(names, ISTIO_TCP_LABELS);
}

#[test]
fn a_cluster_without_a_service_is_named_by_its_host() {
    for (name, expected) in [
        ("10.0.0.1:8080", "10.0.0.1"),
        ("[::1]:8080;random", "::1"),
        ("::1", "::1"),
        ("db.example.com:5432;leastRequest", "db.example.com"),
    ] {
        assert_eq!(host(&fixture::address_cluster(name)), expected);
    }
}

#[test]
fn flags_are_joined_in_a_fixed_order() {
    let set = Flag::FaultInjected.bit() | Flag::NoHealthyUpstream.bit();
    assert_eq!(flags(set), "UH,FI");
}

#[test]
fn every_flag_has_a_bit_of_its_own() {
    let all = Flag::ALL.iter().fold(0_u32, |set, flag| set | flag.bit());
    assert_eq!(all.count_ones() as usize, Flag::ALL.len());
}

#[test]
fn a_grpc_status_that_does_not_exist_is_unknown() {
    let record = crate::RequestRecord {
        is_grpc: true,
        grpc_status: Some(9999),
        ..fixture::record()
    };
    let labels = http(&Identity::default(), None, &Key::of(&record));
    assert_eq!(value(&labels, "grpc_response_status"), Some("2"));
    assert_eq!(value(&labels, "request_protocol"), Some("grpc"));
}
