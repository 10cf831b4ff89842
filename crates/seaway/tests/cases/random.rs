//! Random configurations and requests: `explain` says what the proxy does, always.
//!
//! The parts are few and near each other, so that routes overlap, hide each other and miss by a little.

use seaway_testkit::cases::{Expect, OneOrMany, Probe};

/// SplitMix64, so that a seed repeats a run.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = self.next() % of.len() as u64;
        usize::try_from(at)
            .ok()
            .and_then(|at| of.get(at))
            .copied()
            .unwrap_or_default()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec: {ports: [{name: http, port: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, namespace: shop, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1]}]
ports: [{name: http, port: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: shop}
spec: {ports: [{name: http2, port: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: b-1, namespace: shop, labels: {kubernetes.io/service-name: b}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.2]}]
ports: [{name: http2, port: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: shop}
spec: {ports: [{name: http, port: 8080}]}
";

const HOSTS: &[&str] = &[
    "a.example.com",
    "b.example.com",
    "\"*.example.com\"",
    "\"*\"",
    "x.a.example.com",
];
const PATHS: &[&str] = &[
    "/",
    "/foo",
    "/foo/",
    "/foo/bar",
    "{exact: /foo}",
    "{prefix: /fo}",
    "{regex: \"/f.*\"}",
    "{regex: \"/v[0-9]+/(a|ab)\"}",
    "/a%2Fb",
];
const CONDITIONS: &[&str] = &[
    "{type: header, name: x-kind, operator: equal, value: a}",
    "{type: header, name: x-kind, operator: notEqual, value: a}",
    "{type: header, name: x-kind, operator: withPrefix, value: a}",
    "{type: header, name: x-kind, operator: exists}",
    "{type: header, name: x-kind, operator: absent}",
    "{type: query, name: q, operator: equal, value: \"1\"}",
    "{type: query, name: q, operator: matchRegexp, value: \"a|ab\"}",
    "{type: cookie, name: c, operator: equal, value: x}",
];
const DESTINATIONS: &[&str] = &[
    "[{host: \"a:8080\"}]",
    "[{host: \"b:8080\"}]",
    "[{host: \"a:8080\", weight: 1}, {host: \"b:8080\", weight: 1}]",
    "[{host: \"a:8080\", weight: 0}, {host: \"b:8080\", weight: 3}]",
    "[{host: \"empty:8080\"}]",
    "[{host: \"missing:8080\"}]",
    "[{host: \"a:8080\"}, {host: \"missing:8080\"}]",
];
const EXTRAS: &[&str] = &[
    "stripPath: true",
    "rewrite: {path: /new}",
    "rewrite: {host: other.example.org}",
    "rewrite: {regex: \"o+\", substitution: \"0\"}",
    "headers: {request: {set: {x-set: s}, add: {x-kind: added}, remove: [x-gone]}}",
    "mirror: {percentage: 100, destination: {host: \"b:8080\"}}",
    "fault: {percentage: 100, errorStatus: 418}",
    "delay: {percentage: 100, delay: 5s}",
    "httpRedirectToHttps: true",
    "timeout: 20s",
    "cors: {allowOrigins: [\"https://app.example.com\"], allowMethods: [GET]}",
];
const REDIRECTS: &[&str] = &[
    "redirect: {host: elsewhere.example.org}",
    "redirect: {scheme: https, status: 308}",
    "redirect: {path: /moved, port: 8443}",
];

/// A configuration with one to eight routes.
pub fn configuration(random: &mut Random) -> String {
    let mut text = SERVICES.to_owned();
    for route in 0..=random.next() % 8 {
        text.push_str(&format!(
            "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: r{route}, namespace: shop}}\nspec:\n"
        ));
        let mut say = |line: String| text.push_str(&format!("  {line}\n"));
        say(format!("hosts: [{}]", random.one(HOSTS)));
        say(format!("paths: [{}]", random.one(PATHS)));
        if random.chance(20) {
            say("methods: [GET, OPTIONS]".to_owned());
        }
        if random.chance(40) {
            say(format!("conditions: [{}]", random.one(CONDITIONS)));
        }
        if random.chance(15) {
            say(random.one(REDIRECTS).to_owned());
            continue;
        }
        say(format!("destinations: {}", random.one(DESTINATIONS)));
        if random.chance(60) {
            say(random.one(EXTRAS).to_owned());
        }
    }
    text
}

/// A request that some of the routes above could take.
pub fn request(random: &mut Random) -> Probe {
    let method = random.one(&["GET", "GET", "POST", "OPTIONS", "HEAD"]);
    let host = random.one(&[
        "a.example.com",
        "b.example.com",
        "x.a.example.com",
        "example.com",
        "10.1.2.3",
    ]);
    let path = random.one(&[
        "/",
        "/foo",
        "/foo/",
        "/foobar",
        "/foo/bar/baz",
        "/foo//bar",
        "/foo/../foo/./bar",
        "/v1/ab",
        "/v1/abc",
        "/a%2Fb",
        "/a%2fb",
        "/%2e%2e/foo",
        "/other",
    ]);
    let query = random.one(&["", "", "?q=1", "?q=ab", "?x=1&q=a"]);
    let mut probe = Probe {
        request: format!("{method} http://{host}{path}{query}"),
        expect: Expect::default(),
        ..Probe::default()
    };
    let mut header = |name: &str, value: &str| {
        probe
            .headers
            .insert(name.to_owned(), OneOrMany::One(value.to_owned()));
    };
    if random.chance(40) {
        header("x-kind", random.one(&["a", "ab", "b", ""]));
    }
    if random.chance(20) {
        header("cookie", random.one(&["c=x", "d=1; c=x", "c=y"]));
    }
    if random.chance(20) {
        header("x-gone", "1");
    }
    if random.chance(20) {
        header(
            "origin",
            random.one(&["https://app.example.com", "https://evil.example.org"]),
        );
        header("access-control-request-method", "GET");
    }
    probe
}
