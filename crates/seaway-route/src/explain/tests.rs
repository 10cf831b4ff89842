use std::sync::Arc;

use seaway_model::*;
use serde_json::{Value, json};

use super::*;

fn origin(name: &str) -> Origin {
    Origin {
        api_version: "seaway.dev/v1alpha1".into(),
        kind: "HttpRoute".into(),
        namespace: "shop".into(),
        name: name.into(),
        field: "".into(),
        position: Some(Position {
            file: "shop.yaml".into(),
            line: 7,
            column: 1,
        }),
    }
}

fn route(name: &str, conditions: Conditions, action: Action) -> Route {
    Route {
        origin: origin(name),
        rule: 0,
        matches: Match::When(conditions),
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: vec![],
        action,
    }
}

fn to(cluster: &str, weight: u32) -> Destination {
    Destination {
        target: Target::Cluster(ClusterName(cluster.into())),
        weight,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
    }
}

fn nowhere(weight: u32) -> Destination {
    let failure = Failure {
        status: 503,
        reason: FailureReason::ServiceNotFound,
        message: "there is no Service shop/x".into(),
    };
    Destination {
        target: Target::Fail(failure),
        ..to("", weight)
    }
}

fn forward(destinations: Vec<Destination>) -> Forward {
    Forward {
        destinations,
        ..Forward::default()
    }
}

fn cluster(name: &str, subset: Option<&str>, endpoints: EndpointSource) -> Arc<Cluster> {
    let service = matches!(endpoints, EndpointSource::Static(_));
    Arc::new(Cluster {
        name: ClusterName(name.into()),
        origin: Origin::default(),
        service: service.then(|| ServiceRef {
            namespace: "shop".into(),
            name: "shop".into(),
            port: 8080,
        }),
        subset: subset.map(Into::into),
        endpoints,
        balancing: Balancing::LeastRequest,
        protocol: UpstreamProtocol::Http1,
        connect_timeout: Millis(5000),
        outlier_detection: None,
        retry_budget: RetryBudget::default(),
    })
}

fn endpoint(address: &str) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        weight: 1,
        health: EndpointHealth::Healthy,
        zone: None,
    }
}

fn listener(name: &str, port: u16, tls: Option<ListenerTls>, hosts: Vec<VirtualHost>) -> Arc<Listener> {
    Arc::new(Listener {
        name: name.into(),
        origin: Origin::default(),
        address: None,
        port,
        protocol: if tls.is_some() {
            Protocol::Https
        } else {
            Protocol::Http
        },
        tls,
        virtual_hosts: hosts,
    })
}

/// HTTP on 80, and HTTPS on 443 with certificates for two of the hosts, all with the same routes.
fn table(routes: Vec<Route>) -> RouteTable {
    let v1 = EndpointSource::Static(vec![endpoint("10.0.0.2:8080"), endpoint("10.0.0.1:8080")]);
    let dns = EndpointSource::Dns {
        host: "api.example.org".into(),
        port: 443,
    };
    let clusters = [
        cluster("shop/shop:8080/v1", Some("v1"), v1),
        cluster("shop/shop:8080/v2", Some("v2"), EndpointSource::Static(vec![])),
        cluster("api.example.org:443", None, dns),
    ];
    let routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
    let host = |h| VirtualHost {
        host: HostMatch::parse(h).unwrap(),
        routes: routes.clone(),
    };
    let hosts = vec![
        host("other.example.com"),
        host("shop.example.com"),
        host("2001:db8::1"),
        host("10.0.0.9"),
    ];
    let certificate = |h, s: &str| ServerCertificate {
        host: HostMatch::parse_one_label(h).unwrap(),
        secret: SecretName(s.into()),
    };
    let certificates = vec![
        certificate("other.example.com", "other"),
        certificate("shop.example.com", "shop"),
        certificate("10.0.0.9", "address"),
    ];
    RouteTable::build(&Arc::new(Model {
        listeners: vec![
            listener("http-80", 80, None, hosts.clone()),
            listener("https-443", 443, Some(ListenerTls { certificates }), hosts),
        ],
        clusters: clusters.into_iter().map(|c| (c.name.clone(), c)).collect(),
        ..Model::default()
    }))
}

fn canary() -> RouteTable {
    let iphone = Conditions {
        headers: vec![HeaderMatch {
            name: "user-agent".into(),
            value: ValueMatch::Is(StringMatch::Regex(Pattern::new(".*iPhone.*").unwrap())),
        }],
        ..Conditions::default()
    };
    table(vec![
        route(
            "iphone",
            iphone,
            Action::Forward(forward(vec![to("shop/shop:8080/v2", 1)])),
        ),
        route(
            "shop",
            Conditions::default(),
            Action::Forward(Forward {
                timeout: Some(Millis(15_000)),
                ..forward(vec![to("shop/shop:8080/v1", 95), to("shop/shop:8080/v2", 5)])
            }),
        ),
    ])
}

