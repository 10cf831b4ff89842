//! Changes under load.

use seaway_testkit::load::{Goal, Kind, Load};

use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::{HOST, control_plane, data_plane, envoy, http};

const CHANGES: u32 = 500;

/// A Service of one or two endpoints, and its route, which changes with every number, as do the routes beside it.
fn manifests(number: u32, first: std::net::SocketAddr, second: std::net::SocketAddr) -> String {
    let endpoint = |address: std::net::SocketAddr| format!("{{addresses: [{}]}}", address.ip());
    let slice = |name: &str, address: std::net::SocketAddr| {
        format!(
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}, namespace: shop, \
             labels: {{kubernetes.io/service-name: shop}}}}\naddressType: IPv4\nports: [{{name: http, port: {}}}]\n\
             endpoints: [{}]\n",
            address.port(),
            endpoint(address)
        )
    };
    let slices = match number % 3 {
        0 => slice("one", first),
        1 => slice("two", second),
        _ => slice("one", first) + &slice("two", second),
    };
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: shop, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n\
         {slices}---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: shop, namespace: shop}}\n\
         spec: {{hosts: [{HOST}], destinations: [{{host: shop}}], headers: {{request: {{set: {{x-number: \"{number}\"}}}}}}}}\n\
         ---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: other, namespace: shop}}\n\
         spec: {{hosts: [other{}.example.com], destinations: [{{host: \"127.0.0.1:{}\"}}]}}\n",
        number % 7,
        1000 + number
    )
}

/// Waits until every data plane holds the configuration after `version`; says which that is.
async fn told(control_plane: &Gateway, version: u64) -> u64 {
    let mut current = 0;
    control_plane
        .until("the data planes are up to date", async || {
            let clients = control_plane.admin_json("/clients").await;
            let clients = clients["clients"].as_array().cloned().unwrap_or_default();
            current = clients
                .iter()
                .filter_map(|c| c["current"].as_u64())
                .min()
                .unwrap_or(0);
            let is_there = |client: &serde_json::Value| {
                assert!(
                    client.get("rejected").is_none(),
                    "nothing is ever rejected: {client}"
                );
                client["accepted"].as_u64() == Some(current)
            };
            current > version && clients.len() == 2 && clients.iter().all(is_there)
        })
        .await;
    current
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_and_our_own_data_plane_follow_five_hundred_changes_without_a_failed_request() {
    let backends = [crate::backend("one"), crate::backend("two")];
    let [first, second] = [backends[0].addr(), backends[1].addr()];
    let folder = Folder::with(&[("shop.yaml", &manifests(2, first, second))]);
    let (control, xds) = control_plane(folder.path(), &[]).await;
    let own = data_plane(folder.path(), xds, &[]).await;
    let envoy = envoy(xds, "envoy-1").await;
    let mut version = told(&control, 0).await;
    let loads = [own.bound(80).await, http(&envoy).await].map(|address| {
        let goal = Goal {
            address,
            host: HOST.into(),
            path: "/".into(),
        };
        [
            Load::start(Kind::Http1, &goal, 2),
            Load::start(Kind::Http2, &goal, 1),
        ]
    });
    for load in loads.iter().flatten() {
        load.wait_for(20).await.expect("answers");
    }
    for number in 3..3 + CHANGES {
        folder.replace("shop.yaml", &manifests(number, first, second));
        version = told(&control, version).await;
    }
    for load in loads.into_iter().flatten() {
        let totals = load.stop().await;
        assert_eq!(totals.failed, 0, "{totals:?}");
        assert!(totals.ok > u64::from(CHANGES), "the load went on: {totals:?}");
    }
}
