//! SIGUSR2: a new process takes over.

use std::net::TcpListener;

use rustix::process::Signal;
use seaway_testkit::load::{Goal, Kind, Load};

use crate::{HOST, serving};

#[tokio::test]
async fn a_hand_over_under_load_fails_no_request_and_the_old_process_ends_with_0() {
    let (_folder, one, mut gateway) = serving(&["--drain-timeout", "5s"]).await;
    let address = gateway.bound(80).await;
    let goal = Goal {
        address,
        host: HOST.into(),
        path: "/".into(),
    };
    let loads = [
        Load::start(Kind::Http1, &goal, 4),
        Load::start(Kind::Http2, &goal, 2),
    ];
    for load in &loads {
        load.wait_for(50).await.expect("answers");
    }
    let mark = gateway.process.err.mark();
    gateway.process.signal(Signal::USR2);
    gateway.follow(mark).await;
    assert_eq!(gateway.process.exit().await, 0);
    assert_eq!(gateway.bound(80).await, address, "the listener is the same");
    for load in &loads {
        let ok = load.totals().ok;
        load.wait_for(ok + 50).await.expect("the new process answers");
    }
    for load in loads {
        let totals = load.stop().await;
        assert_eq!(totals.failed, 0, "{totals:?}");
    }
    assert!(one.count() > 200, "the load went through");
    gateway.process.signal_all(Signal::TERM);
    gateway.process.silent().await;
}

#[tokio::test]
async fn the_admin_port_is_the_same_after_a_hand_over() {
    // An address of this test's own, so that nobody else is given its port meanwhile.
    let port = TcpListener::bind("127.77.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port");
    let (_folder, _one, mut gateway) = serving(&["--admin", &port.to_string()]).await;
    let mark = gateway.process.err.mark();
    gateway.process.signal(Signal::USR2);
    gateway.follow(mark).await;
    assert_eq!(gateway.process.exit().await, 0);
    assert_eq!(gateway.admin_address(), port);
    assert_eq!(gateway.admin("/ready").await.status, 200);
    gateway.answers(HOST, "one").await;
}

#[tokio::test]
async fn a_second_hand_over_works_like_the_first() {
    let (_folder, _one, mut gateway) = serving(&[]).await;
    let address = gateway.bound(80).await;
    for _ in 0..2 {
        let mark = gateway.process.err.mark();
        // The old ones have ended, or are about to: whoever serves starts the next.
        gateway.process.signal_all(Signal::USR2);
        gateway.follow(mark).await;
        assert_eq!(gateway.process.exit().await, 0);
    }
    assert_eq!(gateway.bound(80).await, address);
    gateway.answers(HOST, "one").await;
}
