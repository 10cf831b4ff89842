//! What our proxy does, Envoy does: the same random configurations, encoded, and the same requests to both.
//!
//! Many configurations stand in one Envoy side by side, each with listeners and clusters of its own, since starting one
//! takes longer than all requests of a configuration. `SEAWAY_PARITY_CONFIGURATIONS` sets how many there are; at night
//! 2,000. What Envoy does otherwise has a heading in `docs/parity.md`, and is told here from what is wrong.

mod compare;
mod known;
mod scoped;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use seaway_api::Resources;
use seaway_compile::{Options, compile};
use seaway_model::{Model, Protocol};
use seaway_route::{RouteTable, explain};
use seaway_testkit::certs::Ca;
use seaway_testkit::envoy::Envoy;
use seaway_xds::{Delivery, decode, encode, json, static_bootstrap};

use crate::dice::Dice;
use crate::manifests;
use crate::requests::Ask;
use crate::served::{Outcome, Served, ask_at};
use crate::{MOST_FAILURES, SEED, setting, told};

use self::known::{Case, Known};

const CONFIGURATIONS: &str = "SEAWAY_PARITY_CONFIGURATIONS";
const REQUESTS: usize = 50;
/// In one Envoy.
const TOGETHER: u64 = 50;

/// A configuration in our proxy's form, and where Envoy serves it.
struct Configuration {
    seed: u64,
    dice: Dice,
    text: String,
    model: Arc<Model>,
    slots: BTreeMap<String, String>,
}

#[test]
fn what_the_proxy_does_envoy_does() {
    let (first, count) = (setting(SEED, 1), setting(CONFIGURATIONS, 100));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let leaf = Ca::new("parity").leaf(&["*.test"]);
        let key_pair = leaf.secret("a", "pair");
        let mut served = Served::start(leaf).expect("a proxy");
        let (mut failures, mut met) = (Vec::new(), BTreeSet::new());
        let mut seed = first;
        while seed < first + count {
            let until = (seed + TOGETHER).min(first + count);
            let configurations: Vec<_> = (seed..until)
                .map(|seed| configuration(&served, seed, &key_pair))
                .collect();
            let (envoy, bound) = start(&configurations).await;
            for configuration in configurations {
                failures.extend(one(&mut served, configuration, &bound, &key_pair, &mut met).await);
                assert!(failures.len() < MOST_FAILURES, "{}", failures.join("\n\n"));
            }
            drop(envoy);
            seed = until;
        }
        assert!(failures.is_empty(), "{}", failures.join("\n\n"));
        // Few configurations do not meet all of them.
        if count >= 1_000 {
            let unmet: Vec<_> = Known::ALL.iter().filter(|known| !met.contains(*known)).collect();
            assert!(unmet.is_empty(), "Envoy no longer differs in {unmet:?}");
        }
    });
}

fn configuration(served: &Served, seed: u64, key_pair: &str) -> Configuration {
    let mut dice = Dice::new(seed);
    let text = manifests::manifests(&mut dice, key_pair);
    let mut resources = Resources::default();
    resources.parse_into("random.yaml", &text);
    let (model, _) = compile(&resources, &Options::default());
    let (model, slots) = served.prepare(model);
    // What our proxy serves here came over the same wire; that the proxy inside does what `explain` says is the other test.
    // The two models need not be equal: a certificate under a route of the same server name is presented to nobody, and
    // Envoy is not told of it.
    let encoded = encode(&model, &seaway_xds::Options::default());
    let decoded = decode(&encoded.resources);
    assert_eq!(decoded.rejected, [], "seed {seed}");
    let model = Arc::new(decoded.model);
    Configuration {
        seed,
        dice,
        text,
        model,
        slots,
    }
}

/// One Envoy with all of them; where each listener is bound, by seed and protocol.
async fn start(configurations: &[Configuration]) -> (Envoy, BTreeMap<(u64, Protocol), SocketAddr>) {
    let mut all = seaway_xds::Resources::default();
    for configuration in configurations {
        let scoped = scoped::scoped(&configuration.model, &format!("s{}/", configuration.seed));
        let options = seaway_xds::Options {
            delivery: Delivery::Static,
            port_map: BTreeMap::from([(80, 0), (443, 0)]),
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        };
        let encoded = encode(&scoped, &options).resources;
        all.listeners.extend(encoded.listeners);
        all.clusters.extend(encoded.clusters);
        all.secrets.extend(encoded.secrets);
    }
    let bootstrap = json::to_value(&static_bootstrap(&all, None)).expect("JSON");
    let envoy = Envoy::start(&bootstrap).await.expect("an Envoy that accepts it");
    let addresses = envoy.listeners().await.expect("listeners");
    let mut bound = BTreeMap::new();
    for configuration in configurations {
        for listener in &configuration.model.listeners {
            let name = format!("s{}/{}", configuration.seed, listener.name);
            if let Some(address) = addresses.get(&name) {
                bound.insert((configuration.seed, listener.protocol), *address);
            }
        }
    }
    (envoy, bound)
}

async fn one(
    served: &mut Served,
    configuration: Configuration,
    bound: &BTreeMap<(u64, Protocol), SocketAddr>,
    key_pair: &str,
    met: &mut BTreeSet<Known>,
) -> Vec<String> {
    let Configuration {
        seed,
        mut dice,
        text,
        model,
        slots,
    } = configuration;
    served.serve(&model);
    let table = RouteTable::build(&model);
    let https = model.listeners.len() > 1;
    let mut failures = Vec::new();
    for _ in 0..REQUESTS {
        let ask = Ask::random(&mut dice, https);
        let url = ask.url();
        let Ok(request) = ask.explained(&url) else {
            continue;
        };
        let explanation = explain(&table, &request);
        let ours = match served.send(&ask).await {
            Ok(Outcome::Answered(answered)) => Some(answered.0),
            Ok(Outcome::NotConnected) => None,
            Err(error) => panic!("seed {seed}: our proxy: {error}: {ask:?}"),
        };
        let protocol = if ask.tls { Protocol::Https } else { Protocol::Http };
        let theirs = match bound.get(&(seed, protocol)) {
            Some(address) => ask_at(*address, &ask).await,
            None => Ok(None),
        };
        let wrong = match theirs {
            Ok(theirs) => compare::differences(&ask, &explanation, ours.as_ref(), theirs.as_ref(), &slots),
            Err(error) => vec![format!("no answer from Envoy: {error:?}")],
        };
        if wrong.is_empty() {
            continue;
        }
        let case = Case {
            ask: &ask,
            explanation: &explanation,
            model: &model,
        };
        match known::known(&case, &wrong) {
            Some(known) => met.extend(known),
            None => failures.push(told(
                seed,
                &text,
                key_pair,
                &ask,
                &explanation.to_string(),
                &wrong,
            )),
        }
    }
    failures
}
