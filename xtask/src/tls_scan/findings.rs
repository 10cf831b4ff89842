//! What the scanner said, and what we make of it.

use std::fmt;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A finding that counts as MEDIUM or worse for testssl and is not due to a default of ours.
struct Exception {
    id: &'static str,
    /// What the finding must say, so that the exception takes nothing else.
    says: &'static str,
    reason: &'static str,
}

/// All of them. Trust of the test authority needs none: the scanner is told to trust it.
const EXCEPTIONS: &[Exception] = &[
    Exception {
        id: "cert_revocation",
        says: "Neither CRL nor OCSP URI provided",
        reason: "the test authority revokes nothing, so its certificates name no place to ask",
    },
    Exception {
        id: "cipher_order",
        says: "NOT a cipher order configured",
        reason: "every suite is AEAD with forward secrecy, and the client knows whether it has AES in hardware; \
                 newer versions of testssl agree",
    },
    Exception {
        id: "security_headers",
        says: "--",
        reason: "headers about content are the application's; the gateway adds none that outlive its configuration",
    },
];

/// A finding as testssl writes it.
#[derive(Debug, Deserialize)]
pub struct Finding {
    id: String,
    severity: String,
    finding: String,
}

/// What a finding means for the task.
#[derive(Debug, PartialEq, Eq)]
pub enum Judgement {
    Fine,
    /// LOW, or a test that could not be made.
    Note,
    /// MEDIUM or worse, and not due to us.
    Excepted(&'static str),
    Bad,
}

impl Finding {
    pub fn judge(&self) -> Judgement {
        match self.severity.as_str() {
            "OK" | "INFO" | "DEBUG" => Judgement::Fine,
            "LOW" | "WARN" => Judgement::Note,
            // MEDIUM, HIGH, CRITICAL, FATAL, and what a later version may invent.
            _ => EXCEPTIONS
                .iter()
                .find(|exception| exception.id == self.id && self.finding.trim() == exception.says)
                .map_or(Judgement::Bad, |exception| Judgement::Excepted(exception.reason)),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8} {}: {}", self.severity, self.id, self.finding)
    }
}

/// A whole scan.
#[derive(Debug)]
pub struct Report(Vec<Finding>);

impl Report {
    /// Of testssl's flat JSON.
    pub fn parse(json: &str) -> Result<Self> {
        let findings =
            serde_json::from_str(json).context("testssl's findings are not the JSON that is meant")?;
        Ok(Self(findings))
    }

    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// Newer versions give one.
    pub fn grade(&self) -> Option<&str> {
        self.get("overall_grade").map(|finding| finding.finding.as_str())
    }

    /// A scan that tested nothing finds nothing, so a few things must have been seen: both versions of TLS, a test of
    /// each later chapter, and the end.
    pub fn is_whole(&self) -> Result<()> {
        for id in [
            "TLS1_2",
            "TLS1_3",
            "cert_chain_of_trust",
            "HTTP_status_code",
            "heartbleed",
            "RC4",
        ] {
            match self.get(id) {
                None => bail!("the scan has no result for {id}, so it was not whole and says nothing"),
                Some(finding) if ["WARN", "FATAL"].contains(&finding.severity.as_str()) => {
                    bail!("the scan could not test {id}, so it says nothing: {finding}")
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn get(&self, id: &str) -> Option<&Finding> {
        self.0.iter().find(|finding| finding.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, severity: &str, text: &str) -> Finding {
        Finding {
            id: id.into(),
            severity: severity.into(),
            finding: text.into(),
        }
    }

    #[test]
    fn medium_and_worse_is_bad_and_low_is_a_note() {
        for severity in ["MEDIUM", "HIGH", "CRITICAL", "FATAL", "UNHEARD-OF"] {
            assert_eq!(
                finding("TLS1", severity, "offered").judge(),
                Judgement::Bad,
                "{severity}"
            );
        }
        assert_eq!(finding("HSTS", "LOW", "not offered").judge(), Judgement::Note);
        assert_eq!(finding("TLS1", "INFO", "not offered").judge(), Judgement::Fine);
    }

    #[test]
    fn an_exception_takes_only_the_finding_that_it_was_made_for() {
        let made_for = finding("cert_revocation", "HIGH", "Neither CRL nor OCSP URI provided");
        assert!(matches!(made_for.judge(), Judgement::Excepted(_)));
        let other = finding("cert_revocation", "CRITICAL", "revoked");
        assert_eq!(other.judge(), Judgement::Bad);
    }

    #[test]
    fn a_scan_that_tested_nothing_is_no_good_news() {
        let report = Report::parse("[]").expect("JSON");
        let error = report.is_whole().expect_err("nothing was tested");
        assert!(error.to_string().contains("no result for TLS1_2"), "{error}");
    }

    #[test]
    fn the_grade_is_found_among_the_findings() {
        let json = r#"[{"id": "overall_grade", "ip": "a/127.0.0.1", "port": "1", "severity": "OK", "finding": "A+"}]"#;
        assert_eq!(Report::parse(json).expect("JSON").grade(), Some("A+"));
    }
}
