use super::*;
use crate::Resource;
use crate::parse::{parse, tests::line};

/// Reads a route with these lines in its spec, each indented by two.
fn read_in(group: &str, spec: &str) -> (Option<HttpRoute>, Vec<String>) {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("apiVersion: {group}/v1alpha1\nkind: HttpRoute\nmetadata: {{name: r}}\nspec:\n{spec}");
    let (resources, problems) = parse("f", &text);
    let route = resources.into_iter().find_map(|resource| match resource {
        Resource::HttpRoute(object) => Some(object.spec.clone()),
        _ => None,
    });
    (route, problems.iter().map(line).collect())
}

fn read(spec: &str) -> (Option<HttpRoute>, Vec<String>) {
    read_in("seaway.dev", &format!("destinations: [{{host: a}}]\n{spec}"))
}

/// Without a single problem.
fn good(spec: &str) -> HttpRoute {
    let (route, problems) = read(spec);
    assert_eq!(problems, [""; 0], "{spec}");
    route.unwrap()
}

fn kalm(spec: &str) -> HttpRoute {
    let (route, problems) = read_in("core.kalm.dev", &format!("destinations: [{{host: a}}]\n{spec}"));
    assert_eq!(problems, [""; 0], "{spec}");
    route.unwrap()
}

/// The first problem starts with this, and no other object is given. The spec starts on line 6, column 3.
fn bad(spec: &str, expected: &str) {
    let (route, problems) = read(spec);
    assert_eq!(route, None, "{spec} is used in spite of {problems:?}");
    assert!(
        problems[0].starts_with(expected),
        "{spec}\n  {problems:?}\n  not {expected}"
    );
}

#[test]
fn a_route_without_anything_but_a_destination_has_the_defaults() {
    let route = good("");
    assert_eq!(&*route.hosts[0].value, "*");
    assert_eq!(route.hosts[0].pos, crate::Pos::default());
    assert_eq!(route.paths[0].value, PathSpec::Prefix("/".into()));
    assert_eq!(
        (route.methods.len(), route.schemes.len(), *route.strip_path),
        (0, 0, false)
    );
    assert_eq!((*route.destinations[0].weight, route.timeout.clone()), (1, None));
    assert_eq!(good("hosts: []\npaths: []\nmethods: []\nschemes: null"), route);
}

#[test]
fn every_field_is_read_with_its_place() {
    let route = good("timeout: 1m30s");
    assert_eq!(
        route.timeout,
        Some(Spanned::new(90_000, crate::Pos { line: 6, column: 12 }))
    );
    assert_eq!(*good("timeout: 15").timeout.unwrap(), 15_000);
    assert_eq!(&*good("methods: [get, pUrGe]").methods[1].value, "PURGE");
    assert_eq!(good("schemes: [https]").schemes[0].value, Scheme::Https);
    assert!(*good("stripPath: true").strip_path);
    assert!(*good("httpRedirectToHttps: true").http_redirect_to_https);
    assert_eq!(
        good("paths: [{regex: '/v[0-9]'}]").paths[0].value,
        PathSpec::Regex("/v[0-9]".into())
    );
    assert_eq!(
        good("paths: [{exact: /a%20b}]").paths[0].value,
        PathSpec::Exact("/a%20b".into())
    );
    let condition = &good("conditions: [{type: cookie, name: a, operator: absent}]").conditions[0];
    assert_eq!(
        (condition.source, *condition.operator),
        (ConditionSource::Cookie, Operator::Absent)
    );
    let retries = good("retries: {attempts: 3, perTryTimeout: 200ms, retryOn: [5xx, 503]}")
        .retries
        .unwrap();
    assert_eq!(
        (*retries.attempts, *retries.per_try_timeout.clone().unwrap()),
        (3, 200)
    );
    assert_eq!(&*retries.retry_on[1].value, "503");
    let mirror = good("mirror: {percentage: 0.1, destination: {host: b}}")
        .mirror
        .unwrap();
    assert_eq!(
        (*mirror.percentage, &*mirror.destination.host.value),
        (1_000, "b")
    );
    let fault = good("fault: {errorStatus: 503}").fault.unwrap();
    assert_eq!((*fault.percentage, *fault.error_status), (1_000_000, 503));
    let delay = good("delay: {percentage: '33.3333%', delay: 1.5s}")
        .delay
        .unwrap();
    assert_eq!((*delay.percentage, *delay.delay), (333_333, 1500));
    let cors = good("cors: {allowOrigins: ['https://*.a.com:8443'], maxAgeSeconds: 0}")
        .cors
        .unwrap();
    assert_eq!((cors.allow_origins.len(), cors.max_age_seconds), (1, Some(0)));
    let headers = good("headers: {request: {set: {X-A: '1'}, remove: [b]}}")
        .headers
        .unwrap();
    assert_eq!(&*headers.request.set["X-A"].value, "1");
    let rewrite = good("rewrite: {regex: '^/a(.*)', substitution: '/b\\1'}")
        .rewrite
        .unwrap();
    assert_eq!(&*rewrite.substitution.clone().unwrap().value, "/b\\1");
    assert_eq!(*good("").destinations[0].weight, 1);
    let balancing = good("loadBalancing: {policy: consistentHash, hashOn: {sourceIP: true}}")
        .load_balancing
        .unwrap();
    assert_eq!(balancing.hash_on.clone().unwrap().value, HashOn::SourceIp);
    let balancing = good("loadBalancing: {}").load_balancing.unwrap();
    assert_eq!(*balancing.policy, Policy::LeastRequest);
}

