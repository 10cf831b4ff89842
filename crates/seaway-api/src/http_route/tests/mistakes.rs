//! A bad value for every field, and the place that is named.

use super::{read, read_in};

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