fn anything(action: Action) -> RouteTable {
    table(vec![route("shop", Conditions::default(), action)])
}

fn responding() -> RouteTable {
    anything(Action::Respond(DirectResponse {
        status: 418,
        body: None,
    }))
}

fn ask(table: &RouteTable, method: &str, url: &str, headers: &[(&str, &str)]) -> Value {
    let request = ExplainRequest::parse(method, url, headers.iter().copied(), None).unwrap();
    serde_json::to_value(explain(table, &request)).unwrap()
}

fn get(table: &RouteTable, url: &str) -> Value {
    ask(table, "GET", url, &[])
}

#[test]
fn a_forward_is_told_as_the_contract_says() {
    let told = ask(
        &canary(),
        "GET",
        "http://shop.example.com/cart?a=1",
        &[("User-Agent", "curl")],
    );
    let shop = json!({"apiVersion": "seaway.dev/v1alpha1", "kind": "HttpRoute", "namespace": "shop", "name": "shop",
        "rule": 0, "file": "shop.yaml", "line": 7});
    let mut iphone = shop.clone();
    iphone["name"] = json!("iphone");
    let expected = json!({
        "listener": "http-80",
        "virtualHost": "shop.example.com",
        "route": shop,
        "action": "forward",
        "destinations": [
            {"cluster": "shop/shop:8080/v1", "service": "shop", "namespace": "shop", "port": 8080, "subset": "v1",
             "weight": 95, "share": 0.95, "endpoints": ["10.0.0.1:8080", "10.0.0.2:8080"], "fail": null},
            {"cluster": "shop/shop:8080/v2", "service": "shop", "namespace": "shop", "port": 8080, "subset": "v2",
             "weight": 5, "share": 0.05, "endpoints": [], "fail": null},
        ],
        "upstreamRequest": {"method": "GET", "host": "shop.example.com", "path": "/cart?a=1",
            "headersSet": {}, "headersAdded": {}, "headersRemoved": []},
        "redirect": null,
        "respond": null,
        "mirrors": [],
        "timeoutMs": 15000,
        "retries": null,
        "fault": null,
        "considered": [
            {"route": iphone, "matched": false, "because": "header user-agent is \"curl\", not like \".*iPhone.*\""},
            {"route": shop, "matched": true, "because": "every condition holds"},
        ],
        "consideredMore": 0,
        "because": null,
    });
    assert_eq!(told, expected);
}

#[test]
fn what_a_route_does_besides_is_told() {
    let mut all = route(
        "shop",
        Conditions::default(),
        Action::Forward(Forward {
            rewrite: Rewrite {
                path: Some(PathRewrite::Prefix("/new".into())),
                host: Some(HostRewrite::Literal("internal.example.com".into())),
            },
            retry: Some(RetryPolicy {
                attempts: 3,
                per_try_timeout: Some(Millis(2000)),
                on: vec![
                    RetryOn::ServerError,
                    RetryOn::ConnectFailure,
                    RetryOn::Status(503),
                ],
            }),
            ..forward(vec![Destination {
                request_headers: HeaderMutation {
                    set: vec![("x-b".into(), "2".into())],
                    ..HeaderMutation::default()
                },
                ..to("api.example.org:443", 1)
            }])
        }),
    );
    all.request_headers = HeaderMutation {
        set: vec![("x-a".into(), "1".into())],
        add: vec![
            ("x-b".into(), "1".into()),
            ("x-c".into(), "1".into()),
            ("x-c".into(), "2".into()),
        ],
        remove: vec!["x-d".into()],
    };
    all.mirrors = vec![Mirror {
        cluster: ClusterName("shop/shop:8080/v2".into()),
        fraction: Fraction::from_millionths(1000),
    }];
    all.fault = Some(Fault {
        delay: Some(Delay {
            fraction: Fraction::ALL,
            duration: Millis(2000),
        }),
        abort: Some(Abort {
            fraction: Fraction::from_millionths(10_000),
            status: 503,
        }),
    });
    let told = get(&table(vec![all]), "http://shop.example.com/a");
    assert_eq!(
        told["upstreamRequest"],
        json!({"method": "GET", "host": "internal.example.com", "path": "/new/a",
        "headersSet": {"x-a": "1", "x-b": "2"}, "headersAdded": {"x-c": "1, 2"}, "headersRemoved": ["x-d"]})
    );
    assert_eq!(
        told["destinations"],
        json!([{"cluster": "api.example.org:443", "service": null, "namespace": null,
        "port": 443, "subset": null, "weight": 1, "share": 1.0, "endpoints": ["api.example.org:443"], "fail": null}])
    );
    assert_eq!(
        told["mirrors"],
        json!([{"cluster": "shop/shop:8080/v2", "percentage": 0.1}])
    );
    assert_eq!(
        told["retries"],
        json!({"attempts": 3, "perTryTimeoutMs": 2000, "retryOn": ["5xx", "connect-failure", "503"]})
    );
    assert_eq!(
        told["fault"],
        json!({"delay": {"percentage": 100.0, "delayMs": 2000}, "abort": {"percentage": 1.0, "status": 503}})
    );
    assert_eq!(told["action"], "forward");
}

