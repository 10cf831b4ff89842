use std::sync::Arc;

use seaway_model::Pattern;

use super::*;

fn names(list: &[&str]) -> Vec<Arc<str>> {
    list.iter().map(|n| (*n).into()).collect()
}

fn compiled(cors: &Cors) -> CompiledCors {
    CompiledCors::new(cors, &mut Expressions::default())
}

fn rules(origin: OriginMatch) -> Cors {
    Cors {
        allow_origins: vec![origin],
        ..Cors::default()
    }
}

fn app() -> Cors {
    Cors {
        allow_methods: names(&["GET", "PUT"]),
        allow_headers: names(&["x-token"]),
        expose_headers: names(&["x-page", "x-total"]),
        max_age_seconds: Some(600),
        ..rules(OriginMatch::Exact("https://app.example.com".into()))
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap()
}

fn asking(origin: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ORIGIN, value(origin));
    headers.insert(ACCESS_CONTROL_REQUEST_METHOD, value("PUT"));
    headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, value("x-asked"));
    headers
}

/// Headers as sorted lines.
fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()))
        .collect();
    lines.sort();
    lines
}

fn after(cors: &Cors, origin: Option<&str>, response: &[(&'static str, &str)]) -> Vec<String> {
    let mut headers = HeaderMap::new();
    for (name, text) in response {
        headers.append(HeaderName::from_static(name), value(text));
    }
    compiled(cors).apply(origin.map(value).as_ref(), &mut headers);
    lines(&headers)
}

#[test]
fn a_preflight_request_is_answered() {
    let answer = compiled(&app())
        .preflight("OPTIONS", &asking("https://app.example.com"))
        .unwrap();
    assert_eq!(
        lines(&answer.headers),
        [
            "access-control-allow-headers: x-token",
            "access-control-allow-methods: GET, PUT",
            "access-control-allow-origin: https://app.example.com",
            "access-control-max-age: 600",
            "vary: origin",
        ]
    );
}

#[test]
fn a_preflight_from_elsewhere_is_answered_without_a_permission() {
    let asked = asking("https://evil.example.com");
    let answer = compiled(&app()).preflight("OPTIONS", &asked).unwrap();
    assert_eq!(lines(&answer.headers), ["vary: origin"]);
    assert!(!answer.is_allowed);
}

#[test]
fn what_is_no_preflight_or_comes_from_elsewhere_goes_on() {
    let cors = compiled(&Cors {
        forward_unmatched_preflights: true,
        ..app()
    });
    let good = asking("https://app.example.com");
    assert!(cors.preflight("GET", &good).is_none());
    assert!(
        cors.preflight("OPTIONS", &asking("https://evil.example.com"))
            .is_none()
    );
    for needed in [ORIGIN, ACCESS_CONTROL_REQUEST_METHOD] {
        let mut headers = good.clone();
        headers.remove(needed);
        assert!(cors.preflight("OPTIONS", &headers).is_none());
    }
}

#[test]
fn any_origin_without_credentials_is_answered_with_a_star() {
    let answer = compiled(&rules(OriginMatch::Any))
        .preflight("OPTIONS", &asking("https://a.com"))
        .unwrap();
    assert_eq!(lines(&answer.headers), ["access-control-allow-origin: *"]);
}

#[test]
fn with_credentials_the_origin_is_named_and_never_a_star() {
    let cors = Cors {
        allow_credentials: true,
        allow_methods: names(&["*"]),
        allow_headers: names(&["*"]),
        ..rules(OriginMatch::Any)
    };
    let answer = compiled(&cors)
        .preflight("OPTIONS", &asking("https://a.com"))
        .unwrap();
    assert_eq!(
        lines(&answer.headers),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-headers: x-asked",
            "access-control-allow-methods: PUT",
            "access-control-allow-origin: https://a.com",
            "vary: origin",
        ]
    );
}

#[test]
fn each_kind_of_origin_takes_what_it_says() {
    let wildcard = OriginMatch::Wildcard {
        before: "https://".into(),
        after: ".example.com".into(),
    };
    for (origin, yes, no) in [
        (
            OriginMatch::Exact("https://a.com".into()),
            "https://a.com",
            "https://a.com:8443",
        ),
        (
            OriginMatch::Prefix("https://a".into()),
            "https://ab.com",
            "http://a.com",
        ),
        (
            wildcard.clone(),
            "https://a.b.example.com",
            "https://.example.com",
        ),
        (
            wildcard,
            "https://a.example.com",
            "https://a.example.com.evil.org",
        ),
        (
            OriginMatch::Regex(Pattern::new("https://a[0-9]").unwrap()),
            "https://a1",
            "https://a12",
        ),
    ] {
        let cors = compiled(&rules(origin.clone()));
        assert!(cors.allows(&value(yes)), "{origin:?}");
        assert!(!cors.allows(&value(no)), "{origin:?}");
    }
}

#[test]
fn ours_replace_what_the_upstream_says() {
    let upstream = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "DELETE"),
        ("access-control-allow-credentials", "true"),
        ("x-other", "1"),
    ];
    assert_eq!(
        after(&app(), Some("https://app.example.com"), &upstream),
        [
            "access-control-allow-origin: https://app.example.com",
            "access-control-expose-headers: x-page, x-total",
            "vary: origin",
            "x-other: 1",
        ]
    );
}

#[test]
fn an_origin_that_is_not_allowed_gets_nothing_of_ours() {
    assert_eq!(
        after(
            &app(),
            Some("https://evil.example.com"),
            &[("access-control-allow-origin", "*")]
        ),
        ["access-control-allow-origin: *", "vary: origin"]
    );
}

#[test]
fn caches_learn_that_the_answer_depends_on_the_origin() {
    assert_eq!(after(&app(), None, &[]), ["vary: origin"]);
    assert_eq!(
        after(&app(), None, &[("vary", "accept")]),
        ["vary: accept", "vary: origin"]
    );
    assert_eq!(
        after(&app(), None, &[("vary", "accept, Origin")]),
        ["vary: accept, Origin"]
    );
    assert_eq!(
        after(&rules(OriginMatch::Any), Some("https://a.com"), &[]),
        ["access-control-allow-origin: *"]
    );
}
