//! What is left when a part is wrong, and what values mean.

use proptest::prelude::*;

use super::{SAMPLES, read, without_places};
use crate::istio::{
    Gateway, GatewayName, HttpMatch, HttpRule, PortProtocol, Rule, ServerNamespace, StringMatch,
    VirtualService,
};
use crate::parse::parse;
use crate::{Fate, Problem, ProblemKind, Resource};

fn virtual_service(spec: &str) -> (VirtualService, Vec<Problem>) {
    match read("VirtualService", spec) {
        (Some(Resource::VirtualService(object)), problems) => (object.spec.clone(), problems),
        (other, problems) => panic!("{other:?} {problems:#?}"),
    }
}

fn gateway(spec: &str) -> (Gateway, Vec<Problem>) {
    match read("Gateway", spec) {
        (Some(Resource::IstioGateway(object)), problems) => (object.spec.clone(), problems),
        (other, problems) => panic!("{other:?} {problems:#?}"),
    }
}

/// The only rule, without a problem.
fn rule(text: &str) -> HttpRule {
    let (service, problems) = virtual_service(&format!("hosts: [a.com]\nhttp:\n- {text}"));
    assert_eq!(problems, [], "{text}");
    match &service.http[0].value {
        Rule::Valid(rule) => (**rule).clone(),
        Rule::Invalid(invalid) => panic!("{invalid:?}"),
    }
}

fn matches(text: &str) -> HttpMatch {
    let rule = rule(&format!(
        "match: [{text}]\n  route: [{{destination: {{host: a}}}}]"
    ));
    rule.matches[0].value.clone()
}

const TWO_RULES: &str = "hosts: [a.com]
http:
- name: bad
  match: [{uri: {prefix: /bad}}]
  route: [{destination: {host: a}}]
  timeout: 5x
- route: [{destination: {host: a}}]
";

#[test]
fn a_bad_rule_keeps_its_match_and_the_others_are_as_they_are() {
    let (service, problems) = virtual_service(TWO_RULES);
    let Rule::Invalid(bad) = &service.http[0].value else {
        panic!("{service:?}");
    };
    assert_eq!(&*bad.reason, "spec.http[0].timeout: \"5x\" is not a duration");
    assert_eq!(&*bad.name.clone().unwrap().value, "bad");
    let kept = bad.matches.as_ref().unwrap();
    assert_eq!(
        kept[0].uri.clone().unwrap().value,
        StringMatch::Prefix("/bad".into())
    );
    assert!(matches!(&service.http[1].value, Rule::Valid(_)));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].kind.is_fatal() && problems[0].is_contained() && !problems[0].is_fatal());
}

/// The matches that are left of a rule that is wrong.
fn left(rule: &str) -> Option<usize> {
    let (service, _) = virtual_service(&format!("hosts: [a.com]\nhttp:\n- {rule}"));
    match &service.http[0].value {
        Rule::Invalid(invalid) => invalid.matches.as_ref().map(Vec::len),
        Rule::Valid(rule) => panic!("{rule:?}"),
    }
}

#[test]
fn a_bad_rule_takes_only_what_it_certainly_meant() {
    assert_eq!(left("name: without a match"), Some(0));
    assert_eq!(left("{match: [], timeout: 1s}"), Some(0));
    assert_eq!(left("match: [{uri: {prefix: /a}}, {uri: {prefx: /b}}]"), Some(1));
    assert_eq!(left("match: [{uri: {prefix: /a}, method: {regex: '('}}]"), None);
    assert_eq!(left("match: /a"), None);
    assert_eq!(left("just text"), None);
}

/// What is said to become of the first mistake in a rule.
fn fate(kind: &str, rule: &str) -> Fate {
    let (_, problems) = virtual_service(&format!("hosts: [a.com]\n{kind}:\n- {rule}"));
    problems[0].fate
}

#[test]
fn what_is_said_of_a_bad_rule_is_what_it_does() {
    let one_match = "{match: [{uri: {prefix: /a}, method: {regex: '('}}], redirect: {uri: /x}}";
    assert_eq!(fate("http", one_match), Fate::RuleTakesNothing);
    let two_matches = "{match: [{uri: {prefix: /a}}, {uri: {regex: '('}}], redirect: {uri: /x}}";
    assert_eq!(fate("http", two_matches), Fate::MatchTakesNothing);
    let no_action = "{match: [{uri: {prefix: /a}}]}";
    assert_eq!(fate("http", no_action), Fate::Fails);
    assert_eq!(fate("http", "{timeout: 5x, redirect: {uri: /x}}"), Fate::Fails);
    assert_eq!(
        fate("tcp", "{match: [{port: http}], route: []}"),
        Fate::RuleTakesNothing
    );
    assert_eq!(fate("tcp", "{route: []}"), Fate::Fails);
    // A rule for server names has to have some.
    assert_eq!(
        fate("tls", "{route: [{destination: {host: a}}]}"),
        Fate::RuleTakesNothing
    );
    assert_eq!(
        fate("tls", "{match: [{sniHosts: [a.com]}], route: []}"),
        Fate::Fails
    );
}

