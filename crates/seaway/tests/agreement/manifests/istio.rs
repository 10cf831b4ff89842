//! Gateways, VirtualServices and DestinationRules, with every field that decides what becomes of a request.

use super::{NAMESPACES, head, list, quoted};
use crate::dice::Dice;

const API_VERSIONS: [&str; 3] = [
    "networking.istio.io/v1",
    "networking.istio.io/v1beta1",
    "networking.istio.io/v1alpha3",
];
const HOSTS: [&str; 7] = [
    "a.test", "a.test", "b.test", "x.a.test", "*.test", "*.a.test", "*",
];
const PATHS: [&str; 8] = ["/", "/a", "/a", "/a/", "/A", "/a/b", "/b", "/ab"];
/// The last one is broken, and rare.
const EXPRESSIONS: [&str; 6] = ["/a.*", "/(a|ab)", "/[ab]/.*", "/a/?b?", ".*", "/("];

/// A Gateway of a namespace.
pub fn gateway(dice: &mut Dice, namespace: &str, https: bool) -> String {
    let hosts = |dice: &mut Dice| {
        let hosts = dice.picks(
            1,
            2,
            &["*", "*", "*.test", "a.test", "a/*", "./*.test", "*/b.test"],
        );
        list(&hosts)
    };
    let plain = hosts(dice);
    let redirect = if dice.chance(10) {
        ", tls: {httpsRedirect: true}"
    } else {
        ""
    };
    let mut servers =
        format!("{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: {plain}{redirect}}}");
    if https {
        let hosts = hosts(dice);
        servers.push_str(&format!(
            ", {{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: {hosts}, \
             tls: {{mode: SIMPLE, credentialName: pair}}}}"
        ));
    }
    let mut text = head(dice, dice_version(namespace), "Gateway", namespace, "gw");
    text.push_str(&format!(
        "spec: {{selector: {{istio: ingressgateway}}, servers: [{servers}]}}\n"
    ));
    text
}

/// A different one for each namespace, so that all are read.
fn dice_version(namespace: &str) -> &'static str {
    if namespace == "a" {
        API_VERSIONS[0]
    } else {
        API_VERSIONS[1]
    }
}

/// One VirtualService.
pub fn virtual_service(dice: &mut Dice, number: usize) -> String {
    let namespace = dice.pick(&NAMESPACES);
    let version = dice.pick(&API_VERSIONS);
    let mut text = head(
        dice,
        version,
        "VirtualService",
        namespace,
        &format!("virtual-{number}"),
    );
    text.push_str(&format!("spec:\n  hosts: {}\n", list(&dice.picks(1, 2, &HOSTS))));
    let gateways = dice.pick(&["[gw]", "[gw]", "[a/gw, b/gw]", "[a/gw]", "[mesh, b/gw]", "[gone]"]);
    text.push_str(&format!("  gateways: {gateways}\n"));
    if dice.chance(8) {
        text.push_str(&format!(
            "  exportTo: {}\n",
            dice.pick(&["[\".\"]", "[\"*\"]", "[b]"])
        ));
    }
    text.push_str("  http:\n");
    for _ in 0..dice.count(1, 3) {
        text.push_str(&rule(dice));
    }
    text
}

fn rule(dice: &mut Dice) -> String {
    let mut fields = Vec::new();
    if dice.chance(75) {
        let all: Vec<String> = (0..dice.count(1, 2)).map(|_| conditions(dice)).collect();
        fields.push(format!("match: [{}]", all.join(", ")));
    }
    match dice.count(0, 9) {
        0 => fields.push(redirect(dice)),
        1 => fields.push(format!(
            "directResponse: {{status: {}, body: {{string: hello}}}}",
            dice.pick(&["200", "404", "503"])
        )),
        _ => {
            fields.push(format!("route: [{}]", destinations(dice)));
            if dice.chance(30) {
                fields.push(rewrite(dice));
            }
            fields.extend(forwarding(dice));
        }
    }
    fields.extend(policies(dice));
    format!("    - {{{}}}\n", fields.join(", "))
}

