mod property;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use seaway_model::{
    Action, Conditions, DirectResponse, HeaderMatch, HostMatch, ListenerTls, Match, Origin, PathMatch,
    Pattern, Protocol, SecretName, StringMatch, ValueMatch, VirtualHost,
};

use super::*;
use crate::conditions::Miss;
use crate::decide::Observer;
use crate::{Decision, RequestHead, fixture};

fn route(matches: Match) -> Arc<Route> {
    let action = Action::Respond(DirectResponse {
        status: 200,
        body: None,
    });
    Arc::new(fixture::route(matches, action))
}

fn when(path: PathMatch) -> Conditions {
    Conditions {
        path,
        ..Conditions::default()
    }
}

fn listener(
    name: &str,
    certificates: Option<Vec<ServerCertificate>>,
    virtual_hosts: Vec<VirtualHost>,
) -> Arc<Listener> {
    Arc::new(Listener {
        name: name.into(),
        origin: Origin::default(),
        address: None,
        port: 443,
        protocol: if certificates.is_some() {
            Protocol::Https
        } else {
            Protocol::Http
        },
        tls: certificates.map(|certificates| ListenerTls {
            certificates,
            routes: Vec::new(),
        }),
        virtual_hosts,
        proxy_protocol: false,
        l4: None,
    })
}

fn table(listeners: Vec<Arc<Listener>>) -> RouteTable {
    RouteTable::build(&Arc::new(Model {
        listeners,
        ..Model::default()
    }))
}

fn one_host(routes: Vec<Arc<Route>>) -> RouteTable {
    table(vec![listener(
        "http",
        None,
        vec![VirtualHost {
            host: HostMatch::Any,
            routes,
        }],
    )])
}

/// The number of the route that a decision gives, or a word.
fn outcome(decision: &Decision<'_>) -> String {
    match decision {
        Decision::Route(m) => format!(
            "{} of {} after {}",
            m.route.id.0, m.virtual_host.host, m.matched_path
        ),
        Decision::Misdirected => "misdirected".into(),
        Decision::NoRoute { virtual_host } => {
            format!("no route of {:?}", virtual_host.map(|v| v.host.to_string()))
        }
    }
}

fn decide(table: &RouteTable, host: &str, server_name: Option<&str>, path: &str) -> String {
    let headers = HeaderMap::new();
    let request = RequestHead {
        method: "GET",
        host,
        path,
        query: None,
        headers: &headers,
        server_name,
        source: None,
    };
    outcome(&table.listeners()[0].decide(&request))
}

fn certificate(host: &str, secret: &str) -> ServerCertificate {
    ServerCertificate {
        host: HostMatch::parse_one_label(host).unwrap(),
        secret: SecretName(secret.into()),
        alternative: None,
        parameters: Default::default(),
    }
}

fn any_host(hosts: &[&str]) -> Vec<VirtualHost> {
    let routes = vec![route(Match::When(Conditions::default()))];
    hosts
        .iter()
        .map(|h| VirtualHost {
            host: HostMatch::parse(h).unwrap(),
            routes: routes.clone(),
        })
        .collect()
}

#[test]
fn the_first_route_in_the_models_order_wins() {
    let routes = [
        PathMatch::Prefix("/a".into()),
        PathMatch::Exact("/a/b".into()),
        PathMatch::Any,
    ];
    let table = one_host(routes.into_iter().map(|p| route(Match::When(when(p)))).collect());
    assert_eq!(decide(&table, "h", None, "/a/b"), "0 of * after 2");
    assert_eq!(decide(&table, "h", None, "/b"), "2 of * after 0");
}

#[test]
fn no_route_of_a_host_does_not_fall_back_to_a_wider_host() {
    let narrow = VirtualHost {
        host: HostMatch::parse("a.com").unwrap(),
        routes: vec![],
    };
    let mut hosts = vec![narrow];
    hosts.extend(any_host(&["*"]));
    let table = table(vec![listener("http", None, hosts)]);
    assert_eq!(decide(&table, "a.com", None, "/"), "no route of Some(\"a.com\")");
    assert_eq!(decide(&table, "b.com", None, "/"), "0 of * after 0");
}

#[test]
fn an_unknown_host_has_no_route() {
    let table = table(vec![listener("http", None, any_host(&["a.com"]))]);
    assert_eq!(decide(&table, "b.com", None, "/"), "no route of None");
}

#[test]
fn a_host_with_another_certificate_than_the_connections_is_misdirected() {
    let certificates = vec![
        certificate("a.com", "one"),
        certificate("b.com", "two"),
        certificate("*.c.com", "one"),
    ];
    let table = table(vec![listener("https", Some(certificates), any_host(&["*"]))]);
    for (host, server_name, expected) in [
        ("a.com", Some("a.com"), "0 of * after 0"),
        ("b.com", Some("a.com"), "misdirected"),
        ("x.c.com", Some("a.com"), "0 of * after 0"),
        ("x.y.c.com", Some("a.com"), "misdirected"),
        ("unknown.com", Some("a.com"), "misdirected"),
        ("", Some("a.com"), "misdirected"),
        ("b.com", None, "0 of * after 0"),
    ] {
        assert_eq!(
            decide(&table, host, server_name, "/"),
            expected,
            "{host} over {server_name:?}"
        );
    }
}

