//! What is told of each action.

use super::*;

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
    let ordinary = json!({"balancing": "leastRequest", "connectTimeoutMs": 5000, "outlierDetection": null});
    let expected = json!({
        "listener": "http-80",
        "virtualHost": "shop.example.com",
        "route": shop,
        "action": "forward",
        "mode": null,
        "destinations": [
            {"cluster": "shop/shop:8080/v1", "service": "shop", "namespace": "shop", "port": 8080, "subset": "v1",
             "weight": 95, "share": 0.95, "endpoints": ["10.0.0.1:8080", "10.0.0.2:8080"], "policies": ordinary, "fail": null},
            {"cluster": "shop/shop:8080/v2", "service": "shop", "namespace": "shop", "port": 8080, "subset": "v2",
             "weight": 5, "share": 0.05, "endpoints": [], "policies": ordinary, "fail": null},
        ],
        "upstreamRequest": {"method": "GET", "host": "shop.example.com", "path": "/cart?a=1",
            "headersSet": {}, "headersAdded": {}, "headersRemoved": []},
        "redirect": null,
        "respond": null,
        "mirrors": [],
        "timeoutMs": 15000,
        "idleTimeoutMs": null,
        "retries": null,
        "hashOn": [],
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
            retry: Some(Box::new(RetryPolicy {
                attempts: 3,
                per_try_timeout: Some(Millis(2000)),
                on: vec![
                    RetryOn::ServerError,
                    RetryOn::ConnectFailure,
                    RetryOn::Status(503),
                ],
                backoff: None,
            })),
            ..forward(vec![Destination {
                request_headers: HeaderMutation::from(FieldChanges {
                    set: vec![("x-b".into(), "2".into())],
                    ..FieldChanges::default()
                }),
                ..to("api.example.org:443", 1)
            }])
        }),
    );
    all.request_headers = HeaderMutation::from(FieldChanges {
        set: vec![("x-a".into(), "1".into())],
        add: vec![
            ("x-b".into(), "1".into()),
            ("x-c".into(), "1".into()),
            ("x-c".into(), "2".into()),
        ],
        remove: vec!["x-d".into()],
    });
    all.mirrors = vec![Mirror {
        cluster: ClusterName("shop/shop:8080/v2".into()),
        fraction: Fraction::from_millionths(1000),
    }];
    all.fault = Some(Box::new(Fault {
        delay: Some(Delay {
            fraction: Fraction::ALL,
            duration: Millis(2000),
        }),
        abort: Some(Abort {
            fraction: Fraction::from_millionths(10_000),
            status: 503,
            grpc_status: None,
        }),
    }));
    let told = get(&table(vec![all]), "http://shop.example.com/a");
    assert_eq!(
        told["upstreamRequest"],
        json!({"method": "GET", "host": "internal.example.com", "path": "/new/a",
        "headersSet": {"x-a": "1", "x-b": "2"}, "headersAdded": {"x-c": "1, 2"}, "headersRemoved": ["x-d"]})
    );
    assert_eq!(
        told["destinations"],
        json!([{"cluster": "api.example.org:443", "service": null, "namespace": null,
        "port": 443, "subset": null, "weight": 1, "share": 1.0, "endpoints": ["api.example.org:443"], "fail": null,
        "policies": {"balancing": "leastRequest", "connectTimeoutMs": 5000, "outlierDetection": null}}])
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
fn a_preflight_request_is_answered_here() {
    let mut cors = route(
        "shop",
        Conditions::default(),
        Action::Forward(forward(vec![to("shop/shop:8080/v1", 1)])),
    );
    cors.cors = Some(Box::new(Cors {
        allow_origins: vec![OriginMatch::Exact("https://a.com".into())],
        ..Cors::default()
    }));
    let mut forwarding = cors.clone();
    if let Some(cors) = &mut forwarding.cors {
        cors.forward_unmatched_preflights = true;
    }
    let asked = |route: &Route, origin| {
        let headers = [("origin", origin), ("access-control-request-method", "GET")];
        ask(
            &table(vec![route.clone()]),
            "OPTIONS",
            "http://shop.example.com/",
            &headers,
        )
    };
    let answered = json!({"status": 200, "reason": "cors_preflight"});
    assert_eq!(asked(&cors, "https://a.com")["respond"], answered);
    let elsewhere = asked(&cors, "https://b.com");
    assert_eq!(elsewhere["respond"], answered);
    assert!(
        elsewhere["because"].as_str().unwrap().contains("not allowed"),
        "{elsewhere}"
    );
    assert_eq!(asked(&forwarding, "https://b.com")["action"], "forward");
}