#[test]
fn a_subset_that_is_wrong_costs_nothing_but_itself() {
    let (resource, problems) = read(
        "DestinationRule",
        "host: a\nsubsets:\n- {name: v1, trafficPolicy: {loadBalancer: {simple: WRONG}}}\n- {name: v2}\n- {name: v2}\n- {name: v3, \
         trafficPolicy: {portLevelSettings: [{port: {number: 1}}, {port: {number: 1}}]}}",
    );
    let Some(Resource::DestinationRule(rule)) = resource else {
        panic!("{problems:#?}");
    };
    let kept: Vec<_> = (rule.spec.sound_subsets())
        .map(|(index, subset)| (index, &*subset.name.value))
        .collect();
    assert_eq!(kept, [(1, "v2"), (3, "v3")]);
    let fates: Vec<_> = problems
        .iter()
        .map(|problem| (&*problem.field, problem.fate))
        .collect();
    assert_eq!(
        fates,
        [
            ("spec.subsets[0].trafficPolicy.loadBalancer.simple", Fate::LeftOut),
            (
                "spec.subsets[3].trafficPolicy.portLevelSettings[1].port",
                Fate::Twin
            ),
            ("spec.subsets[2].name", Fate::Twin),
        ]
    );
}

#[test]
fn a_subset_that_is_there_twice_costs_nothing_but_itself() {
    let (resource, problems) = read(
        "DestinationRule",
        "host: a\nsubsets:\n- {name: v1, labels: {v: '1'}}\n- {name: v1, labels: {v: '9'}}\n- {name: v2}",
    );
    let Some(Resource::DestinationRule(rule)) = resource else {
        panic!("{problems:?}");
    };
    let kept: Vec<_> = (rule.spec.sound_subsets())
        .map(|(index, subset)| (index, &*subset.name.value, subset.labels.len()))
        .collect();
    assert_eq!(kept, [(0, "v1", 1), (2, "v2", 0)]);
    assert_eq!(problems[0].fate, Fate::Twin);
    assert_eq!(problems[0].field, "spec.subsets[1].name");
}

