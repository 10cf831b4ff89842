//! Two cores that talk to each other: whatever is done on their streams, and in whatever order, nothing is left of it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::DuplexStream;

use super::super::*;
use crate::driver::Driver;
use crate::handle::{Handle, RecvStream, SendStream};

/// One thing that happens. Numbers choose among the streams that there are.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open {
        is_over: bool,
    },
    Answer {
        stream: usize,
        is_over: bool,
    },
    Send {
        side: usize,
        stream: usize,
        length: usize,
        is_over: bool,
    },
    Trailers {
        side: usize,
        stream: usize,
    },
    Take {
        side: usize,
        stream: usize,
    },
    Reset {
        side: usize,
        stream: usize,
    },
    DropSend {
        side: usize,
        stream: usize,
    },
    DropReceive {
        side: usize,
        stream: usize,
    },
    Poll {
        side: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (side, stream) = (0..2_usize, 0..8_usize);
    let on = (side.clone(), stream.clone());
    let length = prop_oneof![0_usize..50, 0_usize..30_000];
    prop_oneof![
        3 => any::<bool>().prop_map(|is_over| Step::Open { is_over }),
        3 => (stream, any::<bool>()).prop_map(|(stream, is_over)| Step::Answer { stream, is_over }),
        8 => (on.clone(), length, prop::bool::weighted(0.2)).prop_map(|((side, stream), length, is_over)| {
            Step::Send { side, stream, length, is_over }
        }),
        1 => on.clone().prop_map(|(side, stream)| Step::Trailers { side, stream }),
        6 => on.clone().prop_map(|(side, stream)| Step::Take { side, stream }),
        1 => on.clone().prop_map(|(side, stream)| Step::Reset { side, stream }),
        1 => on.clone().prop_map(|(side, stream)| Step::DropSend { side, stream }),
        1 => on.prop_map(|(side, stream)| Step::DropReceive { side, stream }),
        10 => side.prop_map(|side| Step::Poll { side }),
    ]
}

/// What a side holds of a stream.
#[derive(Default)]
struct Held {
    send: Option<SendStream>,
    receive: Option<RecvStream>,
    /// The head is awaited.
    response: Option<Handle>,
    /// A request that was not answered.
    request: Option<usize>,
}

struct Side {
    shared: Arc<Shared>,
    driver: Driver<DuplexStream>,
    held: Vec<Held>,
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

impl Side {
    fn new(core: Core, io: DuplexStream) -> Self {
        let shared = Arc::new(Shared::new(core));
        let driver = Driver::new(io, Arc::clone(&shared));
        Self {
            shared,
            driver,
            held: Vec::new(),
        }
    }

    fn poll(&mut self) -> Poll<Result<(), Error>> {
        let polled = self.driver.poll(&mut cx());
        while let Some((key, _)) = self.shared.with(Core::accept) {
            let receive = Handle::hearing(Arc::clone(&self.shared), key);
            self.held.push(Held {
                send: Some(SendStream(Handle::held(Arc::clone(&self.shared), key))),
                receive: Some(RecvStream::new(receive)),
                response: None,
                request: Some(key),
            });
        }
        for held in &mut self.held {
            let Some(handle) = &held.response else { continue };
            match handle
                .shared()
                .with(|core| core.poll_head(handle.key(), Waker::noop()))
            {
                Poll::Pending => {}
                Poll::Ready(Ok(_)) => held.receive = held.response.take().map(RecvStream::new),
                Poll::Ready(Err(_)) => held.response = None,
            }
        }
        polled
    }

    fn open(&mut self, is_over: bool) {
        let key = self.shared.with(|core| {
            let has_place = core.has_place(Waker::noop());
            let key = has_place.then(|| core.open(&Request::new(()), is_over))?.ok()?;
            core.hold(key);
            core.hold(key);
            Some(key)
        });
        let Some(key) = key else { return };
        self.held.push(Held {
            send: Some(SendStream(Handle::held(Arc::clone(&self.shared), key))),
            response: Some(Handle::hearing(Arc::clone(&self.shared), key)),
            ..Held::default()
        });
    }

    fn at(&mut self, stream: usize) -> Option<&mut Held> {
        let count = self.held.len().max(1);
        self.held.get_mut(stream % count)
    }

    fn send(&mut self, stream: usize, length: usize, is_over: bool) {
        let Some(held) = self.at(stream).filter(|held| held.request.is_none()) else {
            return;
        };
        if let Some(stream) = &mut held.send
            && let Poll::Ready(Ok(_)) = stream.poll_room(&mut cx())
        {
            let _over = stream.send_data(Bytes::from(vec![0; length]), is_over);
        }
    }

