use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use seaway_model::{
    Action, Conditions, CookieMatch, DirectResponse, HeaderMatch, HeaderMutation, HostMatch, ListenerTls,
    Match, Origin, PathMatch, Pattern, Protocol, QueryMatch, SecretName, StringMatch, ValueMatch,
    VirtualHost,
};

use super::*;
use crate::conditions::Miss;
use crate::decide::Observer;
use crate::{Decision, RequestHead};

fn route(matches: Match) -> Arc<Route> {
    Arc::new(Route {
        origin: Origin::default(),
        rule: 0,
        matches,
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: vec![],
        action: Action::Respond(DirectResponse {
            status: 200,
            body: None,
        }),
    })
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
        tls: certificates.map(|certificates| ListenerTls { certificates }),
        virtual_hosts,
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
    };
    outcome(&table.listeners()[0].decide(&request))
}

fn certificate(host: &str, secret: &str) -> ServerCertificate {
    ServerCertificate {
        host: HostMatch::parse_one_label(host).unwrap(),
        secret: SecretName(secret.into()),
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
    assert!(Arc::ptr_eq(&http.virtual_hosts[0], &https.virtual_hosts[0]));
}

#[test]
fn a_compiled_route_is_small() {
    assert!(
        size_of::<CompiledRoute>() <= 160,
        "{} bytes",
        size_of::<CompiledRoute>()
    );
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

fn text() -> impl Strategy<Value = Arc<str>> {
    "[ab]{0,2}".prop_map(Into::into)
}

fn pattern(source: &'static [&'static str]) -> impl Strategy<Value = Pattern> {
    prop::sample::select(source).prop_map(|s| Pattern::new(s).unwrap())
}

fn path_match() -> impl Strategy<Value = PathMatch> {
    let path = "(/[ab]{0,2}){1,3}";
    prop_oneof![
        1 => Just(PathMatch::Any),
        3 => path.prop_map(|p| PathMatch::Exact(p.into())),
        3 => path.prop_map(|p| PathMatch::Elements(p.into())),
        3 => path.prop_map(|p| PathMatch::Prefix(p.into())),
        1 => pattern(&["/a.*", "/(a|b)/.*", ".*b", "/aa?/b", "(?i)/AB?.*", "/a|/b|", "/[ab]+(/.*)?"]).prop_map(PathMatch::Regex),
    ]
}

fn value_match() -> impl Strategy<Value = ValueMatch> {
    let string = prop_oneof![
        3 => text().prop_map(StringMatch::Exact),
        1 => text().prop_map(StringMatch::Prefix),
        1 => text().prop_map(StringMatch::Suffix),
        1 => pattern(&["a*", "a|b", ".b"]).prop_map(StringMatch::Regex),
    ];
    prop_oneof![
        1 => Just(ValueMatch::Present),
        1 => Just(ValueMatch::Absent),
        4 => string.clone().prop_map(ValueMatch::Is),
        2 => string.prop_map(ValueMatch::IsNot),
    ]
}

fn name() -> impl Strategy<Value = Arc<str>> {
    prop::sample::select(&["a", "b"][..]).prop_map(Into::into)
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let few = || prop::collection::vec((name(), value_match()), 0..2);
    let methods = prop::collection::vec(
        prop::sample::select(&["GET", "PUT"][..]).prop_map(Arc::from),
        0..2,
    );
    (path_match(), methods, few(), few(), few()).prop_map(|(path, methods, headers, query, cookies)| {
        Conditions {
            path,
            methods,
            headers: headers
                .into_iter()
                .map(|(name, value)| HeaderMatch { name, value })
                .collect(),
            query: query
                .into_iter()
                .map(|(name, value)| QueryMatch { name, value })
                .collect(),
            cookies: cookies
                .into_iter()
                .map(|(name, value)| CookieMatch { name, value })
                .collect(),
        }
    })
}

fn matches() -> impl Strategy<Value = Match> {
    prop_oneof![
        12 => conditions().prop_map(Match::When),
        1 => Just(Match::Never { because: "so".into() }),
    ]
}

fn host() -> impl Strategy<Value = HostMatch> {
    prop_oneof![
        prop::sample::select(&["a.b", "b", "b.a.b", "*.b", "*.a.b", "*-a.b", "*"][..])
            .prop_map(|h| HostMatch::parse(h).unwrap()),
        prop::sample::select(&["*.b", "*.a.b"][..]).prop_map(|h| HostMatch::parse_one_label(h).unwrap()),
    ]
}

/// A listener as `compile` makes it: hosts and certificates sorted, each once.
fn random_table(longest: usize) -> impl Strategy<Value = RouteTable> {
    let routes = prop::collection::vec(matches().prop_map(route), 0..longest);
    let hosts = prop::collection::btree_map(host(), routes, 0..5);
    let certificates = prop::collection::btree_map(host(), name(), 0..4);
    (hosts, prop::option::of(certificates)).prop_map(|(hosts, certificates)| {
        let certificates = certificates.map(|all| {
            all.into_iter()
                .map(|(host, secret)| ServerCertificate {
                    host,
                    secret: SecretName(secret),
                })
                .collect()
        });
        let hosts = hosts
            .into_iter()
            .map(|(host, routes)| VirtualHost { host, routes })
            .collect();
        table(vec![listener("any", certificates, hosts)])
    })
}

#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    host: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    server_name: Option<String>,
}

