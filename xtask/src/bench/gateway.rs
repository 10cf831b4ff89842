//! A running gateway, as a process of its own on core 0.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::process::{Process, on_core_0};

/// The gateway's program.
pub struct Binary(pub PathBuf);

/// `seaway run`.
pub struct Gateway {
    pub process: Process,
    /// Its listener for HTTP in the clear; without one, its first.
    pub address: SocketAddr,
    /// All listeners by their names.
    pub listeners: Vec<(String, SocketAddr)>,
    /// Where data planes ask, if anywhere.
    pub xds: Option<SocketAddr>,
    /// From the start of the process to `ready`.
    pub until_ready: Duration,
    _data: TempDir,
}

impl Binary {
    /// A command on core 0.
    pub fn command(&self) -> Command {
        on_core_0(&Command::new(&self.0))
    }

    /// Starts the gateway with one worker, and returns when it is ready.
    pub fn run(&self, manifests: &Path) -> Result<Gateway> {
        self.run_with(manifests, &[])
    }

    /// The same, with further flags.
    pub fn run_with(&self, manifests: &Path, flags: &[&str]) -> Result<Gateway> {
        let data = tempfile::tempdir()?;
        let mut command = self.command();
        command.arg("run").arg(manifests).arg("--data").arg(data.path());
        command.args([
            "--address",
            "127.0.0.1",
            "--map-port",
            "80:0",
            "--map-port",
            "443:0",
        ]);
        command.args(["--workers", "1", "--access-log", "off"]);
        if !flags.contains(&"--admin") {
            command.args(["--admin", "off"]);
        }
        command.args(flags);
        let began = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| self.0.display().to_string())?;
        let mut process = Process(child);
        let errors = process.0.stderr.take().context("standard error is piped")?;
        let (mut address, mut xds, mut listeners) = (None, None, Vec::new());
        let mut said = String::new();
        let mut lines = BufReader::new(errors).lines();
        for line in &mut lines {
            let line = line?;
            if line == "ready" {
                let until_ready = began.elapsed();
                // Read on, so that the gateway never waits for us.
                std::thread::spawn(move || lines.count());
                return Ok(Gateway {
                    process,
                    address: address
                        .or(listeners.first().map(|(_, address)| *address))
                        .context("the gateway is ready without a listener")?,
                    listeners,
                    xds,
                    until_ready,
                    _data: data,
                });
            }
            // `http-80 on 127.0.0.1:44729 (configured 80)`
            let bound = line.split_whitespace().nth(2).and_then(|word| word.parse().ok());
            address = address.or(bound.filter(|_| line.starts_with("http-")));
            if let (Some(name), Some(bound)) = (line.split_whitespace().next(), bound) {
                listeners.push((name.to_owned(), bound));
            }
            xds = xds.or(bound.filter(|_| line.starts_with("xds ")));
            said.push_str(&line);
            said.push('\n');
        }
        bail!("the gateway ended before it was ready: {said}")
    }
}