#[test]
fn every_field_refuses_what_it_cannot_mean_where_it_stands() {
    for (spec, expected) in [
        (
            "hosts: a.com",
            "6:10 spec.hosts WrongType: expected a list, found text",
        ),
        ("hosts: [a.com, 7]", "6:18 spec.hosts[1] WrongType"),
        (
            "hosts: ['']",
            "6:11 spec.hosts[0] InvalidValue: a host must not be empty",
        ),
        (
            "hosts: ['https://a.com/x']",
            "6:11 spec.hosts[0] InvalidValue: \"https://a.com/x\" is a URL, not a host (write only \"a.com\"",
        ),
        ("hosts: [a.com/x]", "6:11 spec.hosts[0] InvalidValue"),
        ("hosts: ['a b']", "6:11 spec.hosts[0] InvalidValue"),
        ("hosts: [bücher.de]", "6:11 spec.hosts[0] InvalidValue"),
        (
            "paths: [x]",
            "6:11 spec.paths[0] InvalidValue: the path \"x\" does not start with a slash (write \"/x\")",
        ),
        ("paths: ['/x?a=1']", "6:11 spec.paths[0] InvalidValue"),
        ("paths: ['/x#a']", "6:11 spec.paths[0] InvalidValue"),
        (
            "paths: ['/a b']",
            "6:11 spec.paths[0] InvalidValue: the path \"/a b\" contains ' ' (write it as it stands in a request: %20)",
        ),
        (
            "paths: [/é]",
            "6:11 spec.paths[0] InvalidValue: the path \"/é\" contains 'é' (write it as it stands in a request: %C3%A9)",
        ),
        ("paths: ['/50%']", "6:11 spec.paths[0] InvalidValue"),
        ("paths: [/a//b]", "6:11 spec.paths[0] InvalidValue"),
        ("paths: [/a/..]", "6:11 spec.paths[0] InvalidValue"),
        ("paths: [{exact: x}]", "6:19 spec.paths[0].exact InvalidValue"),
        ("paths: [{}]", "6:11 spec.paths[0] MissingField"),
        (
            "paths: [{exact: /a, prefix: /b}]",
            "6:11 spec.paths[0] ConflictingFields",
        ),
        ("paths: [{regex: ''}]", "6:19 spec.paths[0].regex InvalidValue"),
        ("methods: [GE T]", "6:13 spec.methods[0] InvalidValue"),
        (
            "schemes: [htps]",
            "6:13 spec.schemes[0] InvalidValue: \"htps\" is not one of the values of this field (did you mean \"https\"?)",
        ),
        (
            "stripPath: yes",
            "6:14 spec.stripPath WrongType: expected true or false, found text",
        ),
        (
            "httpRedirectToHttps: 1",
            "6:24 spec.httpRedirectToHttps WrongType",
        ),
        (
            "timeout: 0s",
            "6:12 spec.timeout InvalidValue: a duration of nothing",
        ),
        (
            "timeout: -1",
            "6:12 spec.timeout InvalidValue: -1 is not a duration",
        ),
        ("timeout: 1 s", "6:12 spec.timeout InvalidValue"),
        (
            "timeout: 1.5",
            "6:12 spec.timeout InvalidValue: a bare number of seconds has to be whole",
        ),
        ("timeout: [1s]", "6:12 spec.timeout WrongType"),
        (
            "conditions: [{name: a, operator: equal, value: b}]",
            "6:16 spec.conditions[0].type MissingField",
        ),
        (
            "conditions: [{type: header, operator: equal, value: b}]",
            "6:16 spec.conditions[0].name MissingField",
        ),
        (
            "conditions: [{type: header, name: a, value: b}]",
            "6:16 spec.conditions[0].operator MissingField",
        ),
        (
            "conditions: [{type: header, name: a, operator: equal}]",
            "6:16 spec.conditions[0].value MissingField",
        ),
        (
            "conditions: [{type: headr, name: a, operator: equal, value: b}]",
            "6:23 spec.conditions[0].type InvalidValue",
        ),
        (
            "conditions: [{type: header, name: a, operator: matchRegex, value: b}]",
            "6:50 spec.conditions[0].operator InvalidValue: \"matchRegex\" is not one of the values of this field (did you mean \"matchRegexp\"?)",
        ),
        (
            "conditions: [{type: header, name: 'a b', operator: exists}]",
            "6:37 spec.conditions[0].name InvalidValue",
        ),
        (
            "conditions: [{type: query, name: '', operator: exists}]",
            "6:36 spec.conditions[0].name InvalidValue",
        ),
        (
            "conditions: [{type: header, name: a, operator: equal, value: 1}]",
            "6:64 spec.conditions[0].value WrongType",
        ),
        ("retries: {}", "6:12 spec.retries.attempts MissingField"),
        (
            "retries: {attempts: -1}",
            "6:23 spec.retries.attempts InvalidValue: -1 is not a whole number from 0",
        ),
        ("retries: {attempts: 1.5}", "6:23 spec.retries.attempts WrongType"),
        (
            "retries: {attempts: '3'}",
            "6:23 spec.retries.attempts WrongType: expected a whole number, found text (remove the quotes)",
        ),
        (
            "retries: {attempts: 1, perTryTimeout: x}",
            "6:41 spec.retries.perTryTimeout InvalidValue",
        ),
        (
            "retries: {attempts: 1, perTryTimeout: 1s, perTtyTimeoutSeconds: 1}",
            "6:45 spec.retries.perTtyTimeoutSeconds ConflictingFields",
        ),
        (
            "retries: {attempts: 1, retryOn: [5x]}",
            "6:36 spec.retries.retryOn[0] InvalidValue: \"5x\" is not a reason to retry (did you mean \"5xx\"?)",
        ),
        (
            "retries: {attempts: 1, retryOn: [600]}",
            "6:36 spec.retries.retryOn[0] InvalidValue",
        ),
        (
            "retries: {attempts: 1, retryOn: ['5xx,reset']}",
            "6:36 spec.retries.retryOn[0] InvalidValue: \"5xx,reset\" is not a reason to retry (write each word",
        ),
        (
            "mirror: {percentage: 10}",
            "6:11 spec.mirror.destination MissingField",
        ),
        (
            "mirror: {percentage: 101, destination: {host: a}}",
            "6:24 spec.mirror.percentage InvalidValue: 101 is not from 0 to 100",
        ),
        (
            "mirror: {percentage: half, destination: {host: a}}",
            "6:24 spec.mirror.percentage InvalidValue",
        ),
        (
            "mirror: {percentage: .nan, destination: {host: a}}",
            "6:24 spec.mirror.percentage InvalidValue",
        ),
        (
            "fault: {percentage: -1, errorStatus: 503}",
            "6:23 spec.fault.percentage InvalidValue",
        ),
        (
            "fault: {errorStatus: 199}",
            "6:24 spec.fault.errorStatus InvalidValue: 199 is not a whole number from 200 to 599",
        ),
        ("fault: {}", "6:10 spec.fault.errorStatus MissingField"),
        ("delay: {delay: 0}", "6:18 spec.delay.delay InvalidValue"),
        ("delay: {percentage: 1}", "6:10 spec.delay.delay MissingField"),
        (
            "cors: {allowOrigins: [app.example.com]}",
            "6:25 spec.cors.allowOrigins[0] InvalidValue: \"app.example.com\" is not an origin (an origin has a scheme: write \"https://app.example.com\")",
        ),
        (
            "cors: {allowOrigins: ['https://a.com/']}",
            "6:25 spec.cors.allowOrigins[0] InvalidValue",
        ),
        (
            "cors: {allowOrigins: ['https://*.*.com']}",
            "6:25 spec.cors.allowOrigins[0] InvalidValue",
        ),
        (
            "cors: {allowMethods: ['G T']}",
            "6:25 spec.cors.allowMethods[0] InvalidValue",
        ),
        (
            "cors: {allowHeaders: ['a:']}",
            "6:25 spec.cors.allowHeaders[0] InvalidValue",
        ),
        (
            "cors: {exposeHeaders: ['']}",
            "6:26 spec.cors.exposeHeaders[0] InvalidValue",
        ),
        (
            "cors: {maxAgeSeconds: -5}",
            "6:25 spec.cors.maxAgeSeconds InvalidValue",
        ),
        (
            "headers: {request: {set: {'a b': x}}}",
            "6:29 spec.headers.request.set[a b] InvalidValue",
        ),
        (
            "headers: {request: {set: {a: 1}}}",
            "6:32 spec.headers.request.set.a WrongType",
        ),
        (
            "headers: {request: {set: {Host: a}}}",
            "6:29 spec.headers.request.set.Host InvalidValue: the host is not a header to change (use rewrite.host)",
        ),
        (
            "headers: {request: {add: {':path': a}}}",
            "6:29 spec.headers.request.add[:path] InvalidValue",
        ),
        (
            "headers: {response: {remove: [Transfer-Encoding]}}",
            "6:33 spec.headers.response.remove[0] InvalidValue",
        ),
        (
            "headers: {response: {set: {a: \"x\\r\\ny\"}}}",
            "6:33 spec.headers.response.set.a InvalidValue",
        ),
        (
            "headers: {response: {set: {X-A: a, x-a: b}}}",
            "6:38 spec.headers.response.set.x-a DuplicateKey",
        ),
        ("rewrite: {path: new}", "6:19 spec.rewrite.path InvalidValue"),
        (
            "rewrite: {host: '*.a.com'}",
            "6:19 spec.rewrite.host InvalidValue",
        ),
        (
            "rewrite: {path: /a, regex: b, substitution: c}",
            "6:23 spec.rewrite.regex ConflictingFields",
        ),
        (
            "rewrite: {regex: b}",
            "6:12 spec.rewrite.substitution MissingField",
        ),
        (
            "rewrite: {substitution: b}",
            "6:12 spec.rewrite.regex MissingField",
        ),
        (
            "stripPath: true\nrewrite: {path: /}",
            "7:13 spec.rewrite.path ConflictingFields",
        ),
        ("redirect: {host: b}", "5:3 spec.destinations ConflictingFields"),
        (
            "loadBalancing: {policy: roundrobin}",
            "6:27 spec.loadBalancing.policy InvalidValue: \"roundrobin\" is not one of the values of this field (did you mean \"roundRobin\"?)",
        ),
        (
            "loadBalancing: {policy: consistentHash}",
            "6:18 spec.loadBalancing.hashOn MissingField",
        ),
        (
            "loadBalancing: {policy: consistentHash, hashOn: {}}",
            "6:51 spec.loadBalancing.hashOn MissingField",
        ),
        (
            "loadBalancing: {policy: consistentHash, hashOn: {header: a, cookie: b}}",
            "6:51 spec.loadBalancing.hashOn ConflictingFields",
        ),
    ] {
        bad(spec, expected);
    }
}

