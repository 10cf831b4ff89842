//! What comes before a route: listener, certificate, host, path.

use super::*;

#[test]
fn why_a_condition_on_method_case_or_client_does_not_hold_is_told() {
    let with = |conditions| {
        route(
            "a",
            conditions,
            Action::Forward(forward(vec![to("shop/shop:8080/v1", 1)])),
        )
    };
    let method = Conditions {
        headers: vec![HeaderMatch {
            name: ":method".into(),
            value: ValueMatch::Is(StringMatch::Prefix("P".into())),
        }],
        ..Conditions::default()
    };
    let path = Conditions {
        path: PathMatch::PrefixIgnoringCase("/shop".into()),
        ..Conditions::default()
    };
    let pods = Conditions {
        sources: Some(vec!["10.0.0.7".parse().unwrap()].into()),
        ..Conditions::default()
    };
    let table = table(vec![with(method), with(path), with(pods)]);
    let url = "http://shop.example.com/cart";
    let told = |source: Option<&str>| {
        let request = ExplainRequest::parse("GET", url, [("", ""); 0], None).unwrap();
        let request = request.from_source(source.map(|s| s.parse().unwrap()));
        let explanation = explain(&table, &request);
        let because = explanation.considered.iter().map(|c| c.because.to_string());
        (explanation.action, because.collect::<Vec<_>>())
    };
    let method = "header :method is \"GET\", not starting with \"P\"";
    let path = "path is \"/cart\", which does not start with \"/shop\" in any case";
    let nobody = "it is for certain pods, and the client's address is not given";
    let other = "client 10.0.0.8 is none of the pods that it is for";
    assert_eq!(told(None).1, [method, path, nobody]);
    assert_eq!(told(Some("10.0.0.8")).1, [method, path, other]);
    assert_eq!(told(Some("::ffff:10.0.0.7")).0, ActionKind::Forward);
}

