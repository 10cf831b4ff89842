//! What no random manifest asks for, put into the model that it compiles to: conditions, effects and clusters that other
//! dialects have. Both sides are given the same model.

use std::net::IpAddr;
use std::sync::Arc;

use seaway_model::{
    Abort, Action, Balancing, Conditions, Fault, Fraction, GeneratedCookie, HashOn, HeaderMatch, Match,
    Millis, Model, PathMatch, PathRewrite, Pattern, Route, StringMatch, ValueMatch,
};

use crate::dice::Dice;

/// Changes some of the routes and clusters.
pub fn spice(dice: &mut Dice, model: &mut Model) {
    for listener in &mut model.listeners {
        let hosts = &mut Arc::make_mut(listener).virtual_hosts;
        for route in hosts.iter_mut().flat_map(|host| &mut host.routes) {
            if dice.chance(30) {
                spice_route(dice, Arc::make_mut(route));
            }
        }
    }
    for cluster in model.clusters.values_mut() {
        if dice.chance(20) {
            Arc::make_mut(cluster).balancing = if dice.chance(50) {
                Balancing::RingHash
            } else {
                Balancing::Maglev
            };
        }
    }
}

fn spice_route(dice: &mut Dice, route: &mut Route) {
    if let Match::When(conditions) = &mut route.matches {
        spice_conditions(dice, conditions);
    }
    if let Some(cors) = &mut route.cors {
        cors.forward_unmatched_preflights = dice.chance(50);
    }
    if dice.chance(3) {
        route.fault = Some(Box::new(Fault {
            delay: None,
            abort: Some(Abort {
                fraction: Fraction::ALL,
                status: 503,
                grpc_status: Some(8),
            }),
        }));
    }
    if let Action::Forward(forward) = &mut route.action {
        if dice.chance(20) {
            forward.hash_on.push(HashOn::GeneratedCookie(GeneratedCookie {
                name: dice.pick(&["c", "d", "sticky"]).into(),
                path: None,
                ttl: Millis(0),
                attributes: Vec::new(),
            }));
        }
        if dice.chance(10) {
            let pattern = dice.pick(&["a+", "/([ab])", "(?i)b", "^/a", "x"]);
            forward.rewrite.path = Some(PathRewrite::Regex {
                pattern: Pattern::new(pattern).expect("a good expression"),
                substitution: dice.pick(&["", "/", r"/new\1", "z"]).into(),
            });
        }
    }
}

fn spice_conditions(dice: &mut Dice, conditions: &mut Conditions) {
    let lower = |path: &Arc<str>| -> Arc<str> { path.to_ascii_lowercase().into() };
    if dice.chance(40) {
        conditions.path = match &conditions.path {
            PathMatch::Exact(path) => PathMatch::ExactIgnoringCase(lower(path)),
            PathMatch::Prefix(path) | PathMatch::Elements(path) => PathMatch::PrefixIgnoringCase(lower(path)),
            other => other.clone(),
        };
    }
    if dice.chance(25) {
        conditions.headers.push(pseudo(dice));
    }
    if dice.chance(20) {
        let sources = ["10.0.0.1", "127.0.0.1", "192.0.2.1"];
        let mut some: Vec<IpAddr> = dice
            .some(60, &sources)
            .iter()
            .map(|source| source.parse().expect("an address"))
            .collect();
        some.sort();
        conditions.sources = Some(some.into());
    }
}

fn pseudo(dice: &mut Dice) -> HeaderMatch {
    let text = StringMatch::Prefix;
    let (name, value) = match dice.count(0, 3) {
        0 => (
            ":method",
            ValueMatch::Is(text(dice.pick(&["G", "P", "g"]).into())),
        ),
        1 => (
            ":method",
            ValueMatch::IsNot(StringMatch::Regex(
                Pattern::new("POST|HEAD").expect("a good expression"),
            )),
        ),
        2 => (
            ":authority",
            ValueMatch::Is(text(dice.pick(&["a", "A", "b"]).into())),
        ),
        _ => (
            ":authority",
            ValueMatch::IsNot(StringMatch::Suffix(dice.pick(&[":80", ".test", "."]).into())),
        ),
    };
    HeaderMatch {
        name: name.into(),
        value,
    }
}
