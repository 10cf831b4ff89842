//! Mirroring.

use seaway_testkit::echo::Backend;

use super::world::World;

/// Everything goes to version 1.
pub const V1: &[&str] = &[
    "mirroring/platform.yaml",
    "mirroring/subsets.yaml",
    "mirroring/v1.yaml",
];

/// And version 2 gets a copy.
pub const MIRROR: &[&str] = &[
    "mirroring/platform.yaml",
    "mirroring/subsets.yaml",
    "mirroring/mirror.yaml",
];

#[tokio::test]
async fn version_2_gets_a_copy_of_each_request_and_nobody_sees_its_answer() {
    let (one, two) = (
        Backend::start("v1").expect("a port"),
        Backend::start("v2").expect("a port"),
    );
    let world = World::start(V1, vec![(7111, one.addr()), (7112, two.addr())], &[]).await;
    for _ in 0..10 {
        assert_eq!(
            world.get("httpbin:8000").await.header("x-echo-backend"),
            Some("v1")
        );
    }
    assert_eq!((one.count(), two.count()), (10, 0));

    world.replace("mirroring/v1.yaml", "mirroring/mirror.yaml");
    world
        .gateway
        .until("a copy has come", async || {
            assert_eq!(
                world.get("httpbin:8000").await.header("x-echo-backend"),
                Some("v1")
            );
            two.count() > 0
        })
        .await;
    let (ones, twos) = (one.count(), two.count());
    for _ in 0..10 {
        assert_eq!(
            world.get("httpbin:8000").await.header("x-echo-backend"),
            Some("v1")
        );
    }
    assert_eq!(one.count() - ones, 10);
    // The last of the copies that the change was waited for with may still have been on its way.
    two.wait_for(twos + 10).await.expect("copies");
    let copy = two.requests().pop().expect("a copy");
    assert_eq!(copy.host, "httpbin:8000", "a copy is for the same host: {copy:?}");
}
