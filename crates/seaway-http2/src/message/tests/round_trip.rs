//! What the encoder sends, this module reads.

use bytes::BytesMut;
use http::{HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::hpack::Encoder;

fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![
        Just("content-type".to_owned()),
        Just("accept-encoding".to_owned()),
        Just("grpc-status".to_owned()),
        Just("cookie".to_owned()),
        "x-[a-z0-9-]{0,40}",
    ];
    let value = prop_oneof![
        Just(Vec::new()),
        Just(b"gzip, deflate".to_vec()),
        Just(b"application/grpc".to_vec()),
        "[!-~]([ -~]{0,400}[!-~])?".prop_map(String::into_bytes),
        proptest::collection::vec(0x80..=0xffu8, 0..20),
    ];
    let field = (name, value, any::<bool>()).prop_map(|(name, value, sensitive)| {
        let mut value = HeaderValue::try_from(value).unwrap();
        value.set_sensitive(sensitive);
        (HeaderName::try_from(name).unwrap(), value)
    });
    proptest::collection::vec(field, 0..20).prop_map(|fields| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        headers
    })
}

fn secrets(headers: &HeaderMap) -> Vec<(&str, bool)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.is_sensitive()))
        .collect()
}

proptest! {
    #[test]
    fn a_request_arrives_as_it_was_sent(
        method in "GET|POST|PUT|OPTIONS|[A-Z]{1,20}",
        target in "https?://[a-z]{1,20}(:[1-9][0-9]{0,3})?/[a-zA-Z0-9/%._-]{0,300}(\\?[a-z=&]{0,20})?",
        headers in headers(),
    ) {
        prop_assume!(method != "CONNECT");
        let mut sent = Request::builder().method(&method[..]).uri(target).body(()).unwrap();
        *sent.headers_mut() = headers;
        let mut block = BytesMut::new();
        Encoder::default().request(&sent, None, &mut block);
        let arrived = request(&mut decoder(), &block, usize::MAX).unwrap().unwrap();
        prop_assert_eq!(arrived.method(), sent.method());
        prop_assert_eq!(arrived.uri(), sent.uri());
        prop_assert_eq!(arrived.headers(), sent.headers());
        prop_assert_eq!(secrets(arrived.headers()), secrets(sent.headers()));
    }

    #[test]
    fn a_response_arrives_as_it_was_sent(status in 102..=999u16, headers in headers()) {
        let status = StatusCode::from_u16(status).unwrap();
        let mut block = BytesMut::new();
        Encoder::default().response(status, &headers, &mut block);
        let arrived = response(&mut decoder(), &block, usize::MAX).unwrap().unwrap();
        prop_assert_eq!(arrived.status(), status);
        prop_assert_eq!(arrived.headers(), &headers);
    }

    #[test]
    fn trailers_arrive_as_they_were_sent(headers in headers()) {
        let mut block = BytesMut::new();
        Encoder::default().trailers(&headers, &mut block);
        prop_assert_eq!(trailers(&mut decoder(), &block, usize::MAX).unwrap(), Ok(headers));
    }

    #[test]
    fn extended_connects_arrive_as_they_were_sent(protocol in "[a-z-]{1,20}") {
        let sent = Request::builder().method("CONNECT").uri("https://a/p").body(()).unwrap();
        let mut block = BytesMut::new();
        Encoder::default().request(&sent, Some(&protocol), &mut block);
        let arrived = request(&mut decoder(), &block, LIMIT).unwrap().unwrap();
        prop_assert_eq!(arrived.uri(), sent.uri());
        prop_assert_eq!(arrived.extensions().get::<Protocol>().unwrap().as_str(), protocol);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(block in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = request(&mut decoder(), &block, LIMIT);
        let _ = response(&mut decoder(), &block, LIMIT);
        let _ = trailers(&mut decoder(), &block, LIMIT);
    }
}

#[test]
fn a_plain_connect_arrives_as_it_was_sent() {
    let sent = Request::builder()
        .method("CONNECT")
        .uri("a:443")
        .body(())
        .unwrap();
    let mut block = BytesMut::new();
    Encoder::default().request(&sent, None, &mut block);
    assert_eq!(
        request(&mut decoder(), &block, LIMIT).unwrap().unwrap().uri(),
        sent.uri()
    );
}
