use super::*;

#[test]
fn a_route_remembers_its_object_and_path() {
    let (model, _) = compiled(&format!(
        "{}{SHOP}",
        http_route("r", &format!("paths: [/a, /b], {TO_SHOP}"))
    ));
    let fields: Vec<_> = routes(&model, "*")
        .iter()
        .map(|r| r.origin.field.to_string())
        .collect();
    assert_eq!(fields, ["spec.paths[0]", "spec.paths[1]"]);
    let position = routes(&model, "*")[1]
        .origin
        .position
        .clone()
        .expect("a position");
    assert_eq!(position.line, 2, "a rule stands where its object starts");
    assert_eq!(routes(&model, "*")[1].rule, 0);
}

#[test]
fn plain_paths_are_by_elements_here_and_by_characters_in_kalm() {
    let path = |manifest: String| {
        let (model, _) = compiled(&format!("{manifest}{SHOP}"));
        conditions(only_route(&model)).path.clone()
    };
    assert_eq!(
        path(http_route("r", &format!("paths: [/foo/], {TO_SHOP}"))),
        PathMatch::Elements("/foo".into())
    );
    assert_eq!(
        path(http_route("r", &format!("paths: [/], {TO_SHOP}"))),
        PathMatch::Any
    );
    let kalm = "destinations: [{host: shop.shop}]";
    assert_eq!(
        path(kalm_route("r", &format!("paths: [/foo], {kalm}"))),
        PathMatch::Prefix("/foo".into())
    );
    assert_eq!(
        path(kalm_route("r", &format!("paths: [/], {kalm}"))),
        PathMatch::Any
    );
}

#[test]
fn hosts_are_read_with_wildcards_of_many_labels() {
    let spec =
        format!("hosts: [Shop.example.com, \"*.example.com\", 10.0.0.1, \"*\", shop.example.com], {TO_SHOP}");
    let (model, _) = compiled(&format!("{}{SHOP}", http_route("r", &spec)));
    assert_eq!(
        hosts(&model),
        ["10.0.0.1", "shop.example.com", "*.example.com", "*"]
    );
    assert_eq!(
        routes(&model, "shop.example.com").len(),
        1,
        "a host that is written twice counts once"
    );
}

#[test]
fn a_bad_host_leaves_the_route_out_and_names_the_field() {
    let spec = format!("hosts: [ok.example.com, \"a.*.com\"], {TO_SHOP}");
    let (model, report) = compiled(&format!("{}{SHOP}", http_route("r", &spec)));
    assert!(hosts(&model).is_empty());
    let diagnostic = only(&report, Code::InvalidValue);
    assert_eq!(at(diagnostic), "spec.hosts[1] 5:32");
    assert!(diagnostic.message.contains("a.*.com"));
}

#[test]
fn conditions_become_matches_on_header_query_and_cookie() {
    let route = one(&format!(
        "conditions: [{{type: header, name: User-Agent, operator: matchRegexp, value: \".*iPhone.*\"}}, \
         {{type: query, name: Beta, operator: equal, value: \"1\"}}, \
         {{type: cookie, name: Tester, operator: exists}}, \
         {{type: header, name: x-a, operator: withoutPrefix, value: b}}], {TO_SHOP}"
    ));
    let conditions = conditions(&route);
    assert_eq!(&*conditions.headers[0].name, "user-agent");
    assert!(
        matches!(&conditions.headers[0].value, ValueMatch::Is(StringMatch::Regex(p)) if p.source() == ".*iPhone.*")
    );
    assert_eq!(
        conditions.headers[1].value,
        ValueMatch::IsNot(StringMatch::Prefix("b".into()))
    );
    assert_eq!(&*conditions.query[0].name, "Beta");
    assert_eq!(
        conditions.query[0].value,
        ValueMatch::Is(StringMatch::Exact("1".into()))
    );
    assert_eq!(conditions.cookies[0].value, ValueMatch::Present);
}

#[test]
fn two_conditions_on_one_header_must_both_hold() {
    let route = one(&format!(
        "conditions: [{{type: header, name: x-a, operator: withPrefix, value: a}}, \
         {{type: header, name: x-a, operator: notEqual, value: ab}}], {TO_SHOP}"
    ));
    assert_eq!(conditions(&route).headers.len(), 2);
}

#[test]
fn every_bad_pattern_is_reported_at_once() {
    let spec = format!(
        "paths: [{{regex: \"/(\"}}, /ok], rewrite: {{regex: \"[\", substitution: x}}, \
         conditions: [{{type: header, name: a, operator: matchRegexp, value: \"(?=x)\"}}], {TO_SHOP}"
    );
    let (model, report) = compiled(&format!("{}{SHOP}", http_route("r", &spec)));
    assert!(hosts(&model).is_empty(), "the object is left out as a whole");
    let fields: Vec<_> = report
        .diagnostics
        .iter()
        .map(|d| d.origin.field.to_string())
        .collect();
    assert_eq!(
        fields,
        ["spec.paths[0]", "spec.rewrite.regex", "spec.conditions[0].value"]
    );
    assert_eq!(codes(&report), [Code::InvalidRegex; 3]);
}

#[test]
fn preflights_find_a_route_that_does_not_take_options() {
    let spec = format!("methods: [POST, GET], cors: {{allowOrigins: [\"https://a.example\"]}}, {TO_SHOP}");
    let (model, report) = compiled(&format!("{}{SHOP}", http_route("r", &spec)));
    assert_eq!(codes(&report), []);
    let routes = routes(&model, "*");
    assert_eq!(routes.len(), 2);
    let preflight = conditions(routes[0]);
    assert_eq!(preflight.methods, ["OPTIONS".into()]);
    let asks = HeaderMatch {
        name: "origin".into(),
        value: ValueMatch::Present,
    };
    assert_eq!(preflight.headers[0], asks);
    assert!(
        matches!(&preflight.headers[1].value, ValueMatch::Is(StringMatch::Regex(p)) if p.source() == "GET|POST")
    );
    assert_eq!(routes[0].cors, routes[1].cors);
    assert_eq!(conditions(routes[1]).methods, ["GET".into(), "POST".into()]);
}

#[test]
fn a_route_that_takes_options_needs_no_sibling() {
    let cors = "cors: {allowOrigins: [\"https://a.example\"]}";
    one(&format!("{cors}, {TO_SHOP}"));
    one(&format!("methods: [GET, OPTIONS], {cors}, {TO_SHOP}"));
}

#[test]
fn schemes_choose_the_listeners() {
    let http = http_route(
        "plain",
        &format!("hosts: [shop.example.com], paths: [/a], schemes: [http], {TO_SHOP}"),
    );
    let https = http_route(
        "tls",
        &format!("hosts: [shop.example.com], paths: [/b], schemes: [https], {TO_SHOP}"),
    );
    let (model, _) = compiled(&format!("{http}{https}{SHOP}{CERT}"));
    assert_eq!(names(&model, "shop.example.com"), ["plain /a"]);
    let on_https: Vec<_> = routes_on(&model, Protocol::Https, "shop.example.com")
        .iter()
        .map(|route| &*route.origin.name)
        .collect();
    assert_eq!(on_https, ["tls"]);
}