fn conditions(dice: &mut Dice) -> String {
    let mut fields = Vec::new();
    if dice.chance(75) {
        let uri = match dice.count(0, 3) {
            0 => format!("exact: {}", quoted(dice.pick(&PATHS))),
            1 | 2 => format!("prefix: {}", quoted(dice.pick(&PATHS))),
            _ => format!("regex: {}", quoted(expression(dice))),
        };
        fields.push(format!("uri: {{{uri}}}"));
        if dice.chance(25) {
            fields.push("ignoreUriCase: true".into());
        }
    }
    if dice.chance(20) {
        fields.push(format!(
            "method: {{{}}}",
            dice.pick(&[
                "exact: GET",
                "exact: POST",
                "prefix: P",
                "regex: GET|HEAD",
                "exact: get"
            ])
        ));
    }
    if dice.chance(12) {
        fields.push(format!(
            "authority: {{{}}}",
            dice.pick(&[
                "exact: a.test",
                "prefix: a",
                "regex: \".*test(:80)?\"",
                "prefix: A"
            ])
        ));
    }
    if dice.chance(30) {
        fields.push(format!(
            "headers: {{{}: {}}}",
            dice.pick(&["x-a", "x-b", "cookie"]),
            text(dice)
        ));
    }
    if dice.chance(15) {
        fields.push(format!(
            "withoutHeaders: {{{}: {}}}",
            dice.pick(&["x-a", "x-b"]),
            text(dice)
        ));
    }
    if dice.chance(20) {
        fields.push(format!(
            "queryParams: {{{}: {}}}",
            dice.pick(&["q", "r"]),
            text(dice)
        ));
    }
    if dice.chance(8) {
        fields.push(format!("port: {}", dice.pick(&["80", "443", "8080"])));
    }
    if dice.chance(8) {
        fields.push(format!("scheme: {{exact: {}}}", dice.pick(&["http", "https"])));
    }
    if dice.chance(5) {
        fields.push(format!("gateways: [{}]", dice.pick(&["gw", "a/gw", "mesh"])));
    }
    format!("{{{}}}", fields.join(", "))
}

fn text(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "{exact: \"1\"}",
        "{exact: \"1\"}",
        "{prefix: \"1\"}",
        "{regex: \"[0-9]+\"}",
        "{exact: \"\"}",
        "{}",
    ])
}

fn expression(dice: &mut Dice) -> &'static str {
    let count = EXPRESSIONS.len() - usize::from(!dice.chance(5));
    dice.pick(EXPRESSIONS.get(..count).unwrap_or_default())
}

fn destinations(dice: &mut Dice) -> String {
    let count = dice.count(1, 3);
    let all: Vec<String> = (0..count)
        .map(|_| {
            let mut fields = vec![format!("destination: {}", destination(dice))];
            if count > 1 {
                fields.push(format!("weight: {}", dice.pick(&["1", "5", "95", "0", "1"])));
            }
            if dice.chance(15) {
                fields.push("headers: {request: {set: {x-b: dest}, remove: [x-a]}}".into());
            }
            format!("{{{}}}", fields.join(", "))
        })
        .collect();
    all.join(", ")
}

fn destination(dice: &mut Dice) -> String {
    let host = dice.pick(&[
        "one",
        "one",
        "one.a.svc.cluster.local",
        "one.b.svc.cluster.local",
        "two",
        "two",
        "none",
        "gone",
    ]);
    let mut fields = vec![format!("host: {host}")];
    if host.starts_with("one") && dice.chance(50) {
        fields.push(format!("subset: {}", dice.pick(&["v1", "v1", "v2", "v9"])));
    }
    if host == "two" || dice.chance(20) {
        fields.push(format!(
            "port: {{number: {}}}",
            dice.pick(&["80", "80", "8080", "1"])
        ));
    }
    format!("{{{}}}", fields.join(", "))
}

fn redirect(dice: &mut Dice) -> String {
    let mut fields = Vec::new();
    match dice.count(0, 2) {
        0 => fields.push("uri: /new".into()),
        1 => fields.push(format!("prefixRewrite: {}", dice.pick(&["/", "/new", "/new/"]))),
        _ => {}
    }
    if fields.is_empty() || dice.chance(50) {
        fields.push("authority: new.test".into());
    }
    if dice.chance(30) {
        fields.push(format!("scheme: {}", dice.pick(&["http", "https"])));
    }
    if dice.chance(30) {
        fields.push(
            dice.pick(&[
                "port: 8443",
                "derivePort: FROM_PROTOCOL_DEFAULT",
                "derivePort: FROM_REQUEST_PORT",
            ])
            .into(),
        );
    }
    if dice.chance(30) {
        fields.push(format!("redirectCode: {}", dice.pick(&["301", "302", "307"])));
    }
    format!("redirect: {{{}}}", fields.join(", "))
}

