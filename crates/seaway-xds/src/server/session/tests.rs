use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::server::snapshot::Resource;

const START: Duration = Duration::from_secs(100);

fn resource(kind: Kind, name: &str, body: &str) -> Arc<Versioned> {
    let needs = if kind == Kind::Cluster {
        vec![(Kind::Endpoints, name.into())]
    } else {
        Vec::new()
    };
    Versioned::new(Resource {
        kind,
        name: name.into(),
        body: body.as_bytes().to_vec().into(),
        needs,
    })
}

/// Clusters with their endpoints, and a route configuration that leads to all of them.
fn snapshot(old: &Snapshot, clusters: &[(&str, &str)]) -> Arc<Snapshot> {
    let names: Vec<&str> = clusters.iter().map(|(name, _)| *name).collect();
    let of_clusters = clusters.iter().flat_map(|(name, body)| {
        [
            resource(Kind::Cluster, name, body),
            resource(Kind::Endpoints, name, body),
        ]
    });
    let rest = [
        resource(Kind::Listener, "http-80", "routes"),
        resource(Kind::Routes, "routes", &names.join(",")),
    ];
    Arc::new(old.next(of_clusters.chain(rest)))
}

fn ask(subscribe: &[&str]) -> Request {
    Request {
        subscribe: subscribe.iter().map(ToString::to_string).collect(),
        ..Request::default()
    }
}

fn answer(response: &Response, error: Option<&str>) -> Request {
    Request {
        nonce: response.nonce.clone(),
        error: error.map(ToOwned::to_owned),
        ..Request::default()
    }
}

