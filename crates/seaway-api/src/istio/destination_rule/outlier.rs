//! When an endpoint is left out for a while.

use super::super::shapes::{COUNT, DURATION};
use crate::decode::{Cx, List, TRUE_FALSE, Uint, at, object};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

object! {
    /// When an endpoint is left out for a while, by what it answers.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct OutlierDetection {
        /// So many answers of 5xx in a row; 0: never.
        consecutive_5xx: Option<Spanned<u32>> = "consecutive5xxErrors", optional, COUNT;
        /// So many answers of 502, 503 or 504 in a row, or connections that failed; 0: never.
        consecutive_gateway: Option<Spanned<u32>> = "consecutiveGatewayErrors", optional, COUNT;
        /// Count connections that could not be made or broke apart from answers.
        split_local_errors: Spanned<bool> = "splitExternalLocalOriginErrors", default(Spanned::default(), "`false`"), at(TRUE_FALSE);
        /// So many of those in a row; only where they are counted apart.
        consecutive_local: Option<Spanned<u32>> = "consecutiveLocalOriginFailures", optional, COUNT;
        /// How often it is looked whether endpoints come back.
        interval: Option<Spanned<u64>> = "interval", optional, DURATION;
        /// How long an endpoint is left out, times how often it was.
        base_ejection_time: Option<Spanned<u64>> = "baseEjectionTime", optional, DURATION;
        /// No more than so many per cent of the endpoints are left out, rounded down: a tenth of nine is nobody.
        max_ejection_percent: Option<Spanned<u32>> = "maxEjectionPercent", optional, at(Uint(0, 100));
        /// Nothing is left out while fewer than so many per cent of the endpoints are healthy.
        min_health_percent: Option<Spanned<u32>> = "minHealthPercent", optional, at(Uint(0, 100));
        /// The statuses that count as 5xx do.
        error_codes: Vec<Spanned<u16>> = "outlierDetectionHttpErrorCodes", default(Vec::new(), "500 to 599"), List(at(Uint(100, 599)));
        /// The older form of `consecutiveGatewayErrors`, which alone is counted where this is written without the others.
        consecutive_errors: Option<Spanned<u32>> = "consecutiveErrors", optional, COUNT;
    }
    finish check_split;
}

fn check_split(outlier: OutlierDetection, cx: &mut Cx, _: &Node<'_>) -> Option<OutlierDetection> {
    if let Some(count) = outlier.consecutive_local.as_ref().filter(|count| count.value > 0)
        && !outlier.split_local_errors.value
    {
        let field = "consecutiveLocalOriginFailures";
        let message = format!("\"{field}\" counts nothing: connections that fail are not counted apart");
        let help = "add \"splitExternalLocalOriginErrors: true\", or remove it";
        cx.report_in(field, ProblemKind::ConflictingFields, count.pos, message, help);
    }
    Some(outlier)
}
