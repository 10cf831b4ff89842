//! Floods of HTTP/2.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::interval;

use crate::attack::{Attack, Deed, Goal};
use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, frame, get, hello,
    until_closed, window_update, write,
};
use crate::{Allowed, flood};

const WINDOW: u32 = 65_535;
/// Connections that send as fast as they can.
const CONNECTIONS: usize = 4;
const TIMES: usize = 20;
/// Of a connection with many streams and full buffers.
const FULL: Allowed = Allowed::each(4 * 1024 * 1024);

/// Floods by something that connections are closed for, and sees that they are.
async fn is_closed_for_it(name: &str, reason: &str, does: fn(Goal) -> Deed) {
    let attack = Attack {
        port: 80,
        connections: CONNECTIONS,
        times: TIMES,
        a_second: 40,
        does,
    };
    let gateway = flood(name, &[], attack, FULL).await;
    let series = format!("seaway_downstream_refused_total{{reason=\"{reason}\"}}");
    gateway
        .until("connections are closed for it", async || {
            gateway.sample(&series).await >= Some(1.0)
        })
        .await;
}

/// Sends the same frames again and again, some megabytes of them.
async fn repeat(goal: Goal, first: Vec<u8>, frames: Vec<u8>) -> io::Result<()> {
    let mut stream = TcpStream::connect(goal.address).await?;
    let piece = frames.repeat((64 * 1024 / frames.len()).max(1));
    write(&mut stream, &[hello(WINDOW), first].concat()).await?;
    goal.hit();
    for _ in 0..32 {
        write(&mut stream, &piece).await?;
    }
    until_closed(&mut stream).await;
    Ok(())
}

/// A request whose body is still to come.
fn post(goal: &Goal) -> Vec<u8> {
    frame(
        HEADERS,
        END_HEADERS,
        1,
        &get(&goal.host, "x-echo-answer", "empty"),
    )
}

#[tokio::test]
async fn requests_that_are_reset_at_once() {
    fn resets(goal: Goal) -> Deed {
        Box::pin(async move {
            let mut stream = TcpStream::connect(goal.address).await?;
            let mut bytes = hello(WINDOW);
            for id in (1..4000).step_by(2) {
                let request = get(&goal.host, "x-echo-answer", "empty");
                bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, id, &request));
                bytes.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
            }
            goal.hit();
            write(&mut stream, &bytes).await?;
            until_closed(&mut stream).await;
            Ok(())
        })
    }
    is_closed_for_it("rapid reset", "reset_flood", resets).await;
}

#[tokio::test]
async fn pings() {
    fn pings(goal: Goal) -> Deed {
        Box::pin(repeat(goal, Vec::new(), frame(PING, 0, 0, &[7; 8])))
    }
    is_closed_for_it("pings", "frame_flood", pings).await;
}

#[tokio::test]
async fn settings() {
    fn settings(goal: Goal) -> Deed {
        Box::pin(repeat(
            goal,
            Vec::new(),
            frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]),
        ))
    }
    is_closed_for_it("settings", "frame_flood", settings).await;
}

#[tokio::test]
async fn frames_without_content() {
    fn empty_frames(goal: Goal) -> Deed {
        let request = post(&goal);
        Box::pin(repeat(goal, request, frame(DATA, 0, 1, &[])))
    }
    let attack = Attack {
        port: 80,
        connections: CONNECTIONS,
        times: TIMES,
        a_second: 40,
        does: empty_frames,
    };
    // h2 has a limit of its own, which is reached first.
    flood("frames without content", &[], attack, FULL).await;
}

#[tokio::test]
async fn heads_that_never_end() {
    fn continuations(goal: Goal) -> Deed {
        let begun = frame(HEADERS, END_STREAM, 1, &get(&goal.host, "x-a", "1"));
        let mut field = vec![0, 4];
        field.extend(b"x-ab\x01c");
        Box::pin(repeat(goal, begun, frame(CONTINUATION, 0, 1, &field)))
    }
    let attack = Attack {
        port: 80,
        connections: CONNECTIONS,
        times: TIMES,
        a_second: 40,
        does: continuations,
    };
    // h2 has a limit of its own, which is reached first.
    flood("heads that never end", &[], attack, FULL).await;
}

#[tokio::test]
async fn heads_that_are_small_until_they_are_read() {
    /// One large field that is remembered, and is then named again and again by one byte each.
    fn bombs(goal: Goal) -> Deed {
        Box::pin(async move {
            let mut stream = TcpStream::connect(goal.address).await?;
            let mut block = get(&goal.host, "x-a", "1");
            // To be remembered, with a value of 3900 = 127 + 61 + 29 * 128 bytes (RFC 7541, 5.1 and 6.2.1).
            block.extend([0x40, 1, b'z', 0x7f, 0x80 | 61, 29]);
            block.extend([b'b'; 3900]);
            block.resize(16_000, 0x80 | 62);
            let more = vec![0x80 | 62; 16_000];
            let mut bytes = hello(WINDOW);
            for id in (1..16).step_by(2) {
                bytes.extend(frame(HEADERS, END_STREAM, id, &block));
                bytes.extend(frame(CONTINUATION, END_HEADERS, id, &more));
            }
            goal.hit();
            write(&mut stream, &bytes).await?;
            until_closed(&mut stream).await;
            Ok(())
        })
    }
    let attack = Attack {
        port: 80,
        connections: CONNECTIONS,
        times: TIMES,
        a_second: 40,
        does: bombs,
    };
    flood("header bombs", &[], attack, FULL).await;
}

#[tokio::test]
async fn windows_of_one_byte() {
    fn tiny_windows(goal: Goal) -> Deed {
        Box::pin(async move {
            let mut stream = TcpStream::connect(goal.address).await?;
            let mut bytes = hello(1);
            let streams: Vec<u32> = (1..100).step_by(2).collect();
            for id in &streams {
                let request = get(&goal.host, "x-echo-answer", "sized=500000");
                bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, *id, &request));
            }
            write(&mut stream, &bytes).await?;
            goal.hit();
            let bytes: Vec<u8> = streams.iter().flat_map(|id| window_update(*id, 1)).collect();
            let mut slowly = interval(Duration::from_millis(5));
            for _ in 0..1000 {
                slowly.tick().await;
                write(&mut stream, &bytes).await?;
            }
            Ok(())
        })
    }
    let attack = Attack {
        port: 80,
        connections: CONNECTIONS,
        times: 3,
        a_second: 20,
        does: tiny_windows,
    };
    // Each of fifty streams holds what was read ahead of its upstream.
    let allowed = Allowed::each(50 * 512 * 1024);
    flood("windows of one byte", &[], attack, allowed).await;
}