#[test]
fn no_route_is_404() {
    let told = get(&responding(), "http://unknown.example.com/");
    assert_eq!(told["action"], "respond");
    assert_eq!(told["respond"], json!({"status": 404, "reason": "no_route"}));
    assert_eq!(
        (&told["virtualHost"], &told["route"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_port_that_nobody_listens_on_is_told() {
    let told = get(&responding(), "http://shop.example.com:8080/");
    assert_eq!(
        (&told["action"], &told["listener"]),
        (&json!("none"), &Value::Null)
    );
    assert_eq!(told["because"], "no listener on port 8080; there is on 80, 443");
}

#[test]
fn a_configuration_without_listeners_and_a_listener_without_rules_are_told_apart() {
    let nothing = RouteTable::build(&Arc::new(Model::default()));
    let told = get(&nothing, "http://shop.example.com/");
    let because = "no listener on port 80, nor on any other: nothing in the configuration that can be used asks for one";
    assert_eq!(told["because"], because);
    let idle = Model {
        listeners: vec![listener("http-80", 80, None, vec![])],
        ..Model::default()
    };
    let told = get(&RouteTable::build(&Arc::new(idle)), "http://shop.example.com/");
    let because = "no route is for the host \"shop.example.com\": no rule that can be used is served by the listener \
                   http-80; add one that names it, or mend what `seaway check` finds";
    assert_eq!(told["because"], because);
}

#[test]
fn the_port_asked_for_goes_before_the_urls() {
    let table = responding();
    let request =
        ExplainRequest::parse("GET", "http://shop.example.com:8080/", [("", ""); 0], Some(80)).unwrap();
    let told = explain(&table, &request);
    assert_eq!(
        (told.action, told.listener),
        (ActionKind::Respond, Some("http-80"))
    );
}

#[test]
fn a_scheme_that_the_listener_does_not_speak_comes_to_nothing() {
    for url in ["http://shop.example.com:443/", "https://shop.example.com:80/"] {
        let told = get(&responding(), url);
        assert_eq!(told["action"], "none", "{url}");
        assert!(
            told["because"].is_string() && told["listener"].is_string(),
            "{url}"
        );
    }
}

#[test]
fn without_a_certificate_the_handshake_is_refused() {
    let told = get(&responding(), "https://unknown.example.com/");
    assert_eq!(
        (&told["action"], &told["listener"]),
        (&json!("none"), &json!("https-443"))
    );
    assert_eq!(
        told["because"],
        "no certificate for unknown.example.com, so the TLS handshake is refused"
    );
}

#[test]
fn an_address_sends_no_server_name_and_is_not_misdirected() {
    let told = ask(
        &responding(),
        "GET",
        "https://10.0.0.9/",
        &[("host", "shop.example.com")],
    );
    assert_eq!(
        (&told["virtualHost"], &told["respond"]["status"]),
        (&json!("shop.example.com"), &json!(418))
    );
}

#[test]
fn another_host_than_the_connections_is_421() {
    let told = ask(
        &responding(),
        "GET",
        "https://shop.example.com/",
        &[("host", "other.example.com")],
    );
    assert_eq!(told["respond"], json!({"status": 421, "reason": "misdirected"}));
    assert_eq!(
        get(&responding(), "https://shop.example.com/")["respond"]["status"],
        418
    );
}

#[test]
fn the_host_header_replaces_the_urls_host() {
    let told = ask(
        &responding(),
        "GET",
        "http://10.1.1.1/",
        &[("Host", "Shop.Example.com.:80")],
    );
    assert_eq!(told["virtualHost"], "shop.example.com");
}

#[test]
fn an_ipv6_address_is_a_host() {
    assert_eq!(
        get(&responding(), "http://[2001:DB8::1]/")["virtualHost"],
        "2001:db8::1"
    );
}

#[test]
fn what_the_proxy_refuses_is_400() {
    for (url, headers) in [
        ("http://shop.example.com/..%2fa", &[][..]),
        ("http://shop.example.com/a b", &[]),
        ("http://shop.example.com/?a b", &[]),
        ("http://shop.example.com/", &[("host", "a b")]),
        ("http://shop.example.com/", &[("host", "a"), ("host", "b")]),
    ] {
        let told = ask(&responding(), "GET", url, headers);
        assert_eq!(
            told["respond"],
            json!({"status": 400, "reason": "bad_request"}),
            "{url} {headers:?}"
        );
        assert!(told["because"].is_string());
    }
}

#[test]
fn the_path_is_normalised_as_the_proxy_does() {
    let told = get(&canary(), "http://shop.example.com//a/./b/../c#fragment");
    assert_eq!(told["upstreamRequest"]["path"], "/a/c");
    assert_eq!(
        get(&canary(), "http://shop.example.com")["upstreamRequest"]["path"],
        "/"
    );
}

#[test]
fn what_a_client_says_of_the_way_it_came_meets_no_condition() {
    let lie = Conditions {
        headers: vec![HeaderMatch {
            name: "x-forwarded-proto".into(),
            value: ValueMatch::Is(StringMatch::Exact("https".into())),
        }],
        ..Conditions::default()
    };
    let answer = Action::Respond(DirectResponse {
        status: 418,
        body: None,
    });
    let table = table(vec![route("shop", lie, answer)]);
    let told = ask(
        &table,
        "GET",
        "http://shop.example.com/",
        &[("X-Forwarded-Proto", "https")],
    );
    assert_eq!(told["respond"]["reason"], "no_route");
}

#[test]
fn a_tunnel_is_refused_as_the_proxy_does() {
    let told = ask(&responding(), "CONNECT", "http://shop.example.com/", &[]);
    assert_eq!(
        told["respond"],
        json!({"status": 405, "reason": "connect_refused"})
    );
}

#[test]
fn a_condition_on_host_sees_the_urls_host() {
    let own = Conditions {
        headers: vec![HeaderMatch {
            name: "host".into(),
            value: ValueMatch::Is(StringMatch::Exact("shop.example.com".into())),
        }],
        ..Conditions::default()
    };
    let answer = Action::Respond(DirectResponse {
        status: 418,
        body: None,
    });
    let table = table(vec![route("shop", own, answer)]);
    assert_eq!(get(&table, "http://shop.example.com/")["respond"]["status"], 418);
}
