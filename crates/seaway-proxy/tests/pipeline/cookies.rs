//! Cookies that bring a client back to its endpoint.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Request};
use seaway_model::*;

use super::support::*;

fn sticky(cookie: &GeneratedCookie) -> Route {
    route(Action::Forward(Forward {
        hash_on: vec![HashOn::GeneratedCookie(cookie.clone())],
        ..to("c")
    }))
}

fn session() -> GeneratedCookie {
    GeneratedCookie {
        name: "session".into(),
        path: Some("/".into()),
        ttl: Millis(60_000),
        attributes: Vec::new(),
    }
}

/// Ten endpoints that say their number.
async fn ten(balancing: Balancing) -> Cluster {
    const NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let mut addresses = Vec::new();
    for name in NAMES {
        addresses.push(upstream(move |_| async move { text(200, name) }).await);
    }
    Cluster {
        balancing,
        ..cluster("c", &addresses)
    }
}

async fn ask(gateway: &Gateway, cookie: Option<&str>) -> (HeaderMap, String) {
    let mut request: Request<TestBody> = get("/");
    if let Some(cookie) = cookie {
        request.headers_mut().insert(COOKIE, cookie.parse().unwrap());
    }
    let response = send(gateway.http1, request).await;
    let headers = response.headers().clone();
    (headers, read(response).await.1)
}

#[tokio::test]
async fn a_client_with_the_cookie_it_got_comes_back_to_its_endpoint() {
    for balancing in [Balancing::RingHash, Balancing::Maglev] {
        let gateway = Gateway::start(vec![sticky(&session())], vec![ten(balancing).await]).await;
        for _ in 0..10 {
            let (headers, first) = ask(&gateway, None).await;
            let set = headers[SET_COOKIE].to_str().unwrap();
            assert!(set.ends_with("; Max-Age=60; Path=/; HttpOnly"), "{set}");
            let pair = set.split(';').next().unwrap();
            for _ in 0..3 {
                let (headers, again) = ask(&gateway, Some(pair)).await;
                assert_eq!(again, first);
                assert!(!headers.contains_key(SET_COOKIE), "one that has it keeps it");
            }
        }
    }
}

#[tokio::test]
async fn clients_without_the_cookie_are_spread() {
    let gateway = Gateway::start(vec![sticky(&session())], vec![ten(Balancing::RingHash).await]).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        seen.insert(ask(&gateway, None).await.1);
    }
    // A hundred random keys all on one of ten endpoints: not in the life of the universe.
    assert!(seen.len() > 1);
}

#[tokio::test]
async fn a_cluster_that_does_not_hash_sets_no_cookie() {
    let gateway = Gateway::start(vec![sticky(&session())], vec![ten(Balancing::RoundRobin).await]).await;
    assert!(!ask(&gateway, None).await.0.contains_key(SET_COOKIE));
}

#[tokio::test]
async fn a_cookie_of_the_upstream_stays_beside_ours() {
    let address = upstream(|_| async {
        let mut response = text(200, "");
        response
            .headers_mut()
            .insert(SET_COOKIE, "theirs=1".parse().unwrap());
        response
    })
    .await;
    let hashing = Cluster {
        balancing: Balancing::RingHash,
        ..cluster("c", &[address])
    };
    let gateway = Gateway::start(vec![sticky(&session())], vec![hashing]).await;
    let (headers, _) = ask(&gateway, None).await;
    assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 2);
}