    fn answer(&mut self, stream: usize, is_over: bool) {
        let Some(key) = self.at(stream).and_then(|held| held.request.take()) else {
            return;
        };
        let _gone = self
            .shared
            .with(|core| core.respond(key, &Response::new(()), is_over));
    }

    fn take(&mut self, stream: usize) {
        if let Some(receive) = self.at(stream).and_then(|held| held.receive.as_mut()) {
            while let Poll::Ready(Some(Ok(_))) = receive.poll_data(&mut cx()) {}
            let _any = receive.poll_trailers(&mut cx());
        }
    }
}

/// Both ends of a connection.
struct Pair([Side; 2]);

impl Pair {
    fn new(limits: [Limits; 2], streams: u32, room: usize) -> Self {
        let (near, far) = tokio::io::duplex(room);
        let allowance = Allowance {
            streams,
            early_resets: usize::MAX,
            connect: false,
        };
        let client = Side::new(Core::client(limits[0]), near);
        let server = Side::new(Core::server(limits[1], allowance), far);
        let mut pair = Self([client, server]);
        pair.settle();
        pair
    }

    /// Until neither has anything to say. What is ready then is how a connection ended.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            let before = self.written();
            for side in &mut self.0 {
                assert!(side.poll().is_pending());
            }
            if self.written() == before {
                return;
            }
        }
        panic!("they never come to an end");
    }

    /// What changes as long as something moves.
    fn written(&self) -> Vec<(i64, i64, usize, usize, usize)> {
        let see = |core: &mut Core| {
            (
                core.sends,
                core.receives,
                core.active,
                core.streams.len(),
                core.output.length(),
            )
        };
        let sides = self.0.iter().map(|side| side.shared.with(see));
        let drivers = self
            .0
            .iter()
            .map(|side| (0, 0, side.driver.unwritten(), side.held.len(), side.driver.part()));
        sides.chain(drivers).collect()
    }

    fn step(&mut self, step: Step) {
        let [client, server] = &mut self.0;
        match step {
            Step::Open { is_over } => client.open(is_over),
            Step::Answer { stream, is_over } => server.answer(stream, is_over),
            Step::Send {
                side,
                stream,
                length,
                is_over,
            } => self.0[side].send(stream, length, is_over),
            Step::Trailers { side, stream } => {
                if let Some(Held {
                    send: Some(send),
                    request: None,
                    ..
                }) = self.0[side].at(stream)
                {
                    let _over = send.send_trailers(HeaderMap::new());
                }
            }
            Step::Take { side, stream } => self.0[side].take(stream),
            Step::Reset { side, stream } => {
                if let Some(send) = self.0[side].at(stream).and_then(|held| held.send.as_mut()) {
                    send.send_reset(Reason::CANCEL);
                }
            }
            Step::DropSend { side, stream } => {
                drop(self.0[side].at(stream).and_then(|held| held.send.take()));
            }
            Step::DropReceive { side, stream } => {
                drop(
                    self.0[side]
                        .at(stream)
                        .map(|held| (held.receive.take(), held.response.take())),
                );
            }
            Step::Poll { side } => assert!(self.0[side].poll().is_pending()),
        }
        for side in &mut self.0 {
            side.held
                .retain(|held| held.send.is_some() || held.receive.is_some() || held.response.is_some());
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_left_of_streams_whatever_was_done_on_them(
        steps in vec(step(), 0..200),
        room in prop_oneof![30_usize..300, 300_usize..70_000],
        streams in 1_u32..6,
        windows in [prop_oneof![1_u32..100, 100_u32..100_000], prop_oneof![1_u32..100, 100_u32..100_000]],
        more in [0_u32..100_000, 0_u32..100_000],
    ) {
        let limits = [0, 1].map(|side| Limits::default().window(windows[side]).connection_window(65_535 + more[side]));
        let mut pair = Pair::new(limits, streams, room);
        steps.into_iter().for_each(|step| pair.step(step));
        pair.0.iter_mut().for_each(|side| side.held.clear());
        pair.settle();
        pair.0.iter_mut().for_each(|side| side.held.clear());
        pair.settle();
        let seen = [0, 1].map(|side| {
            pair.0[side].shared.with(|core| {
                let left = (core.active, core.streams.len(), core.keys.len());
                let room = core.receives + i64::from(core.owed);
                (left, room, core.sends, core.receives, core.end.is_some())
            })
        });
        for side in [0, 1] {
            let (left, room, _, receives, is_over) = seen[side];
            prop_assert_eq!(left, (0, 0, 0));
            prop_assert_eq!(room, i64::from(limits[side].connection_window));
            prop_assert_eq!(receives, seen[1 - side].2);
            prop_assert!(!is_over);
        }
    }
}
