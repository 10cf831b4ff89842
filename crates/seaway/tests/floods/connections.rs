//! Floods of connections.

use seaway_testkit::client::{ClientTls, Wire};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::attack::{Attack, Deed, Goal};
use crate::{Allowed, HOST, NOISE, flood};

#[tokio::test]
async fn connections_that_are_opened_and_closed_as_fast_as_possible() {
    fn opens_and_closes(goal: Goal) -> Deed {
        Box::pin(async move {
            drop(TcpStream::connect(goal.address).await?);
            goal.hit();
            Ok(())
        })
    }
    let attack = Attack {
        port: 80,
        connections: 8,
        times: 2_000,
        a_second: 4_000,
        does: opens_and_closes,
    };
    flood("connections", &[], attack, Allowed::each(32 * 1024)).await;
}

#[tokio::test]
async fn more_silent_connections_than_may_be_open() {
    fn is_silent(goal: Goal) -> Deed {
        Box::pin(async move {
            let mut stream = TcpStream::connect(goal.address).await?;
            goal.hit();
            // Until it is closed, and then once more.
            let _ = stream.read(&mut [0]).await?;
            Ok(())
        })
    }
    let attack = Attack {
        port: 80,
        connections: 1_200,
        times: 8,
        a_second: 1_000,
        does: is_silent,
    };
    // All of them together are a few more than the gateway may have, so ordinary clients have to wait for a place.
    let flags = ["--max-connections", "1000"];
    let gateway = flood(
        "above --max-connections",
        &flags,
        attack,
        Allowed::each(32 * 1024),
    )
    .await;
    assert!(gateway.sample("seaway_downstream_evicted_total").await >= Some(200.0));
}

#[tokio::test]
async fn handshakes_as_fast_as_possible() {
    fn shakes_hands(goal: Goal) -> Deed {
        Box::pin(async move {
            goal.hit();
            let tls = ClientTls::blind();
            drop(tls.connect(goal.address, HOST, Wire::Http1).await?);
            Ok(())
        })
    }
    let attack = Attack {
        port: 443,
        connections: 128,
        times: 20,
        a_second: 300,
        does: shakes_hands,
    };
    // Without turns it would be 128 handshakes. A build for debugging takes a millisecond and more for each.
    let allowed = Allowed {
        latency: 3 * NOISE,
        ..Allowed::each(128 * 1024)
    };
    flood("handshakes", &[], attack, allowed).await;
}
