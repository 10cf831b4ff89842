use http::{HeaderMap, HeaderName, HeaderValue};
use seaway_model::{Conditions, CookieMatch, HeaderMatch, Pattern, QueryMatch};

use super::*;

fn text(text: &str) -> Arc<str> {
    text.into()
}

fn regex(source: &str) -> StringMatch {
    StringMatch::Regex(Pattern::new(source).unwrap())
}

/// A request by its path and query, and its headers.
fn evaluate(conditions: Conditions, target: &str, headers: &[(&str, &[u8])]) -> Result<usize, Miss> {
    let map: HeaderMap = headers
        .iter()
        .map(|(n, v)| {
            (
                HeaderName::from_bytes(n.as_bytes()).unwrap(),
                HeaderValue::from_bytes(v).unwrap(),
            )
        })
        .collect();
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(p, q)| (p, Some(q)));
    let request = RequestHead {
        method: "GET",
        host: "shop.example.com",
        path,
        query,
        headers: &map,
        server_name: None,
        source: None,
    };
    let matches = Match::When(conditions);
    Ready::new(&matches, &mut Expressions::default()).evaluate(&request)
}

fn path(path: PathMatch, target: &str) -> Option<usize> {
    evaluate(
        Conditions {
            path,
            ..Conditions::default()
        },
        target,
        &[],
    )
    .ok()
}

fn header(name: &str, value: ValueMatch, headers: &[(&str, &[u8])]) -> bool {
    let headers_wanted = vec![HeaderMatch {
        name: name.into(),
        value,
    }];
    evaluate(
        Conditions {
            headers: headers_wanted,
            ..Conditions::default()
        },
        "/",
        headers,
    )
    .is_ok()
}

fn query(name: &str, value: ValueMatch, target: &str) -> bool {
    let query = vec![QueryMatch {
        name: name.into(),
        value,
    }];
    evaluate(
        Conditions {
            query,
            ..Conditions::default()
        },
        target,
        &[],
    )
    .is_ok()
}

#[test]
fn any_path_is_matched_with_nothing() {
    assert_eq!(path(PathMatch::Any, "/a"), Some(0));
    assert_eq!(path(PathMatch::Any, "*"), Some(0));
}

#[test]
fn an_exact_path_matches_itself_only() {
    let exact = || PathMatch::Exact(text("/a"));
    assert_eq!(path(exact(), "/a"), Some(2));
    for other in ["/a/", "/A", "/ab", "/", "/%61"] {
        assert_eq!(path(exact(), other), None, "{other}");
    }
}

#[test]
fn a_prefix_by_elements_does_not_match_half_an_element() {
    let elements = || PathMatch::Elements(text("/foo"));
    assert_eq!(path(elements(), "/foo"), Some(4));
    assert_eq!(path(elements(), "/foo/"), Some(4));
    assert_eq!(path(elements(), "/foo/bar"), Some(4));
    assert_eq!(path(elements(), "/foobar"), None);
    assert_eq!(path(elements(), "/fo"), None);
}

#[test]
fn a_trailing_slash_of_a_prefix_by_elements_means_nothing() {
    assert_eq!(path(PathMatch::Elements(text("/foo/")), "/foo"), Some(4));
    assert_eq!(path(PathMatch::Elements(text("/")), "/foo"), Some(0));
    assert_eq!(path(PathMatch::Elements(text("/")), "*"), None);
}

#[test]
fn a_prefix_by_text_matches_half_an_element() {
    assert_eq!(path(PathMatch::Prefix(text("/foo")), "/foobar"), Some(4));
    assert_eq!(path(PathMatch::Prefix(text("/foo/")), "/foo"), None);
}

#[test]
fn an_expression_matches_the_whole_path() {
    let expression = |source| PathMatch::Regex(Pattern::new(source).unwrap());
    assert_eq!(path(expression("/v[0-9]+"), "/v12"), Some(4));
    assert_eq!(path(expression("/v[0-9]+"), "/v12/a"), None);
    assert_eq!(path(expression("/a|/ab"), "/ab"), Some(3));
}

#[test]
fn one_of_the_methods_must_be_the_requests() {
    let with = |methods: &[&str]| {
        let methods = methods.iter().map(|m| text(m)).collect();
        evaluate(
            Conditions {
                methods,
                ..Conditions::default()
            },
            "/",
            &[],
        )
    };
    assert_eq!(with(&["POST", "GET"]), Ok(0));
    assert_eq!(with(&[]), Ok(0));
    assert_eq!(with(&["POST"]), Err(Miss::Method));
}

