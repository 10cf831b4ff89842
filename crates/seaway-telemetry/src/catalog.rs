//! Every metric that Seaway has, in one table: the scrape and `docs/metrics.md` are both made from it.
//!
//! A metric that is not here cannot be written to a scrape by this crate, so the document cannot forget one.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows. Its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    /// As the exposition formats write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// With its unit and, for counters, `_total`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// In the order in which values are given.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

/// Labels of Istio's HTTP metrics.
pub const ISTIO_LABELS: &[&str] = &[
    "reporter",
    "source_workload",
    "source_canonical_service",
    "source_canonical_revision",
    "source_workload_namespace",
    "source_principal",
    "source_app",
    "source_version",
    "source_cluster",
    "destination_workload",
    "destination_workload_namespace",
    "destination_principal",
    "destination_app",
    "destination_version",
    "destination_service",
    "destination_service_name",
    "destination_service_namespace",
    "destination_canonical_service",
    "destination_canonical_revision",
    "destination_cluster",
    "request_protocol",
    "connection_security_policy",
    "response_flags",
    "response_code",
    "grpc_response_status",
];

/// Labels of Istio's TCP metrics: the same without the two that only HTTP has.
pub const ISTIO_TCP_LABELS: &[&str] = ISTIO_LABELS.split_at(ISTIO_LABELS.len() - 2).0;

/// What each label of Istio's metrics says here, for the reference.
pub(crate) const ISTIO_LABEL_MEANINGS: &[(&str, &str)] = &[
    (
        "reporter",
        "`source`: a gateway sees a request from its sending side.",
    ),
    ("source_workload", "The gateway's workload, `seaway` by default."),
    (
        "source_canonical_service",
        "The gateway's canonical service, `seaway` by default.",
    ),
    (
        "source_canonical_revision",
        "The gateway's canonical revision, `latest` by default.",
    ),
    (
        "source_workload_namespace",
        "The gateway's namespace, or `unknown`.",
    ),
    ("source_principal", "`unknown`: the gateway has no mesh identity."),
    ("source_app", "The gateway's app, `seaway` by default."),
    ("source_version", "The gateway's version label, or `unknown`."),
    ("source_cluster", "The cluster the gateway runs in, or `unknown`."),
    (
        "destination_workload",
        "`unknown`: endpoints do not name the workload that made them.",
    ),
    (
        "destination_workload_namespace",
        "The Service's namespace, where its pods are; `unknown` for a host.",
    ),
    (
        "destination_principal",
        "`unknown`: upstream connections carry no mesh identity.",
    ),
    (
        "destination_app",
        "`unknown`: pods of one Service may have several.",
    ),
    ("destination_version", "The subset's name, or `unknown`."),
    (
        "destination_service",
        "`name.namespace.svc.cluster.local` of a Service; otherwise the host or address; `unknown` without a destination.",
    ),
    ("destination_service_name", "The Service's name, or the host."),
    (
        "destination_service_namespace",
        "The Service's namespace; `unknown` for a host.",
    ),
    (
        "destination_canonical_service",
        "The Service's name; `unknown` for a host.",
    ),
    (
        "destination_canonical_revision",
        "The subset's name, or `unknown`.",
    ),
    (
        "destination_cluster",
        "The gateway's own cluster for a Service; `unknown` for a host.",
    ),
    ("request_protocol", "`http`, `grpc`, `tcp`, or `udp`."),
    (
        "connection_security_policy",
        "`unknown`, which is what Istio reports on the source side.",
    ),
    (
        "response_flags",
        "Flags joined by commas, or `-`; see the table below.",
    ),
    (
        "response_code",
        "The status sent to the client; `0` when the client went away before there was one. HTTP only.",
    ),
    (
        "grpc_response_status",
        "The gRPC status as a number; empty for what is not gRPC. HTTP only.",
    ),
];

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $constant:ident = $kind:ident $name:literal $labels:expr;)*) => {
        $($(#[doc = $help])+ pub const $constant: &Metric = &Metric {
            name: $name,
            kind: Kind::$kind,
            labels: $labels,
            help: concat!($($help),+).trim_ascii(),
        };)*

        /// Every metric, in the order of the reference.
        pub const ALL: &[&Metric] = &[$($constant),*];
    };
}

