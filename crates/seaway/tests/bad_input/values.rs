//! Values that are not what they should be. The last good version of an object with an error keeps serving;
//! one that never was good is left out. Its neighbours in the same file serve as they are written now.

use crate::support::manifests;
use crate::{HOST, Street, says};

const BESIDE: &str = "beside.example.com";

/// A file with a mistake, and with a route beside it that has none.
fn with_beside(street: &Street, mistake: &str) -> String {
    manifests::route(BESIDE, street.one.addr()) + "---\n" + mistake
}

/// Replaces the working route by one with a mistake; the one beside it serves.
async fn broken(mistake: impl FnOnce(&Street) -> String) -> Street {
    let street = Street::working().await;
    street
        .folder
        .replace("shop.yaml", &with_beside(&street, &mistake(&street)));
    street.gateway.answers(BESIDE, "one").await;
    street
}

#[tokio::test]
async fn an_unknown_field_is_a_warning_with_the_nearest_name_and_the_rest_serves() {
    let street = broken(|s| manifests::route_with(HOST, s.one.addr(), "timeot: 3s")).await;
    let finding = street.reported("SW0006", "./shop.yaml:14:3").await;
    says(&finding, "message", "\"timeot\"");
    says(&finding, "help", "\"timeout\"");
    assert_eq!(street.gateway.who(HOST).await, "one");
}

#[tokio::test]
async fn a_value_of_the_wrong_type_keeps_the_last_good_version_of_that_object() {
    let street = broken(|s| manifests::route_with(HOST, s.one.addr(), "methods: {GET: true}")).await;
    let finding = street.reported("SW0101", "./shop.yaml:14:12").await;
    says(&finding, "field", "spec.methods");
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.mend().await;
}

#[tokio::test]
async fn a_required_field_that_is_missing_keeps_the_last_good_version_of_that_object() {
    let street = broken(|_| {
        "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {name: shop-example-com, namespace: test}\nspec: {hosts: [shop.example.com]}\n".to_owned()
    })
    .await;
    let finding = street.reported("SW0102", "./shop.yaml:").await;
    says(&finding, "message", "\"destinations\"");
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.mend().await;
}

#[tokio::test]
async fn a_bad_regular_expression_is_shown_and_keeps_the_last_good_version_of_that_object() {
    let street = broken(|s| manifests::route_with(HOST, s.one.addr(), "paths: [{regex: \"/a(b\"}]")).await;
    let finding = street.reported("SW0104", "./shop.yaml:14:").await;
    says(
        &finding,
        "help",
        "the last good version of the object keeps serving",
    );
    says(&finding, "field", "spec.paths[0]");
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.mend().await;
}

#[tokio::test]
async fn weights_that_are_all_zero_keep_the_last_good_version_of_that_object() {
    let street = broken(|s| {
        let to = s.one.addr();
        manifests::route(HOST, to).replace(&format!("\"{to}\"}}"), &format!("\"{to}\", weight: 0}}"))
    })
    .await;
    let finding = street.reported("SW0105", "./shop.yaml:13:").await;
    says(
        &finding,
        "help",
        "the last good version of the object keeps serving",
    );
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.mend().await;
}

#[tokio::test]
async fn an_object_that_is_written_twice_serves_as_it_was_written_first() {
    let street = Street::working().await;
    let two = seaway_testkit::echo::Backend::start("two").expect("a port");
    street
        .folder
        .write("twice.yaml", &manifests::route(HOST, two.addr()));
    let finding = street.reported("SW0005", "./twice.yaml:1:1").await;
    says(&finding, "message", "shop.yaml:1");
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.folder.remove("twice.yaml");
    street
        .gateway
        .metric("seaway_config_last_reload_success", 1.0)
        .await;
}

#[tokio::test]
async fn a_key_that_is_written_twice_keeps_the_last_good_version_of_that_object() {
    let street = broken(|s| manifests::route_with(HOST, s.one.addr(), "timeout: 1s\ntimeout: 2s")).await;
    let finding = street.reported("SW0007", "./shop.yaml:15:3").await;
    says(&finding, "message", "\"timeout\"");
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.mend().await;
}

#[tokio::test]
async fn a_mistake_that_stays_is_not_said_again_with_every_change() {
    let street = broken(|s| manifests::route_with(HOST, s.one.addr(), "timeot: 3s")).await;
    street.reported("SW0006", "./shop.yaml:14:3").await;
    let mark = street.gateway.process.err.mark();
    street.folder.write(
        "more.yaml",
        &manifests::route("more.example.com", street.one.addr()),
    );
    let line = street.gateway.process.line_from(mark, "configuration ").await;
    assert!(line.ends_with(" serves, 1 warning"), "{line}");
    let news = &street.gateway.process.err.all()[mark..];
    assert!(news.iter().all(|line| !line.contains("SW0006")), "{news:?}");
}

#[tokio::test]
async fn an_object_that_never_was_good_is_left_out_alone() {
    let street = Street::with(|one| {
        let mistake = manifests::route_with(HOST, one.addr(), "methods: {GET: true}");
        manifests::route(BESIDE, one.addr()) + "---\n" + &mistake
    })
    .await;
    street.reported("SW0101", "./shop.yaml:14:12").await;
    assert_eq!(street.gateway.who(HOST).await, "404");
    assert_eq!(street.gateway.who(BESIDE).await, "one");
    street.mend().await;
}

#[tokio::test]
async fn a_route_that_breaks_twice_keeps_the_version_that_was_good() {
    let street = broken(|s| manifests::route_with(HOST, s.one.addr(), "paths: [{regex: \"/a(b\"}]")).await;
    street.reported("SW0104", "./shop.yaml:14:").await;
    let again = manifests::route_with(HOST, street.one.addr(), "timeout: 3s\npaths: [{regex: \"/a[b\"}]");
    street.folder.replace("shop.yaml", &with_beside(&street, &again));
    street.gateway.process.line("./shop.yaml:15:").await;
    assert_eq!(street.gateway.who(HOST).await, "one");
    street.folder.remove("shop.yaml");
    street.gateway.answers(HOST, "404").await;
}

#[tokio::test]
async fn a_route_with_a_bad_regular_expression_from_the_start_is_left_out_alone() {
    let street =
        Street::with(|one| manifests::route_with(HOST, one.addr(), "paths: [{regex: \"/a(b\"}]")).await;
    let finding = street.reported("SW0104", "./shop.yaml:").await;
    assert!(!finding.to_string().contains("last good"), "{finding}");
    assert_eq!(street.gateway.who(HOST).await, "404");
    street
        .folder
        .write("more.yaml", &manifests::route(BESIDE, street.one.addr()));
    street.gateway.answers(BESIDE, "one").await;
    let finding = street.gateway.finding("SW0104").await;
    assert!(!finding.to_string().contains("last good"), "{finding}");
    street.mend().await;
}
