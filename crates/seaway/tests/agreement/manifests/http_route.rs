//! HttpRoutes of both groups, with every field that decides what becomes of a request.

use super::{NAMESPACES, head, list, quoted};
use crate::dice::Dice;

const HOSTS: [&str; 11] = [
    "a.test",
    "a.test",
    "b.test",
    "x.a.test",
    "*.test",
    "*.a.test",
    "*",
    "*",
    "*",
    "127.0.0.9",
    "2001:db8::1",
];
const PATHS: [&str; 11] = [
    "/", "/", "/", "/", "/a", "/a", "/a/", "/a/b", "/b", "/ab", "/a%2fb",
];
const EXPRESSIONS: [&str; 6] = ["/a.*", "/(a|ab)", "/[ab]/.*", "/a/?b?", ".*", "/("];
const METHODS: [&str; 5] = ["GET", "POST", "HEAD", "OPTIONS", "FOO"];
const OPERATORS: [&str; 8] = [
    "equal",
    "withPrefix",
    "matchRegexp",
    "notEqual",
    "withoutPrefix",
    "notMatchRegexp",
    "exists",
    "absent",
];
const STATUSES: [&str; 4] = ["503", "418", "200", "404"];

/// One HttpRoute.
pub fn http_route(dice: &mut Dice, number: usize) -> String {
    let is_kalm = dice.chance(25);
    let mut fields = matching(dice, is_kalm);
    if dice.chance(12) {
        fields.push(redirect(dice));
    } else {
        fields.push(format!("destinations: {}", destinations(dice, is_kalm)));
        if dice.chance(25) {
            fields.push("stripPath: true".into());
        }
        if dice.chance(25) {
            fields.push(rewrite(dice));
        }
        fields.extend(forwarding(dice, is_kalm));
    }
    fields.extend(policies(dice, is_kalm));
    let name = format!("route-{number}");
    let mut text = if is_kalm {
        head(dice, "core.kalm.dev/v1alpha1", "HttpRoute", "", &name)
    } else {
        let namespace = dice.pick(&NAMESPACES);
        head(dice, "seaway.dev/v1alpha1", "HttpRoute", namespace, &name)
    };
    text.push_str("spec:\n");
    for field in fields {
        text.push_str(&format!("  {field}\n"));
    }
    text
}

fn matching(dice: &mut Dice, is_kalm: bool) -> Vec<String> {
    let mut fields = vec![format!("hosts: {}", list(&dice.picks(1, 2, &HOSTS)))];
    if dice.chance(70) {
        let paths: Vec<String> = (0..dice.count(1, 3)).map(|_| path(dice, is_kalm)).collect();
        fields.push(format!("paths: [{}]", paths.join(", ")));
    }
    if dice.chance(20) {
        fields.push(format!("methods: {}", list(&dice.picks(1, 2, &METHODS))));
    }
    if dice.chance(15) {
        fields.push(format!("schemes: [{}]", dice.pick(&["http", "https"])));
    }
    if dice.chance(35) {
        let conditions: Vec<String> = (0..dice.count(1, 2)).map(|_| condition(dice, is_kalm)).collect();
        fields.push(format!("conditions: [{}]", conditions.join(", ")));
    }
    fields
}

fn path(dice: &mut Dice, is_kalm: bool) -> String {
    let plain = quoted(dice.pick(&PATHS));
    match dice.count(0, 9) {
        0 | 1 if !is_kalm => format!("{{exact: {plain}}}"),
        2 if !is_kalm => format!("{{prefix: {plain}}}"),
        3 | 4 if !is_kalm => format!("{{regex: {}}}", quoted(expression(dice, &EXPRESSIONS))),
        _ => plain,
    }
}

