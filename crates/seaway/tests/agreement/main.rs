//! What `explain` says is what the proxy does: random manifests of every dialect, compiled, explained and served by one
//! running proxy that goes from one configuration to the next, and random requests over real sockets.
//!
//! Each configuration has a seed of its own. A failure prints it with how to repeat it; `SEAWAY_AGREEMENT_SEED` sets the
//! first one and `SEAWAY_AGREEMENT_CONFIGURATIONS` how many there are, for longer runs at night.
#![expect(clippy::expect_used, clippy::panic, reason = "a test")]

mod compare;
mod dice;
mod envoy;
mod manifests;
mod requests;
mod served;
mod spice;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use seaway_api::Resources;
use seaway_compile::{Options, compile};
use seaway_route::{RouteTable, explain};
use seaway_testkit::certs::Ca;

use crate::dice::Dice;
use crate::requests::Ask;
use crate::served::{Outcome, Served};

const SEED: &str = "SEAWAY_AGREEMENT_SEED";
const CONFIGURATIONS: &str = "SEAWAY_AGREEMENT_CONFIGURATIONS";
const REQUESTS: usize = 8;
/// Enough to see what is wrong.
const MOST_FAILURES: usize = 5;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text:?}")),
        Err(_) => default,
    }
}

/// How often each kind of answer came, so that a generator that only makes 404s does not go unnoticed.
#[derive(Debug, Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn count(&mut self, explanation: &seaway_route::Explanation<'_>, outcome: &Outcome) {
        let kind = match (explanation.respond, outcome) {
            (Some(answer), _) => answer.reason,
            (None, Outcome::NotConnected) => "none",
            (None, Outcome::Answered(answered)) => match answered.0.status {
                200 => "forwarded",
                300..400 => "redirected",
                503 => "unavailable",
                _ => "other",
            },
        };
        *self.0.entry(kind).or_default() += 1;
    }

    /// At least one in so many.
    fn assert_share(&self, kind: &str, one_in: usize) {
        let all: usize = self.0.values().sum();
        let count = self.0.get(kind).copied().unwrap_or_default();
        assert!(
            count * one_in >= all,
            "only {count} of {all} are {kind}: {:?}",
            self.0
        );
    }
}

#[test]
fn what_explain_says_is_what_the_proxy_does() {
    let (first, count) = (setting(SEED, 1), setting(CONFIGURATIONS, 1_500));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let leaf = Ca::new("agreement").leaf(&["*.test"]);
        let key_pair = leaf.secret("a", "pair");
        let mut served = Served::start(leaf).expect("a proxy");
        let mut tally = Tally::default();
        let mut failures = Vec::new();
        for seed in first..first + count {
            failures.extend(one_configuration(&mut served, seed, &key_pair, &mut tally).await);
            assert!(failures.len() < MOST_FAILURES, "{}", failures.join("\n\n"));
        }
        assert!(failures.is_empty(), "{}", failures.join("\n\n"));
        if count >= 500 {
            for (kind, one_in) in [
                ("forwarded", 6),
                ("no_route", 200),
                ("redirected", 100),
                ("bad_request", 100),
            ] {
                tally.assert_share(kind, one_in);
            }
            for kind in [
                "misdirected",
                "cors_preflight",
                "service_not_found",
                "port_not_found",
                "unavailable",
                "none",
                "invalid_rule",
                "direct_response",
                "subset_not_found",
            ] {
                tally.assert_share(kind, 1_000);
            }
        }
    });
}

/// The disagreements, one text for each request that has some.
async fn one_configuration(served: &mut Served, seed: u64, key_pair: &str, tally: &mut Tally) -> Vec<String> {
    let mut dice = Dice::new(seed);
    let text = manifests::manifests(&mut dice, key_pair);
    let mut resources = Resources::default();
    resources.parse_into("random.yaml", &text);
    let (mut model, _) = compile(&resources, &Options::default());
    spice::spice(&mut dice, &mut model);
    let (model, slots) = served.apply(model);
    let table = RouteTable::build(&model);
    let https = model.listeners.len() > 1;
    let mut failures = Vec::new();
    for _ in 0..REQUESTS {
        let ask = Ask::random(&mut dice, https);
        let url = ask.url();
        let request = ask.explained(&url);
        let request = request.unwrap_or_else(|error| panic!("seed {seed}: {ask:?}: {error}"));
        let explanation = explain(&table, &request);
        let wrong = match served.send(&ask).await {
            Ok(outcome) => {
                tally.count(&explanation, &outcome);
                compare::disagreements(&ask, &explanation, &outcome, &slots)
            }
            Err(error) => vec![format!("no answer: {error}")],
        };
        if !wrong.is_empty() {
            failures.push(told(
                seed,
                &text,
                key_pair,
                &ask,
                &explanation.to_string(),
                &wrong,
            ));
        }
    }
    failures
}

/// Everything that is needed to look into a disagreement.
fn told(seed: u64, text: &str, key_pair: &str, ask: &Ask, explanation: &str, wrong: &[String]) -> String {
    let mut told = format!("{SEED}={seed} {CONFIGURATIONS}=1 repeats this\n{ask:?}\n");
    for line in wrong {
        // Writing to a String cannot fail.
        let _ = writeln!(told, "  WRONG {line}");
    }
    let text = text.replace(key_pair, "# a key pair a/pair\n");
    let _ = write!(told, "{explanation}\n--- manifests\n{text}");
    told
}