#[test]
fn a_destination_that_fails_keeps_its_share() {
    let told = get(
        &anything(Action::Forward(forward(vec![
            to("shop/shop:8080/v1", 3),
            nowhere(1),
        ]))),
        "http://shop.example.com/",
    );
    assert_eq!(told["action"], "forward");
    assert_eq!(told["destinations"][1]["share"], 0.25);
    assert_eq!(told["destinations"][1]["cluster"], Value::Null);
    assert_eq!(
        told["destinations"][1]["fail"],
        json!({"status": 503, "reason": "service_not_found", "message": "there is no Service shop/x"})
    );
}

#[test]
fn a_forward_that_leads_nowhere_fails() {
    let told = get(
        &anything(Action::Forward(forward(vec![
            to("shop/shop:8080/v1", 0),
            nowhere(1),
        ]))),
        "http://shop.example.com/",
    );
    assert_eq!(told["action"], "fail");
    assert_eq!(
        told["respond"],
        json!({"status": 503, "reason": "service_not_found"})
    );
    assert_eq!(told["upstreamRequest"], Value::Null);
    assert_eq!(told["destinations"].as_array().unwrap().len(), 2);
}

#[test]
fn a_rule_at_fault_fails() {
    let failure = Failure {
        status: 500,
        reason: FailureReason::InvalidRule,
        message: "why".into(),
    };
    let told = get(&anything(Action::Fail(failure)), "http://shop.example.com/");
    assert_eq!(
        (&told["action"], &told["because"]),
        (&json!("fail"), &json!("why"))
    );
    assert_eq!(told["respond"], json!({"status": 500, "reason": "invalid_rule"}));
}

#[test]
fn a_redirect_is_told_with_its_location() {
    let https = Redirect {
        status: 301,
        scheme: Some("https".into()),
        host: None,
        port: None,
        path: None,
    };
    let told = get(
        &anything(Action::Redirect(https)),
        "http://shop.example.com/a?b=c",
    );
    assert_eq!(told["action"], "redirect");
    assert_eq!(
        told["redirect"],
        json!({"status": 301, "location": "https://shop.example.com/a?b=c"})
    );
}

#[test]
fn a_redirect_keeps_the_port_of_the_host_header() {
    let path = Redirect {
        status: 302,
        scheme: None,
        host: None,
        port: None,
        path: Some(RedirectPath::Full("/new".into())),
    };
    let told = ask(
        &anything(Action::Redirect(path)),
        "GET",
        "http://shop.example.com/a",
        &[("host", "shop.example.com:8080")],
    );
    assert_eq!(told["redirect"]["location"], "http://shop.example.com:8080/new");
}

#[test]
fn an_answer_of_the_route_is_told() {
    assert_eq!(
        get(&responding(), "http://shop.example.com/")["respond"],
        json!({"status": 418, "reason": "direct_response"})
    );
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
    assert_eq!(told["because"], "no listener on port 8080");
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
fn a_preflight_request_is_answered_here() {
    let mut cors = route(
        "shop",
        Conditions::default(),
        Action::Forward(forward(vec![to("shop/shop:8080/v1", 1)])),
    );
    cors.cors = Some(Cors {
        allow_origins: vec![OriginMatch::Exact("https://a.com".into())],
        ..Cors::default()
    });
    let table = table(vec![cors]);
    let asked = |origin| {
        let headers = [("origin", origin), ("access-control-request-method", "GET")];
        ask(&table, "OPTIONS", "http://shop.example.com/", &headers)
    };
    assert_eq!(
        asked("https://a.com")["respond"],
        json!({"status": 200, "reason": "cors_preflight"})
    );
    assert_eq!(asked("https://b.com")["action"], "forward");
}

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