fn request() -> impl Strategy<Value = Request> {
    let host = || {
        prop::sample::select(&["a.b", "b", "b.a.b", "c.b", "c-a.b", "d.c.a.b", ""][..]).prop_map(String::from)
    };
    let header = (prop::sample::select(&["a", "b"][..]), "[ab]{0,2}");
    let cookie = "([ab]=[ab]{0,2}(; )?){0,2}".prop_map(|c| ("cookie", c));
    let headers = prop::collection::vec(prop_oneof![2 => header, 1 => cookie], 0..4);
    (
        prop::sample::select(&["GET", "PUT", "POST"][..]),
        host(),
        prop_oneof![20 => "(/[ab]{0,2}){1,3}", 1 => Just("*".to_owned())],
        prop::option::of("([ab](=[ab]{0,2})?&?){0,2}"),
        headers,
        prop::option::of(host()),
    )
        .prop_map(|(method, host, path, query, headers, server_name)| Request {
            method,
            host,
            path,
            query,
            headers: headers
                .into_iter()
                .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_str(&v).unwrap()))
                .collect(),
            server_name,
        })
}

impl Request {
    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: self.method,
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            server_name: self.server_name.as_deref(),
        }
    }
}

/// Collects the considered routes, those that never match included.
#[derive(Default)]
struct Everything(Vec<(u32, bool)>);

impl Observer<'_> for Everything {
    const EVERYTHING: bool = true;

    fn considered(&mut self, route: &CompiledRoute, miss: Option<Miss>) {
        self.0.push((route.id.0, miss.is_none()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_index_decides_as_a_linear_scan_does(table in random_table(12), requests in prop::collection::vec(request(), 1..16)) {
        let listener = &table.listeners()[0];
        for request in &requests {
            let head = request.head();
            prop_assert_eq!(outcome(&listener.decide(&head)), outcome(&listener.decide_linear(&head)), "{:?}", request);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn long_lists_on_one_path_decide_as_a_linear_scan_does(
        all in prop::collection::vec(conditions(), 150..400),
        requests in prop::collection::vec(request(), 1..64),
    ) {
        let paths = [PathMatch::Any, PathMatch::Elements("/a".into())];
        let routes = all.into_iter().zip(paths.iter().cycle());
        let table = one_host(routes.map(|(c, p)| route(Match::When(Conditions { path: p.clone(), ..c }))).collect());
        let listener = &table.listeners()[0];
        for request in &requests {
            let head = request.head();
            prop_assert_eq!(outcome(&listener.decide(&head)), outcome(&listener.decide_linear(&head)), "{:?}", request);
        }
    }

    #[test]
    fn who_watches_sees_the_routes_in_order_and_changes_nothing(table in random_table(12), request in request()) {
        let listener = &table.listeners()[0];
        let mut seen = Everything::default();
        let watched = outcome(&listener.decide_watched(&request.head(), &mut seen));
        prop_assert_eq!(watched, outcome(&listener.decide(&request.head())));
        prop_assert!(seen.0.is_sorted_by_key(|(id, _)| *id));
        let winners = seen.0.iter().filter(|(_, matched)| *matched).count();
        prop_assert!(winners <= 1 && (winners == 0 || seen.0.last().is_some_and(|(_, matched)| *matched)));
    }
}
