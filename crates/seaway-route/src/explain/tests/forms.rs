//! Why, and in which form: sentences, lines of JSON, text.

use super::*;

#[test]
fn a_route_that_can_never_match_says_why() {
    let mut never = route(
        "never",
        Conditions::default(),
        Action::Respond(DirectResponse {
            status: 200,
            body: None,
        }),
    );
    never.matches = Match::Never {
        because: "its list of methods is empty".into(),
    };
    let told = get(&table(vec![never]), "http://shop.example.com/");
    assert_eq!(
        told["considered"][0]["because"],
        "it can never match: its list of methods is empty"
    );
    assert_eq!(told["respond"]["status"], 404);
}

#[test]
fn the_first_condition_that_does_not_hold_is_named() {
    let is = |t: StringMatch| ValueMatch::Is(t);
    let header = |value| Conditions {
        headers: vec![HeaderMatch {
            name: "x-a".into(),
            value,
        }],
        ..Conditions::default()
    };
    let query = |value| Conditions {
        query: vec![QueryMatch {
            name: "q".into(),
            value,
        }],
        ..Conditions::default()
    };
    let cookie = |value| Conditions {
        cookies: vec![CookieMatch {
            name: "c".into(),
            value,
        }],
        ..Conditions::default()
    };
    let exact = |t: &str| StringMatch::Exact(t.into());
    for (conditions, because) in [
        (header(is(exact("2"))), "header x-a is \"1\", not \"2\""),
        (
            header(is(StringMatch::Prefix("2".into()))),
            "header x-a is \"1\", not starting with \"2\"",
        ),
        (
            header(is(StringMatch::Suffix("2".into()))),
            "header x-a is \"1\", not ending with \"2\"",
        ),
        (
            header(ValueMatch::IsNot(exact("1"))),
            "header x-a is \"1\", which is excluded",
        ),
        (header(ValueMatch::Absent), "header x-a is there, with \"1\""),
        (query(ValueMatch::Present), "query parameter q is absent"),
        (cookie(is(exact("2"))), "cookie c is absent, not \"2\""),
        (
            Conditions {
                methods: vec!["POST".into(), "PUT".into()],
                ..Conditions::default()
            },
            "method is GET, not POST or PUT",
        ),
        (
            Conditions {
                path: PathMatch::Regex(Pattern::new("/[0-9]").unwrap()),
                ..Conditions::default()
            },
            "path is \"/a\", not like \"/[0-9]\"",
        ),
    ] {
        let table = table(vec![route(
            "r",
            conditions,
            Action::Respond(DirectResponse {
                status: 200,
                body: None,
            }),
        )]);
        let told = ask(&table, "GET", "http://shop.example.com/a", &[("x-a", "1")]);
        assert_eq!(told["considered"][0]["because"], because);
    }
}

#[test]
fn the_only_route_of_a_host_is_told_with_the_path_that_it_does_not_take() {
    let conditions = Conditions {
        path: PathMatch::Elements("/api".into()),
        ..Conditions::default()
    };
    let action = Action::Forward(forward(vec![to("shop/shop:8080/v1", 1)]));
    let told = get(
        &table(vec![route("api", conditions, action)]),
        "http://shop.example.com/x",
    );
    assert_eq!(told["respond"]["reason"], "no_route");
    assert_eq!(
        told["considered"][0]["because"],
        "path is \"/x\", not \"/api\" nor below it"
    );
}

#[test]
fn a_long_list_is_cut_and_counted() {
    let post = || Conditions {
        headers: vec![HeaderMatch {
            name: "x".into(),
            value: ValueMatch::Present,
        }],
        ..Conditions::default()
    };
    let answer = || {
        Action::Respond(DirectResponse {
            status: 200,
            body: None,
        })
    };
    let mut routes: Vec<_> = (0..60).map(|_| route("no", post(), answer())).collect();
    routes.push(route("yes", Conditions::default(), answer()));
    let told = get(&table(routes), "http://shop.example.com/");
    let considered = told["considered"].as_array().unwrap();
    assert_eq!((considered.len(), &told["consideredMore"]), (51, &json!(10)));
    assert_eq!(considered[50]["matched"], true);
}

