//! What is known of one stream (RFC 9113, 5.1 and 5.2).

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;
use http::{HeaderMap, Response};

use crate::content::Content;
use crate::error::Error;

/// How far the other side's message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coming {
    /// Its head is awaited.
    Head,
    /// Content, and then maybe trailers.
    Content,
    /// It has come to its end, or never will.
    Over,
}

/// How far our message has come.
#[derive(Debug)]
pub(crate) enum Going {
    /// More may be said.
    Open,
    /// Its end was said, and waits behind content.
    Ending(End),
    /// Its end was sent, or nothing more may be.
    Over,
}

/// How a message ends.
#[derive(Debug)]
pub(crate) enum End {
    /// With its content.
    Content,
    /// With these.
    Trailers(Box<HeaderMap>),
}

/// One stream. Windows count what may still be sent; ours to send may be negative (RFC 9113, 6.9.2).
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: u32,
    /// Who holds on to it.
    pub(crate) holders: usize,
    pub(crate) coming: Coming,
    /// The other side has said its end.
    pub(crate) is_whole: bool,
    pub(crate) going: Going,
    /// Why it is over, if not because both sides have said everything.
    pub(crate) error: Option<Error>,

    /// Heads before the head (1xx) that came, until they are taken.
    pub(crate) early: Vec<Response<()>>,
    /// How many of those there have been.
    pub(crate) informational: u8,
    /// The head that came, until it is taken.
    pub(crate) head: Option<Box<Response<()>>>,
    /// Content that came.
    pub(crate) content: Content,
    pub(crate) trailers: Option<Box<HeaderMap>>,
    /// What is left of an announced length.
    pub(crate) left: Option<u64>,
    /// There is no content whatever length is announced (an answer to HEAD).
    pub(crate) is_head: bool,
    /// What the peer may still send.
    pub(crate) receives: i64,
    /// What was taken, and not said to the peer.
    pub(crate) owed: u32,
    /// Nobody will take what comes.
    pub(crate) is_ignored: bool,
    pub(crate) reader: Option<Waker>,

    /// What we may still send.
    pub(crate) sends: i64,
    /// Content that waits for a window, or for room.
    pub(crate) waiting: VecDeque<Bytes>,
    /// It is in the line of those that wait for what all streams share. The line may know it when it is gone.
    pub(crate) is_queued: bool,
    pub(crate) writer: Option<Waker>,
}

impl Stream {
    pub(crate) fn new(id: u32, receives: u32, sends: i64) -> Self {
        Self {
            id,
            holders: 0,
            coming: Coming::Head,
            is_whole: false,
            going: Going::Open,
            error: None,
            early: Vec::new(),
            informational: 0,
            head: None,
            content: Content::default(),
            trailers: None,
            left: None,
            is_head: false,
            receives: i64::from(receives),
            owed: 0,
            is_ignored: false,
            reader: None,
            sends,
            waiting: VecDeque::new(),
            is_queued: false,
            writer: None,
        }
    }

    /// Both sides have said everything, or nothing more is heard or said.
    pub(crate) fn is_over(&self) -> bool {
        self.coming == Coming::Over && matches!(self.going, Going::Over)
    }

    /// Whether there is nothing more to take.
    pub(crate) fn is_taken(&self) -> bool {
        self.coming == Coming::Over
            && (self.is_whole || self.error.is_none())
            && self.content.is_empty()
            && self.trailers.is_none()
    }

    /// Counts content that came against the announced length. False: it is not kept.
    pub(crate) fn count(&mut self, bytes: usize, is_end: bool) -> bool {
        let bytes = bytes as u64;
        if self.is_head {
            return bytes == 0;
        }
        match &mut self.left {
            None => true,
            Some(left) => match left.checked_sub(bytes) {
                Some(rest) => {
                    *left = rest;
                    !is_end || rest == 0
                }
                None => false,
            },
        }
    }
}
