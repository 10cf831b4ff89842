//! What Envoy rejects.

use std::sync::Arc;

use seaway_testkit::envoy::Envoy;
use seaway_xds::pb::envoy::config::cluster::v3::Cluster;
use seaway_xds::pb::google::protobuf::Duration;
use seaway_xds::server::Server;
use seaway_xds::{AdsBootstrap, Resources, ads_bootstrap};
use tokio::net::TcpListener;
use tokio::time::{interval, timeout};

use crate::support::DEADLINE;

fn cluster(name: &str) -> Cluster {
    Cluster {
        name: name.to_owned(),
        ..Cluster::default()
    }
}

/// A connection must be allowed some time.
fn bad(name: &str) -> Cluster {
    Cluster {
        connect_timeout: Some(Duration::default()),
        ..cluster(name)
    }
}

#[tokio::test]
async fn a_resource_that_envoy_rejects_is_rejected_alone_and_shown_with_its_words() {
    let server = Server::new("test");
    let mut resources = Resources::default();
    for name in ["one", "two", "three"] {
        resources
            .clusters
            .insert(name.to_owned(), Arc::new(cluster(name)));
    }
    resources.clusters.insert("bad".to_owned(), Arc::new(bad("bad")));
    server.publish(&resources);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    let bootstrap = ads_bootstrap(&AdsBootstrap {
        host: "127.0.0.1",
        port,
        node: "envoy-1",
        cluster: "test",
        admin: None,
    });
    let json = seaway_xds::json::to_value(&bootstrap).expect("a bootstrap");
    let envoy = Envoy::start(&json).await.expect("an Envoy that serves");
    let mut pace = interval(std::time::Duration::from_millis(5));
    let rejected = async {
        loop {
            let mut list = server.clients().list();
            if let Some(found) = list.first_mut().and_then(|client| client.rejected.pop()) {
                return found;
            }
            pace.tick().await;
        }
    };
    let rejected = timeout(DEADLINE, rejected).await.expect("the rejection is seen");
    assert_eq!((rejected.kind, rejected.name.as_str()), ("clusters", "bad"));
    assert!(
        rejected.message.contains("ConnectTimeout"),
        "{}",
        rejected.message
    );
    let (_, clusters) = envoy.ask("/clusters").await.expect("its admin interface answers");
    for name in ["one::", "two::", "three::"] {
        assert!(clusters.contains(name), "{clusters}");
    }
    assert!(!clusters.contains("bad::"));
}
