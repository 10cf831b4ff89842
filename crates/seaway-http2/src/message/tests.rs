use http::{Method, StatusCode, Version};

use super::*;

mod round_trip;

const LIMIT: usize = 16 * 1024;

type Line = (&'static str, &'static str);

/// A block of literals.
fn block(lines: &[Line]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in lines {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn decoder() -> Decoder {
    Decoder::new(4096)
}

fn read_request(lines: &[Line]) -> Result<Request<()>, Fault> {
    request(&mut decoder(), &block(lines), LIMIT).unwrap()
}

fn read_response(lines: &[Line]) -> Result<Response<()>, Fault> {
    response(&mut decoder(), &block(lines), LIMIT).unwrap()
}

const METHOD: Line = (":method", "GET");
const CONNECT: Line = (":method", "CONNECT");
const SCHEME: Line = (":scheme", "https");
const AUTHORITY: Line = (":authority", "a.example:8443");
const PATH: Line = (":path", "/p?q=1");
const STATUS: Line = (":status", "200");
const PROTOCOL: Line = (":protocol", "websocket");

#[test]
fn a_request_is_made_of_its_pseudo_headers_and_fields() {
    let lines = [
        METHOD,
        SCHEME,
        AUTHORITY,
        PATH,
        ("te", "trailers"),
        ("b", "1"),
        ("b", "2"),
    ];
    let request = read_request(&lines).unwrap();
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.uri(), "https://a.example:8443/p?q=1");
    assert_eq!(request.version(), Version::HTTP_2);
    assert_eq!(request.headers()["te"], "trailers");
    assert_eq!(
        request.headers().get_all("b").iter().collect::<Vec<_>>(),
        ["1", "2"]
    );
}

#[test]
fn a_request_without_an_authority_has_a_path_alone() {
    let request = read_request(&[METHOD, SCHEME, PATH, ("host", "a")]).unwrap();
    assert_eq!(request.uri(), "/p?q=1");
}

#[test]
fn options_may_ask_about_the_server_as_a_whole() {
    let lines = [(":method", "OPTIONS"), SCHEME, AUTHORITY, (":path", "*")];
    assert_eq!(read_request(&lines).unwrap().uri().path(), "*");
}

#[test]
fn connect_has_an_authority_alone() {
    let request = read_request(&[CONNECT, AUTHORITY]).unwrap();
    assert_eq!(request.uri(), "a.example:8443");
    assert_eq!(request.extensions().get::<Protocol>(), None);
}

#[test]
fn extended_connect_carries_its_protocol() {
    let request = read_request(&[CONNECT, PROTOCOL, SCHEME, PATH, AUTHORITY]).unwrap();
    assert_eq!(request.uri(), "https://a.example:8443/p?q=1");
    let protocol = request.extensions().get::<Protocol>().unwrap();
    assert_eq!(protocol.as_str(), "websocket");
    assert_eq!(*protocol, Protocol::from("websocket"));
}

#[test]
fn requests_that_break_a_rule_are_malformed() {
    let cases: &[(&str, &[Line])] = &[
        ("nothing", &[]),
        ("no method", &[SCHEME, AUTHORITY, PATH]),
        ("no scheme", &[METHOD, AUTHORITY, PATH]),
        ("no path", &[METHOD, SCHEME, AUTHORITY]),
        ("empty path", &[METHOD, SCHEME, AUTHORITY, (":path", "")]),
        (
            "path without a slash",
            &[METHOD, SCHEME, AUTHORITY, (":path", "p")],
        ),
        (
            "path of a whole URI",
            &[METHOD, SCHEME, AUTHORITY, (":path", "http://a/")],
        ),
        (
            "star for another method",
            &[METHOD, SCHEME, AUTHORITY, (":path", "*")],
        ),
        (
            "star and more",
            &[(":method", "OPTIONS"), SCHEME, AUTHORITY, (":path", "*a")],
        ),
        (
            "path with a space",
            &[METHOD, SCHEME, AUTHORITY, (":path", "/a b")],
        ),
        (
            "path with a fragment",
            &[METHOD, SCHEME, AUTHORITY, (":path", "/a#b")],
        ),
        ("empty scheme", &[METHOD, (":scheme", ""), AUTHORITY, PATH]),
        ("bad scheme", &[METHOD, (":scheme", "ht tp"), AUTHORITY, PATH]),
        ("empty authority", &[METHOD, SCHEME, (":authority", ""), PATH]),
        ("bad authority", &[METHOD, SCHEME, (":authority", "a/b"), PATH]),
        ("second method", &[METHOD, METHOD, SCHEME, AUTHORITY, PATH]),
        ("second scheme", &[METHOD, SCHEME, SCHEME, AUTHORITY, PATH]),
        ("second authority", &[METHOD, SCHEME, AUTHORITY, AUTHORITY, PATH]),
        ("second path", &[METHOD, SCHEME, AUTHORITY, PATH, PATH]),
        (
            "second protocol",
            &[CONNECT, PROTOCOL, PROTOCOL, SCHEME, AUTHORITY, PATH],
        ),
        ("status", &[METHOD, SCHEME, AUTHORITY, PATH, STATUS]),
        (
            "pseudo-header after a field",
            &[METHOD, SCHEME, AUTHORITY, ("a", "1"), PATH],
        ),
        (
            "unknown pseudo-header",
            &[METHOD, SCHEME, AUTHORITY, PATH, (":a", "1")],
        ),
        ("upper case", &[METHOD, SCHEME, AUTHORITY, PATH, ("A", "1")]),
        ("connect with a scheme", &[CONNECT, SCHEME, AUTHORITY]),
        ("connect with a path", &[CONNECT, AUTHORITY, PATH]),
        ("connect without an authority", &[CONNECT]),
        (
            "protocol without connect",
            &[METHOD, PROTOCOL, SCHEME, AUTHORITY, PATH],
        ),
        (
            "extended connect without a scheme",
            &[CONNECT, PROTOCOL, AUTHORITY, PATH],
        ),
        (
            "extended connect without a path",
            &[CONNECT, PROTOCOL, SCHEME, AUTHORITY],
        ),
        (
            "extended connect without an authority",
            &[CONNECT, PROTOCOL, SCHEME, PATH],
        ),
        (
            "empty protocol",
            &[CONNECT, (":protocol", ""), SCHEME, AUTHORITY, PATH],
        ),
        (
            "bad protocol",
            &[CONNECT, (":protocol", "a b"), SCHEME, AUTHORITY, PATH],
        ),
    ];
    for (case, lines) in cases {
        assert_eq!(read_request(lines).unwrap_err(), Fault::Malformed, "{case}");
    }
}

const OF_CONNECTION: [Line; 8] = [
    ("connection", "close"),
    ("proxy-connection", "close"),
    ("keep-alive", "5"),
    ("transfer-encoding", "chunked"),
    ("upgrade", "h2c"),
    ("te", "gzip"),
    ("te", ""),
    ("te", "trailers, gzip"),
];

#[test]
fn connection_specific_fields_are_malformed() {
    for line in OF_CONNECTION {
        let request = read_request(&[METHOD, SCHEME, AUTHORITY, PATH, line]);
        assert_eq!(request.unwrap_err(), Fault::Malformed, "{line:?}");
        assert_eq!(
            read_response(&[STATUS, line]).unwrap_err(),
            Fault::Malformed,
            "{line:?}"
        );
        let trailers = trailers(&mut decoder(), &block(&[line]), LIMIT).unwrap();
        assert_eq!(trailers, Err(Fault::Malformed), "{line:?}");
    }
}

#[test]
fn names_as_long_as_those_of_connection_specific_fields_are_fields() {
    let lines = [
        STATUS,
        ("ab", "1"),
        ("abcdefg", "1"),
        ("user-agent", "1"),
        ("content-encoding", "1"),
    ];
    assert_eq!(read_response(&lines).unwrap().headers().len(), 4);
}

#[test]
fn te_may_accept_trailers_in_any_case() {
    for value in ["trailers", "Trailers"] {
        let request = read_request(&[METHOD, SCHEME, AUTHORITY, PATH, ("te", value)]).unwrap();
        assert_eq!(request.headers()["te"], value);
    }
}

#[test]
fn a_response_is_made_of_its_status_and_fields() {
    let response = read_response(&[STATUS, ("server", "s")]).unwrap();
    assert_eq!(
        (response.status(), response.version()),
        (StatusCode::OK, Version::HTTP_2)
    );
    assert_eq!(response.headers()["server"], "s");
    assert_eq!(
        read_response(&[(":status", "103")]).unwrap().status(),
        StatusCode::EARLY_HINTS
    );
}

#[test]
fn responses_that_break_a_rule_are_malformed() {
    let cases: &[(&str, &[Line])] = &[
        ("nothing", &[]),
        ("no status", &[("a", "1")]),
        ("second status", &[STATUS, STATUS]),
        ("switching protocols", &[(":status", "101")]),
        ("no number", &[(":status", "ok")]),
        ("part of a request", &[STATUS, PATH]),
        ("method", &[STATUS, METHOD]),
        ("protocol", &[STATUS, PROTOCOL]),
        ("status after a field", &[("a", "1"), STATUS]),
    ];
    for (case, lines) in cases {
        assert_eq!(read_response(lines).unwrap_err(), Fault::Malformed, "{case}");
    }
}

#[test]
fn trailers_have_no_pseudo_headers() {
    let read = |lines: &[Line]| trailers(&mut decoder(), &block(lines), LIMIT).unwrap();
    assert_eq!(read(&[("grpc-status", "0")]).unwrap()["grpc-status"], "0");
    assert_eq!(read(&[]).unwrap().len(), 0);
    for line in [METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, STATUS] {
        assert_eq!(read(&[line]), Err(Fault::Malformed), "{line:?}");
        assert_eq!(read(&[("a", "1"), line]), Err(Fault::Malformed), "{line:?}");
    }
}

#[test]
fn a_message_past_the_limit_is_too_large_whatever_else_it_is() {
    let lines = [METHOD, SCHEME, ("A", "1"), ("b", "22222222222222222")];
    let read = |limit| {
        request(&mut decoder(), &block(&lines), limit)
            .unwrap()
            .unwrap_err()
    };
    assert_eq!(read(42 + 44 + 34 + 50 - 1), Fault::TooLarge);
    assert_eq!(read(LIMIT), Fault::Malformed);
}

#[test]
fn more_fields_than_a_map_can_hold_are_too_large() {
    let mut block = block(&[STATUS]);
    for at in 0..40_000 {
        block.extend([0, 5]);
        block.extend(format!("{at:05}").bytes());
        block.push(0);
    }
    assert_eq!(
        response(&mut decoder(), &block, usize::MAX).unwrap().unwrap_err(),
        Fault::TooLarge
    );
}

#[test]
fn a_block_that_cannot_be_decoded_is_no_fault_of_the_message() {
    assert_eq!(
        request(&mut decoder(), &[0x80], LIMIT).unwrap_err(),
        Broken::Index
    );
    assert_eq!(
        response(&mut decoder(), &[0x80], LIMIT).unwrap_err(),
        Broken::Index
    );
    assert_eq!(
        trailers(&mut decoder(), &[0x80], LIMIT).unwrap_err(),
        Broken::Index
    );
}
