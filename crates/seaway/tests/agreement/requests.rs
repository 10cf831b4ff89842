//! Random requests, from the same small alphabets as the manifests, and some that a gateway must refuse.

use std::net::{IpAddr, Ipv4Addr};

use seaway_route::{ExplainRequest, UnusableRequest};

use crate::dice::Dice;

const METHODS: [&str; 12] = [
    "GET", "GET", "GET", "GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "FOO", "get",
];
/// Of the URL: what TLS calls the server.
const NAMES: [&str; 9] = [
    "a.test",
    "a.test",
    "b.test",
    "x.a.test",
    "y.x.a.test",
    "c.test",
    "other.example",
    "127.0.0.9",
    "[2001:db8::1]",
];
/// Hosts as clients may write them.
const HOSTS: [&str; 18] = [
    "a.test",
    "a.test",
    "A.Test",
    "a.test.",
    "a.test:80",
    "a.test:8080",
    "a.test:",
    "b.test",
    "x.a.test",
    "x.a.test:443",
    "y.x.a.test",
    "c.test",
    "other.example",
    "127.0.0.9",
    "127.0.0.9:80",
    "[2001:db8::1]",
    "[2001:DB8:0::1]:80",
    "a_b.test",
];
/// What is no host; rare.
const BAD_HOSTS: [&str; 6] = [
    "a..test",
    "a.test:99999",
    "a b.test",
    "user@a.test",
    "*.test",
    ":80",
];
const PIECES: [&str; 22] = [
    "/", "/", "/", "/", "/", "a", "a", "a", "b", "b", "ab", "//", "/./", "/../", "/%2e/", "/%2E%2e/", "%2f",
    "%2F", "A", ".", ";x", "%61",
];
/// What makes a path unreadable; rare.
const BAD_PIECES: [&str; 5] = ["%", "%00", "..%2f", "\\", "%c0%af"];
const VALUES: [&str; 6] = ["1", "2", "12", "1 2", "x", ""];

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Http1,
    Http2,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    pub tls: bool,
    pub wire: Wire,
    /// The URL's host; the server name of TLS.
    pub name: &'static str,
    /// The Host header or `:authority`.
    pub host: &'static str,
    /// Path and query.
    pub target: String,
    /// Without the host.
    pub headers: Vec<(&'static str, String)>,
    pub body: &'static str,
}

impl Ask {
    /// By chance. `https`: there is a listener for it.
    pub fn random(dice: &mut Dice, https: bool) -> Self {
        let tls = if https { dice.chance(40) } else { dice.chance(2) };
        let name = dice.pick(&NAMES);
        // Over TLS mostly the name that the certificate was asked for, otherwise little would come through.
        let host = match dice.count(0, 99) {
            0..70 if tls => name,
            98.. => dice.pick(&BAD_HOSTS),
            _ => dice.pick(&HOSTS),
        };
        let is_preflight = dice.chance(6);
        let method = if is_preflight {
            "OPTIONS"
        } else {
            dice.pick(&METHODS)
        };
        let mut ask = Self {
            method,
            tls,
            wire: Wire::Http1,
            name,
            host,
            target: target(dice),
            headers: headers(dice, is_preflight),
            body: if matches!(method, "POST" | "PUT") {
                dice.pick(&["", "abc"])
            } else {
                ""
            },
        };
        if dice.chance(12) && ask.fits_http2() {
            ask.wire = Wire::Http2;
        }
        ask
    }

    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// `https://a.test/path`, as `explain` wants it.
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.name, self.target)
    }

    /// As a client of HTTP/2 sends it.
    pub fn uri(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.host, self.target)
    }

    /// A client library refuses to send some of what can be written over HTTP/1.1 by hand.
    fn fits_http2(&self) -> bool {
        if self.has_second_host() {
            return false;
        }
        let uri = self.uri().parse::<http::Uri>();
        uri.is_ok_and(|uri| {
            uri.path_and_query()
                .is_some_and(|sent| sent.as_str() == self.target)
        })
    }

    fn has_second_host(&self) -> bool {
        self.headers.iter().any(|(name, _)| *name == "host")
    }

    /// For `explain`.
    ///
    /// # Errors
    /// What no client could send.
    pub fn explained<'a>(&'a self, url: &'a str) -> Result<ExplainRequest<'a>, UnusableRequest> {
        // Where both are the same, the URL alone says it.
        let is_said = self.host == self.name && !self.has_second_host();
        let host = (!is_said).then(|| ("host", self.host.to_owned()));
        let headers = self.headers.iter().cloned().chain(host);
        let request = ExplainRequest::parse(self.method, url, headers, None)?;
        Ok(request.from_source(Some(IpAddr::V4(Ipv4Addr::LOCALHOST))))
    }
}

fn target(dice: &mut Dice) -> String {
    let mut target = "/".to_owned();
    for piece in dice.picks(0, 3, &PIECES) {
        target.push_str(piece);
    }
    if dice.chance(2) {
        target.push_str(dice.pick(&BAD_PIECES));
    }
    if dice.chance(40) {
        let query = dice.picks(
            0,
            3,
            &[
                "q=1", "q=2", "q=12", "r=1", "r", "q", "Q=1", "q=%31", "q=1+2", "x=/../", "=",
            ],
        );
        target.push('?');
        target.push_str(&query.join("&"));
    }
    target
}

fn headers(dice: &mut Dice, is_preflight: bool) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    for name in dice.some(30, &["x-a", "x-a", "X-B", "x-b"]) {
        headers.push((name, dice.pick(&VALUES).to_owned()));
    }
    for _ in 0..dice.count(0, 5).saturating_sub(3) {
        let pairs = dice.picks(1, 3, &["c=1", "c=2", "d=1", "d=12", "c", "e=1", "c=\"1\""]);
        headers.push(("cookie", pairs.join("; ")));
    }
    if dice.chance(5) {
        headers.push(("x-forwarded-proto", "http".into()));
    }
    if dice.chance(5) {
        headers.push(("x-request-id", "1".into()));
    }
    if dice.chance(2) {
        // A second one, since each request has its own.
        headers.push(("host", "a.test".into()));
    }
    if is_preflight || dice.chance(30) {
        headers.push((
            "origin",
            dice.pick(&[
                "https://a.example",
                "https://b.example",
                "https://a.other",
                "null",
            ])
            .into(),
        ));
        if is_preflight || dice.chance(20) {
            headers.push((
                "access-control-request-method",
                dice.pick(&["GET", "POST"]).into(),
            ));
        }
    }
    headers
}
