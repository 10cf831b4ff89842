//! Metrics and the access log.

use std::process::Command;

use http::Request;
use serde_json::Value;

use crate::support::files::Folder;
use crate::support::gateway::{Gateway, arguments};
use crate::support::process::Process;
use crate::support::{SEAWAY, manifests};
use crate::{HOST, backend, serving};

/// A route to a Service, with a warning.
async fn service(more: &[&str]) -> (Folder, seaway_testkit::echo::Backend, Gateway) {
    let one = backend("one");
    let parts = [
        manifests::route_to(HOST, "shop:8080") + "  nonsense: 1\n",
        manifests::service("shop", one.addr()),
    ];
    let folder = Folder::with(&[("shop.yaml", &manifests::documents(&parts))]);
    let gateway = Gateway::start_with(folder.path(), more).await;
    (folder, one, gateway)
}

/// The labels of the first sample of a metric.
fn labels(text: &str, metric: &str, part: &str) -> Vec<(String, String)> {
    let start = format!("{metric}{{");
    let line = text.lines().find(|l| l.starts_with(&start) && l.contains(part));
    let line = line.unwrap_or_else(|| unreachable!("no {metric} with {part} in\n{text}"));
    let inside = line
        .split_once('{')
        .and_then(|(_, rest)| rest.rsplit_once('}'))
        .expect("labels")
        .0;
    let pairs = inside.split("\",").filter_map(|pair| pair.split_once("=\""));
    pairs
        .map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()))
        .collect()
}

#[tokio::test]
async fn requests_are_counted_under_istios_names_and_labels() {
    let (_folder, _one, gateway) = service(&[]).await;
    gateway.answers(HOST, "one").await;
    assert_eq!(gateway.get("unknown.example.com", "/").await.status, 404);
    // A request is counted when its answer has left, which the client may know first.
    let is_counted = async || {
        let text = gateway.admin("/metrics").await.text();
        text.contains("response_code=\"404\"")
    };
    gateway.until("the last answer is counted", is_counted).await;
    let text = gateway.admin("/metrics").await.text();
    let served = labels(&text, "istio_requests_total", "response_code=\"200\"");
    for (name, value) in [
        ("reporter", "source"),
        ("destination_service", "shop.test.svc.cluster.local"),
        ("destination_service_name", "shop"),
        ("destination_service_namespace", "test"),
        ("request_protocol", "http"),
        ("response_flags", "-"),
        ("connection_security_policy", "unknown"),
        ("source_workload", "seaway"),
    ] {
        assert!(
            served.contains(&(name.to_owned(), value.to_owned())),
            "{name}={value}: {served:?}"
        );
    }
    let unknown = labels(&text, "istio_requests_total", "response_code=\"404\"");
    assert!(
        unknown.contains(&("response_flags".to_owned(), "NR".to_owned())),
        "{unknown:?}"
    );
    for metric in [
        "istio_request_duration_milliseconds",
        "istio_request_bytes",
        "istio_response_bytes",
    ] {
        assert!(text.contains(&format!("# TYPE {metric} histogram")), "{metric}");
        assert!(text.contains(&format!("{metric}_bucket{{")), "{metric}");
    }
}

#[tokio::test]
async fn the_configuration_has_metrics_of_its_own() {
    let (_folder, _one, gateway) = service(&[]).await;
    for (series, value) in [
        ("seaway_config_version", 1.0),
        ("seaway_config_last_reload_success", 1.0),
        ("seaway_config_reloads_total{result=\"success\"}", 1.0),
        ("seaway_config_errors", 0.0),
        ("seaway_config_warnings", 1.0),
        ("seaway_config_objects{kind=\"HttpRoute\"}", 1.0),
        ("seaway_config_objects{kind=\"Service\"}", 1.0),
        ("seaway_config_objects{kind=\"Ingress\"}", 0.0),
    ] {
        assert_eq!(gateway.sample(series).await, Some(value), "{series}");
    }
    assert!(
        gateway
            .sample("seaway_config_last_reload_timestamp_seconds")
            .await
            > Some(1.7e9)
    );
}

#[tokio::test]
async fn connections_are_counted_on_both_sides() {
    let (_folder, _one, gateway) = service(&[]).await;
    gateway.answers(HOST, "one").await;
    gateway.metric("seaway_downstream_connections_total", 1.0).await;
    gateway.metric("seaway_downstream_connections", 0.0).await;
    gateway
        .metric("seaway_upstream_connections{cluster=\"test/shop:8080\"}", 1.0)
        .await;
}

