//! What stays over a restart, and what happens when the time comes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http::Request;
use seaway_testkit::acme::{Fault, PebbleOptions, Place};
use seaway_testkit::client::{Client, ClientTls, Wire};

use crate::HOST;
use crate::world::World;

/// Later than two thirds of the ninety days that a certificate lives.
const LATE: [&str; 2] = ["--clock-offset", "1464h"];
/// Later than all of them.
const TOO_LATE: [&str; 2] = ["--clock-offset", "2200h"];

/// A world whose host has its first certificate. The authority does not want it proven again: a gateway that starts anew
/// gets other ports, which are not those that it looks at.
async fn issued() -> World {
    let options = PebbleOptions {
        authorization_reuse_percent: 100,
        ..PebbleOptions::default()
    };
    let world = World::start("", &[], options).await;
    world.want("http01", HOST);
    world.served().await;
    world.told("it is valid", |cert| cert["state"] == "valid").await;
    world
}

#[tokio::test]
async fn a_restart_serves_what_is_on_disk_without_asking_the_authority() {
    let mut world = issued().await;
    let tls = world.issued();
    let address = world.gateway.bound(443).await;
    let before = tls.presented(address, HOST).await.expect("a handshake");
    world.pebble.stop();
    world.restart().await;
    let address = world.gateway.bound(443).await;
    // Not waited for: it serves from the first moment.
    let after = tls.presented(address, HOST).await.expect("a handshake");
    assert_eq!(before, after);
    assert_eq!(
        world.gateway.sample("seaway_certificate_orders_total").await,
        Some(0.0)
    );
}

/// Clients that never stop, and how often each of them was served.
struct Clients {
    stop: Arc<AtomicBool>,
    served: [Arc<AtomicU64>; 3],
    tasks: [tokio::task::JoinHandle<std::io::Result<()>>; 3],
}

impl Clients {
    /// One with a connection over HTTP/1.1, one with a connection over HTTP/2, and one that shakes hands again and again.
    fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let served: [Arc<AtomicU64>; 3] = Default::default();
        let tasks = std::array::from_fn(|number| {
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served[number]));
            tokio::spawn(async move {
                let tls = ClientTls::blind();
                let wire = [Wire::Http1, Wire::Http2, Wire::Http1][number];
                let mut client = Client::open_tls(address, wire, HOST, &tls).await?;
                while !stop.load(Ordering::SeqCst) {
                    if number == 2 {
                        client = Client::open_tls(address, wire, HOST, &tls).await?;
                    }
                    let uri = match wire {
                        Wire::Http1 => "/".to_owned(),
                        Wire::Http2 => format!("https://{HOST}/"),
                    };
                    let request = match wire {
                        Wire::Http1 => Request::get(uri).header("host", HOST),
                        Wire::Http2 => Request::get(uri),
                    };
                    let answer = client.send(request, "").await?;
                    if answer.status != 200 {
                        return Err(std::io::Error::other(format!("status {}", answer.status)));
                    }
                    served.fetch_add(1, Ordering::SeqCst);
                }
                Ok(())
            })
        });
        Self { stop, served, tasks }
    }

    fn counts(&self) -> [u64; 3] {
        std::array::from_fn(|number| self.served[number].load(Ordering::SeqCst))
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await
                .expect("it ends")
                .expect("no request and no handshake fails");
        }
    }
}

#[tokio::test]
async fn a_clock_that_moves_on_renews_under_load_and_drops_no_connection() {
    let mut world = issued().await;
    let tls = world.issued();
    let address = world.gateway.bound(443).await;
    let old = tls.presented(address, HOST).await.expect("a handshake");
    // So that the clients are there before the new one is.
    let away = Fault::Unavailable { retry_after: None };
    world.flaky.inject(Place::NewOrder, 1, away);
    world.restart_with(&LATE).await;
    world.gateway.process.line("--clock-offset").await;
    world.gateway.process.line("answers 503").await;
    let address = world.gateway.bound(443).await;
    let first = tls.presented(address, HOST).await.expect("a handshake");
    assert_eq!(first, old, "the old one serves while the new one is ordered");
    let clients = Clients::start(address);
    world
        .gateway
        .until("all are served", async || {
            clients.counts().iter().all(|count| *count > 20)
        })
        .await;
    world.reload();
    world
        .gateway
        .until("another certificate serves", async || {
            tls.presented(address, HOST).await.is_ok_and(|now| now != old)
        })
        .await;
    let then = clients.counts();
    world
        .gateway
        .until("all go on", async || {
            let now = clients.counts();
            now.iter().zip(&then).all(|(now, then)| *now > then + 20)
        })
        .await;
    clients.stop().await;
    // To a clock that is so far ahead of the authority's the new one is old as well, until our limits stop it.
    let renewed = world.gateway.sample("seaway_certificate_renewals_total").await;
    assert!(renewed.is_some_and(|count| count >= 1.0), "{renewed:?}");
    assert!((3..=6).contains(&world.flaky.count(Place::NewOrder)));
}

#[tokio::test]
async fn an_expired_certificate_keeps_serving_loudly_and_its_failure_is_said_once() {
    let mut world = issued().await;
    let tls = world.issued();
    let address = world.gateway.bound(443).await;
    let old = tls.presented(address, HOST).await.expect("a handshake");
    world.pebble.stop();
    world.restart_with(&TOO_LATE).await;
    let loud = world.gateway.process.line("HAS EXPIRED").await;
    assert!(loud.contains(HOST) && loud.contains("keeps serving"), "{loud}");
    let failures = "seaway_certificate_failures_total{kind=\"unreachable\"}";
    world.gateway.metric(failures, 1.0).await;
    world.gateway.process.line("answers 502").await;
    world.reload();
    world.gateway.metric(failures, 2.0).await;
    // Another certificate's news is said after whatever there was to say of this one.
    world.folder.remove("local.yaml");
    world.gateway.process.line("configuration 3 serves").await;
    let lines = world.gateway.process.err.all();
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!((count("HAS EXPIRED"), count("answers 502")), (1, 1), "{lines:#?}");
    let address = world.gateway.bound(443).await;
    let now = ClientTls::blind().presented(address, HOST).await;
    assert_eq!(now.expect("a handshake"), old);
    let done = world.certs();
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.out.contains("expired"), "{done:?}");
    let series = format!("seaway_certificate_expiry_timestamp_seconds{{domain=\"{HOST}\"}}");
    assert!(world.gateway.sample(&series).await.is_some());
}
