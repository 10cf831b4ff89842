//! What holds for any input: however it is cut, and whichever of the two readers reads it.

use proptest::prelude::*;

use super::*;

/// Pieces that bring the machine into every state, glued together at random.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&'static [u8]> = vec![
        b"GET / HTTP/1.1\r\n",
        b"POST /x HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"\r\n",
        b"Content-Length: 3\r\n",
        b"abc",
        b"Transfer-Encoding: chunked\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"0\r\n\r\n",
        b"Upgrade: x\r\n",
        b";a=\"b\"",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b":",
        b"PRI * ",
        b"HTTP/2.0\r\n\r\n",
        b"SM\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"\0",
        b"\xff",
        b"OPTIONS * HTTP/1.0\r\n",
        b"GET http://a/ HTTP/1.1\r\n",
    ];
    let piece = prop_oneof![
        4 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|p| p.concat())
}

proptest! {
    #[test]
    fn the_verdict_does_not_depend_on_how_the_input_is_cut(input in pieces(), cuts in prop::collection::vec(1usize..40, 1..30)) {
        let whole = verdict_of_parts([&input[..]]);
        prop_assert_eq!(&verdict_of_parts(input.chunks(1)), &whole);
        let mut parts = Vec::new();
        let mut rest = &input[..];
        for cut in cuts {
            let (part, tail) = rest.split_at(cut.min(rest.len()));
            parts.push(part);
            rest = tail;
        }
        parts.push(rest);
        prop_assert_eq!(&verdict_of_parts(parts), &whole);
    }

    #[test]
    fn nothing_makes_it_panic_or_keep_back_more_than_a_head(input in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut guard = Guard::new(LIMITS, true);
        for part in input.chunks(13) {
            guard.feed(part);
            prop_assert!(guard.unreleased() <= LIMITS.bytes + 13);
        }
    }
}

/// Heads that are good or nearly so.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let first = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "\r\nPOST /x?y=z HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "CONNECT a:1 HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "GET http://a/x HTTP/1.1\r\n",
        "PRI / HTTP/1.1\r\n",
        "get /a#b HTTP/1.1\r\n",
    ]);
    let field = prop::sample::select(vec![
        "Host: a\r\n",
        "host:\ta:80 \r\n",
        "Host:\r\n",
        "Host: a b\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: 0\r\n",
        "content-length: x\r\n",
        "Transfer-Encoding:  Chunked\t\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Upgrade: x\r\n",
        "X: a long enough value to be looked at by words\r\n",
        "X:\r\n",
        "X : y\r\n",
        " folded\r\n",
        "X: \u{f6}\t\u{1}\r\n",
    ]);
    let fields = prop::collection::vec(field, 0..10);
    let flaw = prop::option::of((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()));
    (first, fields, flaw, "[a-z]{0,20}").prop_map(|(first, fields, flaw, rest)| {
        let mut head = [first, &fields.concat(), "\r\n", &rest].concat().into_bytes();
        if let Some((at, byte, replaces)) = flaw {
            let at = at.index(head.len());
            if replaces {
                head[at] = byte;
            } else {
                head.insert(at, byte);
            }
        }
        head
    })
}

fn whole_agrees(input: &[u8]) {
    let mut guard = Guard::new(LIMITS, true);
    let fed = guard.feed_head(input);
    match whole(input, LIMITS, &mut Fields::new()) {
        Some(whole) => {
            assert_eq!(fed, HeadFed::Complete(whole.length));
            let follows = match guard.state {
                State::Fixed(length) => Framing::Length(length),
                State::ChunkLine(_) => Framing::Chunked,
                _ => Framing::None,
            };
            assert_eq!(whole.body, follows);
            let may_switch = guard.may_switch || guard.state == State::Held;
            assert_eq!(whole.may_switch, may_switch);
        }
        None => assert!(!matches!(fed, HeadFed::Complete(_)), "{fed:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_fast_way_takes_what_the_machine_takes_and_nothing_else(head in heads(), other in pieces()) {
        whole_agrees(&head);
        whole_agrees(&other);
        for at in 0..head.len() {
            whole_agrees(&head[..at]);
        }
    }

    #[test]
    fn a_body_in_chunks_is_read_as_it_is_followed(input in pieces(), cut in 1usize..20) {
        let body = [&b"3\r\nabc\r\n"[..], &input].concat();
        let mut follows = Guard::for_chunks(LIMITS);
        let mut reads = Guard::for_chunks(LIMITS);
        let (mut trailers, mut data) = (Vec::new(), Vec::new());
        'parts: for part in body.chunks(cut) {
            let mut at = 0;
            loop {
                let rest = &part[at..];
                let mut step = follows.clone();
                match reads.feed_chunked(rest, &mut trailers) {
                    Chunked::Data(range) => {
                        at += range.end;
                        data.extend_from_slice(&rest[range.clone()]);
                        step.feed(&rest[..range.end]);
                    }
                    Chunked::More => {
                        step.feed(rest);
                        follows = step;
                        break;
                    }
                    Chunked::End(length) => {
                        step.feed(&rest[..length]);
                        prop_assert_eq!(step.phase(), Phase::Between);
                        prop_assert!(fields(&trailers).is_some());
                        break 'parts;
                    }
                    Chunked::Refused(refusal) => {
                        prop_assert_eq!(step.feed(rest).stop, Some(Stop::Refused(refusal)));
                        break 'parts;
                    }
                }
                follows = step;
                prop_assert_eq!(&follows, &reads);
            }
        }
        prop_assert!(data.is_empty() || data.starts_with(&b"abc"[..data.len().min(3)]));
    }
}
