use proptest::prelude::*;

use super::*;

fn named(source: &str, destination: &str) -> Header {
    Header::Named {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

fn complete(header: Header, length: usize) -> Result<Parsed, Malformed> {
    Ok(Parsed::Complete { header, length })
}

fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE_2, &[command, family], &length, body].concat()
}

/// As a sender writes it, in text or in binary.
fn written(source: SocketAddr, destination: SocketAddr, is_text: bool, tlvs: &[u8]) -> Vec<u8> {
    let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
    let (word, family, addresses) = match (source.ip(), destination.ip()) {
        (IpAddr::V4(s), IpAddr::V4(d)) => ("TCP4", 0x11, [s.octets(), d.octets()].concat()),
        (IpAddr::V6(s), IpAddr::V6(d)) => ("TCP6", 0x21, [s.octets(), d.octets()].concat()),
        _ => panic!("one family"),
    };
    if is_text {
        let (s, d) = (source.ip(), destination.ip());
        let line = format!(
            "PROXY {word} {s} {d} {} {}\r\n",
            source.port(),
            destination.port()
        );
        return line.into_bytes();
    }
    binary(0x21, family, &[addresses.as_slice(), &ports, tlvs].concat())
}

#[test]
fn addresses_are_read_from_text() {
    let line = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nGET /";
    assert_eq!(
        parse(line),
        complete(named("192.0.2.1:56324", "198.51.100.7:443"), 45)
    );
    let line = b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n";
    assert_eq!(
        parse(line),
        complete(named("[2001:db8::1]:1", "[::1]:65535"), line.len())
    );
}

#[test]
fn whoever_does_not_know_the_client_says_so() {
    for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 anything at all\r\n"] {
        assert_eq!(parse(line.as_bytes()), complete(Header::Unnamed, line.len()));
    }
    for bytes in [
        binary(0x20, 0x11, &[0; 12]),
        binary(0x20, 0xff, &[]),
        binary(0x21, 0x00, b"anything"),
        binary(0x21, 0x31, &[0; 216]),
    ] {
        assert_eq!(parse(&bytes), complete(Header::Unnamed, bytes.len()));
    }
}

#[test]
fn text_that_is_nearly_right_is_wrong() {
    for line in [
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n",
        "PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 +1 443\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.7 1 443\r\n",
        "PROXY TCP4 ::1 ::1 1 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.7 1 443\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.7 1 443\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.7 1 443\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY \r\n",
        "proxy TCP4 192.0.2.1 198.51.100.7 1 443\r\n",
        "GET / HTTP/1.1\r\n",
    ] {
        assert_eq!(parse(line.as_bytes()), Err(Malformed), "{line:?}");
    }
}

#[test]
fn binary_that_is_nearly_right_is_wrong() {
    for bytes in [
        binary(0x22, 0x11, &[0; 12]),
        binary(0x11, 0x11, &[0; 12]),
        binary(0x21, 0x11, &[0; 11]),
        binary(0x21, 0x21, &[0; 35]),
        binary(0x21, 0x12, &[0; 12]),
        binary(0x21, 0x31, &[0; 215]),
        binary(0x21, 0x41, &[0; 216]),
    ] {
        assert_eq!(parse(&bytes), Err(Malformed), "{bytes:?}");
    }
}

#[test]
fn a_header_without_an_end_is_given_up() {
    let line = format!("PROXY UNKNOWN {}", "x".repeat(LONGEST_1));
    assert_eq!(parse(&line.as_bytes()[..LONGEST_1 - 1]), Ok(Parsed::Incomplete));
    assert_eq!(parse(&line.as_bytes()[..LONGEST_1]), Err(Malformed));
    let long = binary(0x21, 0x11, &vec![0; LONGEST_2 + 1]);
    assert_eq!(parse(&long[..16]), Err(Malformed));
}

fn addresses() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let four = (any::<([u8; 4], u16)>(), any::<([u8; 4], u16)>()).prop_map(|(s, d)| (s.into(), d.into()));
    let six = (any::<([u8; 16], u16)>(), any::<([u8; 16], u16)>()).prop_map(|(s, d)| (s.into(), d.into()));
    prop_oneof![four, six]
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        (source, destination) in addresses(),
        is_text in any::<bool>(),
        tlvs in prop::collection::vec(any::<u8>(), 0..300),
        more in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut bytes = written(source, destination, is_text, &tlvs);
        let length = bytes.len();
        for cut in 0..length {
            prop_assert_eq!(parse(&bytes[..cut]), Ok(Parsed::Incomplete), "cut at {}", cut);
        }
        bytes.extend(more);
        prop_assert_eq!(parse(&bytes), complete(Header::Named { source, destination }, length));
    }

    #[test]
    fn no_bytes_are_too_strange(
        start in prop::sample::select(vec![&b""[..], SIGNATURE_1, b"PROXY TCP4 ", SIGNATURE_2]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let all = [start, &bytes].concat();
        if let Ok(Parsed::Complete { length, .. }) = parse(&all) {
            prop_assert!(length <= all.len());
            // Nothing but the header itself decided.
            prop_assert_eq!(parse(&all), parse(&all[..length]));
        }
    }
}
