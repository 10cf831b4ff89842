//! The descriptors that JSON is made with are those of the files that `envoy-types` is made from.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

/// What is written as JSON, and with it everything that these import.
const ROOTS: &[&str] = &[
    "envoy/config/bootstrap/v3/bootstrap.proto",
    "envoy/config/cluster/v3/cluster.proto",
    "envoy/config/endpoint/v3/endpoint.proto",
    "envoy/config/listener/v3/listener.proto",
    "envoy/config/route/v3/route.proto",
    "envoy/extensions/access_loggers/stream/v3/stream.proto",
    "envoy/extensions/filters/http/cors/v3/cors.proto",
    "envoy/extensions/filters/http/fault/v3/fault.proto",
    "envoy/extensions/filters/http/router/v3/router.proto",
    "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto",
    "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto",
    "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
    "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto",
    "envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy.proto",
    "envoy/extensions/filters/udp/udp_proxy/v3/route.proto",
    "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.proto",
    "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto",
    "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.proto",
    "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto",
    "envoy/extensions/transport_sockets/tls/v3/tls.proto",
    "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
    "envoy/service/discovery/v3/discovery.proto",
];

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/json/descriptors.binpb")
}

/// The descriptors of all files, as the package of `envoy-types` brings them.
fn of_envoy_types() -> FileDescriptorSet {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata");
    let package = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "envoy-types")
        .expect("envoy-types");
    let manifest = package["manifest_path"].as_str().expect("a path");
    let types = Path::new(manifest).with_file_name("src/generated/types.bin");
    let bytes = std::fs::read(&types).expect("the descriptors of envoy-types");
    FileDescriptorSet::decode(bytes.as_slice()).expect("descriptors")
}

/// Only what is needed, in the order of imports. Options are extensions for the most part, which decoding has left out.
fn needed(all: FileDescriptorSet) -> FileDescriptorSet {
    let files: BTreeMap<String, FileDescriptorProto> = all
        .file
        .into_iter()
        .map(|file| (file.name().to_owned(), file))
        .collect();
    let (mut done, mut kept) = (BTreeSet::new(), Vec::new());
    for root in ROOTS {
        visit(root, &files, &mut done, &mut kept);
    }
    FileDescriptorSet { file: kept }
}

fn visit(
    name: &str,
    files: &BTreeMap<String, FileDescriptorProto>,
    done: &mut BTreeSet<String>,
    kept: &mut Vec<FileDescriptorProto>,
) {
    if !done.insert(name.to_owned()) {
        return;
    }
    let mut file = files
        .get(name)
        .cloned()
        .unwrap_or_else(|| panic!("there is no {name}"));
    for import in &file.dependency {
        visit(import, files, done, kept);
    }
    file.source_code_info = None;
    kept.push(file);
}

#[test]
fn the_descriptors_are_those_of_envoy_types() {
    let bytes = needed(of_envoy_types()).encode_to_vec();
    if std::env::var_os("SEAWAY_BLESS").is_some() {
        std::fs::write(committed(), &bytes).expect("written");
    }
    let committed = std::fs::read(committed()).unwrap_or_default();
    assert!(
        committed == bytes,
        "envoy-types has changed: SEAWAY_BLESS=1 cargo test -p seaway-xds --test descriptors"
    );
}
