//! `seaway certs`: how the certificates of a running gateway are, and what happens next.
//!
//! It asks the admin port and does not look into the data folder: what the folder holds is only half of the truth, the
//! other half is in the process that orders.

mod ask;
mod table;

use std::io::{self, Write as _};

use serde::Deserialize;

use crate::Exit;
use crate::cli::{CertsArgs, Output};

/// What `/certs` answers.
#[derive(Debug, Deserialize)]
struct Answer {
    certs: Vec<Cert>,
}

/// A certificate, as far as the table needs it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cert {
    domains: Vec<String>,
    issuer: String,
    state: String,
    next_step: String,
    next_at: Option<String>,
    expires: Option<String>,
    last_error: Option<String>,
    #[serde(default)]
    aliases: Vec<Alias>,
}

/// A CNAME that somebody must create.
#[derive(Debug, Deserialize)]
struct Alias {
    name: String,
    target: String,
    there: Option<bool>,
}

impl Cert {
    /// Whether somebody should look: nothing serves that is valid, and not only because it is being had.
    fn is_in_trouble(&self) -> bool {
        match self.state.as_str() {
            "expired" | "refused" => true,
            "missing" => self.last_error.is_some(),
            _ => false,
        }
    }
}

/// Runs the command.
pub fn certs(args: &CertsArgs, output: Output) -> anyhow::Result<Exit> {
    let answer = ask::get(args.admin, "/certs").and_then(|body| {
        let certs: Answer = serde_json::from_slice(&body)?;
        Ok((body, certs.certs))
    });
    let (body, certs) = match answer {
        Ok(answer) => answer,
        Err(error) => {
            writeln!(
                io::stderr(),
                "seaway: no gateway tells of its certificates on {}: {error}; is it running? name its admin port with --admin",
                args.admin
            )?;
            return Ok(Exit::WrongUsage);
        }
    };
    let mut out = io::stdout().lock();
    match output {
        Output::Json => {
            out.write_all(&body)?;
            writeln!(out)?;
        }
        Output::Text => {
            write!(out, "{}", table::table(&certs))?;
            if certs.is_empty() {
                writeln!(io::stderr(), "there is no certificate")?;
            }
        }
    }
    Ok(if certs.iter().any(Cert::is_in_trouble) {
        Exit::BadConfiguration
    } else {
        Exit::Fine
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn cert(state: &str, last_error: Option<&str>) -> Cert {
        Cert {
            domains: vec!["a.example.com".to_owned(), "b.example.com".to_owned()],
            issuer: "letsencrypt".to_owned(),
            state: state.to_owned(),
            next_step: "order it".to_owned(),
            next_at: Some("2026-11-21T00:00:00Z".to_owned()),
            expires: None,
            last_error: last_error.map(str::to_owned),
            aliases: vec![Alias {
                name: "_acme-challenge.a.example.com".to_owned(),
                target: "x.auth.example.org".to_owned(),
                there: Some(false),
            }],
        }
    }

    #[test]
    fn trouble_is_what_does_not_serve_and_has_failed() {
        for (state, error, trouble) in [
            ("valid", Some("once"), false),
            ("renewing", None, false),
            ("missing", None, false),
            ("missing", Some("no"), true),
            ("expired", None, true),
            ("refused", None, true),
        ] {
            assert_eq!(cert(state, error).is_in_trouble(), trouble, "{state} {error:?}");
        }
    }
}
