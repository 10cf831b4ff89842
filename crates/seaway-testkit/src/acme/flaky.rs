//! A CA on a bad day: what Pebble cannot be told to do, done by a proxy before it.
//!
//! It ends TLS and passes requests on with the host that the client named. Pebble makes its URLs from that host, so a
//! client that begins here stays here, and its signatures, which cover the URL, hold.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;

mod renewal;

pub use renewal::SuggestedRenewal;

use self::renewal::Renewals;
use super::Pebble;
use super::calls::Calls;
use super::web::{self, Reply, Scheme, Site, Web};
use crate::client::{Answer, Client, ClientTls, Wire};

/// A proxy before a [`Pebble`]. Ends when it is dropped.
#[derive(Debug)]
pub struct Flaky {
    web: Web<Proxy>,
}

/// A step of the protocol, by Pebble's paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Any request.
    Anywhere,
    /// The directory.
    Directory,
    /// newNonce.
    NewNonce,
    /// newAccount.
    NewAccount,
    /// An account's own URL.
    Account,
    /// newOrder.
    NewOrder,
    /// An order, which clients poll.
    Order,
    /// Finalization, with the CSR.
    Finalize,
    /// An authorization, which clients read and poll.
    Authorization,
    /// A challenge, which clients say they are ready for.
    Challenge,
    /// The download of a certificate.
    Certificate,
    /// revokeCert.
    Revoke,
    /// Renewal information, once there is some.
    RenewalInfo,
}

/// What happens instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `urn:ietf:params:acme:error:rateLimited`; `retry_after` is in seconds or an HTTP date.
    RateLimited {
        /// The header of that name.
        retry_after: Option<String>,
    },
    /// 503 without a problem document, as from a load balancer.
    Unavailable {
        /// The header of that name.
        retry_after: Option<String>,
    },
    /// 400 with `badNonce` and a new nonce (RFC 8555, section 6.5).
    BadNonce,
    /// Any problem document.
    Problem {
        /// Status.
        status: u16,
        /// What follows `urn:ietf:params:acme:error:`.
        kind: String,
        /// For people.
        detail: String,
    },
    /// A TCP reset; Pebble has not seen the request.
    Reset,
    /// A TCP reset after Pebble has done what was asked: its answer is lost.
    AnswerLost,
    /// No answer and no end; Pebble has not seen the request.
    Silence,
    /// No answer and no end, after Pebble has done what was asked.
    SilenceAfter,
}

#[derive(Debug)]
struct Proxy {
    pebble: SocketAddr,
    tls: ClientTls,
    orders: Mutex<VecDeque<Order>>,
    renewals: Renewals,
}

#[derive(Debug)]
struct Order {
    place: Place,
    times: usize,
    fault: Fault,
}

impl Place {
    /// The start of its path in Pebble, which deliberately differs from other servers.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Anywhere => "/",
            Self::Directory => "/dir",
            Self::NewNonce => "/nonce-plz",
            Self::NewAccount => "/sign-me-up",
            Self::Account => "/my-account/",
            Self::NewOrder => "/order-plz",
            Self::Order => "/my-order/",
            Self::Finalize => "/finalize-order/",
            Self::Authorization => "/authZ/",
            Self::Challenge => "/chalZ/",
            Self::Certificate => "/certZ/",
            Self::Revoke => "/revoke-cert",
            Self::RenewalInfo => renewal::PATH,
        }
    }

    fn covers(self, path: &str) -> bool {
        path.starts_with(self.path())
    }
}

impl Flaky {
    /// Starts one before this Pebble.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(pebble: &Pebble) -> io::Result<Self> {
        let proxy = Proxy {
            pebble: pebble.addr(),
            tls: ClientTls::trusting(&pebble.tls_root_pem())?,
            orders: Mutex::default(),
            renewals: Renewals::default(),
        };
        let web = Web::start(Scheme::Https, proxy)?;
        Ok(Self { web })
    }

    /// `https://127.0.0.1:PORT/dir`
    #[must_use]
    pub fn directory_url(&self) -> String {
        format!("{}/dir", self.web.url())
    }

    /// Whom clients must trust to speak to it, in PEM.
    #[must_use]
    pub fn tls_root_pem(&self) -> String {
        self.web.root_pem().unwrap_or_default().to_owned()
    }

    /// The next `times` requests to `place` get this instead. Orders are used up in turn, the oldest that fits first.
    pub fn inject(&self, place: Place, times: usize, fault: Fault) {
        self.web.site().orders().push_back(Order { place, times, fault });
    }

    /// From now on it has renewal information (RFC 9773), and says this of every certificate.
    pub fn suggest_renewal(&self, renewal: SuggestedRenewal) {
        self.web.site().renewals.suggest(renewal);
    }

    /// Which certificate each new order said that it replaces, in turn.
    #[must_use]
    pub fn replaced(&self) -> Vec<Option<String>> {
        self.web.site().renewals.replaced()
    }

    /// Forgets what was injected and not used up.
    pub fn clear(&self) {
        self.web.site().orders().clear();
    }

    /// Refuses connections from now on, and breaks those that are open; Pebble goes on and forgets nothing.
    pub async fn down(&self) {
        self.web.down().await;
    }

    /// Answers again, on the same port.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub fn up(&self) -> io::Result<()> {
        self.web.up()
    }

    /// What it was asked; see [`Place::path`]. With [`Fault::SilenceAfter`] and
    /// [`Calls::wait_until_done`] a test can end its client in the middle of a step.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        self.web.calls()
    }

    /// How many requests a step had.
    #[must_use]
    pub fn count(&self, place: Place) -> usize {
        let all = self.calls().all();
        all.iter().filter(|call| place.covers(&call.path)).count()
    }
}