#[test]
fn the_default_certificate_is_as_good_for_one_host_as_for_another() {
    let certificates = vec![certificate("a.com", "one"), certificate("*", "default")];
    let table = table(vec![listener("https", Some(certificates), any_host(&["*"]))]);
    assert_eq!(decide(&table, "c.com", Some("b.com"), "/"), "0 of * after 0");
    assert_eq!(decide(&table, "a.com", Some("b.com"), "/"), "misdirected");
    assert_eq!(decide(&table, "b.com", Some("a.com"), "/"), "misdirected");
}

#[test]
fn a_listener_without_tls_knows_no_misdirection() {
    let table = table(vec![listener("http", None, any_host(&["*"]))]);
    assert_eq!(decide(&table, "a.com", Some("b.com"), "/"), "0 of * after 0");
}

#[test]
fn the_most_specific_certificate_is_presented() {
    let certificates = vec![
        certificate("a.b.com", "exact"),
        certificate("*.b.com", "wild"),
        certificate("*", "any"),
    ];
    let table = table(vec![listener("https", Some(certificates), vec![])]);
    for (name, secret) in [
        ("a.b.com", "exact"),
        ("x.b.com", "wild"),
        ("x.y.b.com", "any"),
        ("10.0.0.1", "any"),
        ("", "any"),
    ] {
        let found = table.listeners()[0]
            .certificate(name)
            .map(|c| c.secret.to_string());
        assert_eq!(found.as_deref(), Some(secret), "{name}");
    }
    assert!(RouteTable::build(&Arc::default()).listener("https").is_none());
}

#[test]
fn listeners_share_what_they_have_in_common() {
    let hosts = any_host(&["*"]);
    let table = table(vec![
        listener("http", None, hosts.clone()),
        listener("https", Some(vec![]), hosts),
    ]);
    assert_eq!(table.routes().len(), 1);
    let [http, https] = table.listeners() else {
        panic!("two listeners")
    };
    let shared = |listener: &ListenerTable| Arc::clone(&listener.virtual_hosts[0].all()[0]);
    assert!(Arc::ptr_eq(&shared(http), &shared(https)));
}

#[test]
fn hosts_with_the_same_routes_share_one_index() {
    let routes = vec![
        route(Match::When(when(PathMatch::Exact("/a".into())))),
        route(Match::When(Conditions::default())),
    ];
    let hosts = ["a.com", "b.com"].map(|host| VirtualHost {
        host: HostMatch::parse(host).unwrap(),
        routes: routes.clone(),
    });
    let table = table(vec![listener("http", None, hosts.into())]);
    let [HostRoutes::Many(one), HostRoutes::Many(other)] = &table.listeners()[0].virtual_hosts[..] else {
        panic!("two hosts with two routes each")
    };
    assert!(Arc::ptr_eq(one, other));
}

#[test]
fn a_compiled_route_takes_three_cache_lines_with_its_destination_and_the_counts_of_its_arc() {
    let size = size_of::<CompiledRoute>() + 2 * size_of::<usize>();
    assert!(size <= 192, "{size} bytes");
}

/// Counts the routes that a decision looks at.
#[derive(Default)]
struct Counter(usize);

impl Observer<'_> for Counter {
    const EVERYTHING: bool = false;

    fn considered(&mut self, _: &CompiledRoute, _: Option<Miss>) {
        self.0 += 1;
    }
}

fn considered(table: &RouteTable, method: &str, path: &str, header: Option<(&'static str, &str)>) -> usize {
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = header {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let request = RequestHead {
        method,
        host: "h",
        path,
        query: None,
        headers: &headers,
        server_name: None,
        source: None,
    };
    let mut counter = Counter::default();
    let decision = table.listeners()[0].decide_watched(&request, &mut counter);
    assert!(
        matches!(decision, Decision::Route(_)),
        "{method} {path} finds a route"
    );
    counter.0
}

#[test]
fn ten_thousand_paths_cost_as_many_candidates_as_ten() {
    type Kind = fn(usize) -> PathMatch;
    let kinds: [Kind; 4] = [
        |n| PathMatch::Exact(format!("/svc-{n}").into()),
        |n| PathMatch::Elements(format!("/svc-{n}").into()),
        |n| PathMatch::Prefix(format!("/svc-{n}/").into()),
        |n| PathMatch::Regex(Pattern::new(format!("/svc-{n}/[a-z]*")).unwrap()),
    ];
    for (kind, path) in kinds
        .into_iter()
        .zip(["/svc-7", "/svc-7/a", "/svc-7/a", "/svc-7/a"])
    {
        let build = |count| one_host((0..count).map(|n| route(Match::When(when(kind(n))))).collect());
        assert_eq!(considered(&build(10), "GET", path, None), 1);
        assert_eq!(considered(&build(10_000), "GET", path, None), 1);
    }
}

#[test]
fn ten_thousand_headers_on_one_path_cost_one_candidate() {
    let with = |n: usize| {
        let value = ValueMatch::Is(StringMatch::Exact(n.to_string().into()));
        route(Match::When(Conditions {
            headers: vec![HeaderMatch {
                name: "x-n".into(),
                value,
            }],
            ..when(PathMatch::Any)
        }))
    };
    let table = one_host((0..10_000).map(with).collect());
    assert_eq!(considered(&table, "GET", "/", Some(("x-n", "9999"))), 1);
}

#[test]
fn ten_thousand_methods_on_one_path_cost_one_candidate() {
    let with = |n: usize| {
        route(Match::When(Conditions {
            methods: vec![format!("M{n}").into()],
            ..when(PathMatch::Any)
        }))
    };
    let table = one_host((0..10_000).map(with).collect());
    assert_eq!(considered(&table, "M9999", "/", None), 1);
}
