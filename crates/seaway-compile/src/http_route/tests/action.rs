use super::*;

#[test]
fn weights_stay_as_they_are_written() {
    let route = one(
        "destinations: [{host: \"shop:8080\", weight: 999}, {host: 10.0.0.1, weight: 1}, {host: 10.0.0.2, weight: 0}]",
    );
    assert_eq!(
        targets(&route),
        ["shop/shop:8080 999", "10.0.0.1:80 1", "10.0.0.2:80 0"]
    );
}

#[test]
fn weights_that_are_all_zero_leave_the_route_out() {
    let (model, report) = compiled(&format!(
        "{}{SHOP}",
        http_route("r", "destinations: [{host: \"shop:8080\", weight: 0}]")
    ));
    assert!(hosts(&model).is_empty());
    assert_eq!(
        &*only(&report, Code::ZeroWeights).origin.field,
        "spec.destinations"
    );
}

#[test]
fn a_destination_that_fails_keeps_its_share() {
    let spec = "destinations: [{host: \"shop:8080\", weight: 9}, {host: \"nothing:80\", weight: 1}]";
    let (model, report) = compiled(&format!("{}{SHOP}", http_route("r", spec)));
    assert_eq!(targets(only_route(&model)), ["shop/shop:8080 9", "503 1"]);
    assert_eq!(codes(&report), [Code::ServiceNotFound]);
}

#[test]
fn a_route_fails_when_every_destination_with_a_weight_does() {
    let spec = "destinations: [{host: \"shop:8080\", weight: 0}, {host: \"nothing:80\", weight: 1}]";
    let (model, _) = compiled(&format!("{}{SHOP}", http_route("r", spec)));
    assert_eq!(targets(only_route(&model)), ["fail 503 service_not_found"]);
}

#[test]
fn strip_path_replaces_the_prefix_by_a_slash_except_where_there_is_none() {
    let (model, _) = compiled(&format!(
        "{}{SHOP}",
        http_route("r", &format!("paths: [/a, /], stripPath: true, {TO_SHOP}"))
    ));
    let rewrites: Vec<_> = routes(&model, "*")
        .iter()
        .map(|r| forward(r).rewrite.path.clone())
        .collect();
    assert_eq!(rewrites, [Some(PathRewrite::Prefix("/".into())), None]);
}

#[test]
fn rewrites_of_path_and_host_are_carried_over() {
    let route = one(&format!(
        "paths: [/a], rewrite: {{path: /new, host: internal.example.com}}, {TO_SHOP}"
    ));
    let rewrite = &forward(&route).rewrite;
    assert_eq!(rewrite.path, Some(PathRewrite::Prefix("/new".into())));
    assert_eq!(
        rewrite.host,
        Some(HostRewrite::Literal("internal.example.com".into()))
    );
    let route = one(&format!(
        "rewrite: {{regex: \"^/v[0-9]+\", substitution: /x}}, {TO_SHOP}"
    ));
    assert!(
        matches!(&forward(&route).rewrite.path, Some(PathRewrite::Regex { pattern, substitution })
        if pattern.source() == "^/v[0-9]+" && **substitution == *"/x")
    );
}

#[test]
fn timeout_retries_fault_and_delay_are_carried_over() {
    let route = one(&format!(
        "timeout: 15s, retries: {{attempts: 3, perTryTimeout: 2s, retryOn: [reset, \"503\", 5xx, reset]}}, \
         fault: {{percentage: 0.5, errorStatus: 503}}, delay: {{percentage: 1, delay: 2s}}, {TO_SHOP}"
    ));
    let forward = forward(&route);
    assert_eq!(forward.timeout, Some(Millis(15_000)));
    let retry = forward.retry.as_ref().expect("retries");
    assert_eq!((retry.attempts, retry.per_try_timeout), (3, Some(Millis(2_000))));
    assert_eq!(
        retry.on,
        [RetryOn::ServerError, RetryOn::Reset, RetryOn::Status(503)]
    );
    let fault = route.fault.as_ref().expect("a fault");
    let abort = fault.abort.as_ref().expect("an abort");
    assert_eq!(
        (abort.fraction, abort.status),
        (Fraction::from_millionths(5_000), 503)
    );
    assert_eq!(
        fault.delay.as_ref().map(|delay| delay.duration),
        Some(Millis(2_000))
    );
}

#[test]
fn retries_without_outcomes_retry_what_did_nothing_upstream() {
    let route = one(&format!("retries: {{attempts: 2}}, {TO_SHOP}"));
    let on = &forward(&route).retry.as_ref().expect("retries").on;
    assert_eq!(
        *on,
        [
            RetryOn::GatewayError,
            RetryOn::ConnectFailure,
            RetryOn::RefusedStream
        ]
    );
}

#[test]
fn a_mirror_gets_its_share_of_copies() {
    let route = one(&format!(
        "mirror: {{percentage: 10, destination: {{host: 10.0.0.9}}}}, {TO_SHOP}"
    ));
    assert_eq!(route.mirrors[0].cluster.to_string(), "10.0.0.9:80");
    assert_eq!(route.mirrors[0].fraction, Fraction::from_millionths(100_000));
}

