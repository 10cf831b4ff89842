//! The indexes are held against a scan over all routes, with random tables and requests over so small an alphabet that
//! they often meet.

use std::net::IpAddr;

use proptest::prelude::*;
use seaway_model::{ClientValidation, CookieMatch, L4Route, Pins, QueryMatch, TlsMode};

use super::*;

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
        1 => path.prop_map(|p| PathMatch::ExactIgnoringCase(p.into())),
        2 => path.prop_map(|p| PathMatch::PrefixIgnoringCase(p.into())),
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

/// Conditions on headers, also on what only looks like one.
fn header_match() -> impl Strategy<Value = HeaderMatch> {
    let method = prop::sample::select(&["GET", "PUT", "P"][..]);
    let method = method.prop_flat_map(|text| {
        prop::sample::select(vec![
            ValueMatch::Is(StringMatch::Exact(text.into())),
            ValueMatch::Is(StringMatch::Prefix(text.into())),
            ValueMatch::IsNot(StringMatch::Exact(text.into())),
        ])
    });
    let authority = prop::sample::select(&["a.b", "b", "b:80"][..]);
    let authority = authority.prop_map(|text| ValueMatch::Is(StringMatch::Suffix(text.into())));
    prop_oneof![
        6 => (name(), value_match()).prop_map(|(name, value)| HeaderMatch { name, value }),
        1 => method.prop_map(|value| HeaderMatch { name: ":method".into(), value }),
        1 => authority.prop_map(|value| HeaderMatch { name: ":authority".into(), value }),
    ]
}

fn address() -> impl Strategy<Value = IpAddr> {
    (1_u8..4).prop_map(|last| IpAddr::from([10, 0, 0, last]))
}

fn sources() -> impl Strategy<Value = Option<Arc<[IpAddr]>>> {
    let some = prop::collection::btree_set(address(), 0..3).prop_map(|all| all.into_iter().collect());
    prop_oneof![8 => Just(None), 1 => some.prop_map(Some)]
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let few = || prop::collection::vec((name(), value_match()), 0..2);
    let methods = prop::collection::vec(
        prop::sample::select(&["GET", "PUT"][..]).prop_map(Arc::from),
        0..2,
    );
    let headers = prop::collection::vec(header_match(), 0..2);
    let all = (path_match(), methods, headers, few(), few(), sources());
    all.prop_map(|(path, methods, headers, query, cookies, sources)| Conditions {
        sources,
        path,
        methods,
        headers,
        query: query
            .into_iter()
            .map(|(name, value)| QueryMatch { name, value })
            .collect(),
        cookies: cookies
            .into_iter()
            .map(|(name, value)| CookieMatch { name, value })
            .collect(),
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

/// A certificate, and who is believed to say who a client is.
fn proven(host: HostMatch, secret: &str, authorities: Option<Arc<str>>) -> ServerCertificate {
    let mut certificate = ServerCertificate::new(host, SecretName(secret.into()));
    certificate.parameters.client = authorities.map(|authorities| ClientValidation {
        authorities: SecretName(authorities),
        required: true,
        subject_alt_names: Vec::new(),
        pins: Pins::default(),
    });
    certificate
}

fn relay(host: HostMatch) -> ServerNameRoute {
    let route = L4Route {
        origin: Origin::default(),
        rule: 0,
        destinations: Vec::new(),
        idle_timeout: None,
        hash_source_ip: false,
    };
    ServerNameRoute {
        host,
        mode: TlsMode::Passthrough,
        route: Arc::new(route),
    }
}

/// A listener as `compile` makes it: hosts and certificates sorted, each once.
fn random_table(longest: usize) -> impl Strategy<Value = RouteTable> {
    let routes = prop::collection::vec(matches().prop_map(route), 0..longest);
    let hosts = prop::collection::btree_map(host(), routes, 0..5);
    let secret = (name(), prop::option::weighted(0.2, name()));
    let certificates = prop::collection::btree_map(host(), secret, 0..4);
    let relayed = prop::collection::btree_set(host(), 0..2);
    let tls = prop::option::of((certificates, relayed));
    (hosts, tls).prop_map(|(hosts, tls)| {
        let tls = tls.map(|(certificates, relayed)| ListenerTls {
            certificates: certificates
                .into_iter()
                .map(|(host, (secret, authorities))| proven(host, &secret, authorities))
                .collect(),
            routes: relayed.into_iter().map(relay).collect(),
        });
        let hosts = hosts
            .into_iter()
            .map(|(host, routes)| VirtualHost { host, routes })
            .collect();
        let mut listener = listener("any", tls.as_ref().map(|_| Vec::new()), hosts);
        Arc::make_mut(&mut listener).tls = tls;
        table(vec![listener])
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
    source: Option<IpAddr>,
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
        prop_oneof![20 => "(/[ab]{0,2}){1,3}", 5 => "(/[abAB]{0,2}){1,3}", 1 => Just("*".to_owned())],
        prop::option::of("([ab](=[ab]{0,2})?&?){0,2}"),
        headers,
        prop::option::of(host()),
        prop::option::of(address()),
    )
        .prop_map(
            |(method, host, path, query, headers, server_name, source)| Request {
                method,
                host,
                path,
                query,
                headers: headers
                    .into_iter()
                    .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_str(&v).unwrap()))
                    .collect(),
                server_name,
                source,
            },
        )
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
            source: self.source,
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