fn names(response: &Response) -> BTreeSet<String> {
    response
        .resources
        .iter()
        .map(|entry| entry.resource.name.to_string())
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// A client that asks for what it is told to need, as Envoy does, and takes everything but what is bad.
struct Client {
    session: Session,
    now: Duration,
    held: BTreeMap<(Kind, String), String>,
    log: Vec<(Kind, BTreeSet<String>, Vec<String>)>,
}

impl Client {
    fn delta(target: &Arc<Snapshot>) -> Self {
        let mut client = Self {
            session: Session::new(Wire::Delta, Arc::clone(target)),
            now: START,
            held: BTreeMap::new(),
            log: Vec::new(),
        };
        client.say(Kind::Cluster, Request::default());
        client.say(Kind::Listener, Request::default());
        client
    }

    fn say(&mut self, kind: Kind, request: Request) {
        self.session.request(kind, request, self.now).unwrap();
    }

    fn run(&mut self) {
        while let Some(response) = self.session.next(self.now) {
            self.take(&response);
        }
    }

    fn take(&mut self, response: &Response) {
        let kind = response.kind;
        self.log.push((
            kind,
            names(response),
            response.removed.iter().map(ToString::to_string).collect(),
        ));
        let is_bad = |entry: &Arc<Versioned>| entry.resource.body.starts_with(b"bad");
        let bad = response.resources.iter().any(is_bad);
        // Clusters and listeners are taken one by one, the others all or not at all.
        for entry in &response.resources {
            if !bad || (kind.is_wildcard() && !is_bad(entry)) {
                let body = String::from_utf8(entry.resource.body.to_vec()).unwrap();
                self.held.insert((kind, entry.resource.name.to_string()), body);
            }
        }
        for name in &response.removed {
            self.held.remove(&(kind, name.to_string()));
        }
        let mut request = answer(response, bad.then_some("it is bad"));
        self.session.request(kind, request.clone(), self.now).unwrap();
        request = Request::default();
        for entry in response.resources.iter().filter(|entry| !is_bad(entry)) {
            match kind {
                Kind::Cluster => request.subscribe.push(entry.resource.name.to_string()),
                Kind::Listener => request.subscribe.push("routes".to_owned()),
                _ => {}
            }
        }
        let next = if kind == Kind::Cluster {
            Kind::Endpoints
        } else {
            Kind::Routes
        };
        request
            .subscribe
            .retain(|name| !self.held.contains_key(&(next, name.clone())));
        if !request.subscribe.is_empty() {
            self.say(next, request);
        }
        self.check();
    }

    /// Nothing ever leads to what is not there.
    fn check(&self) {
        for ((kind, _), body) in &self.held {
            if *kind == Kind::Routes {
                for cluster in body.split(',').filter(|name| !name.is_empty()) {
                    for kind in [Kind::Cluster, Kind::Endpoints] {
                        let held = self.held.contains_key(&(kind, cluster.to_owned()));
                        assert!(
                            held,
                            "routes lead to {cluster}, and {kind:?} is missing: {:?}",
                            self.log
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn clusters_and_their_endpoints_come_before_what_leads_to_them() {
    let target = snapshot(&Snapshot::default(), &[("a", "1"), ("b", "1")]);
    let mut client = Client::delta(&target);
    client.run();
    let kinds: Vec<Kind> = client.log.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(
        kinds,
        [Kind::Cluster, Kind::Endpoints, Kind::Listener, Kind::Routes]
    );
}

#[test]
fn what_is_gone_goes_last() {
    let first = snapshot(&Snapshot::default(), &[("a", "1")]);
    let mut client = Client::delta(&first);
    client.run();
    client.log.clear();
    client.session.publish(&snapshot(&first, &[("b", "1")]));
    client.run();
    let log: Vec<_> = client
        .log
        .iter()
        .map(|(kind, new, gone)| (*kind, new.len(), gone.len()))
        .collect();
    assert_eq!(
        log,
        [
            (Kind::Cluster, 1, 0),
            (Kind::Endpoints, 1, 0),
            (Kind::Routes, 1, 0),
            (Kind::Endpoints, 0, 1),
            (Kind::Cluster, 0, 1),
        ]
    );
}

#[test]
fn one_endpoint_that_changes_is_all_that_is_sent() {
    let many: Vec<(String, &str)> = (0..100).map(|n| (format!("c{n}"), "1")).collect();
    let mut list: Vec<(&str, &str)> = many.iter().map(|(name, body)| (name.as_str(), *body)).collect();
    let first = snapshot(&Snapshot::default(), &list);
    let mut client = Client::delta(&first);
    client.run();
    client.log.clear();
    list.sort_unstable();
    let of_clusters = list.iter().flat_map(|(name, body)| {
        let endpoints = if *name == "c7" { "2" } else { body };
        [
            resource(Kind::Cluster, name, body),
            resource(Kind::Endpoints, name, endpoints),
        ]
    });
    let kept = [Kind::Listener, Kind::Routes].map(|kind| first.names(kind).values().next().unwrap().clone());
    let second = Arc::new(first.next(of_clusters.chain(kept)));
    client.session.publish(&second);
    client.run();
    assert_eq!(client.log, [(Kind::Endpoints, set(&["c7"]), Vec::new())]);
    assert_eq!(client.session.accepted(Kind::Endpoints), second.number());
}

#[test]
fn a_bad_resource_is_rejected_alone_and_the_rest_arrives() {
    let clusters: Vec<(String, &str)> = (0..20)
        .map(|n| (format!("c{n}"), if n == 13 { "bad" } else { "good" }))
        .collect();
    let list: Vec<(&str, &str)> = clusters
        .iter()
        .map(|(name, body)| (name.as_str(), *body))
        .collect();
    let target = Arc::new(Snapshot::default().next(list.iter().flat_map(|(name, body)| {
        [
            resource(Kind::Cluster, name, "good"),
            resource(Kind::Endpoints, name, body),
        ]
    })));
    let mut client = Client::delta(&target);
    client.run();
    let arrived = client
        .held
        .keys()
        .filter(|(kind, _)| *kind == Kind::Endpoints)
        .count();
    assert_eq!(arrived, 19);
    let rejected: Vec<_> = client.session.rejections().collect();
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        (rejected[0].0, &**rejected[0].1, &*rejected[0].2.message),
        (Kind::Endpoints, "c13", "it is bad")
    );
    // Until it changes it is not sent again.
    client.log.clear();
    client.run();
    assert!(client.log.is_empty());
}

#[test]
fn what_was_rejected_is_sent_again_when_it_changed() {
    let first = snapshot(&Snapshot::default(), &[("a", "bad")]);
    let mut client = Client::delta(&first);
    client
        .session
        .request(Kind::Endpoints, ask(&["a"]), START)
        .unwrap();
    client.held.insert((Kind::Cluster, "a".into()), "good".into());
    while let Some(response) = client.session.next(client.now) {
        let bad = response
            .resources
            .iter()
            .any(|entry| entry.resource.body == "bad");
        let answered = answer(&response, bad.then_some("no"));
        client.say(response.kind, answered);
    }
    assert_eq!(client.session.rejections().count(), 2);
    client.session.publish(&snapshot(&first, &[("a", "good")]));
    let mut sent = Vec::new();
    while let Some(response) = client.session.next(client.now) {
        sent.push((response.kind, names(&response)));
        client.say(response.kind, answer(&response, None));
    }
    assert!(sent.contains(&(Kind::Cluster, set(&["a"]))) && sent.contains(&(Kind::Endpoints, set(&["a"]))));
    assert_eq!(client.session.rejections().count(), 0);
}

#[test]
fn whoever_never_answers_gets_one_response_of_a_type_and_no_more() {
    let mut last = snapshot(&Snapshot::default(), &[("a", "0")]);
    let mut session = Session::new(Wire::Delta, Arc::clone(&last));
    session.request(Kind::Cluster, Request::default(), START).unwrap();
    assert!(session.next(START).is_some());
    for turn in 1..50 {
        last = snapshot(&last, &[("a", &turn.to_string())]);
        session.publish(&last);
        assert!(session.next(START).is_none());
    }
}

#[test]
fn an_answer_to_an_old_response_counts_for_nothing() {
    let first = snapshot(&Snapshot::default(), &[("a", "1")]);
    let mut session = Session::new(Wire::Delta, Arc::clone(&first));
    session.request(Kind::Cluster, Request::default(), START).unwrap();
    let response = session.next(START).unwrap();
    session
        .request(Kind::Cluster, answer(&response, None), START)
        .unwrap();
    session.publish(&snapshot(&first, &[("a", "2")]));
    let second = session.next(START).unwrap();
    let old = session.request(Kind::Cluster, answer(&response, Some("late")), START);
    assert_eq!(old, Ok(Answer::Stale));
    assert_eq!(
        session.request(Kind::Cluster, answer(&second, None), START),
        Ok(Answer::Accepted)
    );
    assert_eq!(session.rejections().count(), 0);
}

#[test]
fn whoever_comes_back_gets_only_what_is_different() {
    let target = snapshot(&Snapshot::default(), &[("a", "1"), ("b", "1")]);
    let version = |name: &str| format!("{:016x}", target.get(Kind::Cluster, name).unwrap().version);
    let mut session = Session::new(Wire::Delta, Arc::clone(&target));
    let held = vec![
        ("a".to_owned(), version("a")),
        ("b".to_owned(), "older".to_owned()),
        ("gone".to_owned(), "1".to_owned()),
    ];
    let request = Request {
        held,
        ..Request::default()
    };
    session.request(Kind::Cluster, request, START).unwrap();
    let response = session.next(START).unwrap();
    assert_eq!(names(&response), set(&["b"]));
    session
        .request(Kind::Cluster, answer(&response, None), START)
        .unwrap();
    // Nobody asked for the endpoints, so they are waited for a while.
    let later = START + WARMING;
    let response = session.next(later).unwrap();
    assert_eq!(response.removed, ["gone".into()]);
}

#[test]
fn a_name_that_does_not_exist_is_said_to_be_gone() {
    let target = snapshot(&Snapshot::default(), &[("a", "1")]);
    let mut session = Session::new(Wire::Delta, target);
    session
        .request(Kind::Endpoints, ask(&["nowhere"]), START)
        .unwrap();
    let response = session.next(START).unwrap();
    assert!(response.resources.is_empty());
    assert_eq!(response.removed, ["nowhere".into()]);
    session
        .request(Kind::Endpoints, answer(&response, None), START)
        .unwrap();
    assert!(session.next(START).is_none());
}

#[test]
fn a_client_that_asks_for_no_endpoints_is_waited_for_only_so_long() {
    let target = snapshot(&Snapshot::default(), &[("a", "1")]);
    let mut session = Session::new(Wire::Delta, target);
    session.request(Kind::Cluster, Request::default(), START).unwrap();
    session.request(Kind::Routes, ask(&["routes"]), START).unwrap();
    let clusters = session.next(START).unwrap();
    session
        .request(Kind::Cluster, answer(&clusters, None), START)
        .unwrap();
    assert!(session.next(START).is_none());
    let deadline = session.deadline().unwrap();
    assert_eq!(session.next(deadline).unwrap().kind, Kind::Routes);
}

#[test]
fn a_state_of_the_world_has_all_of_a_type_and_keeps_the_old_until_the_new_serves() {
    let first = snapshot(&Snapshot::default(), &[("a", "1")]);
    let mut session = Session::new(Wire::StateOfTheWorld, Arc::clone(&first));
    for (kind, names) in [
        (Kind::Cluster, &[][..]),
        (Kind::Endpoints, &["a"]),
        (Kind::Routes, &["routes"]),
    ] {
        session.request(kind, ask(names), START).unwrap();
    }
    let answered = |session: &mut Session, response: &Response, subscribe: &[&str]| {
        let request = Request {
            nonce: response.nonce.clone(),
            ..ask(subscribe)
        };
        session.request(response.kind, request, START).unwrap();
    };
    for names in [&[][..], &["a"], &["routes"]] {
        let response = session.next(START).unwrap();
        answered(&mut session, &response, names);
    }
    session.publish(&snapshot(&first, &[("b", "1")]));
    let clusters = session.next(START).unwrap();
    assert_eq!(names(&clusters), set(&["a", "b"]));
    answered(&mut session, &clusters, &[]);
    session.request(Kind::Endpoints, ask(&["a", "b"]), START).unwrap();
    let endpoints = session.next(START).unwrap();
    assert_eq!(names(&endpoints), set(&["b"]));
    answered(&mut session, &endpoints, &["a", "b"]);
    let routes = session.next(START).unwrap();
    assert_eq!(routes.kind, Kind::Routes);
    answered(&mut session, &routes, &["routes"]);
    let clusters = session.next(START).unwrap();
    assert_eq!((clusters.kind, names(&clusters)), (Kind::Cluster, set(&["b"])));
}

#[test]
fn too_many_names_close_the_stream() {
    let mut session = Session::new(Wire::Delta, Arc::default());
    let many = Request {
        subscribe: (0..200_001).map(|n| n.to_string()).collect(),
        ..Request::default()
    };
    assert_eq!(
        session.request(Kind::Endpoints, many, START),
        Err(Refused::TooManyNames)
    );
}

#[test]
fn an_empty_configuration_is_an_answer_too() {
    let empty = Arc::new(Snapshot::default().next([]));
    let mut session = Session::new(Wire::Delta, empty);
    session
        .request(Kind::Listener, Request::default(), START)
        .unwrap();
    let response = session.next(START).unwrap();
    assert!(response.resources.is_empty() && response.removed.is_empty());
    session
        .request(Kind::Listener, answer(&response, None), START)
        .unwrap();
    assert!(session.next(START).is_none());
}

proptest! {
    /// Whatever is published in whatever order, the client ends with exactly that, and meanwhile nothing ever leads to
    /// what is not there (which the client checks at every step).
    #[test]
    fn a_client_always_ends_with_what_was_published_last(
        versions in prop::collection::vec(prop::collection::btree_map(0..6u8, 0..3u8, 0..5), 1..12),
        pauses in prop::collection::vec(0..3usize, 12),
    ) {
        let mut last = Arc::new(Snapshot::default().next([]));
        let mut client = Client::delta(&last);
        for (clusters, pause) in versions.iter().zip(&pauses) {
            let named: Vec<(String, String)> =
                clusters.iter().map(|(name, body)| (format!("c{name}"), body.to_string())).collect();
            let list: Vec<(&str, &str)> = named.iter().map(|(n, b)| (n.as_str(), b.as_str())).collect();
            last = snapshot(&last, &list);
            client.session.publish(&last);
            // Sometimes the next change comes in the middle of this one.
            for _ in 0..*pause {
                if let Some(response) = client.session.next(client.now) {
                    client.take(&response);
                }
            }
        }
        client.run();
        let mut expected = BTreeMap::new();
        for kind in Kind::ALL {
            for (name, entry) in last.names(kind) {
                let body = String::from_utf8(entry.resource.body.to_vec()).unwrap();
                expected.insert((kind, name.to_string()), body);
            }
        }
        prop_assert_eq!(client.held, expected);
        prop_assert!(client.session.deadline().is_none());
    }
}