#[test]
fn destinations_refuse_what_they_cannot_mean() {
    for (spec, expected) in [
        (
            "paths: [/]",
            "5:3 spec.destinations MissingField: \"destinations\" is missing (add for example",
        ),
        ("destinations: []", "5:3 spec.destinations MissingField"),
        (
            "destinations: {host: a}",
            "5:17 spec.destinations WrongType: expected a list, found a mapping",
        ),
        (
            "destinations: [a]",
            "5:18 spec.destinations[0] WrongType: expected a mapping, found text",
        ),
        (
            "destinations: [{weight: 1}]",
            "5:18 spec.destinations[0].host MissingField",
        ),
        (
            "destinations: [{host: ''}]",
            "5:25 spec.destinations[0].host InvalidValue",
        ),
        (
            "destinations: [{host: 'http://a:80'}]",
            "5:25 spec.destinations[0].host InvalidValue",
        ),
        (
            "destinations: [{host: a, weight: -1}]",
            "5:36 spec.destinations[0].weight InvalidValue",
        ),
        (
            "destinations: [{host: a, weight: 4294967296}]",
            "5:36 spec.destinations[0].weight InvalidValue",
        ),
        (
            "destinations: [{host: a, weight: 0.5}]",
            "5:36 spec.destinations[0].weight WrongType",
        ),
        (
            "destinations: [{host: a, subset: {v: 1}}]",
            "5:40 spec.destinations[0].subset.v WrongType",
        ),
        ("schemes: [http]", "5:3 spec.destinations MissingField"),
        ("httpRedirectToHttps: true", "5:3 spec.destinations MissingField"),
        (
            "redirect: {}",
            "5:13 spec.redirect MissingField: a redirect that changes nothing",
        ),
        ("redirect: {host: }", "5:13 spec.redirect MissingField"),
        (
            "redirect: {host: a, status: 304}",
            "5:31 spec.redirect.status InvalidValue: 304 is not a status that redirects",
        ),
        ("redirect: {port: 0}", "5:20 spec.redirect.port InvalidValue"),
        (
            "redirect: {scheme: ftp}",
            "5:22 spec.redirect.scheme InvalidValue",
        ),
        ("redirect: {path: x}", "5:20 spec.redirect.path InvalidValue"),
        (
            "redirect: {host: a}\nrewrite: {host: b}",
            "6:3 spec.rewrite ConflictingFields",
        ),
    ] {
        let (route, problems) = read_in("seaway.dev", spec);
        assert_eq!(route, None, "{spec}");
        assert!(
            problems[0].starts_with(expected),
            "{spec}\n  {problems:?}\n  not {expected}"
        );
    }
}

