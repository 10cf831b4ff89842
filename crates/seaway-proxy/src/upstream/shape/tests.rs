use super::*;

fn request(uri: &str, headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn response(headers: &[(&'static str, &str)]) -> Response<()> {
    let mut response = Response::builder();
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap()
}

#[test]
fn http1_gets_origin_form_and_a_host() {
    let mut request = request("http://shop.example.com:8080/a?b=c", &[]);
    for_http1(&mut request);
    assert_eq!(request.uri().to_string(), "/a?b=c");
    assert_eq!(request.headers()["host"], "shop.example.com:8080");
}

#[test]
fn http1_keeps_the_host_that_is_there() {
    let mut request = request("http://other.example.com/a", &[("host", "shop.example.com")]);
    for_http1(&mut request);
    assert_eq!(request.headers()["host"], "shop.example.com");
}

#[test]
fn http1_never_sees_user_information() {
    let mut request = request("http://user:secret@shop.example.com/", &[]);
    for_http1(&mut request);
    assert_eq!(request.headers()["host"], "shop.example.com");
}

#[test]
fn http1_gets_a_slash_for_no_path() {
    let mut request = request("http://shop.example.com", &[]);
    for_http1(&mut request);
    assert_eq!(request.uri().to_string(), "/");
}

#[test]
fn http1_options_for_the_whole_server_stays_a_star() {
    let mut request = request("*", &[("host", "shop.example.com")]);
    for_http1(&mut request);
    assert_eq!(request.uri().to_string(), "*");
}

#[test]
fn http2_gets_an_absolute_uri_and_no_host() {
    let mut request = request("/a?b=c", &[("host", "shop.example.com:8080")]);
    for_http2(&mut request, false).unwrap();
    assert_eq!(request.uri().to_string(), "http://shop.example.com:8080/a?b=c");
    assert!(!request.headers().contains_key("host"));
}

#[test]
fn shaping_twice_for_http2_changes_nothing() {
    let mut request = request("/a", &[("host", "shop.example.com")]);
    for_http2(&mut request, false).unwrap();
    let once = request.uri().clone();
    for_http2(&mut request, false).unwrap();
    assert_eq!(*request.uri(), once);
}

#[test]
fn http2_without_any_host_is_refused() {
    assert!(matches!(
        for_http2(&mut request("/a", &[]), false),
        Err(Failure::BadRequest(_))
    ));
}

#[test]
fn http2_gets_no_fields_of_a_connection() {
    let headers = [
        ("host", "a"),
        ("connection", "x-hop, keep-alive, te"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("te", "gzip, trailers"),
        ("x-kept", "1"),
    ];
    let mut request = request("/", &headers);
    for_http2(&mut request, false).unwrap();
    let mut left: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["te", "x-kept"]);
    assert_eq!(request.headers()["te"], "trailers");
}

#[test]
fn http2_gets_no_te_but_trailers() {
    let mut request = request("/", &[("host", "a"), ("te", "gzip")]);
    for_http2(&mut request, false).unwrap();
    assert!(!request.headers().contains_key("te"));
}

#[test]
fn a_response_with_a_length_and_chunks_is_refused() {
    let mut response = response(&[("content-length", "5"), ("transfer-encoding", "chunked")]);
    assert_eq!(
        check_response(&mut response, false),
        Err(Failure::UpstreamProtocol)
    );
}

#[test]
fn a_response_in_chunks_passes() {
    let mut response = response(&[("transfer-encoding", "Chunked")]);
    assert_eq!(check_response(&mut response, false), Ok(()));
}

#[test]
fn a_transfer_coding_that_cannot_be_forwarded_is_refused() {
    for coding in ["gzip", "gzip, chunked", "chunked, chunked", "xchunked"] {
        let mut response = response(&[("transfer-encoding", coding)]);
        assert_eq!(
            check_response(&mut response, false),
            Err(Failure::UpstreamProtocol),
            "{coding}"
        );
    }
}

#[test]
fn a_response_with_two_lengths_is_refused() {
    for headers in [
        &[("content-length", "5"), ("content-length", "6")][..],
        &[("content-length", "5, 6")][..],
    ] {
        let mut response = response(headers);
        assert_eq!(
            check_response(&mut response, false),
            Err(Failure::UpstreamProtocol)
        );
    }
}

#[test]
fn equal_lengths_become_one() {
    let mut response = response(&[("content-length", "5, 5"), ("content-length", "5")]);
    assert_eq!(check_response(&mut response, false), Ok(()));
    let lengths: Vec<_> = response.headers().get_all("content-length").iter().collect();
    assert_eq!(lengths, ["5"]);
}

#[test]
fn a_length_that_is_not_a_number_is_refused() {
    for length in ["+5", "-1", "0x5", "5,", "", "5 5", "99999999999999999999999999,1"] {
        let mut response = response(&[("content-length", length)]);
        assert_eq!(
            check_response(&mut response, false),
            Err(Failure::UpstreamProtocol),
            "{length}"
        );
    }
}

#[test]
fn switching_protocols_unasked_is_refused() {
    let mut response = response(&[]);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    assert_eq!(
        check_response(&mut response, false),
        Err(Failure::UpstreamProtocol)
    );
    assert_eq!(check_response(&mut response, true), Ok(()));
}
