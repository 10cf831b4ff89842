//! What cannot be had, and what is said of it: each with its remedy, while plain HTTP and other certificates serve.

use seaway_testkit::acme::PebbleOptions;

use crate::HOST;
use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::manifests;
use crate::world::{World, https_cert};

/// Waits until a certificate is refused, and tells why.
async fn refused(world: &World) -> String {
    let cert = world
        .told("it is refused", |cert| cert["state"] == "refused")
        .await;
    let done = world.certs();
    assert_eq!(done.code, Some(1), "{done:?}");
    cert["lastError"].as_str().expect("a reason").to_owned()
}

#[tokio::test]
async fn a_wildcard_by_http_is_refused_before_anybody_is_asked() {
    let world = World::new().await;
    world.want("http01", "*.example.com");
    let finding = world.gateway.finding("SW0307").await;
    let help = finding["help"].as_str().expect("a remedy");
    assert!(help.contains("dns"), "{finding}");
    assert!(refused(&world).await.contains("dns-01"));
    assert_eq!(world.flaky.calls().all().len(), 0);
    world.gateway.answers(HOST, "one").await;
}

#[tokio::test]
async fn a_name_that_the_authority_blocks_is_told_in_its_words() {
    let options = PebbleOptions {
        blocked_domains: vec![HOST.to_owned()],
        ..PebbleOptions::default()
    };
    let world = World::start("", &[], options).await;
    world.want("http01", HOST);
    let error = world.told_everywhere().await;
    assert!(error.contains("remove it, or use another"), "{error}");
    world
        .gateway
        .metric("seaway_certificate_failures_total{kind=\"refused\"}", 1.0)
        .await;
    // Plain HTTP goes on.
    world.gateway.answers(HOST, "one").await;
}

#[tokio::test]
async fn an_email_address_that_the_authority_refuses_is_told_with_its_remedy() {
    let world = World::new().await;
    // An address to us; this authority wants ASCII.
    world.want_all("http01", "email: \"jürgen@example.com\",", &[HOST], "");
    let error = world.told_everywhere().await;
    assert!(error.contains("correct the issuer's e-mail address"), "{error}");
    world.want_all("http01", "email: \"juergen@example.com\",", &[HOST], "");
    world.served().await;
}

#[tokio::test]
async fn a_token_that_is_not_there_is_told_and_refuses_one_certificate() {
    let world = World::new().await;
    world.want_all("acmeCloudFlare", "apiTokenSecretName: token,", &[HOST], "");
    let finding = world.gateway.finding("SW0301").await;
    assert!(
        finding["message"]
            .as_str()
            .expect("a text")
            .contains("test/token"),
        "{finding}"
    );
    assert!(
        finding["help"].as_str().expect("a remedy").contains("api-token"),
        "{finding}"
    );
    assert!(refused(&world).await.contains("mend the issuer"));
    world.gateway.answers(HOST, "one").await;
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_told_with_those_that_are() {
    let world = World::new().await;
    world
        .folder
        .replace("cert.yaml", &https_cert("shop", &[HOST], "nobody"));
    world.gateway.finding("SW0306").await;
    let why = refused(&world).await;
    assert!(
        why.contains("\"nobody\"") && why.contains("default-http01-issuer"),
        "{why}"
    );
}

#[tokio::test]
async fn a_domain_that_no_listener_serves_is_a_warning_and_is_ordered_all_the_same() {
    let world = World::new().await;
    world.want("http01", "other.example.com");
    let finding = world.gateway.finding("SW0312").await;
    assert!(
        finding["message"]
            .as_str()
            .expect("a text")
            .contains("other.example.com"),
        "{finding}"
    );
    world.served_for("other.example.com").await;
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_is_told_with_its_path_and_what_to_do() {
    // A file where the folder should be.
    let cert = https_cert("shop", &[HOST], "default-http01-issuer");
    let backend = seaway_testkit::echo::Backend::start("one").expect("a port");
    let route = manifests::route(HOST, backend.addr());
    let folder = Folder::with(&[("cert.yaml", &cert), ("route.yaml", &route), ("taken", "")]);
    let gateway = Gateway::start_with(folder.path(), &["--data", "taken/data"]).await;
    let line = gateway.process.line("error: certificate for").await;
    assert!(line.contains("taken/data") && line.contains("--data"), "{line}");
    gateway.answers(HOST, "one").await;
    let certs = gateway.admin_json("/certs").await;
    let told = certs["certs"][0]["lastError"].as_str();
    assert!(told.is_some_and(|told| line.contains(told)), "{certs}");
}

#[tokio::test]
async fn a_data_folder_that_breaks_while_it_runs_is_told_and_used_again_once_it_is_repaired() {
    let world = World::new().await;
    world.want("http01", HOST);
    world.served().await;
    world.told("it is valid", |cert| cert["state"] == "valid").await;
    let (here, away) = (
        world.folder.file("data/acme/certificates"),
        world.folder.file("data/acme/away"),
    );
    std::fs::rename(&here, &away).expect("renamed");
    std::fs::write(&here, "").expect("a file");
    let more = https_cert("more", &["more.example.com"], "pebble");
    world.folder.replace("more.yaml", &more);
    let line = world
        .gateway
        .process
        .line("error: certificate for more.example.com")
        .await;
    assert!(
        line.contains("data/acme/certificates") && line.contains("--data"),
        "{line}"
    );
    world
        .gateway
        .get_https(HOST, "/", &world.issued())
        .await
        .expect("the other certificate serves");
    std::fs::remove_file(&here).expect("removed");
    std::fs::rename(&away, &here).expect("renamed");
    world.reload();
    world.served_for("more.example.com").await;
}
