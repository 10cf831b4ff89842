//! A real Envoy.
//!
//! What Seaway says of Envoy is shown with Envoy. It is a program (`cargo xtask parts` brings it), started with a
//! configuration on ports that the system picks, and killed when it is dropped. Of those ports it tells us itself: of its
//! admin interface's in a file, of its listeners' there.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use http::Request;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Client, Wire};
use crate::process::{DEADLINE, Log, Process};

/// Between two looks at something of which there is no event.
const LOOK: Duration = Duration::from_millis(5);

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    log: Log,
    admin: SocketAddr,
    _folder: TempDir,
}

impl Envoy {
    /// Starts one with a bootstrap configuration, as JSON or YAML, and returns when it serves. An admin interface is
    /// added if there is none.
    ///
    /// # Errors
    /// When the program is missing or refuses the configuration; the error has its own words.
    pub async fn start(configuration: &Value) -> io::Result<Self> {
        let mut configuration = configuration.clone();
        if let Some(map) = configuration.as_object_mut() {
            map.entry("admin").or_insert_with(|| {
                serde_json::json!({"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}})
            });
        }
        Self::run("envoy.json", &configuration.to_string()).await
    }

    /// Starts one with a file's text, as `envoy -c NAME` does. It must have an admin interface.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn run(name: &str, text: &str) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (file, address) = (folder.path().join(name), folder.path().join("admin"));
        std::fs::write(&file, text)?;
        let log = Log::new();
        let process = Process::start("envoy", &log, |command| {
            // Without hot restart there is nothing that two Envoys on one machine could share by accident.
            command
                .arg("--disable-hot-restart")
                .args(["--concurrency", "1", "--log-level", "warn", "-c"])
                .arg(&file)
                .arg("--admin-address-path")
                .arg(&address);
        })?;
        let mut envoy = Self {
            process,
            log,
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
            _folder: folder,
        };
        envoy.admin = envoy.admin_address(&address).await?;
        envoy.ready().await?;
        Ok(envoy)
    }

    /// It writes the file when it has bound the port.
    async fn admin_address(&self, file: &PathBuf) -> io::Result<SocketAddr> {
        let start = Instant::now();
        loop {
            if let Ok(text) = std::fs::read_to_string(file)
                && let Ok(address) = text.trim().parse()
            {
                return Ok(address);
            }
            self.wait(start, "does not say where its admin interface is")
                .await?;
        }
    }

    async fn ready(&self) -> io::Result<()> {
        let start = Instant::now();
        loop {
            if let Ok((200, _)) = self.ask("/ready").await {
                return Ok(());
            }
            self.wait(start, "does not become ready").await?;
        }
    }

    async fn wait(&self, since: Instant, what: &str) -> io::Result<()> {
        if self.process.ended()? || since.elapsed() > DEADLINE {
            return Err(self.process.complaint(what));
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }

    /// Where its admin interface is.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// What it wrote.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Asks its admin interface: the status and the body.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ask(&self, path: &str) -> io::Result<(u16, String)> {
        let mut client = Client::open(self.admin, Wire::Http1).await?;
        let request = Request::get(path).header("host", "admin");
        let answer = client.send(request, "").await?;
        Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// Where each listener is bound, by its name.
    ///
    /// # Errors
    /// When the admin interface says something else than it used to.
    pub async fn listeners(&self) -> io::Result<BTreeMap<String, SocketAddr>> {
        let (_, body) = self.ask("/listeners?format=json").await?;
        let said: Value = serde_json::from_str(&body).map_err(io::Error::other)?;
        let statuses = said.get("listener_statuses").and_then(Value::as_array);
        let bound = statuses.into_iter().flatten().filter_map(|status| {
            let name = status.get("name")?.as_str()?.to_owned();
            let socket = status.pointer("/local_address/socket_address")?;
            let port = u16::try_from(socket.get("port_value")?.as_u64()?).ok()?;
            let address = socket.get("address")?.as_str()?.parse().ok()?;
            Some((name, SocketAddr::new(address, port)))
        });
        Ok(bound.collect())
    }
}
