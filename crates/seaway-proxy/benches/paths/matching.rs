//! Saying who a request is for in one way, and finding its route.

use std::hint::black_box;
use std::sync::Arc;

use http::HeaderMap;
use seaway_model::{Conditions, HostMatch, Match, Model, PathMatch, VirtualHost};
use seaway_route::{Decision, RequestHead, RouteTable, normalize};

use super::{Walk, model};

pub fn normalise() -> Walk {
    Box::new(|times| {
        for _ in 0..times {
            black_box(normalize::host(black_box("shop.example.com:8080")).unwrap());
            black_box(normalize::path(black_box("/api/items/0123456789")).unwrap());
        }
    })
}

/// So many paths on one host.
pub fn routes(count: usize) -> Walk {
    let routes = (0..count).map(|n| {
        let mut route = model::route();
        route.matches = Match::When(Conditions {
            path: PathMatch::Elements(format!("/svc-{n}").into()),
            ..Conditions::default()
        });
        Arc::new(route)
    });
    let hosts = vec![VirtualHost {
        host: HostMatch::Exact("shop.example.com".into()),
        routes: routes.collect(),
    }];
    decide(count, hosts, |n| {
        ("shop.example.com".to_owned(), format!("/svc-{n}/cart"))
    })
}

/// So many hosts with a route each.
pub fn hosts(count: usize) -> Walk {
    let route = Arc::new(model::route());
    let hosts = (0..count).map(|n| VirtualHost {
        host: HostMatch::Exact(format!("shop-{n}.example.com").into()),
        routes: vec![Arc::clone(&route)],
    });
    decide(count, hosts.collect(), |n| {
        (format!("shop-{n}.example.com"), "/cart".to_owned())
    })
}

/// Requests spread over all of them, by turns.
fn decide(count: usize, hosts: Vec<VirtualHost>, request: impl Fn(usize) -> (String, String)) -> Walk {
    let mut listener = model::listener();
    listener.virtual_hosts = hosts;
    let table = RouteTable::build(&Arc::new(Model {
        listeners: vec![Arc::new(listener)],
        ..Model::default()
    }));
    let requests: Vec<_> = (0..64).map(|n| request(n * 7919 % count)).collect();
    let headers = HeaderMap::new();
    Box::new(move |times| {
        let listener = &table.listeners()[0];
        for (host, path) in requests.iter().cycle().take(times as usize) {
            let decision = listener.decide(black_box(&RequestHead {
                method: "GET",
                host,
                path,
                query: None,
                headers: &headers,
                server_name: None,
                source: None,
            }));
            assert!(matches!(decision, Decision::Route(_)));
        }
    })
}
