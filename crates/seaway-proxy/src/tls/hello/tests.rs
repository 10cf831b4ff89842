use std::sync::Arc;

use proptest::prelude::*;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;

/// What a client of rustls says first.
fn hello_of(name: &str, alpn: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    let name = rustls::pki_types::ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

fn with_length(length: usize, bytes: &[u8]) -> Vec<u8> {
    let count = bytes.len().to_be_bytes();
    let mut all = count[count.len() - length..].to_vec();
    all.extend_from_slice(bytes);
    all
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), with_length(2, content)].concat()
}

fn server_name(name: &[u8]) -> Vec<u8> {
    let entry = [vec![0], with_length(2, name)].concat();
    extension(0, &with_length(2, &entry))
}

/// A hello with these extensions, in records of this size.
fn written(extensions: Option<&[u8]>, record: usize) -> Vec<u8> {
    let mut body = vec![3, 1];
    body.extend([7; 32]);
    body.extend(with_length(1, &[1, 2, 3]));
    body.extend(with_length(2, &[0, 47]));
    body.extend(with_length(1, &[0]));
    if let Some(extensions) = extensions {
        body.extend(with_length(2, extensions));
    }
    let message = [vec![1], with_length(3, &body)].concat();
    let records = message
        .chunks(record)
        .map(|chunk| [vec![22, 3, 1], with_length(2, chunk)].concat());
    records.flatten().collect()
}

fn read(name: Option<&str>) -> Parsed {
    Parsed::Hello(Hello {
        server_name: name.map(str::to_owned),
        is_acme: false,
    })
}

#[test]
fn the_name_is_read_from_what_a_client_says() {
    assert_eq!(
        parse(&hello_of("Shop.Example.com", &["h2", "http/1.1"])),
        read(Some("shop.example.com"))
    );
}

#[test]
fn a_client_for_an_address_sends_no_name() {
    assert_eq!(parse(&hello_of("127.0.0.1", &[])), read(None));
}

#[test]
fn an_authority_offers_its_protocol_and_nothing_else() {
    for (alpn, is_acme) in [
        (&["acme-tls/1"][..], true),
        (&["acme-tls/1", "h2"], false),
        (&["h2"], false),
    ] {
        let Parsed::Hello(hello) = parse(&hello_of("a.example", alpn)) else {
            panic!("a hello");
        };
        assert_eq!(hello.is_acme, is_acme, "{alpn:?}");
    }
}

#[test]
fn a_hello_of_long_ago_is_read_too() {
    assert_eq!(parse(&written(None, 1000)), read(None));
    assert_eq!(
        parse(&written(Some(&server_name(b"old.example.")), 1000)),
        read(Some("old.example"))
    );
}

#[test]
fn a_hello_in_many_records_is_one_hello() {
    for record in [1, 2, 3, 5, 50] {
        let bytes = written(Some(&server_name(b"a.example")), record);
        assert_eq!(parse(&bytes), read(Some("a.example")), "records of {record}");
    }
}

#[test]
fn what_is_not_tls_is_seen_at_once() {
    for bytes in [
        &b"G"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x02",
        b"\x16\x03\x01\x00\x00",
        b"\x15\x03\x01\x00\x02\x02\x50",
    ] {
        assert_eq!(parse(bytes), Parsed::Unintelligible, "{bytes:?}");
    }
}

#[test]
fn two_names_or_a_name_that_is_none_are_not_guessed_at() {
    let twice = [server_name(b"a.example"), server_name(b"b.example")].concat();
    for extensions in [
        twice,
        server_name(b""),
        server_name(b"a b"),
        server_name(b"\xff"),
        server_name(b"*.example"),
    ] {
        assert_eq!(
            parse(&written(Some(&extensions), 1000)),
            Parsed::Unintelligible,
            "{extensions:?}"
        );
    }
}

#[test]
fn a_hello_without_an_end_is_given_up() {
    let mut bytes = written(Some(&extension(99, &vec![0; 16_000])), LONGEST_RECORD);
    assert!(bytes.len() < MAXIMUM);
    bytes.pop();
    assert_eq!(parse(&bytes), Parsed::Incomplete);
    let long = written(Some(&extension(99, &vec![0; 20_000])), LONGEST_RECORD);
    assert_eq!(parse(&long[..100]), Parsed::Unintelligible);
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn a_changed_byte_never_makes_another_name_out_of_thin_air(
        at in 0_usize..100,
        byte in any::<u8>(),
    ) {
        let mut bytes = written(Some(&server_name(b"a.example")), 1000);
        let at = at.min(bytes.len() - 1);
        bytes[at] = byte;
        if let Parsed::Hello(Hello { server_name: Some(name), .. }) = parse(&bytes) {
            let said = bytes.to_ascii_lowercase();
            prop_assert!(said.windows(name.len()).any(|part| part == name.as_bytes()), "{}", name);
        }
    }

    #[test]
    fn a_part_of_a_hello_says_that_it_goes_on(cut in 0.0..1.0_f64, record in 1_usize..200) {
        let bytes = written(Some(&server_name(b"a.example")), record);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = (cut * bytes.len() as f64) as usize;
        prop_assert_eq!(parse(&bytes[..cut]), Parsed::Incomplete);
    }

    #[test]
    fn what_follows_a_hello_is_of_no_account(more in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut bytes = written(Some(&server_name(b"a.example")), 1000);
        bytes.extend(more);
        prop_assert_eq!(parse(&bytes), read(Some("a.example")));
    }
}