#[test]
fn what_no_client_could_send_is_unusable() {
    let unusable = |method, url, headers: &[(&str, &str)]| {
        ExplainRequest::parse(method, url, headers.iter().copied(), None).err()
    };
    assert_eq!(
        unusable("GET", "shop.example.com/", &[]),
        Some(UnusableRequest::Scheme)
    );
    assert_eq!(
        unusable("GET", "ftp://shop.example.com/", &[]),
        Some(UnusableRequest::Scheme)
    );
    assert_eq!(
        unusable("GET", "http:///a", &[]),
        Some(UnusableRequest::Host(normalize::BadHost::Empty))
    );
    assert_eq!(
        unusable("G T", "http://a/", &[]),
        Some(UnusableRequest::Method("G T".into()))
    );
    assert_eq!(
        unusable("GET", "http://a/", &[("a b", "")]),
        Some(UnusableRequest::HeaderName("a b".into()))
    );
    assert_eq!(
        unusable("GET", "http://a/", &[("a", "x\ny")]),
        Some(UnusableRequest::HeaderValue("a".into()))
    );
}

fn lines(table: &RouteTable, input: &[&str]) -> Vec<Value> {
    let mut out = Vec::new();
    for line in input {
        explain_json_line(table, line, &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn a_line_in_is_a_line_out() {
    let table = canary();
    let told = lines(
        &table,
        &[
            r#"{"url": "http://shop.example.com/a"}"#,
            r#"{"method": "PO\u0053T", "url": "http:\/\/shop.example.com/b", "headers": {"user-agent": "an iPhone"}, "port": 80}"#,
            r#"{"method": "GET", "url": "http://shop.example.com/c", "headers": null, "port": null, "other": [1]}"#,
            r#"{"url": "http://shop.example.com/", "headers": {"user-agent": ["an", "iPhone"]}}"#,
            r#"{"url": "http://shop.example.com/", "headers": [["user-agent", "iPhone"]]}"#,
        ],
    );
    assert_eq!(told[0], get(&table, "http://shop.example.com/a"));
    assert_eq!(told[1]["upstreamRequest"]["method"], "POST");
    let winners: Vec<_> = told
        .iter()
        .map(|t| t["route"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(winners, ["shop", "iphone", "shop", "iphone", "iphone"]);
}

#[test]
fn a_line_that_is_no_request_keeps_its_place() {
    let told = lines(
        &canary(),
        &[
            "not json",
            r#"{"url": "http://shop.example.com/"}"#,
            r#"{"method": "GET"}"#,
            r#"{"url": "shop"}"#,
            r#"{"url": "http://a/", "headers": {"a b": "c"}}"#,
            r#"{"url": "http://a/", "headers": {"a": 1}}"#,
            r#"{"url": "http://a/", "port": 70000}"#,
            "",
        ],
    );
    let errors: Vec<_> = told.iter().map(|t| t["error"].is_string()).collect();
    assert_eq!(errors, [true, false, true, true, true, true, true, true]);
}

#[test]
fn a_person_reads_lines() {
    let table = canary();
    let headers = [("user-agent", "curl")];
    let request = ExplainRequest::parse("GET", "http://shop.example.com/cart", headers, None).unwrap();
    let expected = "\
action        forward
listener      http-80
virtual host  shop.example.com
route         HttpRoute shop/shop, rule 0 (shop.yaml:7)
destination   95% to shop/shop:8080/v1 (10.0.0.1:8080, 10.0.0.2:8080)
destination   5% to shop/shop:8080/v2 (no endpoints)
upstream gets GET /cart, host shop.example.com
timeout       15000 ms
not by        HttpRoute shop/iphone, rule 0 (shop.yaml:7): header user-agent is \"curl\", not like \".*iPhone.*\"
taken by      HttpRoute shop/shop, rule 0 (shop.yaml:7): every condition holds";
    assert_eq!(explain(&table, &request).to_string(), expected);
}
