//! The control plane and its data planes: `seaway run --xds` with a real Envoy and with `seaway proxy`, all over sockets.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod changes;
mod data_plane;
mod rejected;
#[path = "../support/mod.rs"]
mod support;
mod traffic;

use std::net::SocketAddr;
use std::path::Path;

use seaway_testkit::echo::Backend;
use seaway_testkit::envoy::Envoy;
use support::command::seaway_in;
use support::gateway::Gateway;
use support::process::Process;

const HOST: &str = "shop.example.com";

/// A backend by name.
fn backend(name: &str) -> Backend {
    Backend::start(name).expect("a port")
}

/// A control plane for a folder's manifests, and where it serves data planes.
async fn control_plane(folder: &Path, more: &[&str]) -> (Gateway, SocketAddr) {
    let mut flags = vec!["--xds-map-port", "80:0", "--xds-map-port", "443:0"];
    if !more.contains(&"--xds") {
        flags.extend(["--xds", "127.0.0.1:0"]);
    }
    flags.extend(more);
    let gateway = Gateway::start_with(folder, &flags).await;
    let line = gateway.process.line("xds on ").await;
    let address = line.rsplit(' ').next().and_then(|word| word.parse().ok());
    (gateway, address.expect("an address"))
}

/// Our own data plane, once it serves.
async fn data_plane(folder: &Path, xds: SocketAddr, more: &[&str]) -> Gateway {
    let xds = xds.to_string();
    let mut arguments = vec![
        "proxy",
        "--xds",
        &xds,
        "--address",
        "127.0.0.1",
        "--workers",
        "2",
        "--max-delay",
        "2s",
    ];
    arguments.extend([
        "--map-port",
        "80:0",
        "--map-port",
        "443:0",
        "--admin",
        "127.0.0.1:0",
    ]);
    arguments.extend(more);
    Gateway::of(Process::start(folder, &arguments)).await
}

/// An Envoy that is told everything by a control plane, by the bootstrap that we print.
async fn envoy(xds: SocketAddr, node: &str) -> Envoy {
    let bootstrap = seaway_in(
        Path::new("."),
        &[
            "envoy-bootstrap",
            "--xds",
            &xds.to_string(),
            "--node",
            node,
            "--admin",
            "127.0.0.1:0",
        ],
    );
    Envoy::run("envoy.yaml", &bootstrap.out)
        .await
        .expect("an Envoy that serves")
}

/// Where that Envoy serves plain HTTP.
async fn http(envoy: &Envoy) -> SocketAddr {
    let listeners = envoy.listeners().await.expect("its admin interface answers");
    let bound = listeners.get("http-80").expect("it has the listener");
    SocketAddr::from(([127, 0, 0, 1], bound.port()))
}
