//! Which localities are preferred.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Text;
use super::super::shapes::FILLED;
use crate::decode::{At, Cx, Int, Invalid, List, Parsed, TRUE_FALSE, TextMap, Uint, at, obj, object};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

object! {
    /// Which localities are preferred: one of `distribute`, `failover` and `failoverPriority`, or `failover` with
    /// `failoverPriority`. It works together with outlier detection only, except for `distribute`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct LocalityBalancing {
        /// Shares of localities, by where the request comes from.
        distribute: Vec<Spanned<Distribute>> = "distribute", default(Vec::new(), "none"), List(at(obj()));
        /// Where traffic goes when a region is not healthy.
        failover: Vec<Spanned<Failover>> = "failover", default(Vec::new(), "none"), List(at(obj()));
        /// Labels by which endpoints are preferred: those that share the first so many labels with the gateway come first.
        failover_priority: Vec<Text> = "failoverPriority", default(Vec::new(), "none"), List(FILLED);
        /// Whether localities count at all.
        enabled: Option<Spanned<bool>> = "enabled", optional, at(TRUE_FALSE);
    }
    finish check_settings;
}

fn check_settings(settings: LocalityBalancing, cx: &mut Cx, node: &Node<'_>) -> Option<LocalityBalancing> {
    let help = "traffic is either spread by weights, or fails over; keep one of the two";
    if !settings.distribute.is_empty() {
        for (name, is_empty) in [
            ("failover", settings.failover.is_empty()),
            ("failoverPriority", settings.failover_priority.is_empty()),
        ] {
            if !is_empty {
                cx.refuse_both(node, "distribute", name, help);
            }
        }
    }
    if !settings.failover.is_empty() {
        cx.within("failoverPriority", |cx| {
            for (index, label) in settings.failover_priority.iter().enumerate() {
                if TOPOLOGY.contains(&&*label.value) {
                    cx.within_item(index, |cx| {
                        let message =
                            format!("{:?} excludes \"failover\", which says the same", &*label.value);
                        let help = "keep one of the two";
                        cx.report(ProblemKind::ConflictingFields, label.pos, message, help);
                    });
                }
            }
        });
    }
    Some(settings)
}

/// Labels of a locality, which `failover` is about too.
const TOPOLOGY: [&str; 3] = [
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
];

object! {
    /// Shares of localities for requests from one of them.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Distribute {
        /// Where requests come from: `region/zone/subzone`, with `*` at the end for all that is below.
        from: Text = "from", required, LOCALITY;
        /// Where they go, in per cent; 100 in all.
        to: BTreeMap<Arc<str>, Spanned<u32>> = "to", required, SHARES;
    }
    finish check_shares;
}

const LOCALITY: At<Parsed<Arc<str>>> = at(Parsed(
    "`region/zone/subzone`, of which the later parts may be `*`",
    locality,
));
const SHARES: TextMap<At<Int<u32>>> = TextMap(
    "mapping of locality to per cent",
    |text| locality(text).map(|_| ()),
    at(Uint(1, 100)),
);

fn locality(text: &str) -> Result<Arc<str>, Invalid> {
    let parts: Vec<&str> = text.split('/').collect();
    let star = parts.iter().position(|part| part.contains('*'));
    let ends_with_star = star.is_none_or(|at| at + 1 == parts.len() && parts.last() == Some(&"*"));
    if parts.len() <= 3 && parts.iter().all(|part| !part.is_empty()) && ends_with_star {
        return Ok(text.into());
    }
    Err(Invalid::new(
        format!("{text:?} is not a locality"),
        "write region/zone/subzone; the later parts can be left out, and the last one can be \"*\"",
    ))
}

fn check_shares(distribute: Distribute, cx: &mut Cx, node: &Node<'_>) -> Option<Distribute> {
    let sum: u32 = distribute.to.values().map(|share| share.value).sum();
    if sum != 100 {
        let pos = cx.entry(node, "to").map_or(node.pos, |entry| entry.value.pos);
        let message = format!("the shares are {sum} per cent in all");
        cx.report_in("to", ProblemKind::InvalidValue, pos, message, "make them 100");
    }
    Some(distribute)
}

object! {
    /// Where traffic goes when a region is not healthy.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Failover {
        /// The region.
        from: Text = "from", required, REGION;
        /// The region instead.
        to: Text = "to", required, REGION;
    }
    finish check_regions;
}

const REGION: At<Parsed<Arc<str>>> = at(Parsed("region", region));

fn region(text: &str) -> Result<Arc<str>, Invalid> {
    if !text.is_empty() && !text.contains(['/', '*']) {
        return Ok(text.into());
    }
    Err(Invalid::new(
        format!("{text:?} is not a region"),
        "write the region alone, without zones and stars",
    ))
}

fn check_regions(failover: Failover, cx: &mut Cx, _: &Node<'_>) -> Option<Failover> {
    if failover.from.value == failover.to.value {
        let message = "a region cannot stand in for itself";
        cx.report_in(
            "to",
            ProblemKind::InvalidValue,
            failover.to.pos,
            message,
            "write another region",
        );
    }
    Some(failover)
}
