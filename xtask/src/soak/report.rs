//! What came of it: one table, or JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::changes::Applied;
use super::memory::{ALLOWED, Compared};
use super::process::Resident;
use super::tally::{Fault, Sums, Tally};

/// Faults that the text shows.
const SHOWN: usize = 60;

/// Everything that is reported.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub minutes: f64,
    pub workers: u16,
    pub load: Vec<Line>,
    pub changes: Changes,
    pub certificates: Changes,
    pub backends_replaced: u64,
    pub upgrades: u64,
    pub memory: Vec<Memory>,
    pub compared: Vec<Compared>,
    /// Faults of processes, changes and backends.
    pub other_faults: u64,
    /// The first of each sort, those included that no client must mind (`repeated`).
    pub faults: Vec<Fault>,
}

/// A kind of load at a gateway.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub kind: &'static str,
    pub gateway: &'static str,
    #[serde(flatten)]
    pub sums: Sums,
}

/// Changes that were applied, and how long they took to serve, in milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    pub applied: u64,
    pub median_ms: f64,
    pub most_ms: f64,
}

/// What is resident of the process that serves.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    pub gateway: &'static str,
    pub at_the_end: Resident,
    /// Everything, in MiB, twice a minute.
    pub over_time: Vec<f64>,
}

impl From<Applied> for Changes {
    fn from(applied: Applied) -> Self {
        let mut took = applied.took;
        took.sort_unstable();
        let millis = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
        Self {
            applied: applied.count,
            median_ms: millis(took.get(took.len() / 2)),
            most_ms: millis(took.last()),
        }
    }
}

impl Report {
    /// The lines of the table.
    pub fn lines(tally: &Tally) -> Vec<Line> {
        let line = |row: &std::sync::Arc<super::tally::Row>| Line {
            kind: row.kind.name(),
            gateway: row.gateway,
            sums: row.sums(),
        };
        tally.rows().iter().map(line).collect()
    }

    /// What must not be.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let failed: u64 = self.load.iter().map(|line| line.sums.failed).sum();
        let closed: u64 = self.load.iter().map(|line| line.sums.closed).sum();
        for (count, what) in [
            (failed, "requests failed"),
            (closed, "streams were closed"),
            (self.other_faults, "other faults"),
        ] {
            if count > 0 {
                broken.push(format!("{count} {what}"));
            }
        }
        for line in self.load.iter().filter(|line| line.sums.requests == 0) {
            broken.push(format!("no {} at gateway {}", line.kind, line.gateway));
        }
        for (count, what) in [
            (self.upgrades, "upgrade"),
            (self.changes.applied, "change"),
            (self.certificates.applied, "change of the certificate"),
            (self.backends_replaced, "backend that was replaced"),
        ] {
            if count == 0 {
                broken.push(format!("no {what}"));
            }
        }
        for compared in self.compared.iter().filter(|compared| !compared.is_stable()) {
            broken.push(format!(
                "memory of gateway {} grew {:.3} times ({})",
                compared.gateway, compared.ratio, compared.how
            ));
        }
        broken
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = self.table();
        // Writing to memory cannot fail.
        let _ = self.write_changes(&mut text);
        let _ = self.write_memory(&mut text);
        let _ = self.write_faults(&mut text);
        text
    }

    fn table(&self) -> String {
        let heads = ["requests", "opened", "failed", "closed", "repeated"];
        let mut text = format!("{:26}{:10}", "", "gateway");
        for head in heads {
            text += &format!("{head:>10}");
        }
        text.push('\n');
        for line in &self.load {
            let Sums {
                requests,
                opened,
                failed,
                closed,
                repeated,
            } = line.sums;
            text += &format!("{:26}{:10}", line.kind, line.gateway);
            for sum in [requests, opened, failed, closed, repeated] {
                text += &format!("{sum:>10}");
            }
            text.push('\n');
        }
        text
    }

    fn write_changes(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text)?;
        for (what, changes) in [
            ("configuration changes", &self.changes),
            ("certificate changes", &self.certificates),
        ] {
            let Changes {
                applied,
                median_ms,
                most_ms,
            } = changes;
            writeln!(
                text,
                "{what:26}{applied:>10}   served everywhere after {median_ms:.0} ms (median), {most_ms:.0} ms at most"
            )?;
        }
        writeln!(text, "{:26}{:>10}", "backends replaced", self.backends_replaced)?;
        writeln!(text, "{:26}{:>10}", "upgrades in place", self.upgrades)
    }

    fn write_memory(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text)?;
        for compared in &self.compared {
            let Compared {
                gateway,
                how,
                first,
                last,
                ratio,
            } = compared;
            writeln!(
                text,
                "memory, {gateway}: {ratio:.3} times, at most {ALLOWED} ({how}); {:.1} MiB, then {:.1} MiB, {:.1} and {:.1} MiB \
                 of it not the program file",
                first.all, last.all, first.anonymous, last.anonymous
            )?;
        }
        for memory in &self.memory {
            let Resident { all, anonymous } = memory.at_the_end;
            writeln!(
                text,
                "memory at the end, {}: {all:.1} MiB, {anonymous:.1} of it not the program file; twice a minute:",
                memory.gateway
            )?;
            let over_time: String = memory.over_time.iter().map(|all| format!(" {all:.1}")).collect();
            writeln!(text, " {over_time}")?;
        }
        if self.compared.is_empty() {
            writeln!(
                text,
                "too short to compare memory: that takes more than one minute"
            )?;
        }
        Ok(())
    }

    fn write_faults(&self, text: &mut String) -> std::fmt::Result {
        if !self.faults.is_empty() {
            writeln!(text, "\nthe first of each sort that went wrong:")?;
        }
        for fault in self.faults.iter().take(SHOWN) {
            let Fault {
                seconds,
                gateway,
                what,
                reason,
            } = fault;
            writeln!(text, "{seconds:9.3} s  {gateway:10}{what}: {}", reason.trim())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::tally::Kind;

    fn report(sums: Sums) -> Report {
        let changes = || Changes {
            applied: 1,
            median_ms: 1.0,
            most_ms: 1.0,
        };
        Report {
            minutes: 1.0,
            workers: 1,
            load: vec![Line {
                kind: Kind::Http1.name(),
                gateway: "one",
                sums,
            }],
            changes: changes(),
            certificates: changes(),
            backends_replaced: 1,
            upgrades: 1,
            memory: Vec::new(),
            compared: Vec::new(),
            other_faults: 0,
            faults: Vec::new(),
        }
    }

    #[test]
    fn a_clean_run_breaks_nothing_and_one_in_which_nothing_was_asked_does() {
        let sums = |requests, failed| Sums {
            requests,
            failed,
            ..Sums::default()
        };
        assert!(report(sums(5, 0)).broken().is_empty());
        assert_eq!(report(sums(5, 1)).broken(), ["1 requests failed"]);
        assert_eq!(
            report(sums(0, 0)).broken(),
            ["no HTTP/1.1 keep-alive at gateway one"]
        );
    }

    #[test]
    fn memory_that_grew_breaks_the_promise() {
        let mut report = report(Sums {
            requests: 1,
            ..Sums::default()
        });
        let resident = Resident {
            all: 10.0,
            anonymous: 5.0,
        };
        report.compared.push(Compared {
            gateway: "one",
            how: "x".into(),
            first: resident,
            last: resident,
            ratio: 1.051,
        });
        assert_eq!(report.broken().len(), 1);
    }
}