#[test]
fn a_route_that_only_redirects_needs_no_destination() {
    for spec in [
        "redirect: {host: b}",
        "httpRedirectToHttps: true\nschemes: [http]",
    ] {
        let (route, problems) = read_in("seaway.dev", spec);
        assert_eq!((route.is_some(), problems), (true, vec![]), "{spec}");
    }
}

#[test]
fn every_mistake_of_a_route_is_found_at_once() {
    let (_, problems) = read("timeout: x\nfault: {}\nhosts: [1, '']\ncolour: red");
    let kinds: Vec<&str> = problems.iter().map(|p| p.split(' ').nth(2).unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "UnknownField:",
            "WrongType:",
            "InvalidValue:",
            "InvalidValue:",
            "MissingField:"
        ]
    );
}

#[test]
fn a_field_without_effect_is_a_warning() {
    for (spec, expected) in [
        (
            "conditions: [{type: header, name: a, operator: exists, value: b}]",
            "6:58 spec.conditions[0].value IgnoredField",
        ),
        (
            "mirror: {destination: {host: a, weight: 1}}",
            "6:35 spec.mirror.destination.weight IgnoredField",
        ),
        (
            "loadBalancing: {hashOn: {header: a}}",
            "6:19 spec.loadBalancing.hashOn IgnoredField",
        ),
        ("rewrite: {}", "6:12 spec.rewrite IgnoredField"),
        (
            "schemes: [https]\nhttpRedirectToHttps: true",
            "7:3 spec.httpRedirectToHttps IgnoredField",
        ),
        (
            "timout: 1s",
            "6:3 spec.timout UnknownField: unknown field \"timout\" (did you mean \"timeout\"?)",
        ),
        (
            "retries: {attempts: 1, retry_on: []}",
            "6:26 spec.retries.retry_on UnknownField: unknown field \"retry_on\" (did you mean \"retryOn\"?)",
        ),
        (
            "zzz: 1",
            "6:3 spec.zzz UnknownField: unknown field \"zzz\" (remove it; the fields here are hosts, paths",
        ),
    ] {
        let (route, problems) = read(spec);
        assert!(route.is_some(), "{spec}: {problems:?}");
        assert_eq!(problems.len(), 1, "{spec}: {problems:?}");
        assert!(
            problems[0].starts_with(expected),
            "{spec}\n  {problems:?}\n  not {expected}"
        );
    }
    let (route, problems) = read_in("seaway.dev", "redirect: {host: b}\ntimeout: 1s");
    assert!(
        route.is_some() && problems[0].contains("spec.timeout IgnoredField"),
        "{problems:?}"
    );
}

