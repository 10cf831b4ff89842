//! What data planes reject.

use std::net::SocketAddr;
use std::sync::Arc;

use seaway_testkit::envoy::Envoy;
use seaway_xds::pb::envoy::config::cluster::v3::Cluster;
use seaway_xds::pb::google::protobuf::Duration;
use seaway_xds::server::Server;
use seaway_xds::server::clients::Rejected;
use seaway_xds::{AdsBootstrap, Resources, ads_bootstrap, encode};
use tokio::net::TcpListener;
use tokio::time::{interval, timeout};

use crate::support::DEADLINE;
use crate::support::files::Folder;
use crate::support::manifests;
use crate::{HOST, backend, data_plane};

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

/// Serves on a port that the system picks.
async fn serve(server: &Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("a port");
    let serving = server.clone();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    address
}

/// The first rejection of the only client.
async fn rejection(server: &Server) -> Rejected {
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
    timeout(DEADLINE, rejected).await.expect("the rejection is seen")
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
    let port = serve(&server).await.port();
    let bootstrap = ads_bootstrap(&AdsBootstrap {
        host: "127.0.0.1",
        port,
        node: "envoy-1",
        cluster: "test",
        admin: None,
    });
    let json = seaway_xds::json::to_value(&bootstrap).expect("a bootstrap");
    let envoy = Envoy::start(&json).await.expect("an Envoy that serves");
    let rejected = rejection(&server).await;
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

/// What is encoded of manifests.
fn encoded(text: &str) -> Resources {
    let mut read = seaway_api::Resources::default();
    read.parse_into("shop.yaml", text);
    let (model, _) = seaway_compile::compile(&read, &seaway_compile::Options::default());
    encode(&model, &seaway_xds::Options::default()).resources
}

#[tokio::test]
async fn our_own_data_plane_rejects_a_bad_resource_with_a_reason_and_keeps_all_else() {
    let (one, two) = (backend("one"), backend("two"));
    let server = Server::new("test");
    server.publish(&encoded(&manifests::route(HOST, one.addr())));
    let folder = Folder::with(&[]);
    let own = data_plane(folder.path(), serve(&server).await, &[]).await;
    own.answers(HOST, "one").await;
    let next = [
        manifests::route(HOST, one.addr()),
        manifests::route("new.example.com", two.addr()),
    ];
    let mut next = encoded(&manifests::documents(&next));
    for listener in next.listeners.values_mut() {
        // An address that is none; the routes beside it are good.
        Arc::make_mut(listener).address = None;
    }
    server.publish(&next);
    let rejected = rejection(&server).await;
    assert_eq!((rejected.kind, rejected.name.as_str()), ("listeners", "http-80"));
    assert!(
        rejected.message.contains("an address that is not IP"),
        "{}",
        rejected.message
    );
    own.answers("new.example.com", "two").await;
    own.answers(HOST, "one").await;
}
