//! Answers that are good HTTP/1.1, and ways to spoil them.

use proptest::prelude::*;

/// The bytes of a good answer, sometimes with others before it, sometimes with something behind it.
pub fn answers() -> impl Strategy<Value = Vec<u8>> {
    let before = prop::collection::vec(
        prop_oneof![
            Just("HTTP/1.1 100 Continue\r\n\r\n"),
            Just("HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n"),
        ],
        0..3,
    );
    let behind = prop_oneof![6 => Just(""), 1 => Just("HTTP/1.1 200 OK\r\n\r\n"), 1 => Just("x")];
    (before, head(), body(), behind).prop_map(|(before, (line, fields), (framing, body), behind)| {
        let mut bytes = before.concat().into_bytes();
        let head = format!("{line}\r\n{}{framing}\r\n", fields.concat());
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(behind.as_bytes());
        bytes
    })
}

fn head() -> impl Strategy<Value = (String, Vec<String>)> {
    let line = prop_oneof![
        8 => Just("HTTP/1.1 200 OK"),
        1 => Just("HTTP/1.0 200 OK"),
        1 => Just("HTTP/1.1 200 "),
        1 => Just("HTTP/1.1 404 Nothing here"),
        1 => Just("HTTP/1.1 204 No Content"),
        1 => Just("HTTP/1.1 304 Not Modified"),
        1 => Just("HTTP/1.1 101 Switching Protocols"),
        1 => Just("HTTP/1.1 599 Odd"),
    ];
    let field = prop_oneof![
        4 => "[Xx]-[a-z]{1,8}:[ \t]{0,2}[a-zA-Z0-9 ;=,\"]{0,20}\r\n",
        1 => Just("connection: close\r\n".to_owned()),
        1 => Just("Connection: Keep-Alive, x-a\r\n".to_owned()),
        1 => Just("connection: upgrade\r\nupgrade: echo\r\n".to_owned()),
        1 => Just("set-cookie: a=b\r\nSet-Cookie: c=d\r\n".to_owned()),
        1 => Just("x-high: caf\u{e9}\r\n".to_owned()),
    ];
    (line.prop_map(str::to_owned), prop::collection::vec(field, 0..5))
}

/// The fields that frame a body, and the body.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let data = || prop::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        data().prop_map(|data| (format!("Content-Length: {}\r\n", data.len()), data)),
        data().prop_map(|data| (String::new(), data)),
        (prop::collection::vec(data(), 0..4), chunk_style(), trailers()).prop_map(
            |(chunks, style, trailers)| {
                let mut body = Vec::new();
                for data in chunks.iter().filter(|data| !data.is_empty()) {
                    body.extend_from_slice(style.0.as_bytes());
                    body.extend_from_slice(format!("{:X}{}\r\n", data.len(), style.1).as_bytes());
                    body.extend_from_slice(data);
                    body.extend_from_slice(b"\r\n");
                }
                body.extend_from_slice(format!("0{}\r\n{trailers}\r\n", style.1).as_bytes());
                ("Transfer-Encoding: Chunked\r\n".to_owned(), body)
            }
        ),
    ]
}

/// What comes before and behind the size of a chunk.
fn chunk_style() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop_oneof![
        4 => Just(("", "")),
        1 => Just(("000", "")),
        1 => Just(("", ";name=value")),
        1 => Just(("", ";name=\"va;lue\"")),
        1 => Just(("", "  ")),
    ]
}

fn trailers() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        1 => "x-[a-z]{1,5}: [a-z0-9]{0,9}\r\n",
        1 => Just("x-a: 1\r\nx-b: 2\r\n".to_owned()),
    ]
}

/// One change.
#[derive(Clone, Debug)]
pub enum Mutation {
    Put(usize, u8),
    Insert(usize, &'static str),
    Cut(usize, usize),
    End(usize),
}

impl Mutation {
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |place: usize, length: usize| if length == 0 { 0 } else { place % length };
        match self {
            Self::Put(place, byte) => {
                let place = at(*place, bytes.len());
                if let Some(there) = bytes.get_mut(place) {
                    *there = *byte;
                }
            }
            Self::Insert(place, text) => {
                let place = at(*place, bytes.len() + 1);
                bytes.splice(place..place, text.bytes());
            }
            Self::Cut(place, length) => {
                let place = at(*place, bytes.len());
                let end = (place + length).min(bytes.len());
                bytes.drain(place..end);
            }
            Self::End(place) => bytes.truncate(at(*place, bytes.len())),
        }
    }
}

pub fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let byte = prop_oneof![prop::sample::select(b"\r\n\t :;,0aF\0".to_vec()), any::<u8>()];
    let words = [
        "\n",
        "\r",
        "\r\n",
        "\r\n\r\n",
        "\r\n ",
        ";",
        "0\r\n\r\n",
        "f",
        "content-length: 3\r\n",
        "transfer-encoding: chunked\r\n",
        "transfer-encoding: gzip\r\n",
        "connection: close\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.0 ",
        "9999999999999999999",
    ];
    let place = || 0..400_usize;
    let mutation = prop_oneof![
        (place(), byte).prop_map(|(place, byte)| Mutation::Put(place, byte)),
        (place(), prop::sample::select(words.to_vec()))
            .prop_map(|(place, text)| Mutation::Insert(place, text)),
        (place(), 1..6_usize).prop_map(|(place, length)| Mutation::Cut(place, length)),
        place().prop_map(Mutation::End),
    ];
    prop::collection::vec(mutation, 1..4)
}

/// The bytes in pieces, none of them empty.
pub fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}
