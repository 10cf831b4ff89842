//! Frames of HTTP/2 that cost us work and the client nothing: pings, settings, window updates, priorities, resets,
//! frames without content (CVE-2019-9511 to 9518, CVE-2024-27316).
//!
//! The codec bounds what they make it hold, not what they make it do. So they are counted here, on their way in: each takes from
//! a budget, which grows with time and with what a client has a right to send them for, requests and content in both
//! directions. Only the nine bytes at the head of each frame are looked at. A connection that has used its budget up is
//! closed. A limit on each kind of frame, as others have, was rejected: it takes as many settings, and an attacker mixes.
//!
//! A connection is also read from for a bounded number of bytes in a turn, so that one that sends as fast as it can does
//! not keep the worker from all others.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::stats::Counters;
use crate::context::Shared;

/// What is read in a turn.
const TURN_BYTES: usize = 64 * 1024;
/// The most that can be saved up, which is also what a connection begins with.
const BUDGET: i64 = 2_000;
/// Growth in a second.
const A_SECOND: i64 = 200;
/// For a request: browsers send a window update, and older ones a priority, with each.
const A_REQUEST: i64 = 8;
/// For each frame of content that we send: plain clients answer each with two window updates.
const A_FRAME_SENT: i64 = 4;
/// So many bytes of content, in either direction, are worth one frame more.
const BYTES_A_FRAME: u32 = 512;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const PREFACE_BYTES: u32 = 24;
const HEAD_BYTES: usize = 9;

/// The head of a frame (RFC 9113, 4.1), as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    length: u32,
    kind: u8,
    flags: u8,
}

impl Head {
    /// What it takes from the budget of who sent it; negative: what it adds.
    fn received(self) -> i64 {
        match self.kind {
            DATA if self.length == 0 && self.flags & END_STREAM == 0 => 1,
            DATA => -1 - i64::from(self.length / BYTES_A_FRAME),
            HEADERS => -A_REQUEST,
            // Each is answered, and may change every stream.
            SETTINGS if self.flags & ACK == 0 => 10,
            _ => 1,
        }
    }

    /// The same of a frame that we send.
    fn sent(self) -> i64 {
        match self.kind {
            DATA => -A_FRAME_SENT - i64::from(self.length / BYTES_A_FRAME),
            _ => 0,
        }
    }
}

/// Finds the heads in a stream of bytes, however it is cut.
#[derive(Debug)]
struct Heads {
    /// Bytes until the next head.
    skip: u32,
    head: [u8; HEAD_BYTES],
    have: usize,
}

impl Heads {
    fn new(skip: u32) -> Self {
        Self {
            skip,
            head: [0; HEAD_BYTES],
            have: 0,
        }
    }

    fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(Head)) {
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            self.skip -= u32::try_from(skipped).unwrap_or(self.skip);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let taken = bytes.len().min(HEAD_BYTES - self.have);
            let (fresh, rest) = bytes.split_at(taken);
            if let Some(room) = self.head.get_mut(self.have..self.have + taken) {
                room.copy_from_slice(fresh);
            }
            self.have += taken;
            bytes = rest;
            if self.have == HEAD_BYTES {
                self.have = 0;
                let [a, b, c, kind, flags, ..] = self.head;
                let length = u32::from_be_bytes([0, a, b, c]);
                self.skip = length;
                found(Head { length, kind, flags });
            }
        }
    }
}

/// What a client may still send for nothing.
#[derive(Debug)]
struct Budget {
    left: i64,
    /// Up to when time has been credited.
    credited: Duration,
}

impl Budget {
    fn new() -> Self {
        Self {
            left: BUDGET,
            credited: Duration::ZERO,
        }
    }

    fn take(&mut self, cost: i64) {
        self.left = self.left.saturating_sub(cost).min(BUDGET);
    }

    /// Whether it is used up, so long after the connection's start.
    fn is_spent(&mut self, age: impl FnOnce() -> Duration) -> bool {
        if self.left >= 0 {
            return false;
        }
        let age = age();
        let millis = age.saturating_sub(self.credited).as_millis();
        self.credited = age;
        let grown = i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(A_SECOND) / 1000;
        self.take(-grown);
        self.left < 0
    }
}

/// A connection whose frames are counted.
#[derive(Debug)]
pub(super) struct Frames<IO> {
    io: IO,
    input: Heads,
    output: Heads,
    budget: Budget,
    began: Instant,
    turn: usize,
    shared: Arc<Shared>,
}