fn rewrite(dice: &mut Dice) -> String {
    let mut fields = Vec::new();
    match dice.count(0, 3) {
        0 | 1 => fields.push(format!(
            "uri: {}",
            quoted(dice.pick(&["/", "/new", "/new/", "/n/e"]))
        )),
        2 => fields.push(format!(
            "uriRegexRewrite: {{match: {}, rewrite: {}}}",
            quoted(dice.pick(&["a+", "^/([ab])", "b", "x"])),
            quoted(dice.pick(&["", "/new", r"/\1", "z"]))
        )),
        _ => {}
    }
    if fields.is_empty() || dice.chance(30) {
        fields.push("authority: inside.test".into());
    }
    format!("rewrite: {{{}}}", fields.join(", "))
}

fn forwarding(dice: &mut Dice) -> Vec<String> {
    let mut fields = Vec::new();
    if dice.chance(15) {
        fields.push("timeout: 20s".into());
    }
    if dice.chance(15) {
        fields.push(format!(
            "retries: {{attempts: {}, retryOn: \"{}\"}}",
            dice.pick(&["0", "1"]),
            dice.pick(&["5xx", "connect-failure,refused-stream", "gateway-error,503"])
        ));
    }
    if dice.chance(15) {
        fields.push(format!(
            "mirrors: [{{destination: {}, percentage: {{value: {}}}}}]",
            destination(dice),
            dice.pick(&["100", "0.5"])
        ));
    }
    fields
}

fn policies(dice: &mut Dice) -> Vec<String> {
    let mut fields = Vec::new();
    if dice.chance(8) {
        let status = dice.pick(&["httpStatus: 418", "httpStatus: 503", "grpcStatus: UNAVAILABLE"]);
        let share = dice.pick(&["100", "100", "0"]);
        fields.push(format!(
            "fault: {{abort: {{{status}, percentage: {{value: {share}}}}}}}"
        ));
    }
    if dice.chance(12) {
        let origin = dice.pick(&[
            "exact: https://a.example",
            "prefix: https://a",
            "regex: \".*[.]example\"",
        ]);
        let unmatched = dice.pick(&[
            "",
            ", unmatchedPreflights: IGNORE",
            ", unmatchedPreflights: FORWARD",
        ]);
        fields.push(format!(
            "corsPolicy: {{allowOrigins: [{{{origin}}}], allowMethods: [GET, POST]{unmatched}}}"
        ));
    }
    if dice.chance(20) {
        fields.push(
            "headers: {request: {set: {x-a: rule}, add: {x-b: more}}, response: {set: {x-r: \"1\"}, remove: [server]}}"
                .into(),
        );
    }
    fields
}

/// One DestinationRule.
pub fn destination_rule(dice: &mut Dice, number: usize) -> String {
    let namespace = dice.pick(&NAMESPACES);
    let version = dice.pick(&API_VERSIONS);
    let mut text = head(
        dice,
        version,
        "DestinationRule",
        namespace,
        &format!("rule-{number}"),
    );
    let host = dice.pick(&["one", "one", "two", "one.a.svc.cluster.local", "none", "gone"]);
    text.push_str(&format!("spec:\n  host: {host}\n"));
    if dice.chance(60) {
        text.push_str(&format!("  trafficPolicy: {}\n", balancing(dice)));
    }
    if dice.chance(80) {
        text.push_str("  subsets:\n    - {name: v1, labels: {version: v1}}\n");
        let policy = if dice.chance(30) {
            format!(", trafficPolicy: {}", balancing(dice))
        } else {
            String::new()
        };
        text.push_str(&format!("    - {{name: v2, labels: {{version: v2}}{policy}}}\n"));
    }
    text
}

fn balancing(dice: &mut Dice) -> String {
    let how = dice.pick(&[
        "simple: ROUND_ROBIN",
        "simple: RANDOM",
        "simple: LEAST_REQUEST",
        "consistentHash: {httpHeaderName: x-a}",
        "consistentHash: {useSourceIp: true}",
        "consistentHash: {httpQueryParameterName: q}",
        "consistentHash: {httpCookie: {name: c, ttl: 0s}}",
        "consistentHash: {httpCookie: {name: sticky, ttl: 60s, path: /}, maglev: {tableSize: 101}}",
    ]);
    format!("{{loadBalancer: {{{how}}}}}")
}