/// The last one is broken, and rare.
fn expression(dice: &mut Dice, of: &[&'static str]) -> &'static str {
    let count = if dice.chance(5) { of.len() } else { of.len() - 1 };
    dice.pick(of.get(..count).unwrap_or_default())
}

fn condition(dice: &mut Dice, is_kalm: bool) -> String {
    let (kind, name) = match dice.count(0, 6) {
        0..=2 => (
            "header",
            dice.pick(&[
                "x-a",
                "X-A",
                "x-b",
                "x-b",
                "host",
                "x-forwarded-proto",
                "x-request-id",
            ]),
        ),
        3 | 4 => ("query", dice.pick(&["q", "r", "Q"])),
        _ => ("cookie", dice.pick(&["c", "d"])),
    };
    let known = if is_kalm { 3 } else { OPERATORS.len() };
    let operator = dice.pick(OPERATORS.get(..known).unwrap_or_default());
    let value = match operator {
        "exists" | "absent" => String::new(),
        "matchRegexp" | "notMatchRegexp" => {
            format!(
                ", value: {}",
                quoted(expression(dice, &["1", "1|12", "[0-9]+", ".*", "[0-9"]))
            )
        }
        _ => format!(
            ", value: {}",
            quoted(dice.pick(&["1", "2", "12", "1 2", "http", "a.test"]))
        ),
    };
    format!("{{type: {kind}, name: {name}, operator: {operator}{value}}}")
}

fn destination_host(dice: &mut Dice, is_kalm: bool) -> &'static str {
    let full = [
        "one.a.svc.cluster.local:80",
        "one.b.svc.cluster.local:80",
        "two.a.svc.cluster.local:80",
        "two.b.svc.cluster.local:80",
        "none.a.svc.cluster.local:80",
        "gone.a.svc.cluster.local:80",
        "two.a.svc.cluster.local:8080",
    ];
    let short = [
        "one:80",
        "one",
        "two:8080",
        "two:80",
        "one.b:80",
        "none:80",
        "gone:80",
        "two:1",
        "127.0.0.1:9",
        "api.example.org:443",
    ];
    if is_kalm {
        dice.pick(&full)
    } else {
        dice.pick(&short)
    }
}

fn destination(dice: &mut Dice, is_kalm: bool, weight: &str) -> String {
    let mut text = format!("host: {}{weight}", quoted(destination_host(dice, is_kalm)));
    if !is_kalm && dice.chance(25) {
        text.push_str(&format!(
            ", subset: {{version: {}}}",
            dice.pick(&["v1", "v2", "v9"])
        ));
    }
    format!("{{{text}}}")
}

fn destinations(dice: &mut Dice, is_kalm: bool) -> String {
    let many = dice.chance(40);
    let count = if many { dice.count(2, 3) } else { 1 };
    let all: Vec<String> = (0..count)
        .map(|_| {
            let weight = if many {
                dice.pick(&["0", "1", "1", "5", "95"])
            } else {
                "1"
            };
            destination(dice, is_kalm, &format!(", weight: {weight}"))
        })
        .collect();
    format!("[{}]", all.join(", "))
}

fn redirect(dice: &mut Dice) -> String {
    let all = [
        "host: new.test",
        "path: /new",
        "scheme: https",
        "port: 8443",
        "port: 80",
        "status: 308",
    ];
    let mut parts = dice.some(35, &all);
    if parts.is_empty() {
        parts.push("host: new.test");
    }
    if parts.contains(&"port: 8443") {
        parts.retain(|part| *part != "port: 80");
    }
    format!("redirect: {{{}}}", parts.join(", "))
}

fn rewrite(dice: &mut Dice) -> String {
    let path = dice.pick(&[
        "",
        "path: /new",
        "path: /new/",
        "path: /",
        r#"regex: "/(a|b)", substitution: "/\\1x""#,
        r#"regex: "b", substitution: """#,
        r#"regex: "^/", substitution: "//""#,
    ]);
    let host = if path.is_empty() || dice.chance(30) {
        "host: internal.test"
    } else {
        ""
    };
    let parts: Vec<&str> = [path, host].into_iter().filter(|part| !part.is_empty()).collect();
    format!("rewrite: {{{}}}", parts.join(", "))
}

/// Only for what is sent on.
fn forwarding(dice: &mut Dice, is_kalm: bool) -> Vec<String> {
    let mut fields = Vec::new();
    if dice.chance(10) {
        fields.push("httpRedirectToHttps: true".into());
    }
    if dice.chance(10) {
        fields.push("timeout: 30".into());
    }
    if dice.chance(10) {
        fields.push("retries: {attempts: 1, retryOn: [5xx]}".into());
    }
    if dice.chance(10) {
        let percentage = dice.pick(&["0", "100"]);
        let to = destination(dice, is_kalm, if is_kalm { ", weight: 1" } else { "" });
        fields.push(format!("mirror: {{percentage: {percentage}, destination: {to}}}"));
    }
    if !is_kalm && dice.chance(15) {
        let policy = dice.pick(&["roundRobin", "random", "consistentHash, hashOn: {cookie: c}"]);
        fields.push(format!("loadBalancing: {{policy: {policy}}}"));
    }
    fields
}

fn policies(dice: &mut Dice, is_kalm: bool) -> Vec<String> {
    let mut fields = Vec::new();
    if dice.chance(10) {
        let (percentage, status) = (dice.pick(&["0", "100"]), dice.pick(&STATUSES));
        fields.push(format!(
            "fault: {{percentage: {percentage}, errorStatus: {status}}}"
        ));
    }
    // Kalm's delays are whole seconds, too long for a test of thousands.
    if !is_kalm && dice.chance(5) {
        let percentage = dice.pick(&["0", "100"]);
        fields.push(format!("delay: {{percentage: {percentage}, delay: 1ms}}"));
    }
    if dice.chance(20) {
        let origin = dice.pick(&["*", "https://a.example", "https://*.example"]);
        fields.push(format!(
            "cors: {{allowOrigins: [{}], allowMethods: [GET]}}",
            quoted(origin)
        ));
    }
    if dice.chance(30) {
        fields.push(format!(
            "headers: {{request: {}, response: {}}}",
            headers(dice),
            headers(dice)
        ));
    }
    fields
}

fn headers(dice: &mut Dice) -> String {
    let set = dice.some(30, &["x-a: \"9\"", "X-Set: \"s\"", "x-forwarded-proto: gopher"]);
    let add = dice.some(30, &["x-a: \"8\"", "x-add: \"t\"", "x-b: \"7\""]);
    let remove = dice.some(30, &["x-a", "X-B", "cookie", "x-forwarded-for"]);
    format!(
        "{{set: {{{}}}, add: {{{}}}, remove: [{}]}}",
        set.join(", "),
        add.join(", "),
        remove.join(", ")
    )
}