#[test]
fn letters_may_match_in_either_case() {
    let exact = || PathMatch::ExactIgnoringCase(text("/a-b"));
    assert_eq!(path(exact(), "/A-b"), Some(4));
    assert_eq!(path(exact(), "/a-b"), Some(4));
    for other in ["/a-b/", "/a_b", "/a-", "/%61-b"] {
        assert_eq!(path(exact(), other), None, "{other}");
    }
    let prefix = || PathMatch::PrefixIgnoringCase(text("/shop"));
    assert_eq!(path(prefix(), "/SHOPping"), Some(5));
    assert_eq!(path(prefix(), "/Shop"), Some(5));
    assert_eq!(path(prefix(), "/sho"), None);
    // Only of ASCII, as in Envoy: the Kelvin sign is no k.
    assert_eq!(path(PathMatch::PrefixIgnoringCase(text("/k")), "/\u{212a}"), None);
}

#[test]
fn method_and_authority_are_conditions_as_headers_are() {
    let prefix = |p: &str| ValueMatch::Is(StringMatch::Prefix(text(p)));
    assert!(header(":method", prefix("G"), &[]));
    assert!(!header(":method", prefix("P"), &[]));
    assert!(header(":method", ValueMatch::IsNot(regex("POST|PUT")), &[]));
    assert!(header(":authority", prefix("shop."), &[]));
    assert!(header(
        ":authority",
        ValueMatch::Is(regex("a:[0-9]+")),
        &[("host", b"a:8080")]
    ));
    assert!(!header(":authority", prefix("shop."), &[("host", b"a:8080")]));
}

#[test]
fn a_route_for_certain_clients_takes_only_theirs() {
    let pods: Arc<[IpAddr]> = ["10.0.0.1", "10.0.0.3", "2001:db8::1"]
        .map(|pod| pod.parse().unwrap())
        .into();
    let matches = Match::When(Conditions {
        sources: Some(pods),
        ..Conditions::default()
    });
    let ready = Ready::new(&matches, &mut Expressions::default());
    let from = |source: Option<&str>| {
        ready.evaluate(&RequestHead {
            method: "GET",
            host: "",
            path: "/",
            query: None,
            headers: &HeaderMap::new(),
            server_name: None,
            source: source.map(|s| s.parse().unwrap()),
        })
    };
    for pod in ["10.0.0.1", "10.0.0.3", "2001:db8::1"] {
        assert_eq!(from(Some(pod)), Ok(0), "{pod}");
    }
    assert_eq!(from(Some("10.0.0.2")), Err(Miss::Source));
    assert_eq!(from(None), Err(Miss::Source));
}

#[test]
fn a_route_that_can_never_match_does_not() {
    let matches = Match::Never { because: text("why") };
    let headers = HeaderMap::new();
    let request = RequestHead {
        method: "GET",
        host: "",
        path: "/",
        query: None,
        headers: &headers,
        server_name: None,
        source: None,
    };
    assert_eq!(
        Ready::new(&matches, &mut Expressions::default()).evaluate(&request),
        Err(Miss::Never)
    );
}

#[test]
fn each_operator_means_what_the_model_says() {
    let there: &[(&str, &[u8])] = &[("x-a", b"value")];
    let is = |m| header("x-a", ValueMatch::Is(m), there);
    let is_not = |m| header("x-a", ValueMatch::IsNot(m), there);
    let cases = [
        (StringMatch::Exact(text("value")), true),
        (StringMatch::Exact(text("VALUE")), false),
        (StringMatch::Prefix(text("val")), true),
        (StringMatch::Prefix(text("alue")), false),
        (StringMatch::Suffix(text("lue")), true),
        (StringMatch::Suffix(text("valu")), false),
        (regex("v.*e"), true),
        (regex("v"), false),
    ];
    for (condition, holds) in cases {
        assert_eq!(is(condition.clone()), holds, "{condition:?}");
        assert_eq!(is_not(condition.clone()), !holds, "{condition:?}");
    }
}

#[test]
fn a_negation_holds_for_a_value_that_is_absent() {
    for condition in [
        StringMatch::Exact(text("")),
        StringMatch::Prefix(text("")),
        regex(".*"),
    ] {
        assert!(header("x-a", ValueMatch::IsNot(condition.clone()), &[]));
        assert!(!header("x-a", ValueMatch::Is(condition), &[]));
    }
}

