use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::*;
use crate::catalog::{
    self, CERTIFICATE_EXPIRY, CERTIFICATE_FAILURES, CERTIFICATE_ORDERS, CERTIFICATE_RENEWALS, CONFIG_VERSION,
    DOWNSTREAM_CONNECTIONS, DOWNSTREAM_CONNECTIONS_LIMIT, DOWNSTREAM_CONNECTIONS_TOTAL,
    DOWNSTREAM_DATAGRAMS_DROPPED, DOWNSTREAM_EVICTED, DOWNSTREAM_REFUSED, DOWNSTREAM_REQUESTS,
    DOWNSTREAM_SESSIONS, MIRROR_REQUESTS, OVERLOAD_DELAY, OVERLOAD_MEMORY_LIMIT, OVERLOAD_SHARE,
    OVERLOAD_SHED, UPSTREAM_CONNECTIONS, XDS_ANSWERS, XDS_BYTES, XDS_CLIENTS, XDS_RESOURCES, XDS_RESPONSES,
    XDS_STREAMS,
};
use crate::{RequestRecord, fixture};

fn telemetry() -> Arc<Telemetry> {
    Telemetry::new(Config {
        version: "1.2.3".into(),
        ..Config::default()
    })
}

fn sample(text: &str, name: &str, part: &str) -> Option<f64> {
    text.lines()
        .filter(|l| l.starts_with(name) && l.contains(part))
        .find_map(|l| l.rsplit_once(' ')?.1.parse().ok())
}

#[test]
fn a_request_is_counted_under_istios_names() {
    let telemetry = telemetry();
    let cluster = fixture::service_cluster("shop", "store", None);
    telemetry.sink(0).record(&RequestRecord {
        cluster: Some(&cluster),
        ..fixture::record()
    });
    let text = telemetry.render(Format::Prometheus);
    let shop = "destination_service=\"shop.store.svc.cluster.local\"";
    assert_eq!(sample(&text, "istio_requests_total{", shop), Some(1.0));
    assert_eq!(
        sample(&text, "istio_request_duration_milliseconds_sum{", shop),
        Some(12.0)
    );
    assert_eq!(
        sample(&text, "istio_request_duration_milliseconds_bucket{", "le=\"10\""),
        Some(0.0)
    );
    assert_eq!(
        sample(&text, "istio_request_duration_milliseconds_bucket{", "le=\"25\""),
        Some(1.0)
    );
    assert_eq!(sample(&text, "istio_request_bytes_sum{", shop), Some(10.0));
    assert_eq!(sample(&text, "istio_response_bytes_sum{", shop), Some(2000.0));
    assert_eq!(sample(&text, "istio_response_bytes_count{", shop), Some(1.0));
}

#[test]
fn retries_are_counted_from_the_requests() {
    let telemetry = telemetry();
    telemetry.sink(0).record(&RequestRecord {
        retries: 2,
        ..fixture::record()
    });
    let text = telemetry.render(Format::Prometheus);
    assert_eq!(sample(&text, "seaway_upstream_retries_total ", ""), Some(2.0));
}

#[test]
fn a_reload_shows_in_the_configurations_metrics() {
    let telemetry = telemetry();
    let reload = |version, errors| Reload {
        version,
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
        errors,
        warnings: 4,
        objects: BTreeMap::from([("HttpRoute".into(), 7)]),
    };
    telemetry.reloaded(reload(1, 0));
    telemetry.reloaded(reload(2, 3));
    let text = telemetry.render(Format::Prometheus);
    for (line, value) in [
        ("seaway_config_version ", 2.0),
        ("seaway_config_last_reload_timestamp_seconds ", 1.5),
        ("seaway_config_last_reload_success ", 0.0),
        ("seaway_config_reloads_total{result=\"success\"} ", 1.0),
        ("seaway_config_reloads_total{result=\"error\"} ", 1.0),
        ("seaway_config_errors ", 3.0),
        ("seaway_config_warnings ", 4.0),
        ("seaway_config_objects{kind=\"HttpRoute\"} ", 7.0),
        ("seaway_build_info{version=\"1.2.3\"} ", 1.0),
    ] {
        assert_eq!(sample(&text, line, ""), Some(value), "{line}");
    }
}

#[test]
fn a_collector_is_asked_at_every_scrape() {
    let telemetry = telemetry();
    telemetry.reloaded(Reload::of(
        1,
        SystemTime::UNIX_EPOCH,
        &seaway_model::Report::default(),
        BTreeMap::new(),
    ));
    let scrapes = AtomicU64::new(0);
    telemetry.register(Box::new(move |exposition| {
        let count = scrapes.fetch_add(1, Ordering::Relaxed) + 1;
        exposition.family(UPSTREAM_CONNECTIONS).sample(&["c"], count);
    }));
    let _ = telemetry.render(Format::Prometheus);
    let text = telemetry.render(Format::OpenMetrics);
    let line = "seaway_upstream_connections{cluster=\"c\"} ";
    assert_eq!(sample(&text, line, ""), Some(2.0));
    assert_eq!(sample(&text, CONFIG_VERSION.name, " 1"), Some(1.0));
}

