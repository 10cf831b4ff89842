//! Places on their own: who comes first, and who gets which share.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::resolve::backend::Address;

fn locality(text: &str) -> Locality {
    let mut parts = text.split('/').map(Arc::from);
    Locality {
        region: parts.next().unwrap_or_default(),
        zone: parts.next().unwrap_or_default(),
        subzone: parts.next().unwrap_or_default(),
    }
}

fn backends(places: &[&str]) -> Vec<Backend<'static>> {
    let numbered = (1..).zip(places);
    numbered
        .map(|(port, place)| Backend {
            locality: (!place.is_empty()).then(|| locality(place)),
            ..Backend::new(Address::Name("b".into(), port))
        })
        .collect()
}

fn here(place: &str) -> Here {
    Here {
        locality: Some(locality(place)),
        labels: BTreeMap::new(),
    }
}

fn ranks(places: &[&str], plan: &Plan) -> Vec<u32> {
    let mut backends = backends(places);
    assert!(place(&mut backends, plan, &here("eu/a/1")).is_empty());
    backends.iter().map(|backend| backend.priority).collect()
}

fn shares(places: &[&str], to: &[(&str, u32)]) -> Vec<(String, u32)> {
    let plan = Plan::Distribute(vec![Distribution {
        from: "eu/*".into(),
        to: to
            .iter()
            .map(|(place, share)| ((*place).into(), *share))
            .collect(),
    }]);
    let weights = place(&mut backends(places), &plan, &here("eu/a/1"));
    weights
        .into_iter()
        .map(|one| (one.locality.to_string(), one.weight))
        .collect()
}

fn nearest_first() -> Plan {
    Plan::Failover {
        regions: Vec::new(),
        labels: Vec::new(),
    }
}

#[test]
fn the_nearest_come_first() {
    let places = ["us/x/1", "eu/b/1", "eu/a/2", "eu/a/1", ""];
    assert_eq!(ranks(&places, &nearest_first()), [3, 2, 1, 0, 3]);
}

#[test]
fn a_region_that_stands_in_comes_before_all_others() {
    let plan = Plan::Failover {
        regions: vec![("eu".into(), "us".into())],
        labels: Vec::new(),
    };
    assert_eq!(ranks(&["asia/x/1", "us/x/1", "eu/a/1"], &plan), [2, 1, 0]);
}

#[test]
fn a_zone_without_a_region_is_ours_if_it_is_ours_by_name() {
    assert_eq!(ranks(&["/a", "/b"], &nearest_first()), [0, 1]);
}

#[test]
fn a_distribution_that_begins_elsewhere_does_nothing() {
    let plan = Plan::Distribute(vec![Distribution {
        from: "us/*".into(),
        to: vec![("us".into(), 100)],
    }]);
    let mut all = backends(&["eu/a/1", "us/x/1"]);
    assert!(place(&mut all, &plan, &here("eu/a/1")).is_empty());
    assert_eq!(all.len(), 2);
}

#[test]
fn places_that_nobody_names_get_nothing() {
    let mut all = backends(&["eu/a/1", "us/x/1", ""]);
    let weights = distribute(&mut all, &[("eu/*".into(), 100)]);
    assert_eq!((weights.len(), all.len()), (1, 1));
}

#[test]
fn the_pattern_that_says_most_is_asked_first() {
    let to = [("*", 10), ("eu/a/*", 60), ("eu/*", 30)];
    let expected = [
        ("eu/a/1".to_owned(), 6),
        ("eu/b/1".to_owned(), 3),
        ("us/x/1".to_owned(), 1),
    ];
    assert_eq!(shares(&["eu/a/1", "eu/b/1", "us/x/1"], &to), expected);
}

#[test]
fn a_share_of_several_places_is_dealt_out_by_their_endpoints() {
    let all = ["eu/a/1", "eu/a/1", "eu/a/1", "eu/b/1"];
    assert_eq!(
        shares(&all, &[("eu/*", 100)]),
        [("eu/a/1".to_owned(), 3), ("eu/b/1".to_owned(), 1)]
    );
}

proptest! {
    #[test]
    fn whatever_is_named_keeps_its_part_to_a_thousandth(
        places in vec(select(vec!["eu/a/1", "eu/a/2", "eu/b/1", "us/x/1"]), 1..20),
        share in 1..99_u32,
    ) {
        let got = shares(&places, &[("eu", share), ("us", 100 - share)]);
        let sum = |region: &str| -> u64 {
            got.iter().filter(|(place, _)| place.starts_with(region)).map(|(_, weight)| u64::from(*weight)).sum()
        };
        let (eu, us) = (sum("eu"), sum("us"));
        if eu > 0 && us > 0 {
            let part = eu as f64 / (eu + us) as f64;
            prop_assert!((part - f64::from(share) / 100.0).abs() < 0.001, "{part}");
        }
    }
}
