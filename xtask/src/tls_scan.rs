//! `cargo xtask tls-scan`: what a TLS scanner thinks of a gateway that nobody has configured.
//!
//! What TLS may say is decided by defaults, ours and our libraries', and a new version of a library may change one
//! without a test of ours noticing. So testssl, which knows what is thought of every setting, looks at a gateway with a
//! certificate of the test authority and no option set. Whatever it holds for MEDIUM or worse fails the task, unless it
//! is among the exceptions in `findings.rs` with its reason.
//!
//! It is a task of its own and no step of `cargo xtask test`: it takes a minute or more, most of it waiting for handshakes that must
//! not succeed, and the opinions of a scanner are no promise of ours. Only loopback is scanned, on ports that the system
//! picks, without DNS. sslyze was rejected as the repeatable check because its releases come with a TLS library of
//! their own as a binary, which Debian does not sign.

mod findings;
mod gateway;
mod scanner;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};

use findings::{Judgement, Report};
use gateway::Gateway;
use scanner::Scanner;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Another testssl than the part, for example a newer one, which gives a grade too.
    #[arg(long, value_name = "PATH")]
    scanner: Option<PathBuf>,
}

/// The task.
pub fn run(options: &Options) -> Result<()> {
    let scanner = Scanner::find(options.scanner.as_deref())?;
    let mut gateway = Gateway::start()?;
    let began = Instant::now();
    println!("tls-scan: {} looks at {}", scanner.shown(), gateway.address());
    let report = Report::parse(&scanner.scan(&mut gateway)?)?;
    println!("tls-scan: done in {} s", began.elapsed().as_secs());
    judge(&report)
}

fn judge(report: &Report) -> Result<()> {
    report.is_whole()?;
    let mut bad = 0;
    for finding in report.findings() {
        match finding.judge() {
            Judgement::Fine => {}
            Judgement::Note => println!("  note      {finding}"),
            Judgement::Excepted(reason) => println!("  excepted  {finding}\n            because {reason}"),
            Judgement::Bad => {
                bad += 1;
                println!("  BAD       {finding}");
            }
        }
    }
    match report.grade() {
        Some(grade) => println!("tls-scan: grade {grade}"),
        None => println!("tls-scan: this testssl gives no grade (newer ones do; see --scanner)"),
    }
    ensure!(
        bad == 0,
        "{bad} finding(s) of MEDIUM or worse are due to what the gateway does by default; see docs/tls.md"
    );
    println!("tls-scan: nothing of MEDIUM or worse is due to the gateway");
    Ok(())
}