/// Everything that can be counted, counted once.
fn everything() -> Arc<Telemetry> {
    let log = AccessLog::start(crate::LogFormat::json(), Box::new(std::io::sink())).unwrap();
    let telemetry = Telemetry::new(Config {
        access_log: Some(log),
        ..Config::default()
    });
    telemetry.sink(0).record(&RequestRecord {
        status: 101,
        ..fixture::record()
    });
    telemetry.reloaded(Reload {
        version: 1,
        at: SystemTime::UNIX_EPOCH,
        errors: 0,
        warnings: 0,
        objects: BTreeMap::from([("HttpRoute".into(), 7)]),
    });
    telemetry.register(Box::new(|exposition| {
        let once: [(_, &[&str]); 24] = [
            (CERTIFICATE_EXPIRY, &["d"]),
            (CERTIFICATE_ORDERS, &[]),
            (CERTIFICATE_RENEWALS, &[]),
            (CERTIFICATE_FAILURES, &["k"]),
            (DOWNSTREAM_CONNECTIONS, &[]),
            (DOWNSTREAM_CONNECTIONS_TOTAL, &[]),
            (DOWNSTREAM_SESSIONS, &[]),
            (DOWNSTREAM_DATAGRAMS_DROPPED, &[]),
            (DOWNSTREAM_REFUSED, &["r"]),
            (DOWNSTREAM_CONNECTIONS_LIMIT, &[]),
            (DOWNSTREAM_EVICTED, &[]),
            (DOWNSTREAM_REQUESTS, &[]),
            (OVERLOAD_SHED, &["c"]),
            (OVERLOAD_SHARE, &[]),
            (OVERLOAD_DELAY, &[]),
            (OVERLOAD_MEMORY_LIMIT, &[]),
            (UPSTREAM_CONNECTIONS, &["c"]),
            (MIRROR_REQUESTS, &["success"]),
            (XDS_CLIENTS, &[]),
            (XDS_STREAMS, &[]),
            (XDS_RESPONSES, &[]),
            (XDS_RESOURCES, &[]),
            (XDS_BYTES, &[]),
            (XDS_ANSWERS, &["ack"]),
        ];
        for (metric, labels) in once {
            exposition.family(metric).sample(labels, 1_u64);
        }
    }));
    telemetry
}

#[test]
fn a_scrape_has_every_metric_of_the_catalog_and_no_other() {
    let text = everything().render(Format::Prometheus);
    let found: BTreeSet<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, _)| name)
        .collect();
    let known: BTreeSet<&str> = catalog::ALL.iter().map(|metric| metric.name).collect();
    if cfg!(target_os = "linux") {
        assert_eq!(found, known);
    } else {
        assert!(found.is_subset(&known));
    }
}

#[test]
fn every_line_of_a_scrape_is_well_formed() {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        for line in everything().render(format).lines() {
            if line.starts_with('#') {
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = series.split('{').next().unwrap();
            assert!(
                name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
                "{line}"
            );
            assert_eq!(series.contains('{'), series.ends_with('}'), "{line}");
        }
    }
}

#[test]
fn lines_of_the_access_log_come_out_at_shutdown() {
    let (sender, receiver) = std::sync::mpsc::channel();
    struct Tap(std::sync::mpsc::Sender<Vec<u8>>);
    impl std::io::Write for Tap {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = AccessLog::start(crate::LogFormat::text(), Box::new(Tap(sender))).unwrap();
    let telemetry = Telemetry::new(Config {
        access_log: Some(log),
        ..Config::default()
    });
    let sink = telemetry.sink(0);
    sink.record(&fixture::record());
    telemetry.shutdown();
    let written: Vec<u8> = receiver.try_iter().flatten().collect();
    assert!(String::from_utf8(written).unwrap().contains("GET /cart?x=1"));
}

#[test]
fn a_connection_that_left_http_is_counted_under_istios_names() {
    let telemetry = telemetry();
    let cluster = fixture::service_cluster("chat", "store", None);
    telemetry.sink(0).record(&RequestRecord {
        cluster: Some(&cluster),
        status: 101,
        request_bytes: 7,
        response_bytes: 9,
        ..fixture::record()
    });
    let text = telemetry.render(Format::Prometheus);
    let chat = "destination_service=\"chat.store.svc.cluster.local\"";
    for (metric, value) in [
        ("istio_tcp_connections_opened_total{", 1.0),
        ("istio_tcp_connections_closed_total{", 1.0),
        ("istio_tcp_received_bytes_total{", 7.0),
        ("istio_tcp_sent_bytes_total{", 9.0),
    ] {
        assert_eq!(sample(&text, metric, chat), Some(value), "{metric}");
    }
}

/// More label sets than there is room for, with names as long as Kubernetes allows.
#[test]
fn the_worst_scrape_stays_below_fifty_megabytes() {
    let telemetry = telemetry();
    let sink = telemetry.sink(0);
    let long = "n".repeat(60);
    for number in 0..100 {
        let cluster = fixture::service_cluster(&format!("{long}{number}"), &long, Some(&long));
        for status in 101..301 {
            sink.record(&RequestRecord {
                cluster: Some(&cluster),
                status,
                duration: Duration::from_secs(4000),
                request_bytes: u64::MAX / 4000,
                response_bytes: u64::MAX / 4000,
                ..fixture::record()
            });
        }
    }
    let text = telemetry.render(Format::OpenMetrics);
    assert!(
        (30_000_000..50_000_000).contains(&text.len()),
        "{} bytes",
        text.len()
    );
    for of in ["requests", "histograms"] {
        let overflow = sample(&text, "seaway_metrics_overflow_total", &format!("\"{of}\""));
        assert!(overflow > Some(0.0), "{of}: {overflow:?}");
    }
}