#[test]
fn a_plain_path_means_characters_in_kalm_and_elements_in_seaway() {
    assert_eq!(
        kalm("paths: [/a]").paths[0].value,
        PathSpec::StringPrefix("/a".into())
    );
    assert_eq!(good("paths: [/a]").paths[0].value, PathSpec::Prefix("/a".into()));
    assert_eq!(
        kalm("paths: [{prefix: /a}]").paths[0].value,
        PathSpec::Prefix("/a".into())
    );
}

#[test]
fn kalms_fields_are_read_in_seconds_and_with_its_spelling() {
    let route = kalm(
        "timeout: 5\nretries: {attempts: 3, perTtyTimeoutSeconds: 2, retryOn: [gateway-error]}\ndelay: {percentage: 10, delaySeconds: 3}",
    );
    assert_eq!(*route.timeout.unwrap(), 5_000);
    assert_eq!(*route.retries.unwrap().value.per_try_timeout.unwrap(), 2_000);
    assert_eq!(*route.delay.unwrap().value.delay, 3_000);
    let route = kalm("retries: {attempts: 3, perTryTimeoutSeconds: 4}");
    assert_eq!(*route.retries.unwrap().value.per_try_timeout.unwrap(), 4_000);
}

#[test]
fn kalm_has_three_operators_and_writes_a_weight_in_every_mirror() {
    kalm("conditions: [{type: query, name: a, operator: withPrefix, value: b}]");
    kalm("mirror: {percentage: 100, destination: {host: a, weight: 1}}");
    let spec = "destinations: [{host: a}]\nconditions: [{type: query, name: a, operator: exists}]";
    let (route, problems) = read_in("core.kalm.dev", spec);
    assert_eq!(route, None);
    assert!(
        problems[0].starts_with("6:49 spec.conditions[0].operator InvalidValue"),
        "{problems:?}"
    );
}
