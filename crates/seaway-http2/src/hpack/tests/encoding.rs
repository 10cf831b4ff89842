//! What the encoder writes, and what becomes of arbitrary bytes.

use bytes::BytesMut;
use http::{HeaderMap, Request};
use proptest::prelude::*;

use super::*;

fn encoded(encode: impl FnOnce(&mut Encoder, &mut BytesMut)) -> Vec<u8> {
    let mut block = BytesMut::new();
    encode(&mut Encoder::default(), &mut block);
    block.to_vec()
}

fn request(method: &str, uri: &str) -> Request<()> {
    Request::builder().method(method).uri(uri).body(()).unwrap()
}

#[test]
fn what_the_static_table_has_takes_one_octet() {
    let block = encoded(|encoder, dst| encoder.request(&request("GET", "http://a/"), None, dst));
    assert_eq!(block, [0x82, 0x86, 0x84, 0x01, 1, b'a']);
    let block = encoded(|encoder, dst| encoder.response(StatusCode::NOT_FOUND, &HeaderMap::new(), dst));
    assert_eq!(block, [0x8d]);
}

#[test]
fn a_status_that_the_static_table_lacks_is_a_literal() {
    let block = encoded(|encoder, dst| encoder.response(StatusCode::BAD_GATEWAY, &HeaderMap::new(), dst));
    assert_eq!(block, [0x08, 3, b'5', b'0', b'2']);
}

#[test]
fn a_sensitive_value_is_sent_as_never_indexed() {
    let mut secret = HeaderValue::from_static("s");
    secret.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", secret.clone());
    headers.insert("x", secret);
    let block = encoded(|encoder, dst| encoder.trailers(&headers, dst));
    assert_eq!(block, [0x1f, 8, 1, b's', 0x10, 1, b'x', 1, b's']);
}

#[test]
fn a_target_without_a_path_is_sent_with_one() {
    let path = |uri| {
        let block = encoded(|encoder, dst| encoder.request(&request("GET", uri), None, dst));
        fields(&mut Decoder::new(4096), &block)
            .into_iter()
            .find_map(|field| match field {
                Field::Path(path) => Some(path.to_string()),
                _ => None,
            })
    };
    assert_eq!(path("http://a").unwrap(), "/");
    assert_eq!(path("http://a?q").unwrap(), "/?q");
    assert_eq!(path("/p").unwrap(), "/p");
}

#[test]
fn a_smaller_table_is_answered_with_an_update_to_zero_once() {
    let mut encoder = Encoder::default();
    let mut blocks = Vec::new();
    for sizes in [&[8192, 4096][..], &[4095, 8192], &[0, 100]] {
        for size in sizes {
            encoder.table_size(*size);
        }
        for _ in 0..2 {
            let mut block = BytesMut::new();
            encoder.response(StatusCode::OK, &HeaderMap::new(), &mut block);
            blocks.push(block.to_vec());
        }
    }
    assert_eq!(
        blocks,
        [&[0x88][..], &[0x88], &[0x20, 0x88], &[0x88], &[0x88], &[0x88]]
    );
}

#[test]
fn lengths_about_a_prefix_are_read_back() {
    for length in [0, 126, 127, 128, 254, 255, 256, 16_510, 16_511, 70_000] {
        let value = HeaderValue::try_from("v".repeat(length)).unwrap();
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x"), value.clone())]);
        let block = encoded(|encoder, dst| encoder.trailers(&headers, dst));
        let expected = Field::Header(HeaderName::from_static("x"), value);
        assert_eq!(fields(&mut Decoder::new(4096), &block), [expected], "{length}");
    }
}

/// Blocks that are well-formed often enough to get somewhere.
fn blocks() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let text = || proptest::collection::vec(any::<u8>(), 0..80);
    let field = prop_oneof![
        3 => (0x80..=0xc8u8).prop_map(|octet| vec![octet]),
        4 => (prop_oneof![Just(ADDED), Just(PLAIN), Just(NEVER)], "[a-z]{0,300}", text())
            .prop_map(|(first, name, value)| literal(first, name.as_bytes(), &value)),
        1 => (0x41..0x7fu8, text()).prop_map(|(first, value)| {
            let mut block = vec![first];
            string(&mut block, 0, &value);
            block
        }),
        1 => text().prop_map(|value| {
            let mut block = vec![0x41];
            string(&mut block, 0x80, &huffman(&value));
            block
        }),
        1 => (0x20..0x3fu8).prop_map(|octet| vec![octet]),
    ];
    let block = proptest::collection::vec(field, 0..20).prop_map(|fields| fields.concat());
    proptest::collection::vec(block, 1..10)
}

fn keeps_its_bounds(decoder: &Decoder) -> bool {
    let (entries, size) = decoder.table().added();
    entries * 32 <= size && size <= 4096 && decoder.scratch() <= 1024
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(block in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut decoder = Decoder::new(4096);
        let _ = decode(&mut decoder, &block);
        prop_assert!(decoder.table().added().1 <= 4096);
    }

    #[test]
    fn what_a_decoder_keeps_is_bounded(blocks in blocks(), limit in 0..2000usize) {
        let mut decoder = Decoder::new(4096);
        for block in blocks {
            let mut size = 0;
            let outcome = decoder.decode(&block, limit, &mut |_| size += 32);
            if outcome.is_err() {
                break;
            }
            prop_assert!(size <= limit);
            prop_assert!(keeps_its_bounds(&decoder));
        }
    }

    #[test]
    fn a_limit_does_not_change_what_later_blocks_mean(blocks in blocks(), limit in 0..500usize) {
        let (mut free, mut limited) = (Decoder::new(4096), Decoder::new(4096));
        for block in blocks {
            let expected = decode(&mut free, &block);
            let found = decode_within(&mut limited, &block, limit);
            prop_assert_eq!(expected.as_ref().err(), found.as_ref().err());
            if expected.is_err() {
                break;
            }
            // The first entries that were added, one at a time.
            for index in 62..100 {
                let probe = [0x80 | index];
                prop_assert_eq!(decode(&mut free, &probe), decode(&mut limited, &probe));
            }
        }
    }
}