#[tokio::test]
async fn every_metric_is_in_the_reference() {
    let (_folder, _one, gateway) = service(&[]).await;
    gateway.answers(HOST, "one").await;
    let text = gateway.admin("/metrics").await.text();
    let reference = include_str!("../../../../docs/metrics.md");
    let names: Vec<_> = text
        .lines()
        .filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        assert!(reference.contains(&format!("`{name}`")), "{name}");
    }
}

#[tokio::test]
async fn the_access_log_as_json_names_route_and_flags() {
    let (_folder, one, gateway) = service(&["--access-log", "json"]).await;
    gateway.answers(HOST, "one").await;
    gateway.get("unknown.example.com", "/nothing?here").await;
    let served: Value =
        serde_json::from_str(&gateway.process.out_line("\"path\":\"/\"").await).expect("JSON");
    assert_eq!(
        (&served["response_code"], &served["response_flags"]),
        (&200.into(), &"-".into())
    );
    assert_eq!(
        served["route"],
        serde_json::json!({"kind": "HttpRoute", "namespace": "test", "name": "shop-example-com", "rule": 0})
    );
    assert_eq!(served["upstream_host"], one.addr().to_string());
    assert_eq!(served["authority"], HOST);
    let unknown: Value = serde_json::from_str(&gateway.process.out_line("nothing?here").await).expect("JSON");
    assert_eq!(
        (&unknown["response_flags"], &unknown["reason"]),
        (&"NR".into(), &"no_route".into())
    );
    assert_eq!(unknown["route"], Value::Null);
}

#[tokio::test]
async fn the_access_log_as_text_names_route_and_flags() {
    let (_folder, _one, gateway) = service(&["--access-log", "text"]).await;
    gateway.answers(HOST, "one").await;
    gateway.get("unknown.example.com", "/nothing").await;
    let served = gateway.process.out_line("\"GET / HTTP/1.1\" 200 -").await;
    assert!(
        served.ends_with(" HttpRoute/test/shop-example-com/0 \"-\""),
        "{served}"
    );
    let unknown = gateway.process.out_line("\"GET /nothing HTTP/1.1\" 404 NR").await;
    assert!(unknown.contains("no_route"), "{unknown}");
}

#[tokio::test]
async fn the_access_log_has_the_format_that_is_asked_for() {
    let format = "%REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS% %ROUTE_NAME% 100%%";
    let (_folder, _one, gateway) = service(&["--access-log", format]).await;
    gateway.answers(HOST, "one").await;
    gateway.get("unknown.example.com", "/").await;
    let line = gateway.process.out_line("GET 200").await;
    assert_eq!(line, "GET 200 - HttpRoute/test/shop-example-com/0 100%");
    assert_eq!(gateway.process.out_line("GET 404").await, "GET 404 NR - 100%");
}

#[tokio::test]
async fn lines_that_are_not_written_yet_come_out_at_the_end() {
    let (_folder, _one, gateway) = service(&["--access-log", "%RESPONSE_CODE%"]).await;
    for _ in 0..20 {
        gateway.answers(HOST, "one").await;
    }
    gateway.process.signal(rustix::process::Signal::TERM);
    assert_eq!(gateway.process.exit().await, 0);
    gateway.process.silent().await;
    gateway.process.out_line("200").await;
    assert_eq!(gateway.process.out.closed().await, vec!["200"; 20]);
}

#[tokio::test]
async fn a_reader_of_the_access_log_who_goes_away_stops_nothing() {
    let one = backend("one");
    let folder = Folder::with(&[("shop.yaml", &manifests::route(HOST, one.addr()))]);
    // `head` goes after the first line.
    let mut shell = Command::new("sh");
    let args = arguments(&["."], &["--access-log", "text"]);
    shell
        .arg("-c")
        .arg("exec 3>&1; \"$0\" \"$@\" | head -n 1 >&3")
        .arg(SEAWAY)
        .args(args)
        .current_dir(folder.path());
    let gateway = Gateway::of(Process::spawn(shell)).await;
    gateway.answers(HOST, "one").await;
    gateway.process.out_line("GET / HTTP/1.1").await;
    for _ in 0..20 {
        gateway.answers(HOST, "one").await;
    }
    gateway
        .until("lost lines are counted", async || {
            gateway.send(Request::get("/").header("host", HOST)).await;
            gateway
                .sample("seaway_access_log_dropped_total{reason=\"write\"}")
                .await
                > Some(0.0)
        })
        .await;
}

#[tokio::test]
async fn without_the_flag_there_is_no_access_log() {
    let (_folder, _one, gateway) = serving(&[]).await;
    gateway.answers(HOST, "one").await;
    gateway.process.signal(rustix::process::Signal::TERM);
    gateway.process.exit().await;
    assert_eq!(gateway.process.out.closed().await, Vec::<String>::new());
}
