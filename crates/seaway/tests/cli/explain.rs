//! `seaway explain`

use serde_json::{Value, json};

use crate::support::command::{Done, seaway_in, seaway_with};
use crate::support::files::Folder;
use crate::support::manifests;

const SHOP: &str = "\
apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata: {name: phones, namespace: shop}
spec:
  hosts: [shop.example.com]
  conditions: [{type: header, name: User-Agent, operator: matchRegexp, value: \".*iPhone.*\"}]
  destinations: [{host: \"10.0.0.9:80\"}]
---
apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  destinations:
    - {host: \"shop:8080\", weight: 95, subset: {version: v1}}
    - {host: \"shop:8080\", weight: 5, subset: {version: v2}}
  timeout: 15s
  retries: {attempts: 3, perTryTimeout: 2s, retryOn: [5xx]}
  mirror: {percentage: 10, destination: {host: \"10.0.0.8:80\"}}
  headers: {request: {set: {x-a: \"1\"}, add: {x-b: \"2\"}, remove: [x-c]}}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-1, namespace: shop, labels: {app: shop, version: v1}}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-2, namespace: shop, labels: {app: shop, version: v2}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: shop-1, namespace: shop, labels: {kubernetes.io/service-name: shop}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
  - {addresses: [10.0.0.1], targetRef: {kind: Pod, name: shop-1}}
  - {addresses: [10.0.0.2], targetRef: {kind: Pod, name: shop-2}}
---
apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata: {name: old, namespace: shop}
spec: {hosts: [old.example.com], redirect: {host: shop.example.com, status: 301}}
---
apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata: {name: broken, namespace: shop}
spec: {hosts: [broken.example.com], destinations: [{host: \"nobody:80\"}]}
";

fn explain(args: &[&str]) -> Done {
    let folder = Folder::with(&[("shop.yaml", SHOP)]);
    let mut all = vec!["explain", "shop.yaml"];
    all.extend(args);
    seaway_in(folder.path(), &all)
}

fn one(args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.extend(["-o", "json"]);
    let done = explain(&all);
    assert_eq!(done.code, Some(0), "{}", done.err);
    done.json()
}

#[test]
fn a_request_that_is_forwarded_has_every_key_of_the_contract() {
    let answer = one(&[
        "--request",
        "GET http://shop.example.com/cart",
        "-H",
        "User-Agent: curl",
    ]);
    assert_eq!(answer["listener"], "http-80");
    assert_eq!(answer["virtualHost"], "shop.example.com");
    assert_eq!(
        answer["route"],
        json!({"apiVersion": "seaway.dev/v1alpha1", "kind": "HttpRoute", "namespace": "shop", "name": "shop",
            "rule": 0, "file": "shop.yaml", "line": 9})
    );
    assert_eq!(answer["action"], "forward");
    let expected = |subset, weight, share, endpoint| {
        json!({"cluster": format!("shop/shop:8080/{subset}"), "service": "shop", "namespace": "shop", "port": 8080,
            "subset": subset, "weight": weight, "share": share, "endpoints": [endpoint], "fail": null,
            "policies": {"balancing": "leastRequest", "connectTimeoutMs": 5000}})
    };
    assert_eq!(
        answer["destinations"],
        json!([
            expected("v1", 95, 0.95, "10.0.0.1:8080"),
            expected("v2", 5, 0.05, "10.0.0.2:8080")
        ])
    );
    assert_eq!(
        answer["upstreamRequest"],
        json!({"method": "GET", "host": "shop.example.com", "path": "/cart", "headersSet": {"x-a": "1"},
            "headersAdded": {"x-b": "2"}, "headersRemoved": ["x-c"]})
    );
    assert_eq!(answer["timeoutMs"], 15_000);
    assert_eq!(answer["mirrors"].as_array().map(Vec::len), Some(1), "{answer}");
    assert!(answer["retries"].is_object(), "{answer}");
    assert_eq!(answer["fault"], Value::Null);
    let considered = answer["considered"].as_array().expect("an array");
    assert_eq!(considered[0]["route"]["name"], "phones");
    assert_eq!(considered[0]["matched"], false);
    assert_eq!(
        considered[0]["because"],
        "header user-agent is \"curl\", not like \".*iPhone.*\""
    );
    assert_eq!(
        (&considered[1]["route"]["name"], &considered[1]["matched"]),
        (&json!("shop"), &json!(true))
    );
}

#[test]
fn a_redirect_says_status_and_location() {
    let answer = one(&["--request", "GET http://old.example.com/a?b=c"]);
    assert_eq!(answer["action"], "redirect");
    assert_eq!(
        answer["redirect"],
        json!({"status": 301, "location": "http://shop.example.com/a?b=c"})
    );
}

#[test]
fn no_route_is_404_and_a_fault_of_the_configuration_fails() {
    let answer = one(&["--request", "GET http://unknown.example.com/"]);
    assert_eq!(answer["action"], "respond");
    assert_eq!(answer["respond"], json!({"status": 404, "reason": "no_route"}));
    let answer = one(&["--request", "GET http://broken.example.com/"]);
    assert_eq!(answer["action"], "fail");
    assert_eq!(
        answer["respond"],
        json!({"status": 503, "reason": "service_not_found"})
    );
}

const DATABASE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec:
  type: NodePort
  selector: {app: db}
  ports: [{name: tcp-db, port: 5432, nodePort: 30432}, {name: dns, port: 53, nodePort: 30053, protocol: UDP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: tcp-db, port: 5432}, {name: dns, port: 5353, protocol: UDP}]
endpoints: [{addresses: [10.0.0.1]}]
";

#[test]
fn what_is_not_http_is_asked_about_by_its_address() {
    let folder = Folder::new();
    folder.write("db.yaml", DATABASE);
    let ask = |url: &str| {
        let done = seaway_in(
            folder.path(),
            &["explain", "db.yaml", "--request", url, "-o", "json"],
        );
        assert_eq!(done.code, Some(0), "{}", done.err);
        done.json()
    };
    let tcp = ask("tcp://db.example.com:30432");
    assert_eq!(
        (&tcp["listener"], &tcp["action"], &tcp["mode"]),
        (&json!("tcp-30432"), &json!("forward"), &json!("tcp"))
    );
    assert_eq!(tcp["destinations"][0]["endpoints"], json!(["10.0.0.1:5432"]));
    assert_eq!(tcp["destinations"][0]["share"], 1.0);
    assert_eq!(tcp["upstreamRequest"], Value::Null);
    let udp = ask("udp://10.0.0.9:30053");
    assert_eq!(
        (&udp["mode"], &udp["route"]["kind"]),
        (&json!("udp"), &json!("Service"))
    );
    assert_eq!(ask("tcp://db.example.com:30053")["action"], "none");
    let portless = seaway_in(
        folder.path(),
        &["explain", "db.yaml", "--request", "tcp://db.example.com"],
    );
    assert_eq!(portless.code, Some(2), "{}", portless.out);
    assert!(portless.err.contains("needs a port"), "{}", portless.err);
}

#[test]
fn the_listener_is_the_one_on_the_port() {
    assert_eq!(
        one(&["--request", "GET https://shop.example.com/"])["action"],
        "none"
    );
    assert_eq!(
        one(&["--request", "GET http://shop.example.com:8080/"])["action"],
        "none"
    );
    let mapped = ["--request", "GET http://shop.example.com:8080/", "--port", "80"];
    assert_eq!(one(&mapped)["action"], "forward");
}

#[test]
fn the_host_header_replaces_the_host_of_the_url() {
    let answer = one(&[
        "--request",
        "GET http://127.0.0.1/",
        "-H",
        "Host: shop.example.com",
    ]);
    assert_eq!(answer["virtualHost"], "shop.example.com");
}

#[test]
fn text_reads_as_a_person_would_say_it() {
    let done = explain(&[
        "--request",
        "GET http://shop.example.com/cart",
        "-H",
        "User-Agent: curl",
    ]);
    assert_eq!(done.code, Some(0));
    for line in [
        "action        forward",
        "route         HttpRoute shop/shop, rule 0 (shop.yaml:9)",
        "destination   95% to shop/shop:8080/v1 (10.0.0.1:8080)",
        "destination   5% to shop/shop:8080/v2 (10.0.0.2:8080)",
        "upstream gets GET /cart, host shop.example.com, header x-c removed, header x-a set to \"1\", header x-b added with \"2\"",
        "not by        HttpRoute shop/phones, rule 0 (shop.yaml:1): header user-agent is \"curl\", not like \".*iPhone.*\"",
        "taken by      HttpRoute shop/shop, rule 0 (shop.yaml:9): every condition holds",
    ] {
        assert!(
            done.out.lines().any(|l| l == line),
            "no line \"{line}\" in\n{}",
            done.out
        );
    }
}

#[test]
fn errors_of_the_configuration_go_to_standard_error_and_the_answer_is_given() {
    let done = explain(&["--request", "GET http://shop.example.com/", "-o", "json"]);
    assert!(done.err.contains("error[SW0201]"), "{}", done.err);
    assert_eq!(done.json()["action"], "forward");
}

/// A line each, the blank one left out.
const MANY: &str = r#"{"method": "GET", "url": "http://shop.example.com/1"}
{"url": "http://old.example.com/2"}

{"method": "GET", "url": "http://127.0.0.1/3", "headers": {"Host": "shop.example.com", "User-Agent": "iPhone 17"}}
this is no JSON
{"method": "GET", "url": "nowhere"}
{"url": "http://shop.example.com:8080/4", "port": 80}
{"url": "https://shop.example.com/5"}
"#;

fn is_as_expected(answers: &[Value]) {
    let words: Vec<_> = answers
        .iter()
        .map(|a| a["action"].as_str().unwrap_or("error"))
        .collect();
    assert_eq!(
        words,
        [
            "forward", "redirect", "forward", "error", "error", "forward", "none"
        ]
    );
    assert_eq!(answers[2]["route"]["name"], "phones");
    assert!(
        answers[3]["error"].is_string() && answers[4]["error"].is_string(),
        "{answers:?}"
    );
}

#[test]
fn many_requests_are_answered_a_line_each_in_order_whatever_else_is_in_the_file() {
    let folder = Folder::with(&[("shop.yaml", SHOP), ("many.jsonl", MANY)]);
    let done = seaway_in(
        folder.path(),
        &["explain", "shop.yaml", "--requests", "many.jsonl"],
    );
    assert_eq!(done.code, Some(0));
    is_as_expected(&done.json_lines());
}

#[test]
fn requests_are_read_from_standard_input_where_the_file_is_a_dash() {
    let folder = Folder::with(&[("shop.yaml", SHOP)]);
    let done = seaway_with(folder.path(), &["explain", "shop.yaml", "--requests", "-"], MANY);
    is_as_expected(&done.json_lines());
}

#[test]
fn a_request_that_is_not_utf_8_is_answered_with_an_error_and_the_others_are_decided() {
    let folder = Folder::with(&[("shop.yaml", SHOP)]);
    let mut bytes = b"\xff\xfe\n".to_vec();
    bytes.extend(b"{\"url\": \"http://shop.example.com/\"}\n");
    std::fs::write(folder.file("bytes.jsonl"), bytes).expect("a file");
    let done = seaway_in(
        folder.path(),
        &["explain", "shop.yaml", "--requests", "bytes.jsonl"],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let answers = done.json_lines();
    assert!(answers[0]["error"].is_string(), "{answers:?}");
    assert_eq!(answers[1]["action"], "forward");
}

#[test]
fn one_request_and_many_are_answered_alike() {
    let folder = Folder::with(&[
        ("shop.yaml", SHOP),
        ("one.jsonl", "{\"url\": \"http://shop.example.com/cart\"}\n"),
    ]);
    let many = seaway_in(
        folder.path(),
        &["explain", "shop.yaml", "--requests", "one.jsonl"],
    )
    .json_lines();
    assert_eq!(many[0], one(&["--request", "GET http://shop.example.com/cart"]));
}

#[test]
fn ten_thousand_requests_keep_their_order() {
    use std::fmt::Write as _;
    let mut lines = String::new();
    for i in 0..10_000 {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{{\"url\": \"http://a.example.com/{i}\"}}");
    }
    let folder = Folder::with(&[("a.yaml", &manifests::route("a.example.com", crate::backend()))]);
    let done = seaway_with(folder.path(), &["explain", "a.yaml", "--requests", "-"], &lines);
    let answers = done.json_lines();
    assert_eq!(answers.len(), 10_000);
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(answer["upstreamRequest"]["path"], format!("/{i}"));
    }
}

const BESIDE: &str = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: inside, namespace: shop}
spec:
  selector: {istio: inside}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [\"*\"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tea, namespace: shop}
spec:
  hosts: [shop]
  gateways: [inside, mesh]
  http: [{directResponse: {status: 418}}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 8080}]}
";

/// The status of the answer to `GET URL`, with these flags; null without a connection.
fn status(url: &str, flags: &[&str]) -> Value {
    let folder = Folder::new();
    folder.write("beside.yaml", BESIDE);
    let request = format!("GET {url}");
    let mut args = vec!["explain", "beside.yaml", "-o", "json", "--request", &request];
    args.extend(flags);
    seaway_in(folder.path(), &args).json()["respond"]["status"].clone()
}

#[test]
fn a_gateway_whose_selector_asks_for_other_labels_is_not_served() {
    let url = "http://shop.shop.svc.cluster.local/";
    assert_eq!(status(url, &[]), 418);
    assert_eq!(status(url, &["--gateway-label", "istio=inside"]), 418);
    let other = status(url, &["--gateway-label", "istio=outside"]);
    assert_eq!(other, 404, "the default gateway is there then");
    let folder = Folder::new();
    folder.write("beside.yaml", BESIDE);
    let done = seaway_in(
        folder.path(),
        &["check", "beside.yaml", "--gateway-label", "istio=outside"],
    );
    assert!(done.out.contains("SW0604"), "{}", done.out);
}

#[test]
fn rules_for_the_mesh_hold_at_its_port_only() {
    assert_eq!(status("http://shop:15080/", &[]), Value::Null);
    assert_eq!(status("http://shop:15080/", &["--mesh-port", "15080"]), 418);
}

#[test]
fn where_the_gateway_stands_decides_which_endpoints_come_first() {
    let manifests = "\
apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata: {name: shop, namespace: shop}
spec: {hosts: [shop.example.com], destinations: [{host: \"api.example.net:80\"}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.net]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.1, locality: eu/eu-1}, {address: 10.0.0.2, locality: us/us-1}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: shop}
spec:
  host: api.example.net
  trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: us/*, to: {us/*: 100}}]}}}
";
    let folder = Folder::with(&[("shop.yaml", manifests)]);
    let request = "GET http://shop.example.com/";
    let ask = |more: &[&str]| {
        let mut args = vec!["explain", "shop.yaml", "--request", request, "-o", "json"];
        args.extend(more);
        let done = seaway_in(folder.path(), &args);
        done.json()["destinations"][0]["endpoints"].clone()
    };
    assert_eq!(ask(&[]), json!(["10.0.0.1:80", "10.0.0.2:80"]));
    assert_eq!(ask(&["--locality", "us/us-1"]), json!(["10.0.0.2:80"]));
}
