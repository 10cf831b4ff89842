//! Starting a proxy that is not ours: ports, a log to look into when it fails, and its end.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::Running;
use crate::bench::process::{Process, on_core_0, rest};
use crate::bench::site::Target;

/// How long a proxy may take to read ten thousand routes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder for a proxy's files, and ports that nobody has. None of them can tell which port the system picked, so ports
/// are picked for them; a clash would show as an error.
pub struct Place {
    pub folder: TempDir,
    pub plain: u16,
    pub tls: u16,
}

impl Place {
    pub fn new() -> Result<Self> {
        // Both are held at the same time, so that they differ.
        let listeners = [
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
        ];
        let [plain, tls] = listeners.map(|listener| listener.local_addr().map(|address| address.port()));
        Ok(Self {
            folder: tempfile::tempdir()?,
            plain: plain?,
            tls: tls?,
        })
    }

    /// Writes a file of the configuration.
    pub fn write(&self, name: &str, text: &str) -> Result<std::path::PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Runs the command on core 0 until it listens.
    pub fn run(self, command: &Command) -> Result<Running> {
        let log = self.folder.path().join("log");
        let output = File::create(&log)?;
        let name = command.get_program().to_string_lossy().into_owned();
        let child = on_core_0(command)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("taskset (of util-linux) is needed to keep load and proxy on cores of their own")?;
        let mut process = Process(child);
        let plain = SocketAddr::from((Ipv4Addr::LOCALHOST, self.plain));
        let began = Instant::now();
        while TcpStream::connect(plain).is_err() {
            if let Some(status) = process.0.try_wait()? {
                bail!("{name} ended at once ({status}) and said: {}", end_of(&log)?);
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "{name} does not listen; it said: {}",
                end_of(&log)?
            );
            rest();
        }
        Ok(Running {
            process,
            target: Target {
                plain,
                tls: SocketAddr::from((Ipv4Addr::LOCALHOST, self.tls)),
            },
            _folder: self.folder,
        })
    }
}

fn end_of(log: &Path) -> Result<String> {
    let text = std::fs::read(log)?;
    let from = text.len().saturating_sub(2_000);
    let end = text.get(from..).unwrap_or_default();
    Ok(String::from_utf8_lossy(end).into_owned())
}

/// The line of a program's output that tells its version.
pub fn said(command: &mut Command, part: &str) -> Result<String> {
    let output = command.output().context("the program could not be started")?;
    let all = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&all);
    let line = text.lines().find(|line| line.contains(part));
    Ok(line
        .context("the program does not tell its version")?
        .trim()
        .to_owned())
}
