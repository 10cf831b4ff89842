//! Files that are broken, half written, gone or replaced.

use std::fs::OpenOptions;
use std::io::Write as _;

use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::manifests;
use crate::{HOST, NEIGHBOUR, Street, says};

#[tokio::test]
async fn the_last_good_state_of_a_file_whose_yaml_breaks_keeps_serving() {
    let street = Street::working().await;
    let mut text = manifests::route(HOST, street.one.addr());
    text.push_str("  timeout: [15s\n  methods: }\n");
    street.folder.write("shop.yaml", &text);
    let finding = street.reported("SW0001", "./shop.yaml:8:").await;
    says(&finding, "help", "last good state");
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.mend().await;
}

#[tokio::test]
async fn a_file_that_is_broken_from_the_start_is_reported_and_the_others_serve() {
    let street = Street::with(|_| "kind: [\n".to_owned()).await;
    street.reported("SW0001", "./shop.yaml:").await;
    assert_eq!(street.gateway.who(HOST).await, "404");
    street.mend().await;
}

#[tokio::test]
async fn a_document_before_the_mistake_serves_from_the_start() {
    let street = Street::with(|one| manifests::route(HOST, one.addr()) + "---\nkind: [\n").await;
    street.reported("SW0001", "./shop.yaml:").await;
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.mend().await;
}

#[tokio::test]
async fn a_file_that_vanishes_stops_serving_and_the_others_go_on() {
    let street = Street::working().await;
    street.folder.remove("shop.yaml");
    street.gateway.answers(HOST, "404").await;
    street.neighbour_serves().await;
    street.mend().await;
}

#[tokio::test]
async fn a_file_that_is_replaced_by_rename_serves_the_new_text_and_is_never_gone() {
    let street = Street::working().await;
    let text = manifests::route_with(
        HOST,
        street.one.addr(),
        "headers: {request: {set: {x-version: \"2\"}}}",
    );
    street.folder.replace("shop.yaml", &text);
    street
        .gateway
        .until("the new text serves", async || {
            assert_eq!(street.gateway.who(HOST).await, "one");
            street
                .one
                .requests()
                .last()
                .and_then(|r| r.header("x-version").map(ToOwned::to_owned))
                .is_some()
        })
        .await;
    street.neighbour_serves().await;
}

#[tokio::test]
async fn a_file_that_is_removed_and_written_again_never_stops_serving() {
    let street = Street::working().await;
    street.folder.remove("shop.yaml");
    let text = manifests::route_with(
        HOST,
        street.one.addr(),
        "headers: {request: {set: {x-version: \"2\"}}}",
    );
    street.folder.write("shop.yaml", &text);
    street
        .gateway
        .until("the new text serves", async || {
            assert_eq!(street.gateway.who(HOST).await, "one");
            street
                .one
                .requests()
                .last()
                .and_then(|r| r.header("x-version").map(ToOwned::to_owned))
                .is_some()
        })
        .await;
}

#[tokio::test]
async fn a_file_that_is_written_in_two_halves_serves_its_old_state_until_it_is_whole() {
    let other = "other.example.com";
    let street = Street::with(|one| {
        manifests::route(other, one.addr()) + "---\n" + &manifests::route(HOST, one.addr())
    })
    .await;
    let two = seaway_testkit::echo::Backend::start("two").expect("a port");
    let text = manifests::route(other, two.addr()) + "---\n" + &manifests::route(HOST, two.addr());
    // In the middle of the second document: what is there is good YAML, and a route is missing.
    let half = text.find("---\n").expect("two documents") + "---\napiVersion: seaway.dev/v1alpha1\nki".len();
    let mut file = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(street.folder.file("shop.yaml"))
        .expect("a file");
    file.write_all(&text.as_bytes()[..half]).expect("the first half");
    // The event of the first half has been worked on when a later change of another file serves.
    street.folder.write(
        "marker.yaml",
        &manifests::route("marker.example.com", street.one.addr()),
    );
    street.gateway.answers("marker.example.com", "one").await;
    assert_eq!(street.gateway.who(HOST).await, "one");
    file.write_all(&text.as_bytes()[half..]).expect("the second half");
    street
        .gateway
        .until("the whole file serves", async || {
            let who = street.gateway.who(HOST).await;
            assert!(who == "one" || who == "two", "{who}");
            who == "two"
        })
        .await;
    street.gateway.answers(other, "two").await;
    street.neighbour_serves().await;
}

#[tokio::test]
async fn a_file_that_is_empty_for_a_moment_never_stops_serving() {
    let street = Street::working().await;
    let two = seaway_testkit::echo::Backend::start("two").expect("a port");
    // As `cp` and many editors write: cut to nothing, then filled.
    let mut file = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(street.folder.file("shop.yaml"))
        .expect("a file");
    street.folder.write(
        "marker.yaml",
        &manifests::route("marker.example.com", street.one.addr()),
    );
    street.gateway.answers("marker.example.com", "one").await;
    assert_eq!(street.gateway.who(HOST).await, "one");
    file.write_all(manifests::route(HOST, two.addr()).as_bytes())
        .expect("written");
    street
        .gateway
        .until("the new text serves", async || {
            let who = street.gateway.who(HOST).await;
            assert!(who == "one" || who == "two", "{who}");
            who == "two"
        })
        .await;
}

#[tokio::test]
async fn a_path_that_is_not_there_yet_is_said_and_served_once_it_is() {
    let one = seaway_testkit::echo::Backend::start("one").expect("a port");
    let folder = Folder::with(&[("neighbour.yaml", &manifests::route(NEIGHBOUR, one.addr()))]);
    let args = crate::support::gateway::arguments(&["neighbour.yaml", "later.yaml"], &[]);
    let gateway = Gateway::of(crate::support::process::Process::start(folder.path(), &args)).await;
    let line = gateway.process.line("error[SW0002]").await;
    assert!(line.contains("later.yaml"), "{line}");
    assert_eq!(gateway.who(NEIGHBOUR).await, "one");
    folder.write("later.yaml", &manifests::route(HOST, one.addr()));
    gateway.answers(HOST, "one").await;
}

#[tokio::test]
async fn a_document_that_is_no_object_is_left_out_alone() {
    let street = Street::working().await;
    let text =
        "just: a mapping\n---\n".to_owned() + &manifests::route(HOST, street.one.addr()) + "---\n- a list\n";
    street.folder.replace("shop.yaml", &text);
    street.reported("SW0003", "./shop.yaml:1:").await;
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.mend().await;
}
