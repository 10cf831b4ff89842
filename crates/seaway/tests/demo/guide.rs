//! What the demonstration printed, read as a newcomer reads it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::Request;
use seaway_testkit::client::{Answer, Client, ClientTls, Wire};
use tokio::time::{interval, timeout};

use crate::support::DEADLINE;
use crate::support::process::Process;

/// A demonstration that serves, and its text.
pub struct Guide {
    /// Its process.
    pub process: Process,
    lines: Vec<String>,
}

/// `http://canary.localhost:8080/orders`
struct Url {
    host: String,
    port: u16,
    path: String,
}

impl Url {
    fn parse(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().expect("a port")),
            None => (authority, if scheme == "https" { 443 } else { 80 }),
        };
        Self {
            host: host.to_owned(),
            port,
            path: format!("/{path}"),
        }
    }

    /// What curl makes of `*.localhost` and of 127.0.0.1.
    fn address(&self) -> SocketAddr {
        assert!(
            self.host == "127.0.0.1" || self.host.ends_with(".localhost"),
            "{}",
            self.host
        );
        ([127, 0, 0, 1], self.port).into()
    }

    fn request(&self) -> http::request::Builder {
        Request::get(&self.path).header("host", format!("{}:{}", self.host, self.port))
    }
}

impl Guide {
    /// Waits until everything is printed.
    pub async fn of(process: Process) -> Self {
        process.ready(0).await;
        process.out_line("Ctrl-C stops.").await;
        let lines = process.out.all();
        Self { process, lines }
    }

    /// The commands below a title.
    pub fn commands(&self, title: &str) -> Vec<String> {
        let title = format!("# {title}");
        let mut below = self
            .lines
            .iter()
            .skip_while(|line| !line.starts_with(&title))
            .skip(1)
            .peekable();
        if below.peek().is_none() {
            self.process
                .fail(&format!("nothing is printed about \"{title}\""));
        }
        below
            .take_while(|line| !line.starts_with('#') && !line.is_empty())
            .cloned()
            .collect()
    }

    /// The URLs in the commands below a title.
    pub fn urls(&self, title: &str) -> Vec<String> {
        let commands = self.commands(title).join(" ");
        let words = commands.split([' ', ';', '\'']);
        words
            .filter(|word| word.starts_with("http"))
            .map(ToOwned::to_owned)
            .collect()
    }

    /// Where it says that its manifests are.
    pub fn manifests(&self) -> PathBuf {
        let line = self
            .lines
            .iter()
            .find_map(|line| line.strip_prefix("The manifests are in "));
        PathBuf::from(line.and_then(|rest| rest.split(": ").next()).expect("the folder"))
    }

    /// As `curl URL`.
    pub async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        let url = Url::parse(url);
        let request = headers.iter().fold(url.request(), |request, (name, value)| {
            request.header(*name, *value)
        });
        let answer = async {
            Client::open(url.address(), Wire::Http1)
                .await?
                .send(request, "")
                .await
        };
        match answer.await {
            Ok(answer) => answer,
            Err(error) => self.process.fail(&format!("{}: {error}", url.host)),
        }
    }

    /// The version that an answer names.
    pub async fn version(&self, url: &str, headers: &[(&str, &str)]) -> String {
        let answer = self.get(url, headers).await;
        let named = ["v1", "v2"]
            .into_iter()
            .find(|version| answer.text().contains(version));
        named.map_or_else(
            || format!("{} {}", answer.status, answer.text()),
            ToOwned::to_owned,
        )
    }

    /// How many requests a pod says it has had, this one included.
    pub async fn count_of(&self, pod: &str) -> u64 {
        let answer = self.get(pod, &[]).await;
        answer
            .header("x-shop-requests")
            .and_then(|count| count.parse().ok())
            .expect("a count")
    }

    /// How many copies a pod got since it counted `before`, once there are at least so many.
    pub async fn copies(&self, pod: &str, before: u64, least: u64) -> u64 {
        let mut pace = interval(std::time::Duration::from_millis(5));
        let counting = async {
            // The question that asks is counted by the pod, too.
            let mut questions = 1;
            loop {
                let copies = self.count_of(pod).await - before - questions;
                if copies >= least {
                    return copies;
                }
                questions += 1;
                pace.tick().await;
            }
        };
        match timeout(DEADLINE, counting).await {
            Ok(copies) => copies,
            Err(_) => self.process.fail("the copies do not arrive"),
        }
    }

    /// As `curl --cacert FILE URL`, with the file that is printed.
    pub async fn https(&self, folder: &Path, url: &str) -> Answer {
        let commands = self.commands("TLS").join(" ");
        let mut words = commands.split(' ').skip_while(|word| *word != "--cacert").skip(1);
        let authority = folder.join(words.next().expect("a file"));
        let pem = std::fs::read_to_string(authority).expect("the authority");
        let tls = ClientTls::trusting(&pem).expect("PEM");
        let url = Url::parse(url);
        let answer = async {
            Client::open_tls(url.address(), Wire::Http1, &url.host, &tls)
                .await?
                .send(url.request(), "")
                .await
        };
        answer
            .await
            .unwrap_or_else(|error| self.process.fail(&error.to_string()))
    }
}