impl<IO> Frames<IO> {
    /// Of a connection on which nothing has been read yet, the preface included.
    pub(super) fn new(io: IO, shared: Arc<Shared>) -> Self {
        Self {
            io,
            input: Heads::new(PREFACE_BYTES),
            output: Heads::new(0),
            budget: Budget::new(),
            began: Instant::now(),
            turn: 0,
            shared,
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        let budget = &mut self.budget;
        self.output.feed(bytes, |head| budget.take(head.sent()));
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Frames<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.turn >= TURN_BYTES {
            this.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = out.filled().len();
        let polled = Pin::new(&mut this.io).poll_read(cx, out);
        if polled.is_pending() {
            this.turn = 0;
        }
        ready!(polled)?;
        let fresh = out.filled().get(before..).unwrap_or_default();
        this.turn += fresh.len();
        let budget = &mut this.budget;
        this.input.feed(fresh, |head| budget.take(head.received()));
        let began = this.began;
        if budget.is_spent(|| began.elapsed()) {
            Counters::count(&this.shared.counters.frame_floods);
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a flood of frames",
            )));
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Frames<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, data))?;
        this.sent(data.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, data))?;
        let mut left = written;
        for slice in data {
            let part = slice.get(..left.min(slice.len())).unwrap_or_default();
            this.sent(part);
            left -= part.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn head(length: u32, kind: u8, flags: u8) -> Head {
        Head { length, kind, flags }
    }

    fn bytes(heads: &[Head]) -> Vec<u8> {
        let mut bytes = vec![b'x'; 24];
        for head in heads {
            bytes.extend(&head.length.to_be_bytes()[1..]);
            bytes.extend([head.kind, head.flags, 0, 0, 0, 1]);
            bytes.resize(bytes.len() + head.length as usize, 0);
        }
        bytes
    }

    /// After how many of these frames at once the budget is spent.
    fn spent_after(frames: &[Head], seconds: u64) -> Option<usize> {
        let mut budget = Budget::new();
        frames.iter().position(|frame| {
            budget.take(frame.received());
            budget.is_spent(|| Duration::from_secs(seconds))
        })
    }

    #[test]
    fn frames_for_nothing_are_a_flood_whatever_they_are() {
        for frame in [
            head(8, PING, 0),
            head(8, PING, ACK),
            head(6, SETTINGS, 0),
            head(0, SETTINGS, ACK),
            head(4, WINDOW_UPDATE, 0),
            head(0, DATA, 0),
            head(5, 2, 0),
            head(4, 3, 0),
            head(0, 9, 0),
            head(100, 77, 0),
        ] {
            assert!(spent_after(&[frame; 3000], 1).is_some(), "{frame:?}");
            assert_eq!(spent_after(&[frame; 200], 1), None, "{frame:?}");
        }
    }

    #[test]
    fn requests_and_content_are_none_however_many() {
        let request = [head(30, HEADERS, 5), head(4, WINDOW_UPDATE, 0), head(5, 2, 0)];
        assert_eq!(spent_after(&request.repeat(100_000), 0), None);
        let message = [head(7, DATA, 0), head(8, PING, ACK)];
        assert_eq!(spent_after(&message.repeat(100_000), 0), None);
    }

    #[test]
    fn a_client_may_acknowledge_each_frame_that_it_gets() {
        let mut budget = Budget::new();
        for _ in 0..100_000 {
            budget.take(head(10, DATA, 0).sent());
            budget.take(2 * head(4, WINDOW_UPDATE, 0).received());
            assert!(!budget.is_spent(|| Duration::ZERO));
        }
    }

    #[test]
    fn a_ping_now_and_then_is_none_for_ever() {
        let mut budget = Budget::new();
        for millis in (0..10_000_000).step_by(10) {
            budget.take(1);
            assert!(!budget.is_spent(|| Duration::from_millis(millis)), "{millis}");
        }
    }

    proptest! {
        #[test]
        fn heads_are_found_however_the_stream_is_cut(
            frames in prop::collection::vec((0..300_u32, any::<u8>(), any::<u8>()), 0..20),
            cuts in prop::collection::vec(1..64_usize, 1..50),
        ) {
            let frames: Vec<_> = frames.into_iter().map(|(l, k, f)| head(l, k, f)).collect();
            let all = bytes(&frames);
            let (mut heads, mut found) = (Heads::new(PREFACE_BYTES), Vec::new());
            let (mut rest, mut cuts) = (&all[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                heads.feed(piece, |head| found.push(head));
                rest = more;
            }
            prop_assert_eq!(found, frames);
        }
    }
}