#[test]
fn the_settings_of_a_port_that_are_there_twice_cost_nothing_but_themselves() {
    let settings = "{port: {number: 80}, loadBalancer: {simple: RANDOM}}";
    let policy = format!("host: a\ntrafficPolicy: {{portLevelSettings: [{settings}, {settings}]}}");
    let (resource, problems) = read("DestinationRule", &policy);
    let Some(Resource::DestinationRule(rule)) = resource else {
        panic!("{problems:?}");
    };
    let policy = rule.spec.traffic_policy.as_ref().unwrap();
    assert_eq!(policy.sound_port_settings().count(), 1);
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_mistake_outside_of_the_rules_leaves_the_object_out() {
    for spec in [
        "hosts: [a.com]\nhttp: {}",
        "hosts: a.com\nhttp: [{redirect: {uri: /x}}]",
    ] {
        let (resource, problems) = read("VirtualService", spec);
        assert_eq!(resource, None);
        assert!(problems[0].is_fatal(), "{problems:?}");
    }
}

#[test]
fn a_bad_server_is_left_out_and_the_others_serve() {
    let (gateway, problems) = gateway(
        "servers:
- port: {number: 443, protocol: HTTPS, name: https}
  hosts: [a.com]
  tls: {mode: ISTIO_MUTUAL}
- port: {number: 80, protocol: http, name: http}
  hosts: [prod/a.com, ./b.com, '*/c.com', '*']
",
    );
    assert_eq!(problems.len(), 1);
    assert!(problems[0].is_contained());
    let (_, server) = &gateway.servers[0];
    assert_eq!((gateway.servers.len(), server.port.number.value), (1, 80));
    assert_eq!(server.port.protocol.value, PortProtocol::Http);
    let hosts: Vec<_> = server
        .hosts
        .iter()
        .map(|host| (host.namespace.clone(), &*host.host))
        .collect();
    assert_eq!(
        hosts,
        [
            (ServerNamespace::Named("prod".into()), "a.com"),
            (ServerNamespace::Own, "b.com"),
            (ServerNamespace::Any, "c.com"),
            (ServerNamespace::Any, "*")
        ]
    );
}

#[test]
fn a_server_in_clear_text_may_redirect_to_https_and_nothing_else() {
    let server = |tls: &str| {
        let port = "{number: 80, protocol: HTTP, name: http}";
        gateway(&format!(
            "servers: [{{port: {port}, hosts: [a.com], tls: {tls}}}]"
        ))
    };
    let (redirecting, problems) = server("{httpsRedirect: true, mode: PASSTHROUGH}");
    assert_eq!(problems, []);
    assert!(redirecting.servers[0].1.tls.clone().unwrap().https_redirect.value);
    let (empty, problems) = server("{httpsRedirect: true, mode: SIMPLE, credentialName: a}");
    assert_eq!((empty.servers.len(), problems.len()), (0, 1));
}

#[test]
fn an_empty_condition_asks_for_a_header_to_be_there() {
    for empty in ["{}", "null", "{regex: '*'}"] {
        let matches = matches(&format!(
            "{{headers: {{x-a: {empty}}}, queryParams: {{q: {empty}}}}}"
        ));
        assert_eq!(matches.headers["x-a"].value, StringMatch::Present, "{empty}");
        assert_eq!(matches.query_params["q"].value, StringMatch::Present, "{empty}");
    }
    let exact = matches("{headers: {x-a: {exact: ''}}}");
    assert_eq!(exact.headers["x-a"].value, StringMatch::Exact("".into()));
}

#[test]
fn a_header_called_like_a_field_of_the_match_is_not_looked_at() {
    let (service, problems) = virtual_service(
        "hosts: [a.com]\nhttp:\n- match: [{headers: {uri: {exact: /a}, x-b: {exact: b}}}]\n  route: [{destination: {host: a}}]",
    );
    assert_eq!(problems[0].kind, ProblemKind::IgnoredField);
    let Rule::Valid(rule) = &service.http[0].value else {
        panic!("{service:?}");
    };
    assert_eq!(
        rule.matches[0]
            .headers
            .keys()
            .map(|name| &**name)
            .collect::<Vec<_>>(),
        ["x-b"]
    );
}

#[test]
fn to_set_the_host_header_is_to_change_the_host() {
    for name in ["Host", "host", ":authority"] {
        let rule = rule(&format!(
            "route: [{{destination: {{host: a}}}}]\n  headers: {{request: {{set: {{'{name}': b.com, x-a: a}}}}}}"
        ));
        let headers = rule.headers.unwrap();
        assert_eq!(headers.host.clone().map(|host| host.value), Some("b.com".into()));
        assert_eq!(headers.request.set.len(), 1);
    }
}

#[test]
fn copies_are_the_same_in_every_form() {
    let route = "route: [{destination: {host: a}}]\n ";
    let share = |mirror: &str| {
        let copies = rule(&format!("{route} {mirror}")).copies();
        copies
            .iter()
            .map(|copy| (copy.destination.host.value.to_string(), copy.percentage.value))
            .collect::<Vec<_>>()
    };
    let all = |percentage| vec![("b".to_owned(), percentage)];
    assert_eq!(share("mirror: {host: b}"), all(1_000_000));
    assert_eq!(share("mirror: {host: b}\n  mirrorPercent: 7"), all(70_000));
    assert_eq!(
        share("mirror: {host: b}\n  mirrorPercentage: {value: 0.5}"),
        all(5_000)
    );
    assert_eq!(
        share("mirrors: [{destination: {host: b}, percentage: {value: 20}}]"),
        all(200_000)
    );
    assert_eq!(share("mirrors: [{destination: {host: b}}]"), all(1_000_000));
}

#[test]
fn a_retry_policy_is_read_word_by_word() {
    let rule =
        rule("route: [{destination: {host: a}}]\n  retries: {attempts: 2, retryOn: '5xx, reset,,503'}");
    let on: Vec<String> = rule
        .retries
        .unwrap()
        .retry_on
        .iter()
        .map(|word| word.to_string())
        .collect();
    assert_eq!(on, ["5xx", "reset", "503"]);
}

#[test]
fn the_mesh_is_meant_where_no_gateway_is_named() {
    let rules = "http: [{redirect: {uri: /x}}]";
    let service = |gateways: &str| virtual_service(&format!("hosts: [a.com]\n{gateways}{rules}")).0;
    assert!(service("").is_for_mesh());
    assert!(service("gateways: [front, mesh]\n").is_for_mesh());
    let named = service("gateways: [prod/front]\n");
    assert!(!named.is_for_mesh());
    assert_eq!(
        named.gateways[0].value,
        GatewayName::Named {
            namespace: Some("prod".into()),
            name: "front".into()
        }
    );
}

#[test]
fn a_service_without_hosts_is_a_delegate() {
    let (service, problems) = virtual_service("http: [{redirect: {uri: /x}}]");
    assert!(service.is_delegate());
    assert_eq!(problems, []);
}

/// As in protobuf, where the two are the same, and as templates write them.
#[test]
fn an_empty_text_is_as_good_as_none() {
    for (kind, empty, without) in [
        (
            "Gateway",
            "servers: [{port: {number: 443, protocol: HTTPS, name: p}, hosts: [a.com], name: '', bind: '', tls: {mode: SIMPLE, \
             credentialName: '', serverCertificate: /a, privateKey: /b, caCertificates: ''}}]",
            "servers: [{port: {number: 443, protocol: HTTPS, name: p}, hosts: [a.com], tls: {mode: SIMPLE, serverCertificate: \
             /a, privateKey: /b}}]",
        ),
        (
            "VirtualService",
            "hosts: [a.com]\nhttp:\n- route: [{destination: {host: a, subset: ''}}]\n  rewrite: {uri: '', authority: b}\n- redirect: \
             {uri: '', prefixRewrite: '', authority: '', scheme: '', port: 1}\n- delegate: {name: d, namespace: ''}",
            "hosts: [a.com]\nhttp:\n- route: [{destination: {host: a}}]\n  rewrite: {authority: b}\n- redirect: {port: 1}\n- delegate: \
             {name: d}",
        ),
        (
            "DestinationRule",
            "host: a\ntrafficPolicy: {tls: {mode: SIMPLE, sni: '', credentialName: '', caCertificates: /a}}",
            "host: a\ntrafficPolicy: {tls: {mode: SIMPLE, caCertificates: /a}}",
        ),
        (
            "ServiceEntry",
            "hosts: [a.com]\nports: [{number: 80, name: http, protocol: ''}]",
            "hosts: [a.com]\nports: [{number: 80, name: http}]",
        ),
    ] {
        let [empty, without] = [empty, without].map(|spec| {
            let (resource, problems) = read(kind, spec);
            assert_eq!(problems, [], "{spec}");
            without_places(&resource.unwrap())
        });
        assert_eq!(empty, without, "{kind}");
    }
}

#[test]
fn what_empties_may_mean_something_keeps_it() {
    let exact = matches("{uri: {exact: ''}}");
    assert_eq!(exact.uri.unwrap().value, StringMatch::Exact("".into()));
    // An empty prefix of the path is that of every path.
    assert_eq!(matches("{uri: {prefix: ''}}"), HttpMatch::default());
    let regex =
        rule("route: [{destination: {host: a}}]\n  rewrite: {uriRegexRewrite: {match: a, rewrite: ''}}");
    assert_eq!(
        &*regex
            .rewrite
            .unwrap()
            .value
            .uri_regex_rewrite
            .unwrap()
            .value
            .rewrite
            .value,
        ""
    );
}

#[test]
fn every_version_is_read_and_the_gateway_api_is_not_mistaken_for_it() {
    let text = |group: &str| {
        format!(
            "apiVersion: {group}\nkind: Gateway\nmetadata: {{name: g}}\nspec: {{servers: [{{hosts: ['*'], port: \
             {{number: 80, protocol: HTTP, name: http}}}}]}}"
        )
    };
    for version in ["v1", "v1beta1", "v1alpha3"] {
        let (resources, problems) = parse("f", &text(&format!("networking.istio.io/{version}")));
        assert_eq!((resources.len(), problems.len()), (1, 0), "{version}");
    }
    let (resources, problems) = parse("f", &text("gateway.networking.k8s.io/v1"));
    assert_eq!((resources.len(), problems[0].kind), (0, ProblemKind::UnknownKind));
    assert_eq!(problems[0].help, "it is passed over");
}

/// A line of a sample, as somebody in a hurry leaves it.
fn spoil(line: &str, how: u8, with: &str) -> String {
    let (key, _) = line.split_once(':').unwrap_or((line, ""));
    match how % 6 {
        0 => String::new(),
        1 => format!("{line}\n{line}"),
        2 => format!("{key}: {with}"),
        3 => line.replacen(':', "", 1),
        4 => format!(" {line}"),
        _ => line.chars().rev().collect(),
    }
}

proptest! {
    #[test]
    fn no_edit_of_a_sample_is_too_strange_to_be_answered(
        sample in 0..SAMPLES.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        with in prop::sample::select(vec!["~", "{}", "[]", "-1", "1e400", "'*'", "\"\\u0000\"", "[[]]", "{a: {}}", "é", "99999999999999999999"]),
    ) {
        let (_, text) = SAMPLES[sample];
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (index, how) in edits {
            let line = index.get_mut(&mut lines);
            *line = spoil(line, how, with);
        }
        let (resources, problems) = parse("f", &lines.join("\n"));
        // Whatever is not there has a reason.
        let there = text.matches("kind:").count();
        prop_assert!(resources.len() >= there || !problems.is_empty());
    }
}
