//! What is going to be exchanged, and whether that is what was seen.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    pub fields: Vec<(String, String)>,
    /// The lengths of the pieces that its content is sent in.
    pub pieces: Vec<usize>,
    pub trailers: Option<Vec<(String, String)>>,
    /// Its length is announced.
    pub announces: bool,
}

/// Whether a side breaks an exchange off, and after how many pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    Never,
    Reset(usize),
    Drop(usize),
}

/// When a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// When it was read.
    After,
    /// While it is read.
    Alongside,
    /// It is not read.
    Instead,
}

#[derive(Clone, Debug)]
pub struct Exchange {
    pub request: Message,
    pub answer: Message,
    pub way: Way,
    pub client: Break,
    pub server: Break,
}

/// What the sides allow each other, and what their socket takes at once.
#[derive(Clone, Copy, Debug)]
pub struct Net {
    pub room: usize,
    pub windows: [u32; 2],
    pub connection_windows: [u32; 2],
    pub frame: u32,
    pub streams: u32,
    pub table: u32,
}

#[derive(Clone, Debug)]
pub struct Storm {
    pub net: Net,
    pub exchanges: Vec<Exchange>,
}

/// What has arrived of a message.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub fields: HeaderMap,
    pub content: Vec<u8>,
    pub trailers: Option<HeaderMap>,
    pub is_whole: bool,
    /// There was no place for the request.
    pub is_refused: bool,
}

impl Exchange {
    pub fn may_break(&self) -> bool {
        self.client != Break::Never || self.server != Break::Never
    }
}

impl Break {
    /// Whether that is to be now, and whether by a reset.
    pub fn is_due(self, sent: usize) -> Option<bool> {
        match self {
            Self::Reset(after) if sent >= after => Some(true),
            Self::Drop(after) if sent >= after => Some(false),
            _ => None,
        }
    }
}

impl Message {
    pub fn length(&self) -> usize {
        self.pieces.iter().sum()
    }

    /// It is over with its head.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.trailers.is_none()
    }

    pub fn headers(&self) -> HeaderMap {
        let mut headers = map(&self.fields);
        if self.announces {
            headers.insert("content-length", self.length().into());
        }
        headers
    }

    pub fn trailers(&self) -> Option<HeaderMap> {
        self.trailers.as_deref().map(map)
    }

    /// The pieces of its content, which tell their place.
    pub fn pieces(&self, seed: usize) -> impl Iterator<Item = Bytes> {
        let content = self.content(seed);
        let mut at = 0;
        self.pieces.iter().map(move |length| {
            at += length;
            content.slice(at - length..at)
        })
    }

    fn content(&self, seed: usize) -> Bytes {
        let byte = |at: usize| u8::try_from((seed * 31 + at * 7 + at / 251) % 256).unwrap();
        (0..self.length()).map(byte).collect::<Vec<u8>>().into()
    }

    /// What was seen has to be a beginning of this, and all of it where nothing was broken off.
    pub fn compare(&self, seed: usize, seen: Option<Seen>, may_break: bool) -> Result<(), String> {
        let Some(seen) = seen else {
            return if may_break {
                Ok(())
            } else {
                Err("it did not arrive".into())
            };
        };
        if self
            .headers()
            .iter()
            .any(|(name, value)| !seen.fields.get_all(name).iter().any(|seen| seen == value))
        {
            return Err(format!("its fields are {:?}", seen.fields));
        }
        let content = self.content(seed);
        if !content.starts_with(&seen.content) {
            return Err("its content is another".into());
        }
        if !seen.is_whole {
            return if may_break {
                Ok(())
            } else {
                Err("it has no end".into())
            };
        }
        if seen.content.len() != content.len() || seen.trailers != self.trailers() {
            return Err(format!(
                "{} bytes and {:?} are all",
                seen.content.len(),
                seen.trailers
            ));
        }
        Ok(())
    }
}

fn map(fields: &[(String, String)]) -> HeaderMap {
    let fields = fields.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(name, value);
    }
    map
}

fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let value = prop_oneof![8 => "[ -~]{0,20}", 1 => "[a-z]{3000,20000}"];
    vec(
        ("x-[a-z]{1,8}", value.prop_map(|value| value.trim().to_owned())),
        0..4,
    )
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    vec(
        prop_oneof![4 => 0_usize..100, 2 => 0_usize..20_000, 1 => 0_usize..80_000],
        0..6,
    )
}

fn message() -> impl Strategy<Value = Message> {
    (fields(), pieces(), option::weighted(0.3, fields()), any::<bool>()).prop_map(
        |(fields, pieces, trailers, announces)| Message {
            fields,
            pieces,
            // Trailers without a field are an end without trailers.
            trailers: trailers.filter(|fields| !fields.is_empty()),
            announces,
        },
    )
}

fn breaks() -> impl Strategy<Value = Break> {
    prop_oneof![
        6 => Just(Break::Never),
        1 => (0_usize..6).prop_map(Break::Reset),
        1 => (0_usize..6).prop_map(Break::Drop),
    ]
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![2 => Just(Way::After), 2 => Just(Way::Alongside), 1 => Just(Way::Instead)]
}

fn exchange() -> impl Strategy<Value = Exchange> {
    (message(), message(), way(), breaks(), breaks()).prop_map(|(request, answer, way, client, server)| {
        Exchange {
            request,
            answer,
            way,
            client,
            server,
        }
    })
}

fn net() -> impl Strategy<Value = Net> {
    let room = prop_oneof![16_usize..200, 200_usize..70_000];
    let window = || prop_oneof![1_u32..100, 100_u32..200_000];
    let connection = || 65_535_u32..300_000;
    let table = prop_oneof![Just(4096_u32), Just(0_u32), Just(100_u32)];
    (
        room,
        [window(), window()],
        [connection(), connection()],
        16_384_u32..40_000,
        1_u32..8,
        table,
    )
        .prop_map(|(room, windows, connection_windows, frame, streams, table)| Net {
            room,
            windows,
            connection_windows,
            frame,
            streams,
            table,
        })
}

/// The last exchange needs more than all windows, so that it ends only if nothing of them was lost.
fn last() -> Exchange {
    let message = Message {
        fields: Vec::new(),
        pieces: vec![100_000, 350_000],
        trailers: None,
        announces: true,
    };
    Exchange {
        request: message.clone(),
        answer: message,
        way: Way::Alongside,
        client: Break::Never,
        server: Break::Never,
    }
}

pub fn storm() -> impl Strategy<Value = Storm> {
    (net(), vec(exchange(), 1..8)).prop_map(|(mut net, mut exchanges)| {
        let most = exchanges
            .iter()
            .flat_map(|exchange| [exchange.request.length(), exchange.answer.length()])
            .max();
        // A window of few bytes takes a frame for each of few: that is enough of little content.
        if most.unwrap_or(0) > 2000 {
            net.windows = net.windows.map(|window| window.max(1000));
        }
        if net.windows.iter().all(|window| *window >= 1000) && net.room >= 200 {
            exchanges.push(last());
        } else {
            exchanges.push(Exchange {
                request: small(),
                answer: small(),
                ..last()
            });
        }
        Storm { net, exchanges }
    })
}

fn small() -> Message {
    Message {
        fields: Vec::new(),
        pieces: vec![5, 500],
        trailers: None,
        announces: false,
    }
}
