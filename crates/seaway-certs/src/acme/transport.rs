//! HTTP to authorities and DNS services: hyper and rustls, with a limit on time and size.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

const PATIENCE: Duration = Duration::from_secs(30);
const MOST: usize = 1024 * 1024;
const AGENT: &str = concat!("seaway/", env!("CARGO_PKG_VERSION"));

/// A client. Remembers of the last answer what the ACME library does not pass on.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    last: Arc<Mutex<Last>>,
}

/// Of the last answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Last {
    /// `None`: there was no answer.
    pub(crate) status: Option<StatusCode>,
    pub(crate) retry_after: Option<Duration>,
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

impl Transport {
    /// Trusts these certificates in PEM, or else those of the system.
    pub(crate) fn new(roots: Option<&str>) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = match roots {
            None => HttpsConnectorBuilder::new()
                .with_provider_and_platform_verifier(provider)
                .map_err(|error| {
                    format!(
                        "the system's trusted certificates cannot be read: {error}; install ca-certificates"
                    )
                })?,
            Some(pem) => HttpsConnectorBuilder::new().with_tls_config(
                rustls::ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(|error| error.to_string())?
                    .with_root_certificates(read_roots(pem)?)
                    .with_no_client_auth(),
            ),
        };
        let connector = builder.https_or_http().enable_http1().enable_http2().build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            last: Arc::default(),
        })
    }

    pub(crate) fn last(&self) -> Last {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// JSON to an API. The answer's body is returned whatever its status.
    pub(crate) async fn json(
        &self,
        method: Method,
        url: &str,
        headers: &[(&'static str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Result<(StatusCode, Bytes), String> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| format!("the value for {name} holds a character that HTTP does not allow"))?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|error| format!("{url} is not a URL that can be asked: {error}"))?;
        let (parts, body) = self.send(request).await.map_err(|error| words(&*error))?;
        Ok((parts.status, body))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(http::response::Parts, Bytes), Boxed> {
        self.note(Last::default());
        let exchange = async {
            let (parts, body) = self.client.request(request).await?.into_parts();
            self.note(Last {
                status: Some(parts.status),
                retry_after: retry_after(&parts.headers),
            });
            Ok((parts, Limited::new(body, MOST).collect().await?.to_bytes()))
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs()).into()),
        }
    }

    fn note(&self, last: Last) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let this = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body
                .collect()
                .await
                .map(|body| body.to_bytes())
                .unwrap_or_default();
            let mut request = Request::from_parts(parts, Full::from(body));
            request
                .headers_mut()
                .insert(USER_AGENT, HeaderValue::from_static(AGENT));
            let (parts, body) = this.send(request).await.map_err(instant_acme::Error::Other)?;
            Ok(BytesResponse {
                parts,
                body: Box::new(body),
            })
        })
    }
}

fn read_roots(pem: &str) -> Result<rustls::RootCertStore, String> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| "the issuer's root certificate is not in PEM")?;
        roots
            .add(certificate)
            .map_err(|error| format!("the issuer's root certificate cannot be used: {error}"))?;
    }
    match roots.is_empty() {
        true => Err("the issuer's root has no certificate in it; put it there in PEM".into()),
        false => Ok(roots),
    }
}

/// An error with its causes, which is where the reason is.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// RFC 9110, section 10.2.3: seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
