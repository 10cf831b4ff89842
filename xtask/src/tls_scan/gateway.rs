//! The gateway that is looked at: a debug build, a certificate of the test authority, and no option that TLS depends on.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::project;

/// The name that the scanner asks for.
pub const HOST: &str = "scan.localhost";

/// The address is a domain of the certificate too: scanners leave the name out in some of their tests, and a handshake
/// that is refused for want of a certificate would say nothing about what is tested. The answer is a redirect, so nothing
/// stands behind the gateway whose headers could be taken for ours.
const MANIFESTS: &str = r#"
apiVersion: seaway.dev/v1alpha1
kind: HttpsCertIssuer
metadata: {name: test, namespace: default}
spec: {caForTest: {}}
---
apiVersion: seaway.dev/v1alpha1
kind: HttpsCert
metadata: {name: scan, namespace: default}
spec: {domains: [scan.localhost, "127.0.0.1"], httpsCertIssuer: test}
---
apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata: {name: scan, namespace: default}
spec: {hosts: [scan.localhost], redirect: {status: 302, path: /there}}
"#;

/// A gateway that runs as long as this value lives.
pub struct Gateway {
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Gateway {
    /// Builds it, starts it, and waits until it is ready.
    pub fn start() -> Result<Self> {
        let built = project::cargo()
            .args(["build", "--locked", "--package", "seaway"])
            .status()
            .context("cargo could not be started")?;
        ensure!(built.success(), "the build failed");
        let folder = tempfile::tempdir()?;
        let manifests = folder.path().join("scan.yaml");
        std::fs::write(&manifests, MANIFESTS)?;
        let program = project::path("target/debug/seaway");
        let child = Command::new(&program)
            .arg("run")
            .arg(&manifests)
            .arg("--data")
            .arg(folder.path().join("data"))
            .args(["--address", "127.0.0.1", "--admin", "off"])
            .args(["--map-port", "80:0", "--map-port", "443:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let mut process = Process(child);
        let errors = process.0.stderr.take().context("standard error is piped")?;
        let address = wait(errors)?;
        Ok(Self {
            process,
            address,
            folder,
        })
    }

    /// Where HTTPS is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The test authority's own certificate, as PEM.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("data/test-ca/ca.crt")
    }

    /// A folder for the scanner's files, which goes when the gateway goes.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Whether it survived so far. A gateway that a scanner brings down answers every later test with silence, and
    /// silence looks safe.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.process.0.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the gateway ended during the scan: {status}"),
        }
    }
}

/// Reads `https-443 on 127.0.0.1:44729 (configured 443)` and then `ready`.
fn wait(errors: ChildStderr) -> Result<SocketAddr> {
    let mut lines = BufReader::new(errors).lines();
    let mut address = None;
    let mut said = String::new();
    for line in &mut lines {
        let line = line?;
        if line == "ready" {
            // Read on, so that the gateway never waits for us.
            std::thread::spawn(move || lines.count());
            return address.with_context(|| format!("the gateway is ready without HTTPS: {said}"));
        }
        if line.starts_with("https-") {
            address = line.split_whitespace().nth(2).and_then(|word| word.parse().ok());
        }
        said.push_str(&line);
        said.push('\n');
    }
    bail!("the gateway ended before it was ready: {said}")
}
