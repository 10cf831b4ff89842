//! Certificates, as people read them.

use std::fmt::Write as _;

use super::{Alias, Cert};

const HEADINGS: [&str; 5] = ["DOMAINS", "ISSUER", "STATE", "EXPIRES", "NEXT STEP"];

/// A line for each certificate, and below it what somebody should know or do.
pub fn table(certs: &[Cert]) -> String {
    if certs.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; 5]> = certs.iter().map(row).collect();
    let mut widths = HEADINGS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = line(&HEADINGS.map(str::to_owned), widths);
    for (cert, row) in certs.iter().zip(&rows) {
        text.push_str(&line(row, widths));
        for alias in &cert.aliases {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {}", told(alias));
        }
        if let Some(error) = &cert.last_error {
            let _ = writeln!(text, "  last error: {error}");
        }
    }
    text
}

fn row(cert: &Cert) -> [String; 5] {
    let next = match &cert.next_at {
        Some(at) => format!("{} ({at})", cert.next_step),
        None => cert.next_step.clone(),
    };
    [
        cert.domains.join(","),
        cert.issuer.clone(),
        cert.state.clone(),
        cert.expires.clone().unwrap_or_else(|| "-".to_owned()),
        next,
    ]
}

fn line(cells: &[String; 5], widths: [usize; 5]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let _ = write!(text, "{cell:width$}  ");
    }
    format!("{}\n", text.trim_end())
}

fn told(alias: &Alias) -> String {
    let Alias { name, target, there } = alias;
    match there {
        Some(true) => format!("CNAME {name} -> {target}: it is there"),
        Some(false) => format!("CNAME {name} -> {target}: missing, create it"),
        None => format!("CNAME {name} -> {target}: must be there, not looked yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::cert;
    use super::*;

    #[test]
    fn a_certificate_has_its_line_its_alias_and_its_error() {
        assert_eq!(
            table(&[cert("missing", Some("the record is not there"))]),
            "DOMAINS                      ISSUER       STATE    EXPIRES  NEXT STEP\n\
             a.example.com,b.example.com  letsencrypt  missing  -        order it (2026-11-21T00:00:00Z)\n  \
             CNAME _acme-challenge.a.example.com -> x.auth.example.org: missing, create it\n  \
             last error: the record is not there\n"
        );
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(table(&[]), "");
    }
}
