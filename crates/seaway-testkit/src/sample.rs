//! The sample services of `seaway demo`: two versions of a shop.
//!
//! An answer is a page, JSON or one line of text, as the `Accept` header prefers, and always names version and pod, so
//! that a newcomer sees with plain `curl` where a request went.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde::Serialize;

use crate::serve::{Body, BoxError, Handler, Line, Server};

/// Headers that the demonstration talks about, beside those that start with `x-`.
const SHOWN: [&str; 3] = ["user-agent", "cookie", "via"];

/// One pod of the shop.
#[derive(Debug)]
pub struct Shop {
    pod: Arc<Pod>,
    server: Server,
}

#[derive(Debug)]
struct Pod {
    version: String,
    name: String,
    requests: AtomicUsize,
}

/// What a pod says of a request.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    service: &'static str,
    version: &'a str,
    pod: &'a str,
    method: &'a str,
    path: &'a str,
    host: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

impl Shop {
    /// Starts a pod of this version. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start(
        version: impl Into<String>,
        pod: impl Into<String>,
        address: SocketAddr,
    ) -> io::Result<Self> {
        let pod = Arc::new(Pod {
            version: version.into(),
            name: pod.into(),
            requests: AtomicUsize::new(0),
        });
        let server = Server::start(address, Arc::clone(&pod))?;
        Ok(Self { pod, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many requests it got; a mirror's copies included.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.pod.requests.load(Ordering::Relaxed)
    }

    /// Lets requests finish, then returns.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Handler for Pod {
    async fn handle(&self, request: Request<Incoming>, _: Line) -> Result<Response<Body>, BoxError> {
        let count = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let (head, body) = request.into_parts();
        // Reading what was sent keeps the connection usable.
        body.collect().await?;
        let host = match head.uri.authority() {
            Some(authority) => authority.as_str(),
            None => text(&head.headers, "host"),
        };
        let answer = Answer {
            service: "shop",
            version: &self.version,
            pod: &self.name,
            method: head.method.as_str(),
            path: head.uri.path_and_query().map_or("/", |path| path.as_str()),
            host,
            headers: shown(&head.headers),
        };
        let (kind, body) = match text(&head.headers, ACCEPT.as_str()) {
            accept if accept.contains("text/html") => ("text/html; charset=utf-8", answer.page()),
            accept if accept.contains("json") => ("application/json", serde_json::to_string(&answer)? + "\n"),
            _ => ("text/plain; charset=utf-8", answer.line()),
        };
        let mut response = Response::new(
            Full::new(Bytes::from(body))
                .map_err(|never| match never {})
                .boxed_unsync(),
        );
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert("x-shop-version", HeaderValue::from_str(&self.version)?);
        headers.insert("x-shop-requests", HeaderValue::from(count));
        Ok(response)
    }
}

impl Answer<'_> {
    fn line(&self) -> String {
        let Self {
            service,
            version,
            pod,
            method,
            path,
            host,
            ..
        } = self;
        format!("{service} {version} (pod {pod}) answers {method} {path} for {host}\n")
    }

    fn page(&self) -> String {
        let rows: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("<tr><th>{}<td>{}\n", escaped(name), escaped(value)))
            .collect();
        format!(
            "<!doctype html>\n<meta charset=utf-8>\n<title>Shop {version}</title>\n\
             <h1>Shop {version}</h1>\n<p>Pod <b>{pod}</b> answers <code>{method} {path}</code> for {host}.\n\
             <table>\n{rows}</table>\n",
            version = escaped(self.version),
            pod = escaped(self.pod),
            method = escaped(self.method),
            path = escaped(self.path),
            host = escaped(self.host),
        )
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn shown(headers: &HeaderMap) -> Vec<(&str, &str)> {
    headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-") || SHOWN.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect()
}

/// What a request says is not to be trusted in a page.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut safe, c| {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::client::{Client, Wire};

    async fn ask(accept: &str) -> String {
        let shop = Shop::start("v2", "shop-v2-a", (Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let mut client = Client::open(shop.addr(), Wire::Http1)
            .await
            .expect("a connection");
        let request = Request::get("/cart")
            .header("x-name", "<b>")
            .header("host", "shop.example.com")
            .header("accept", accept);
        let answer = client.send(request, "").await.expect("an answer");
        assert_eq!(answer.header("x-shop-version"), Some("v2"));
        assert_eq!(shop.requests(), 1);
        answer.text()
    }

    #[tokio::test]
    async fn curl_gets_one_line_that_names_version_and_pod() {
        let line = ask("*/*").await;
        assert!(
            line.starts_with("shop v2 (pod shop-v2-a) answers GET /cart"),
            "{line}"
        );
    }

    #[tokio::test]
    async fn a_browser_gets_a_page_in_which_the_request_is_escaped() {
        let page = ask("text/html,*/*").await;
        assert!(
            page.contains("<h1>Shop v2</h1>") && !page.contains("<td><b>"),
            "{page}"
        );
    }

    #[tokio::test]
    async fn a_program_gets_json() {
        let json: serde_json::Value = serde_json::from_str(&ask("application/json").await).expect("JSON");
        assert_eq!(json["pod"], "shop-v2-a");
    }
}
