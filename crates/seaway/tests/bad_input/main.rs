//! Bad input while the gateway runs: whatever is valid goes on serving, and what is not is said, with its place.
//!
//! Every test has a neighbour in another file, which must be served before, during and after.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod certificates;
mod files;
mod ports;
mod references;
mod rules;
#[path = "../support/mod.rs"]
mod support;
mod values;

use seaway_testkit::echo::Backend;
use serde_json::Value;
use support::files::Folder;
use support::gateway::Gateway;
use support::manifests;

const HOST: &str = "shop.example.com";
const NEIGHBOUR: &str = "neighbour.example.com";

/// A gateway with a neighbour that must not notice anything.
struct Street {
    folder: Folder,
    one: Backend,
    gateway: Gateway,
}

impl Street {
    /// With this in `shop.yaml`, which gets the address of a backend.
    async fn with(shop: impl FnOnce(&Backend) -> String) -> Self {
        let one = Backend::start("one").expect("a port");
        let neighbour = manifests::route(NEIGHBOUR, one.addr());
        let folder = Folder::with(&[("shop.yaml", &shop(&one)), ("neighbour.yaml", &neighbour)]);
        let gateway = Gateway::start(folder.path()).await;
        let street = Self { folder, one, gateway };
        street.neighbour_serves().await;
        street
    }

    /// With a route that works.
    async fn working() -> Self {
        let street = Self::with(|one| manifests::route(HOST, one.addr())).await;
        assert_eq!(street.gateway.who(HOST).await, "one");
        street
    }

    async fn neighbour_serves(&self) {
        assert_eq!(self.gateway.who(NEIGHBOUR).await, "one");
    }

    /// A route that works, for the end of a test: mending helps.
    async fn mend(&self) {
        let two = Backend::start("two").expect("a port");
        self.folder
            .replace("shop.yaml", &manifests::route(HOST, two.addr()));
        self.gateway.answers(HOST, "two").await;
        self.gateway
            .metric("seaway_config_last_reload_success", 1.0)
            .await;
        self.gateway.metric("seaway_config_errors", 0.0).await;
        self.neighbour_serves().await;
    }

    /// Waits until a mistake is said on standard error and in `/diagnostics`, alike, and counted; the neighbour serves.
    async fn reported(&self, code: &str, place: &str) -> Value {
        let finding = self.gateway.finding(code).await;
        let word = finding["severity"].as_str().unwrap_or_default();
        let message = finding["message"].as_str().unwrap_or_default();
        let said = self.gateway.process.line(&format!("{word}[{code}]: ")).await;
        assert_eq!(said, format!("{word}[{code}]: {message}"));
        let position = self.gateway.process.line(&format!("  --> {place}")).await;
        let (file, line) = (
            finding["file"].as_str().unwrap_or_default(),
            finding["line"].as_u64(),
        );
        let named = format!("{file}:{}:", line.unwrap_or_default());
        assert!(
            line == Some(0) || position.contains(&named),
            "{position}: {finding}"
        );
        let errors = word == "error";
        self.gateway
            .metric(
                "seaway_config_last_reload_success",
                if errors { 0.0 } else { 1.0 },
            )
            .await;
        let counted = if errors {
            "seaway_config_errors"
        } else {
            "seaway_config_warnings"
        };
        assert!(self.gateway.sample(counted).await > Some(0.0), "{counted}");
        self.neighbour_serves().await;
        finding
    }
}

/// Whether a text of a finding says something.
fn says(finding: &Value, key: &str, part: &str) {
    assert!(
        finding[key].as_str().is_some_and(|text| text.contains(part)),
        "{key}, \"{part}\": {finding}"
    );
}
