//! The services of `examples/bookinfo`: a page that asks others, which ask others.
//!
//! Each call between them is a request for the service's name, sent to the gateway's mesh port as to a proxy. The user
//! is carried along in the header `end-user`, as rules match on it; the page takes it from the cookie `user`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::client::{Client, Wire};
use crate::serve::{Body, BoxError, Handler, Line, Server};

/// How long the page waits for the reviews, unless the request says otherwise in `x-patience-ms`.
const PATIENCE: Duration = Duration::from_secs(20);

/// All services, each pod on a port that the system picks.
#[derive(Debug)]
pub struct Bookinfo {
    pods: Vec<(&'static str, Server)>,
    mesh: Arc<OnceLock<SocketAddr>>,
}

/// What a pod is.
#[derive(Clone, Copy, Debug)]
enum Role {
    ProductPage,
    Details,
    /// Of this version, with stars of this colour.
    Reviews(&'static str, Option<&'static str>),
    Ratings,
}

/// In the order of `examples/bookinfo/platform.yaml`.
const PODS: [(&str, Role); 6] = [
    ("productpage-v1", Role::ProductPage),
    ("details-v1", Role::Details),
    ("reviews-v1", Role::Reviews("v1", None)),
    ("reviews-v2", Role::Reviews("v2", Some("black"))),
    ("reviews-v3", Role::Reviews("v3", Some("red"))),
    ("ratings-v1", Role::Ratings),
];

impl Bookinfo {
    /// Starts every pod. Needs a tokio runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start() -> io::Result<Self> {
        let mesh = Arc::new(OnceLock::new());
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let start = |(name, role)| {
            let pod = Pod {
                role,
                mesh: Arc::clone(&mesh),
            };
            Ok((name, Server::start(anywhere, Arc::new(pod))?))
        };
        let pods = PODS.into_iter().map(start).collect::<io::Result<_>>()?;
        Ok(Self { pods, mesh })
    }

    /// From now on the services call each other there. Only the first call counts.
    pub fn call_through(&self, mesh: SocketAddr) {
        // Whoever sets it twice means the same gateway.
        let _ = self.mesh.set(mesh);
    }

    /// Names and addresses of the pods, in the order of the example's manifests.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        self.pods
            .iter()
            .map(|(name, server)| (*name, server.address()))
            .collect()
    }
}

#[derive(Debug)]
struct Pod {
    role: Role,
    mesh: Arc<OnceLock<SocketAddr>>,
}

impl Handler for Pod {
    async fn handle(&self, request: Request<Incoming>, _: Line) -> Result<Response<Body>, BoxError> {
        let (head, body) = request.into_parts();
        // Reading what was sent keeps the connection usable.
        body.collect().await?;
        let answer = match (self.role, head.uri.path()) {
            (Role::ProductPage, "/productpage") => Some(self.page(&head.headers).await),
            (Role::ProductPage, _) => Some(json!({"part": head.uri.path()})),
            (Role::Details, "/details/0") => Some(json!({"title": "A book", "pages": 200})),
            (Role::Ratings, "/ratings/0") => Some(json!({"first reader": 5, "second reader": 4})),
            (Role::Reviews(version, color), "/reviews/0") => {
                Some(self.reviews(version, color, &head.headers).await)
            }
            _ => None,
        };
        let status = match &answer {
            Some(_) => StatusCode::OK,
            None => StatusCode::NOT_FOUND,
        };
        let text = answer.unwrap_or_default().to_string();
        let body = Full::new(Bytes::from(text)).map_err(|never| match never {});
        let mut response = Response::new(body.boxed_unsync());
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}

impl Pod {
    /// The page: what the two other services say, or why they say nothing.
    async fn page(&self, headers: &HeaderMap) -> Value {
        let user = user(headers);
        let patience = text(headers, "x-patience-ms").and_then(|ms| ms.parse().ok());
        let patience = patience.map_or(PATIENCE, Duration::from_millis);
        let details = self.ask("details:9080", "/details/0", user.as_deref());
        let reviews = self.ask("reviews:9080", "/reviews/0", user.as_deref());
        let (details, reviews) = tokio::join!(details, tokio::time::timeout(patience, reviews));
        let reviews = reviews.unwrap_or_else(|_| json!({"error": "not in time"}));
        json!({"user": user, "details": details, "reviews": reviews})
    }

    /// Reviews; with stars if this version shows any.
    async fn reviews(&self, version: &str, color: Option<&str>, headers: &HeaderMap) -> Value {
        let mut answer = json!({"version": version, "texts": ["worth reading", "too short"]});
        if let (Some(color), Some(answer)) = (color, answer.as_object_mut()) {
            let user = user(headers);
            let ratings = self.ask("ratings:9080", "/ratings/0", user.as_deref()).await;
            answer.insert("color".to_owned(), color.into());
            answer.insert("stars".to_owned(), ratings);
        }
        answer
    }

    /// What a service says, or `{"error": why}`.
    async fn ask(&self, service: &str, path: &str, user: Option<&str>) -> Value {
        self.call(service, path, user)
            .await
            .unwrap_or_else(|error| json!({"error": error.to_string()}))
    }

    async fn call(&self, service: &str, path: &str, user: Option<&str>) -> io::Result<Value> {
        let mesh = self.mesh.get().ok_or_else(|| io::Error::other("no mesh"))?;
        let mut request = Request::get(path).header("host", service);
        if let Some(user) = user {
            request = request.header("end-user", user);
        }
        let answer = Client::open(*mesh, Wire::Http1).await?.send(request, "").await?;
        match answer.status {
            200 => serde_json::from_slice(&answer.body).map_err(io::Error::other),
            status => Err(io::Error::other(format!("status {status}"))),
        }
    }
}

/// Whoever is signed in.
fn user(headers: &HeaderMap) -> Option<String> {
    let by_cookie = text(headers, COOKIE.as_str())
        .into_iter()
        .flat_map(|cookies| cookies.split("; "))
        .find_map(|cookie| cookie.strip_prefix("user="));
    text(headers, "end-user").or(by_cookie).map(str::to_owned)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
