//! RFC 7541, C.2 to C.6.

use http::uri::{Authority, PathAndQuery, Scheme};

use super::*;

fn octets(hex: &str) -> Vec<u8> {
    let digits = hex.split_whitespace().collect::<String>();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn path(path: &'static str) -> Field {
    Field::Path(PathAndQuery::from_static(path))
}

#[test]
fn c2_1_a_literal_that_is_indexed() {
    let mut decoder = Decoder::new(4096);
    let block = octets("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572");
    assert_eq!(
        fields(&mut decoder, &block),
        [header("custom-key", "custom-header")]
    );
    assert_eq!(decoder.table().added(), (1, 55));
}

#[test]
fn c2_2_a_literal_that_is_not_indexed() {
    let mut decoder = Decoder::new(4096);
    let block = octets("040c 2f73 616d 706c 652f 7061 7468");
    assert_eq!(fields(&mut decoder, &block), [path("/sample/path")]);
    assert_eq!(decoder.table().added(), (0, 0));
}

#[test]
fn c2_3_a_literal_that_is_never_indexed() {
    let mut decoder = Decoder::new(4096);
    let block = octets("1008 7061 7373 776f 7264 0673 6563 7265 74");
    let fields = fields(&mut decoder, &block);
    assert_eq!(fields, [header("password", "secret")]);
    assert!(matches!(&fields[..], [Field::Header(_, value)] if value.is_sensitive()));
    assert_eq!(decoder.table().added(), (0, 0));
}

#[test]
fn c2_4_an_indexed_field() {
    assert_eq!(
        fields(&mut Decoder::new(4096), &[0x82]),
        [Field::Method(Method::GET)]
    );
}

fn requests_are_decoded(blocks: [&str; 3]) {
    let mut decoder = Decoder::new(4096);
    let authority = || Field::Authority(Authority::from_static("www.example.com"));
    assert_eq!(
        fields(&mut decoder, &octets(blocks[0])),
        [
            Field::Method(Method::GET),
            Field::Scheme(Scheme::HTTP),
            path("/"),
            authority()
        ]
    );
    assert_eq!(decoder.table().added(), (1, 57));
    assert_eq!(
        fields(&mut decoder, &octets(blocks[1])),
        [
            Field::Method(Method::GET),
            Field::Scheme(Scheme::HTTP),
            path("/"),
            authority(),
            header("cache-control", "no-cache"),
        ]
    );
    assert_eq!(decoder.table().added(), (2, 110));
    assert_eq!(
        fields(&mut decoder, &octets(blocks[2])),
        [
            Field::Method(Method::GET),
            Field::Scheme(Scheme::HTTPS),
            path("/index.html"),
            authority(),
            header("custom-key", "custom-value"),
        ]
    );
    assert_eq!(decoder.table().added(), (3, 164));
}

#[test]
fn c3_requests_without_huffman_code() {
    requests_are_decoded([
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ]);
}

#[test]
fn c4_requests_with_huffman_code() {
    requests_are_decoded([
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ]);
}

const FIRST_DATE: &str = "Mon, 21 Oct 2013 20:13:21 GMT";
const LATER_DATE: &str = "Mon, 21 Oct 2013 20:13:22 GMT";

fn responses_are_decoded(blocks: [&str; 3]) {
    let mut decoder = Decoder::new(256);
    let location = || header("location", "https://www.example.com");
    assert_eq!(
        fields(&mut decoder, &octets(blocks[0])),
        [
            Field::Status(StatusCode::FOUND),
            header("cache-control", "private"),
            header("date", FIRST_DATE),
            location(),
        ]
    );
    assert_eq!(decoder.table().added(), (4, 222));
    assert_eq!(
        fields(&mut decoder, &octets(blocks[1])),
        [
            Field::Status(StatusCode::TEMPORARY_REDIRECT),
            header("cache-control", "private"),
            header("date", FIRST_DATE),
            location(),
        ]
    );
    assert_eq!(decoder.table().added(), (4, 222));
    assert_eq!(
        fields(&mut decoder, &octets(blocks[2])),
        [
            Field::Status(StatusCode::OK),
            header("cache-control", "private"),
            header("date", LATER_DATE),
            location(),
            header("content-encoding", "gzip"),
            header(
                "set-cookie",
                "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
            ),
        ]
    );
    assert_eq!(decoder.table().added(), (3, 215));
}

#[test]
fn c5_responses_without_huffman_code_evict_entries() {
    responses_are_decoded([
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
         2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70
         6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
         54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
         5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e
         3d31",
    ]);
}

#[test]
fn c6_responses_with_huffman_code_evict_entries() {
    responses_are_decoded([
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
         2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
         77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
         9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ]);
}
