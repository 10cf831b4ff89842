//! What stays over a restart.

use seaway_testkit::acme::PebbleOptions;

use crate::HOST;
use crate::world::World;

#[tokio::test]
async fn a_restart_serves_what_is_on_disk_without_asking_the_authority() {
    let mut world = World::start("", &[], PebbleOptions::default()).await;
    world.want("http01", HOST);
    world.served().await;
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
