//! A running gateway, as a process of its own on core 0.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The gateway's program.
pub struct Binary(pub PathBuf);

/// A process that ends with its owner.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `seaway run`.
pub struct Gateway {
    pub process: Process,
    /// Its plain listener.
    pub address: SocketAddr,
    /// Where data planes ask, if anywhere.
    pub xds: Option<SocketAddr>,
    /// From the start of the process to `ready`.
    pub until_ready: Duration,
    _data: TempDir,
}

impl Binary {
    /// A command on core 0.
    pub fn command(&self) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(&self.0);
        command
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
        command.args(["--admin", "off", "--workers", "1", "--access-log", "off"]);
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
        let (mut address, mut xds) = (None, None);
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
                    address: address.context("the gateway is ready without a listener")?,
                    xds,
                    until_ready,
                    _data: data,
                });
            }
            // `http-80 on 127.0.0.1:44729 (configured 80)`
            let bound = line.split_whitespace().nth(2).and_then(|word| word.parse().ok());
            address = address.or(bound.filter(|_| line.starts_with("http-")));
            xds = xds.or(bound.filter(|_| line.starts_with("xds ")));
            said.push_str(&line);
            said.push('\n');
        }
        bail!("the gateway ended before it was ready: {said}")
    }
}

impl Process {
    /// The number of the process that does the work. taskset becomes its command, so it is the child's own.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// A field of `/proc/PID/status` that is in KiB, in MiB. `VmRSS` is all that is resident, `RssAnon` what of it is
    /// not the program file.
    pub fn memory(&self, field: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: f64 = kib.with_context(|| field.to_owned())?.parse()?;
        Ok(kib / 1024.0)
    }

    /// User and system time of the process up to now, in microseconds: fields 14 and 15 of `/proc/PID/stat`, in ticks
    /// of ten milliseconds.
    pub fn cpu_micros(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // The second field is the program's name in brackets, which may hold spaces.
        let (_, fields) = stat.rsplit_once(')').context("stat")?;
        let ticks: Vec<f64> = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()?;
        Ok(ticks.iter().sum::<f64>() * 10_000.0)
    }
}
