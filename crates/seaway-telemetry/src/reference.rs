//! `docs/metrics.md`, made from the tables that the code itself uses.

use std::fmt::Write as _;

use crate::Flag;
use crate::access_log::{FIELDS, OPERATORS, TEXT};
use crate::catalog::{ALL, ISTIO_LABEL_MEANINGS, ISTIO_LABELS, ISTIO_TCP_LABELS, Metric};
use crate::series::BOUNDS;
use crate::telemetry::SCRAPE_BYTES;

/// The reference of every metric and of the access log, in Markdown.
#[must_use]
pub fn reference_markdown() -> String {
    let mut out = String::new();
    out.push_str(
        "# Metrics and the access log\n\n\
         <!-- Made from the code by `cargo xtask docs`. Do not edit. -->\n\n\
         `GET /metrics` on the admin address answers in the Prometheus text format, or in OpenMetrics when `Accept` asks\n\
         for `application/openmetrics-text`.\n",
    );
    istio(&mut out);
    own(&mut out);
    flags(&mut out);
    access_log(&mut out);
    out
}

fn istio(out: &mut String) {
    out.push_str(
        "\n## Requests and connections, under Istio's names\n\n\
         Dashboards and alerts made for Istio's standard metrics by service work unchanged. Those by workload show\n\
         `unknown`, since endpoints do not name the workload that made them.\n\n\
         | metric | type | meaning |\n|---|---|---|\n",
    );
    for metric in ALL.iter().filter(|m| m.name.starts_with("istio_")) {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} |",
            metric.name,
            metric.kind.as_str(),
            metric.help
        );
    }
    let bounds: Vec<String> = BOUNDS.iter().map(ToString::to_string).collect();
    let _ = writeln!(
        out,
        "\nBuckets of the histograms, in milliseconds or bytes: {}.\n",
        bounds.join(", ")
    );
    out.push_str("| label | value |\n|---|---|\n");
    for (label, meaning) in ISTIO_LABEL_MEANINGS {
        let _ = writeln!(out, "| `{label}` | {meaning} |");
    }
    let _ = writeln!(
        out,
        "\nTCP metrics have the first {} of these {} labels.\n\n\
         Labels come from the configuration and from the codes of answers, never from what a client sends. A scrape of\n\
         these metrics has at most {} MiB, whatever is counted: three quarters of it are for histograms, of which a few\n\
         hundred label sets find room, and the counters of requests tell several thousand apart. What comes after that\n\
         is counted in one series whose labels say `overflow`, and in `seaway_metrics_overflow_total`.",
        ISTIO_TCP_LABELS.len(),
        ISTIO_LABELS.len(),
        SCRAPE_BYTES >> 20
    );
}

fn own(out: &mut String) {
    out.push_str("\n## Seaway's own\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for metric in ALL.iter().filter(|m| !m.name.starts_with("istio_")) {
        let Metric {
            name,
            kind,
            labels,
            help,
        } = metric;
        let labels: Vec<String> = labels.iter().map(|l| format!("`{l}`")).collect();
        let _ = writeln!(
            out,
            "| `{name}` | {} | {} | {help} |",
            kind.as_str(),
            labels.join(", ")
        );
    }
}

fn flags(out: &mut String) {
    out.push_str(
        "\n## Response flags\n\nEnvoy's, in `response_flags` of the metrics and of the access log.\n\n\
         | flag | meaning |\n|---|---|\n",
    );
    for flag in Flag::ALL {
        let _ = writeln!(out, "| `{}` | {} |", flag.as_str(), flag.meaning());
    }
}

fn access_log(out: &mut String) {
    out.push_str(
        "\n## Access log\n\n\
         `--access-log off|text|json|FORMAT`. Lines go to standard output within 100 ms, and never make a request wait:\n\
         when the output is too slow, lines are dropped and counted in `seaway_access_log_dropped_total`. Quotes,\n\
         backslashes and control characters in what a client sent are escaped as in JSON.\n\n\
         ### json\n\nOne object a line. What is not known is `null`.\n\n| key | value |\n|---|---|\n",
    );
    for (key, _, meaning) in FIELDS {
        let _ = writeln!(out, "| `{key}` | {meaning} |");
    }
    let _ = writeln!(out, "\n### text\n\n```text\n{TEXT}\n```");
    out.push_str(
        "\n### FORMAT\n\n\
         A line with Envoy's command operators. `%%` is a percent sign, `%REQ(A?B)%` the first of two headers that is\n\
         kept for the log, `%REQ(A):20%` at most 20 characters. What is not known is `-`. An unknown operator is an\n\
         error at start.\n\n| operator | value |\n|---|---|\n",
    );
    for (operator, _, meaning) in OPERATORS {
        let _ = writeln!(out, "| `%{operator}%` | {meaning} |");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_row_is_broken_by_a_bar_in_its_text() {
        for line in reference_markdown().lines().filter(|l| l.starts_with("| ")) {
            let bars = line.matches('|').count();
            assert!((3..=5).contains(&bars), "{line}");
        }
    }

    #[test]
    fn everything_that_is_counted_or_logged_is_described() {
        let text = reference_markdown();
        for metric in ALL {
            assert!(
                text.contains(&format!("| `{}` |", metric.name)),
                "{}",
                metric.name
            );
        }
        for (operator, _, _) in OPERATORS {
            assert!(text.contains(&format!("| `%{operator}%` |")), "{operator}");
        }
    }
}
