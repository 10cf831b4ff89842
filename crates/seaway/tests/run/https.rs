//! HTTPS with the test authority, which is made once and kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use seaway_testkit::client::ClientTls;

use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::manifests;
use crate::{HOST, backend};

#[tokio::test]
async fn the_test_authority_is_made_once_kept_private_and_used_again() {
    let one = backend("one");
    let parts = [manifests::route(HOST, one.addr()), manifests::test_cert(HOST)];
    let folder = Folder::with(&[("shop.yaml", &manifests::documents(&parts))]);
    let data = Folder::new();
    let place = data.file("kept");
    let data_flag = place.to_string_lossy().into_owned();
    let mut authority = None;
    for _ in 0..2 {
        let gateway = Gateway::start_with(folder.path(), &["--data", &data_flag]).await;
        let pem = fs::read_to_string(place.join("test-ca/ca.crt")).expect("the authority's certificate");
        let tls = ClientTls::trusting(&pem).expect("PEM");
        let answer = gateway.get_https(HOST, "/", &tls).await.expect("a handshake");
        assert_eq!(answer.header("x-echo-backend"), Some("one"));
        assert_eq!(
            *authority.get_or_insert_with(|| pem.clone()),
            pem,
            "a new authority after a restart"
        );
        gateway.process.signal(rustix::process::Signal::TERM);
        assert_eq!(gateway.process.exit().await, 0);
    }
    private(&place);
}

/// Every file is 0600, every folder 0700.
fn private(path: &Path) {
    let is_folder = path.is_dir();
    let mode = fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode, if is_folder { 0o700 } else { 0o600 }, "{}", path.display());
    if is_folder {
        for entry in fs::read_dir(path).expect("a folder") {
            private(&entry.expect("an entry").path());
        }
    }
}

#[tokio::test]
async fn a_name_without_a_certificate_gets_no_other_sites() {
    let one = backend("one");
    let parts = [manifests::route(HOST, one.addr()), manifests::test_cert(HOST)];
    let folder = Folder::with(&[("shop.yaml", &manifests::documents(&parts))]);
    let gateway = Gateway::start(folder.path()).await;
    let tls = ClientTls::blind();
    gateway
        .get_https("other.example.com", "/", &tls)
        .await
        .expect_err("the handshake is refused");
    gateway
        .get_https(HOST, "/", &tls)
        .await
        .expect("its own name is served");
    gateway
        .metric(
            "seaway_downstream_refused_total{reason=\"unknown_server_name\"}",
            1.0,
        )
        .await;
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_stops_https_alone_and_is_said() {
    let one = backend("one");
    let parts = [manifests::route(HOST, one.addr()), manifests::test_cert(HOST)];
    // A file where the folder should be.
    let folder = Folder::with(&[("shop.yaml", &manifests::documents(&parts)), ("taken", "")]);
    let gateway = Gateway::start_with(folder.path(), &["--data", "taken/data"]).await;
    gateway.answers(HOST, "one").await;
    let line = gateway.process.line("taken/data").await;
    assert!(line.contains("error"), "{line}");
}
