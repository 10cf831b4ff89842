//! How an endpoint is chosen.

use super::super::Percentage;
use super::super::shapes::DURATION;
use super::{ConsistentHash, LocalityBalancing};
use crate::decode::{Cx, OneOf, Percent, Shape, at, obj, object};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

/// `simple`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SimpleBalancing {
    /// As if nothing were said.
    #[default]
    Unspecified,
    /// In turn.
    RoundRobin,
    /// The one with fewer requests under way, of two. `LEAST_CONN` is its older name.
    LeastRequest,
    /// At random.
    Random,
    /// To the address that the client asked for.
    Passthrough,
}

const SIMPLE: OneOf<SimpleBalancing> = OneOf(&[
    ("UNSPECIFIED", SimpleBalancing::Unspecified),
    ("ROUND_ROBIN", SimpleBalancing::RoundRobin),
    ("LEAST_REQUEST", SimpleBalancing::LeastRequest),
    ("LEAST_CONN", SimpleBalancing::LeastRequest),
    ("RANDOM", SimpleBalancing::Random),
    ("PASSTHROUGH", SimpleBalancing::Passthrough),
]);

object! {
    /// How an endpoint is chosen: `simple` or `consistentHash`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct LoadBalancer {
        /// Without regard to the request.
        simple: Option<Spanned<SimpleBalancing>> = "simple", optional, at(SIMPLE);
        /// By a hash of something in the request.
        consistent_hash: Option<Spanned<ConsistentHash>> = "consistentHash", optional, at(obj());
        /// Which localities are preferred.
        locality: Option<Spanned<LocalityBalancing>> = "localityLbSetting", optional, at(obj());
        /// Give a new endpoint its share bit by bit.
        warmup: Option<Spanned<Warmup>> = "warmup", optional, at(obj());
        /// The same in the older form, with a duration only.
        warmup_duration: Option<Spanned<u64>> = "warmupDurationSecs", optional, DURATION;
    }
    unimplemented ["zoneAwareLbSetting"];
    finish check_balancer;
}

impl LoadBalancer {
    /// How a new endpoint gets its share, in whichever form it is written.
    #[must_use]
    pub fn slow_start(&self) -> Option<Warmup> {
        let older = || self.warmup_duration.clone().map(Warmup::lasting);
        self.warmup
            .as_ref()
            .map(|warmup| warmup.value.clone())
            .or_else(older)
    }
}

fn check_balancer(balancer: LoadBalancer, cx: &mut Cx, node: &Node<'_>) -> Option<LoadBalancer> {
    cx.refuse_both(
        node,
        "simple",
        "consistentHash",
        "an endpoint is chosen in one way; keep one of the two",
    );
    cx.refuse_both(node, "warmup", "warmupDurationSecs", "keep \"warmup\"");
    cx.refuse_both(
        node,
        "localityLbSetting",
        "zoneAwareLbSetting",
        "keep one of the two",
    );
    let simple = balancer.simple.as_ref().map(|simple| simple.value);
    let takes_warmup = balancer.consistent_hash.is_none()
        && !matches!(
            simple,
            Some(SimpleBalancing::Random | SimpleBalancing::Passthrough)
        );
    if !takes_warmup {
        let help = "write simple: ROUND_ROBIN or LEAST_REQUEST, or remove it";
        for name in ["warmup", "warmupDurationSecs"] {
            if let Some(entry) = cx.entry(node, name) {
                let message = format!("\"{name}\" works with ROUND_ROBIN and LEAST_REQUEST only");
                cx.report_in(name, ProblemKind::ConflictingFields, entry.pos, message, help);
            }
        }
    }
    Some(balancer)
}

object! {
    /// How a new endpoint comes to its share.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Warmup {
        /// How long it takes.
        duration: Spanned<u64> = "duration", required, DURATION;
        /// The share that it begins with, in per cent.
        minimum_percent: Percentage = "minimumPercent", default(Spanned::unwritten(100_000u32), "`10`"), at(Percent);
        /// How the share grows: 1 is a straight line, more grows faster at first.
        aggression: Spanned<u32> = "aggression", default(Spanned::unwritten(1_000u32), "`1`"), at(Thousandths);
    }
}

impl Warmup {
    fn lasting(duration: Spanned<u64>) -> Self {
        Self {
            duration,
            minimum_percent: Spanned::unwritten(100_000u32),
            aggression: Spanned::unwritten(1_000u32),
        }
    }
}

/// A number from 1, read into thousandths.
struct Thousandths;

impl Shape for Thousandths {
    type Out = u32;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<u32> {
        let number = match &node.value {
            #[expect(clippy::cast_precision_loss, reason = "whatever is not exact is out of range")]
            Value::Int(number) => *number as f64,
            Value::Float(number) => *number,
            _ => {
                cx.wrong_type(node, "a number");
                return None;
            }
        };
        if (1.0..=1000.0).contains(&number) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most a million"
            )]
            return Some((number * 1000.0).round() as u32);
        }
        let message = format!("{number} is not from 1 to 1000");
        cx.report(
            ProblemKind::InvalidValue,
            node.pos,
            message,
            "write 1 for a straight line, or more",
        );
        None
    }
    fn words(&self) -> String {
        "a number from 1 to 1000, fractions allowed".to_owned()
    }
    fn refused(&self) -> Vec<String> {
        ["0.5", "1001"].map(str::to_owned).into()
    }
}