#[test]
fn an_empty_value_is_there() {
    assert!(header("x-a", ValueMatch::Present, &[("x-a", b"")]));
    assert!(!header("x-a", ValueMatch::Absent, &[("x-a", b"")]));
    assert!(header(
        "x-a",
        ValueMatch::Is(StringMatch::Exact(text(""))),
        &[("x-a", b"")]
    ));
    assert!(header("x-a", ValueMatch::Absent, &[]));
    assert!(!header("x-a", ValueMatch::Present, &[]));
}

#[test]
fn several_fields_count_as_one_value() {
    let fields: &[(&str, &[u8])] = &[("x-a", b"1"), ("x-a", b"2")];
    assert!(header(
        "x-a",
        ValueMatch::Is(StringMatch::Exact(text("1,2"))),
        fields
    ));
    assert!(!header(
        "x-a",
        ValueMatch::Is(StringMatch::Exact(text("1"))),
        fields
    ));
}

#[test]
fn a_condition_on_the_host_sees_the_header_or_else_the_authority() {
    let is = |v: &str| ValueMatch::Is(StringMatch::Exact(text(v)));
    for name in ["host", ":authority"] {
        assert!(header(name, is("Shop:80"), &[("host", b"Shop:80")]));
        assert!(header(name, is("shop.example.com"), &[]));
    }
}

#[test]
fn bytes_that_are_not_utf8_are_compared_as_bytes() {
    let odd: &[(&str, &[u8])] = &[("x-a", b"a\xff")];
    assert!(header("x-a", ValueMatch::Is(StringMatch::Prefix(text("a"))), odd));
    assert!(!header("x-a", ValueMatch::Is(regex("a.*")), odd));
    assert!(header("x-a", ValueMatch::IsNot(regex("a.*")), odd));
}

#[test]
fn a_header_that_no_request_can_have_is_absent() {
    assert!(header("bad name", ValueMatch::Absent, &[]));
    assert!(!header("bad name", ValueMatch::Present, &[]));
}

#[test]
fn a_query_parameter_is_the_first_of_its_name_decoded() {
    let is = |v: &str| ValueMatch::Is(StringMatch::Exact(text(v)));
    assert!(query("a", is("1"), "/?a=1&a=2"));
    assert!(!query("a", is("2"), "/?a=1&a=2"));
    assert!(query("a", is("x y"), "/?a=x%20y"));
    assert!(query("a", is("x+y"), "/?a=x+y"));
    assert!(query("a", ValueMatch::Present, "/?a"));
    assert!(query("a", ValueMatch::Absent, "/?A=1"));
    assert!(query("a", ValueMatch::Absent, "/"));
    assert!(!query("a", ValueMatch::Is(regex(".*")), "/?a=%ff"));
}

#[test]
fn a_cookie_is_found_in_any_of_the_headers() {
    let cookies = vec![CookieMatch {
        name: text("tester"),
        value: ValueMatch::Is(StringMatch::Exact(text("1"))),
    }];
    let conditions = Conditions {
        cookies,
        ..Conditions::default()
    };
    assert!(
        evaluate(
            conditions.clone(),
            "/",
            &[("cookie", b"a=b"), ("cookie", b"c=d; tester=1")]
        )
        .is_ok()
    );
    assert_eq!(
        evaluate(conditions, "/", &[("cookie", b"tester=2; tester=1")]),
        Err(Miss::Check(0))
    );
}

#[test]
fn all_conditions_must_hold_and_the_first_that_does_not_is_told() {
    let conditions = Conditions {
        path: PathMatch::Elements(text("/a")),
        headers: vec![HeaderMatch {
            name: text("x-a"),
            value: ValueMatch::Present,
        }],
        query: vec![QueryMatch {
            name: text("q"),
            value: ValueMatch::Present,
        }],
        ..Conditions::default()
    };
    assert_eq!(evaluate(conditions.clone(), "/a?q", &[("x-a", b"1")]), Ok(2));
    assert_eq!(
        evaluate(conditions.clone(), "/b?q", &[("x-a", b"1")]),
        Err(Miss::Path)
    );
    assert_eq!(evaluate(conditions.clone(), "/a?q", &[]), Err(Miss::Check(0)));
    assert_eq!(evaluate(conditions, "/a", &[("x-a", b"1")]), Err(Miss::Check(1)));
}
