//! `seaway proxy`: its life.

use rustix::process::Signal;

use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::manifests;
use crate::support::process::Process;
use crate::{HOST, backend, control_plane, data_plane};

#[tokio::test]
async fn a_data_plane_goes_on_without_its_control_plane_and_starts_from_its_cache() {
    let one = backend("one");
    let folder = Folder::with(&[("shop.yaml", &manifests::route(HOST, one.addr()))]);
    let (control, xds) = control_plane(folder.path(), &[]).await;
    let own = data_plane(folder.path(), xds, &["--cache", "cache"]).await;
    own.answers(HOST, "one").await;
    control.process.signal(Signal::TERM);
    assert_eq!(control.process.exit().await, 0);
    own.process.line("no connection to the control plane").await;
    own.answers(HOST, "one").await;
    own.process.signal(Signal::TERM);
    assert_eq!(own.process.exit().await, 0);
    let again = data_plane(folder.path(), xds, &["--cache", "cache"]).await;
    again.answers(HOST, "one").await;
}

#[tokio::test]
async fn a_data_plane_is_ready_when_it_has_been_told_what_to_serve() {
    let folder = Folder::with(&[]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port");
    let nobody = nobody.to_string();
    let process = Process::start(
        folder.path(),
        &["proxy", "--xds", &nobody, "--admin", "127.0.0.1:0"],
    );
    process.line("no connection to the control plane").await;
    let own = Gateway::unready(process).await;
    let answer = own.admin("/ready").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().contains("the first configuration"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_hand_over_of_a_data_plane_keeps_its_port_and_its_routes() {
    let one = backend("one");
    let folder = Folder::with(&[("shop.yaml", &manifests::route(HOST, one.addr()))]);
    let (_control, xds) = control_plane(folder.path(), &[]).await;
    let mut own = data_plane(folder.path(), xds, &[]).await;
    let address = own.bound(80).await;
    let mark = own.process.err.mark();
    own.process.signal(Signal::USR2);
    own.follow(mark).await;
    assert_eq!(own.process.exit().await, 0);
    assert_eq!(own.bound(80).await, address);
    own.answers(HOST, "one").await;
    own.process.signal_all(Signal::TERM);
    own.process.silent().await;
}

#[tokio::test]
async fn operators_see_who_is_connected_and_how_far_they_are() {
    let one = backend("one");
    let folder = Folder::with(&[("shop.yaml", &manifests::route(HOST, one.addr()))]);
    let (control, xds) = control_plane(folder.path(), &[]).await;
    let _own = data_plane(
        folder.path(),
        xds,
        &["--node", "edge-7", "--node-cluster", "edge"],
    )
    .await;
    control
        .until("the client is up to date", async || {
            let client = control.admin_json("/clients").await["clients"][0].clone();
            client["node"] == "edge-7"
                && client["cluster"] == "edge"
                && client["accepted"] == client["current"]
        })
        .await;
    control.metric("seaway_xds_clients", 1.0).await;
}