metrics! {
    /// Requests, by source, destination and outcome.
    ISTIO_REQUESTS_TOTAL = Counter "istio_requests_total" ISTIO_LABELS;
    /// Time from the request's first byte to the response's last, in milliseconds.
    ISTIO_REQUEST_DURATION = Histogram "istio_request_duration_milliseconds" ISTIO_LABELS;
    /// Bytes of request bodies.
    ISTIO_REQUEST_BYTES = Histogram "istio_request_bytes" ISTIO_LABELS;
    /// Bytes of response bodies.
    ISTIO_RESPONSE_BYTES = Histogram "istio_response_bytes" ISTIO_LABELS;
    /// Bytes sent to clients of connections that are relayed.
    ISTIO_TCP_SENT_BYTES = Counter "istio_tcp_sent_bytes_total" ISTIO_TCP_LABELS;
    /// Bytes received from clients of connections that are relayed.
    ISTIO_TCP_RECEIVED_BYTES = Counter "istio_tcp_received_bytes_total" ISTIO_TCP_LABELS;
    /// Connections that are relayed, opened: TCP, TLS by server name, sessions of UDP, and those that have left HTTP by an
    /// upgrade (status 101), which are counted when they are over.
    ISTIO_TCP_OPENED = Counter "istio_tcp_connections_opened_total" ISTIO_TCP_LABELS;
    /// Connections that are relayed, closed.
    ISTIO_TCP_CLOSED = Counter "istio_tcp_connections_closed_total" ISTIO_TCP_LABELS;

    /// Always 1; the label is the version of the binary.
    BUILD_INFO = Gauge "seaway_build_info" &["version"];
    /// The number of the configuration that serves; it counts up with every published change.
    CONFIG_VERSION = Gauge "seaway_config_version" &[];
    /// When the configuration was last read, in seconds since 1970.
    CONFIG_LAST_RELOAD = Gauge "seaway_config_last_reload_timestamp_seconds" &[];
    /// 1 if the last configuration that was read had no errors, otherwise 0.
    CONFIG_LAST_SUCCESS = Gauge "seaway_config_last_reload_success" &[];
    /// How often the configuration was read; `success` without errors, `error` with some (what is valid still serves).
    CONFIG_RELOADS = Counter "seaway_config_reloads_total" &["result"];
    /// Errors in the newest configuration.
    CONFIG_ERRORS = Gauge "seaway_config_errors" &[];
    /// Warnings in the newest configuration.
    CONFIG_WARNINGS = Gauge "seaway_config_warnings" &[];
    /// Objects in the newest configuration, by kind.
    CONFIG_OBJECTS = Gauge "seaway_config_objects" &["kind"];

    /// Until when the certificate of a host is valid, in seconds since 1970, wherever it came from.
    CERTIFICATE_EXPIRY = Gauge "seaway_certificate_expiry_timestamp_seconds" &["domain"];
    /// Orders that were sent to certificate authorities.
    CERTIFICATE_ORDERS = Counter "seaway_certificate_orders_total" &[];
    /// Certificates that came for names that had one.
    CERTIFICATE_RENEWALS = Counter "seaway_certificate_renewals_total" &[];
    /// Steps on the way to a certificate that failed, by kind; see [certificates.md](certificates.md).
    CERTIFICATE_FAILURES = Counter "seaway_certificate_failures_total" &["kind"];

    /// Data planes that are connected (`--xds`).
    XDS_CLIENTS = Gauge "seaway_xds_clients" &[];
    /// Streams that data planes have opened.
    XDS_STREAMS = Counter "seaway_xds_streams_total" &[];
    /// Responses that data planes were sent.
    XDS_RESPONSES = Counter "seaway_xds_responses_total" &[];
    /// Resources in those responses.
    XDS_RESOURCES = Counter "seaway_xds_resources_total" &[];
    /// Bytes of those resources.
    XDS_BYTES = Counter "seaway_xds_sent_bytes_total" &[];
    /// What data planes answered: `accepted`, `rejected`, or `stale` for an answer to a response that was not under way.
    XDS_ANSWERS = Counter "seaway_xds_answers_total" &["answer"];

    /// Open connections from clients, upgraded ones included.
    DOWNSTREAM_CONNECTIONS = Gauge "seaway_downstream_connections" &[];
    /// Connections accepted from clients.
    DOWNSTREAM_CONNECTIONS_TOTAL = Counter "seaway_downstream_connections_total" &[];
    /// Connections from clients that may be open: `--max-connections`, or less where too few files may be.
    DOWNSTREAM_CONNECTIONS_LIMIT = Gauge "seaway_downstream_connections_limit" &[];
    /// Connections that asked for nothing, closed to make room for new ones when nearly all were taken.
    DOWNSTREAM_EVICTED = Counter "seaway_downstream_evicted_total" &[];
    /// Requests from clients under way, tunnels included.
    DOWNSTREAM_REQUESTS = Gauge "seaway_downstream_requests" &[];
    /// Sessions of datagrams under way.
    DOWNSTREAM_SESSIONS = Gauge "seaway_downstream_sessions" &[];
    /// Datagrams of clients and answers to them that were lost here: nobody to go to, no room, too many sessions.
    DOWNSTREAM_DATAGRAMS_DROPPED = Counter "seaway_downstream_datagrams_dropped_total" &[];
    /// Connections and requests refused by a guard before they were routed, by its reason.
    DOWNSTREAM_REFUSED = Counter "seaway_downstream_refused_total" &["reason"];
    /// Requests shed with 503, by cause: `delay` of the worker, too many `requests` under way, `memory` nearly used up.
    OVERLOAD_SHED = Counter "seaway_overload_shed_total" &["cause"];
    /// The share of new requests that the worst worker sheds now, 0 to 1.
    OVERLOAD_SHARE = Gauge "seaway_overload_shed_ratio" &[];
    /// How long everything waits for its turn in the worker that has most to do, in seconds.
    OVERLOAD_DELAY = Gauge "seaway_overload_delay_seconds" &[];
    /// Bytes that the process may hold before it sheds requests.
    OVERLOAD_MEMORY_LIMIT = Gauge "seaway_overload_memory_limit_bytes" &[];
    /// Open connections to the endpoints of a cluster, idle ones included.
    UPSTREAM_CONNECTIONS = Gauge "seaway_upstream_connections" &["cluster"];
    /// Tries after the first one.
    UPSTREAM_RETRIES = Counter "seaway_upstream_retries_total" &[];
    /// Copies of requests; `success` got an answer, `error` did not, `dropped` were not sent.
    MIRROR_REQUESTS = Counter "seaway_mirror_requests_total" &["result"];

    /// Lines of the access log that were lost; `full`: the output was too slow, `write`: it failed.
    ACCESS_LOG_DROPPED = Counter "seaway_access_log_dropped_total" &["reason"];
    /// Label sets of Istio's metrics that are kept: of `requests`, of `histograms`, of `tcp`.
    METRICS_SERIES = Gauge "seaway_metrics_series" &["of"];
    /// What was counted under `overflow`, because the room for label sets of its kind was used up.
    METRICS_OVERFLOW = Counter "seaway_metrics_overflow_total" &["of"];

    /// Processor time, user and system, in seconds.
    PROCESS_CPU = Counter "process_cpu_seconds_total" &[];
    /// Resident memory in bytes.
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" &[];
    /// Virtual memory in bytes.
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" &[];
    /// Open file descriptors.
    PROCESS_OPEN_FDS = Gauge "process_open_fds" &[];
    /// The limit of open file descriptors.
    PROCESS_MAX_FDS = Gauge "process_max_fds" &[];
    /// When the process started, in seconds since 1970.
    PROCESS_START = Gauge "process_start_time_seconds" &[];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_and_nothing_else_ends_in_total() {
        for metric in ALL {
            assert_eq!(
                metric.kind == Kind::Counter,
                metric.name.ends_with("_total"),
                "{}",
                metric.name
            );
        }
    }

    #[test]
    fn every_label_of_istio_has_a_meaning() {
        let explained: Vec<&str> = ISTIO_LABEL_MEANINGS.iter().map(|(label, _)| *label).collect();
        assert_eq!(explained, ISTIO_LABELS);
    }

    #[test]
    fn tcp_metrics_lack_the_labels_of_answers() {
        assert!(!ISTIO_TCP_LABELS.contains(&"response_code"));
        assert!(!ISTIO_TCP_LABELS.contains(&"grpc_response_status"));
        assert!(ISTIO_TCP_LABELS.contains(&"response_flags"));
    }
}
