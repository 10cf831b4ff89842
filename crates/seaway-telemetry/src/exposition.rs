//! Writes metrics in the Prometheus text format 0.0.4 and in OpenMetrics 1.0.
//!
//! `prometheus-client` was considered and left: its families are one shared atomic behind a read-write lock for every
//! label set, which the data path would touch, it cannot sum shards when it is read, and it writes OpenMetrics only.
//! What is left of it without those is this file.
//!
//! Families are collected by name before they are written, so that two collectors that add to one family still make
//! one block, as both formats demand.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::catalog::{Kind, Metric};

/// The two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`
    Prometheus,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
}

impl Format {
    /// For the `Content-Type` header.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A scrape in the making.
#[derive(Debug)]
pub struct Exposition {
    format: Format,
    families: BTreeMap<&'static str, (&'static Metric, String)>,
}

/// Adds samples to one family.
#[derive(Debug)]
pub struct Samples<'e> {
    format: Format,
    metric: &'static Metric,
    out: &'e mut String,
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count.
    Count(u64),
    /// Any number.
    Float(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Count(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl Exposition {
    /// Nothing yet.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            format,
            families: BTreeMap::new(),
        }
    }

    /// Opens a family; the same one again if it is already there.
    pub fn family(&mut self, metric: &'static Metric) -> Samples<'_> {
        let (metric, out) = self
            .families
            .entry(metric.name)
            .or_insert_with(|| (metric, String::new()));
        Samples {
            format: self.format,
            metric,
            out,
        }
    }

    /// The whole text, families by name. A family without samples is left out.
    #[must_use]
    pub fn finish(self) -> String {
        let mut text = String::with_capacity(self.families.values().map(|(_, s)| s.len() + 256).sum());
        for (name, (metric, samples)) in self.families {
            if samples.is_empty() {
                continue;
            }
            let name = match self.format {
                Format::Prometheus => name,
                Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
            };
            text.push_str("# HELP ");
            text.push_str(name);
            text.push(' ');
            escape_help(metric.help, &mut text);
            let _ = writeln!(text, "\n# TYPE {name} {}", metric.kind.as_str());
            text.push_str(&samples);
        }
        if self.format == Format::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }
}

impl Samples<'_> {
    /// One sample. Label values stand in the order of the metric's labels.
    pub fn sample(&mut self, labels: &[&str], value: impl Into<Value>) {
        debug_assert_eq!(labels.len(), self.metric.labels.len(), "{}", self.metric.name);
        let rendered = render_labels(self.metric.labels.iter().copied().zip(labels.iter().copied()));
        self.rendered(&rendered, value);
    }

    /// One sample whose labels are rendered already.
    pub(crate) fn rendered(&mut self, labels: &str, value: impl Into<Value>) {
        self.out.push_str(self.metric.name);
        self.braces(labels, None);
        self.value(value.into());
    }

    /// A histogram whose labels are rendered already. `counts` has one more entry than `bounds`, not cumulated.
    pub(crate) fn histogram(&mut self, labels: &str, bounds: &[f64], counts: &[u64], sum: f64) {
        debug_assert_eq!(self.metric.kind, Kind::Histogram);
        let mut total = 0_u64;
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, count) in bounds.zip(counts) {
            total = total.wrapping_add(*count);
            self.out.push_str(self.metric.name);
            self.out.push_str("_bucket");
            self.braces(labels, Some(bound));
            self.value(Value::Count(total));
        }
        for (suffix, value) in [("_sum", Value::Float(sum)), ("_count", Value::Count(total))] {
            self.out.push_str(self.metric.name);
            self.out.push_str(suffix);
            self.braces(labels, None);
            self.value(value);
        }
    }

    fn braces(&mut self, labels: &str, bound: Option<f64>) {
        if labels.is_empty() && bound.is_none() {
            return;
        }
        self.out.push('{');
        self.out.push_str(labels);
        if let Some(bound) = bound {
            if !labels.is_empty() {
                self.out.push(',');
            }
            self.out.push_str("le=\"");
            self.bound(bound);
            self.out.push('"');
        }
        self.out.push('}');
    }

    /// OpenMetrics wants bounds as floats (`1.0`); the older format, and every dashboard made for it, says `1`.
    fn bound(&mut self, bound: f64) {
        let _ = match self.format {
            _ if bound.is_infinite() => write!(self.out, "+Inf"),
            Format::Prometheus => write!(self.out, "{bound}"),
            Format::OpenMetrics => write!(self.out, "{bound:?}"),
        };
    }

    fn value(&mut self, value: Value) {
        let _ = match value {
            Value::Count(n) => writeln!(self.out, " {n}"),
            Value::Float(n) if n.is_nan() => writeln!(self.out, " NaN"),
            Value::Float(f64::INFINITY) => writeln!(self.out, " +Inf"),
            Value::Float(f64::NEG_INFINITY) => writeln!(self.out, " -Inf"),
            Value::Float(n) => writeln!(self.out, " {n}"),
        };
    }
}

/// `a="x",b="y"`, values escaped.
pub(crate) fn render_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in labels {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    out
}

fn escape_help(help: &str, out: &mut String) {
    for c in help.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: &Metric = &Metric {
        name: "requests_total",
        kind: Kind::Counter,
        labels: &["host"],
        help: "Requests.",
    };
    const SIZES: &Metric = &Metric {
        name: "sizes",
        kind: Kind::Histogram,
        labels: &[],
        help: "Sizes.",
    };

    #[test]
    fn label_values_cannot_break_out_of_their_quotes() {
        let mut exposition = Exposition::new(Format::Prometheus);
        exposition
            .family(REQUESTS)
            .sample(&["a\"} 1\nevil_total 2\\"], 3_u64);
        assert_eq!(
            exposition.finish(),
            "# HELP requests_total Requests.\n# TYPE requests_total counter\n\
             requests_total{host=\"a\\\"} 1\\nevil_total 2\\\\\"} 3\n"
        );
    }

    #[test]
    fn openmetrics_names_the_family_without_total_and_ends_with_eof() {
        let mut exposition = Exposition::new(Format::OpenMetrics);
        exposition.family(REQUESTS).sample(&["a"], 3_u64);
        assert_eq!(
            exposition.finish(),
            "# HELP requests Requests.\n# TYPE requests counter\nrequests_total{host=\"a\"} 3\n# EOF\n"
        );
    }

    #[test]
    fn a_family_that_is_opened_twice_is_written_once() {
        let mut exposition = Exposition::new(Format::Prometheus);
        exposition.family(REQUESTS).sample(&["a"], 1_u64);
        exposition.family(REQUESTS).sample(&["b"], 2_u64);
        assert_eq!(exposition.finish().matches("# TYPE").count(), 1);
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_infinity() {
        let mut exposition = Exposition::new(Format::Prometheus);
        exposition
            .family(SIZES)
            .histogram("", &[0.5, 1.0], &[1, 0, 2], 7.5);
        let text = exposition.finish();
        assert!(
            text.ends_with(
                "sizes_bucket{le=\"0.5\"} 1\nsizes_bucket{le=\"1\"} 1\nsizes_bucket{le=\"+Inf\"} 3\n\
                 sizes_sum 7.5\nsizes_count 3\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_family_without_samples_is_not_written() {
        let mut exposition = Exposition::new(Format::Prometheus);
        exposition.family(SIZES);
        assert_eq!(exposition.finish(), "");
    }
}