#[test]
fn a_mirror_that_is_not_there_does_not_disturb_the_route() {
    let spec = format!("mirror: {{destination: {{host: \"nothing:80\"}}}}, {TO_SHOP}");
    let (model, report) = compiled(&format!("{}{SHOP}", http_route("r", &spec)));
    assert!(only_route(&model).mirrors.is_empty());
    assert_eq!(targets(only_route(&model)), ["shop/shop:8080 1"]);
    assert_eq!(
        &*only(&report, Code::ServiceNotFound).origin.field,
        "spec.mirror.destination.host"
    );
}

#[test]
fn headers_are_changed_in_lower_case() {
    let route = one(&format!(
        "headers: {{request: {{set: {{X-A: \"1\"}}, remove: [X-B]}}, response: {{remove: [Server]}}}}, {TO_SHOP}"
    ));
    assert_eq!(route.request_headers.set, [("x-a".into(), "1".into())]);
    assert_eq!(route.request_headers.remove, ["x-b".into()]);
    assert_eq!(route.response_headers.remove, ["server".into()]);
}

#[test]
fn a_kalm_route_takes_away_what_only_kalm_may_say() {
    let (model, _) = compiled(&format!(
        "{}{SHOP}",
        kalm_route("r", "destinations: [{host: shop.shop}]")
    ));
    let remove = &only_route(&model).request_headers.remove;
    assert!(remove.contains(&"kalm-sso-userinfo".into()));
    assert!(
        one(TO_SHOP).request_headers.is_empty(),
        "the other group removes nothing"
    );
}

#[test]
fn consistent_hashing_says_what_it_hashes() {
    let hash = |on: &str| {
        let route = one(&format!(
            "loadBalancing: {{policy: consistentHash, hashOn: {{{on}}}}}, {TO_SHOP}"
        ));
        forward(&route).hash_on.clone()
    };
    assert_eq!(hash("header: X-User"), [HashOn::Header("x-user".into())]);
    assert_eq!(hash("cookie: Session"), [HashOn::Cookie("Session".into())]);
    assert_eq!(hash("query: q"), [HashOn::Query("q".into())]);
    assert_eq!(hash("sourceIP: true"), [HashOn::SourceIp]);
}

#[test]
fn cors_origins_are_any_exact_or_a_wildcard() {
    let route = one(&format!(
        "cors: {{allowOrigins: [\"https://App.example.com\", \"https://*.example.com\", \"*\"], allowMethods: [GET]}}, {TO_SHOP}"
    ));
    let origins = &route.cors.as_ref().expect("cors").allow_origins;
    assert_eq!(
        *origins,
        [
            OriginMatch::Exact("https://app.example.com".into()),
            OriginMatch::Wildcard {
                before: "https://".into(),
                after: ".example.com".into()
            },
            OriginMatch::Any,
        ]
    );
}

#[test]
fn a_redirect_says_only_what_changes() {
    let route = one("redirect: {host: new.example.com, scheme: https, status: 308}");
    let Action::Redirect(redirect) = &route.action else {
        panic!("not a redirect: {:?}", route.action);
    };
    assert_eq!(redirect.status, 308);
    assert_eq!(redirect.host.as_deref(), Some("new.example.com"));
    assert_eq!(redirect.scheme.as_deref(), Some("https"));
    assert_eq!((redirect.port, &redirect.path), (None, &None));
}

#[test]
fn http_is_redirected_to_https_and_nothing_else_happens_to_it() {
    let spec = format!(
        "hosts: [shop.example.com], httpRedirectToHttps: true, fault: {{errorStatus: 503}}, \
         cors: {{allowOrigins: [\"*\"]}}, {TO_SHOP}"
    );
    let (model, report) = compiled(&format!("{}{SHOP}{CERT}", http_route("r", &spec)));
    assert_eq!(codes(&report), []);
    let http = routes_on(&model, Protocol::Http, "shop.example.com")[0];
    let Action::Redirect(redirect) = &http.action else {
        panic!("not a redirect: {:?}", http.action);
    };
    assert_eq!(
        (redirect.status, redirect.scheme.as_deref(), redirect.port),
        (301, Some("https"), None)
    );
    assert!(http.cors.is_none() && http.fault.is_none());
    let https = routes_on(&model, Protocol::Https, "shop.example.com")[0];
    assert_eq!(targets(https), ["shop/shop:8080 1"]);
    assert!(https.fault.is_some());
}

#[test]
fn the_redirect_names_an_unusual_https_port() {
    let options = Options {
        https_port: 8443,
        ..Options::default()
    };
    let spec = format!("httpRedirectToHttps: true, {TO_SHOP}");
    let (model, _) = compiled_with(&format!("{}{SHOP}{CERT}", http_route("r", &spec)), &options);
    assert!(matches!(&only_route(&model).action, Action::Redirect(redirect) if redirect.port == Some(8443)));
}

#[test]
fn a_route_that_only_redirects_to_https_needs_no_destination() {
    let spec = "hosts: [shop.example.com], schemes: [http], httpRedirectToHttps: true";
    let (model, report) = compiled(&format!("{}{CERT}", http_route("r", spec)));
    assert_eq!(codes(&report), []);
    assert!(matches!(only_route(&model).action, Action::Redirect(_)));
    assert!(routes_on(&model, Protocol::Https, "shop.example.com").is_empty());
}
