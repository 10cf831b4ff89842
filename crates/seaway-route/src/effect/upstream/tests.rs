use std::sync::Arc;

use http::HeaderMap;
use seaway_model::{
    Action, Conditions, Forward, HostMatch, Listener, Match, Model, Origin, PathMatch, Pattern, Protocol,
    Rewrite, VirtualHost,
};

use super::*;
use crate::{Decision, RequestHead, RouteTable, fixture};

/// The upstream's target for a request that a route with this path condition and rewrite takes.
fn target(path_match: PathMatch, rewrite: Rewrite, path: &str, query: Option<&str>) -> (String, String) {
    let forward = Forward {
        rewrite,
        ..Forward::default()
    };
    let conditions = Conditions {
        path: path_match,
        ..Conditions::default()
    };
    let route = fixture::route(Match::When(conditions), Action::Forward(forward));
    let listener = Listener {
        name: "http-80".into(),
        origin: Origin::default(),
        address: None,
        port: 80,
        protocol: Protocol::Http,
        tls: None,
        virtual_hosts: vec![VirtualHost {
            host: HostMatch::Any,
            routes: vec![Arc::new(route)],
        }],
        proxy_protocol: false,
        l4: None,
    };
    let table = RouteTable::build(&Arc::new(Model {
        listeners: vec![Arc::new(listener)],
        ..Model::default()
    }));
    let headers = HeaderMap::new();
    let request = RequestHead {
        method: "GET",
        host: "shop",
        path,
        query,
        headers: &headers,
        server_name: None,
        source: None,
    };
    let Decision::Route(matched) = table.listeners()[0].decide(&request) else {
        panic!("the route does not take {path}");
    };
    let target = upstream_target(&matched, path, query, "shop:80");
    (target.path_and_query.into_owned(), target.host.to_owned())
}

fn prefix(path_match: PathMatch, replacement: &str, path: &str) -> String {
    let rewrite = Rewrite {
        path: Some(PathRewrite::Prefix(replacement.into())),
        host: None,
    };
    target(path_match, rewrite, path, None).0
}

fn regex(pattern: &str, substitution: &str, path: &str) -> String {
    let pattern = Pattern::new(pattern).unwrap();
    let rewrite = Rewrite {
        path: Some(PathRewrite::Regex {
            pattern,
            substitution: substitution.into(),
        }),
        host: None,
    };
    target(PathMatch::Any, rewrite, path, None).0
}

#[test]
fn without_a_rewrite_nothing_changes() {
    let (path, host) = target(PathMatch::Any, Rewrite::default(), "/a//b", Some("q=1"));
    assert_eq!((path.as_str(), host.as_str()), ("/a//b?q=1", "shop:80"));
}

#[test]
fn a_matched_prefix_is_replaced_without_doubling_slashes() {
    let foo = || PathMatch::Elements("/foo".into());
    for (replacement, path, result) in [
        ("/", "/foo", "/"),
        ("/", "/foo/", "/"),
        ("/", "/foo/bar", "/bar"),
        ("/new", "/foo", "/new"),
        ("/new", "/foo/", "/new/"),
        ("/new", "/foo/bar", "/new/bar"),
        ("/new/", "/foo/bar", "/new/bar"),
        ("/new/", "/foo", "/new/"),
        ("new", "/foo/bar", "/new/bar"),
        ("", "/foo", "/"),
        ("//new", "/foo/bar", "/new/bar"),
    ] {
        assert_eq!(
            prefix(foo(), replacement, path),
            result,
            "{replacement} for /foo in {path}"
        );
    }
}

#[test]
fn a_prefix_by_text_is_replaced_as_text() {
    assert_eq!(prefix(PathMatch::Prefix("/foo".into()), "/", "/foobar"), "/bar");
    assert_eq!(
        prefix(PathMatch::Prefix("/foo".into()), "/new", "/foobar"),
        "/newbar"
    );
    assert_eq!(prefix(PathMatch::Prefix("/api/".into()), "/", "/api/x"), "/x");
}

#[test]
fn a_prefix_in_another_case_is_replaced_by_its_length() {
    let shop = || PathMatch::PrefixIgnoringCase("/shop".into());
    assert_eq!(prefix(shop(), "/new", "/SHOP/Cart"), "/new/Cart");
    assert_eq!(prefix(shop(), "/", "/Shopping"), "/ping");
    assert_eq!(
        prefix(PathMatch::ExactIgnoringCase("/shop".into()), "/new", "/Shop"),
        "/new"
    );
}

#[test]
fn a_path_that_was_matched_whole_becomes_the_text_whole() {
    assert_eq!(prefix(PathMatch::Exact("/foo".into()), "/new", "/foo"), "/new");
    assert_eq!(
        prefix(
            PathMatch::Regex(Pattern::new("/f.*").unwrap()),
            "/new",
            "/foo/bar"
        ),
        "/new"
    );
    assert_eq!(prefix(PathMatch::Any, "/new", "/foo"), "/new/foo");
}

#[test]
fn a_full_rewrite_keeps_the_query() {
    let rewrite = |to: &str| Rewrite {
        path: Some(PathRewrite::Full(to.into())),
        host: None,
    };
    assert_eq!(
        target(PathMatch::Any, rewrite("/new"), "/a", Some("q=1")).0,
        "/new?q=1"
    );
    assert_eq!(
        target(PathMatch::Any, rewrite("/new?x=2"), "/a", Some("q=1")).0,
        "/new?x=2&q=1"
    );
    assert_eq!(
        target(PathMatch::Any, rewrite("new ü"), "/a", None).0,
        "/new%20%C3%BC"
    );
}

#[test]
fn an_expression_replaces_every_match_with_its_groups() {
    assert_eq!(
        regex("/v([0-9]+)/(.*)", r"/\2/version-\1", "/v12/a/b"),
        "/a/b/version-12"
    );
    assert_eq!(regex("o", "0", "/foo/boo"), "/f00/b00");
    assert_eq!(regex("(x)|o", r"[\1\0]", "/fox"), "/f[o][xx]");
    assert_eq!(regex("nothing", "x", "/foo"), "/foo");
    assert_eq!(regex("/foo", "", "/foo/bar"), "/bar");
    assert_eq!(regex(".*", "", "/foo"), "/");
    assert_eq!(regex("/foo", r"/a\\1\n\9", "/foo"), r"/a\1\n");
}

#[test]
fn a_host_is_replaced() {
    let rewrite = Rewrite {
        path: None,
        host: Some(HostRewrite::Literal("internal.example.com".into())),
    };
    assert_eq!(
        target(PathMatch::Any, rewrite, "/a", None).1,
        "internal.example.com"
    );
}

#[test]
fn the_asterisk_stays() {
    assert_eq!(prefix(PathMatch::Any, "/new", "*"), "*");
}
