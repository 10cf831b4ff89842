//! References to what is not there.

use crate::support::manifests;
use crate::{HOST, Street, says};

#[tokio::test]
async fn a_service_that_is_not_there_is_503_for_its_share_alone() {
    let street = Street::working().await;
    let half = manifests::route(HOST, street.one.addr()).replace("}]", "}, {host: \"nobody:8080\"}]");
    street.folder.replace("shop.yaml", &half);
    let finding = street.reported("SW0201", "./shop.yaml:6:").await;
    says(&finding, "message", "test/nobody");
    says(&finding, "field", "spec.destinations[1].host");
    let mut seen = [0, 0];
    for _ in 0..20 {
        match street.gateway.who(HOST).await.as_str() {
            "one" => seen[0] += 1,
            "503" => seen[1] += 1,
            other => unreachable!("{other}"),
        }
    }
    // One more or less for each worker.
    assert!(
        (8..=12).contains(&seen[0]) && (8..=12).contains(&seen[1]),
        "{seen:?}"
    );
    street.mend().await;
}

#[tokio::test]
async fn a_service_whose_name_is_mistyped_is_503_and_the_right_name_is_said() {
    let street = Street::with(|one| {
        manifests::service("shop", one.addr()) + "---\n" + &manifests::route_to(HOST, "shpo:8080")
    })
    .await;
    let finding = street.reported("SW0201", "./shop.yaml:").await;
    says(&finding, "help", "\"shop\"");
    assert_eq!(street.gateway.who(HOST).await, "503");
    street.mend().await;
}

#[tokio::test]
async fn a_port_that_is_not_there_is_503_and_those_that_are_there_are_said() {
    let street = Street::with(|one| {
        manifests::service("shop", one.addr()) + "---\n" + &manifests::route_to(HOST, "shop:81")
    })
    .await;
    let finding = street.reported("SW0202", "./shop.yaml:").await;
    assert!(finding.to_string().contains("8080"), "{finding}");
    assert_eq!(street.gateway.who(HOST).await, "503");
    street.mend().await;
}

#[tokio::test]
async fn a_service_without_endpoints_is_503_until_one_appears() {
    let street = Street::with(|one| {
        let whole = manifests::service("shop", one.addr());
        let service = whole.split("---\n").next().expect("the Service").to_owned();
        service + "---\n" + &manifests::route_to(HOST, "shop:8080")
    })
    .await;
    street.reported("SW0203", "./shop.yaml:").await;
    assert_eq!(street.gateway.who(HOST).await, "503");
    let whole =
        manifests::service("shop", street.one.addr()) + "---\n" + &manifests::route_to(HOST, "shop:8080");
    street.folder.replace("shop.yaml", &whole);
    street.gateway.answers(HOST, "one").await;
}
