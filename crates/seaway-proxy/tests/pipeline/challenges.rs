//! Proofs for authorities, before everything else.

use std::sync::Arc;

use http::StatusCode;
use seaway_model::{Action, KeyPair, Redirect};
use seaway_proxy::Options;
use seaway_proxy::challenges::AcmeChallenges;

use super::support::*;

/// One token is pending.
#[derive(Debug)]
struct Pending;

impl AcmeChallenges for Pending {
    fn http01(&self, token: &str) -> Option<Arc<str>> {
        (token == "pending").then(|| "pending.thumbprint".into())
    }

    fn tls_alpn01(&self, _: &str) -> Option<Arc<KeyPair>> {
        None
    }
}

fn options() -> Options {
    Options {
        challenges: Some(Arc::new(Pending)),
        ..Options::default()
    }
}

fn to_https() -> seaway_model::Route {
    route(Action::Redirect(Redirect {
        status: 308,
        scheme: Some("https".into()),
        host: None,
        port: None,
        path: None,
    }))
}

#[tokio::test]
async fn a_pending_token_is_answered_where_every_path_is_redirected() {
    let mut gateway = Gateway::with_options(vec![to_https()], vec![], options()).await;
    let path = "/.well-known/acme-challenge/pending";
    let (status, body) = fetch(gateway.http1, get(path)).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "pending.thumbprint"));
    let seen = gateway.record().await;
    assert_eq!(
        (seen.reason.as_deref(), seen.route),
        (Some("acme_challenge"), false)
    );
    assert_eq!((seen.status, seen.flags), (200, vec![]));
}

#[tokio::test]
async fn any_other_token_goes_to_the_routes() {
    let gateway = Gateway::with_options(vec![to_https()], vec![], options()).await;
    for token in ["other", "pending/more", ""] {
        let path = format!("/.well-known/acme-challenge/{token}");
        let (status, _) = fetch(gateway.http1, get(&path)).await;
        assert_eq!(status, StatusCode::PERMANENT_REDIRECT, "{path}");
    }
}

#[tokio::test]
async fn a_request_that_would_change_something_goes_to_the_routes() {
    let gateway = Gateway::with_options(vec![to_https()], vec![], options()).await;
    let request = post("/.well-known/acme-challenge/pending", empty());
    let (status, _) = fetch(gateway.http1, request).await;
    assert_eq!(status, StatusCode::PERMANENT_REDIRECT);
}

#[tokio::test]
async fn without_challenges_the_path_is_like_any_other() {
    let gateway = Gateway::start(vec![to_https()], vec![]).await;
    let (status, _) = fetch(gateway.http1, get("/.well-known/acme-challenge/pending")).await;
    assert_eq!(status, StatusCode::PERMANENT_REDIRECT);
}