impl Site for Proxy {
    async fn answer(&self, request: Request<Bytes>) -> Reply {
        let Some(fault) = self.next(request.uri().path()) else {
            return Reply::Answer(self.well(request).await);
        };
        match fault {
            Fault::Reset => Reply::Reset,
            Fault::Silence => Reply::Silence,
            Fault::AnswerLost => self.pass_on(request).await.map_or(Reply::Reset, |_| Reply::Reset),
            Fault::SilenceAfter => self
                .pass_on(request)
                .await
                .map_or(Reply::Silence, |_| Reply::Silence),
            Fault::Unavailable { retry_after } => {
                let mut response = web::respond(503, "text/html", "<h1>503 Service Unavailable</h1>\n");
                web::retry_after(&mut response, retry_after.as_deref());
                Reply::Answer(response)
            }
            Fault::RateLimited { retry_after } => {
                let mut response = self
                    .problem(429, "rateLimited", "too many requests of this kind")
                    .await;
                web::retry_after(&mut response, retry_after.as_deref());
                Reply::Answer(response)
            }
            Fault::BadNonce => Reply::Answer(self.problem(400, "badNonce", "the nonce is not known").await),
            Fault::Problem { status, kind, detail } => {
                Reply::Answer(self.problem(status, &kind, &detail).await)
            }
        }
    }
}

impl Proxy {
    /// As on a good day.
    async fn well(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        if let Some(answer) = self.renewals.answer(&path) {
            return answer;
        }
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let base = format!("https://{}", host.unwrap_or_default());
        let replaces = self.renewals.read_order(&path, request.body());
        match self.pass_on(request).await {
            Ok(mut answer) => {
                self.renewals.complete(&base, &path, replaces, &mut answer);
                forwarded(answer)
            }
            // As a load balancer whose server is gone.
            Err(_) => web::respond(502, "text/plain", "Bad Gateway\n"),
        }
    }

    fn next(&self, path: &str) -> Option<Fault> {
        let mut orders = self.orders();
        let place = orders
            .iter()
            .position(|order| order.times > 0 && order.place.covers(path))?;
        let order = orders.get_mut(place)?;
        order.times -= 1;
        let fault = order.fault.clone();
        if order.times == 0 {
            orders.remove(place);
        }
        Some(fault)
    }

    /// A problem document (RFC 7807), with a nonce as every answer of a CA has.
    async fn problem(&self, status: u16, kind: &str, detail: &str) -> Response<Full<Bytes>> {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        let body = json!({ "type": kind, "detail": detail, "status": status });
        let mut response = web::respond(status, "application/problem+json", body.to_string());
        if let Some(nonce) = self.nonce().await {
            response.headers_mut().insert("replay-nonce", nonce);
        }
        response
    }

    async fn nonce(&self) -> Option<HeaderValue> {
        let request = Request::head(Place::NewNonce.path()).header("host", self.pebble.to_string());
        let answer = self.pass_on(request.body(Bytes::new()).ok()?).await.ok()?;
        answer.headers.get("replay-nonce").cloned()
    }

    async fn pass_on(&self, request: Request<Bytes>) -> io::Result<Answer> {
        let mut client = Client::open_tls(self.pebble, Wire::Http1, "127.0.0.1", &self.tls).await?;
        let (mut head, body) = request.into_parts();
        for hop in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
            head.headers.remove(hop);
        }
        let request = Request::from_parts(head, Full::new(body));
        Answer::read(client.start(request).await?).await
    }

    fn orders(&self) -> MutexGuard<'_, VecDeque<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forwarded(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = web::respond(answer.status, "", answer.body);
    *response.headers_mut() = answer.headers;
    for hop in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        response.headers_mut().remove(hop);
    }
    response
}
