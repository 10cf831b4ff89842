//! `outlierDetection`.

use seaway_api::istio::OutlierDetection as Written;
use seaway_model::{Fraction, Millis, OutlierDetection};

/// Istio's defaults, which are Envoy's, hold as soon as the block is written.
const CONSECUTIVE: u32 = 5;
const INTERVAL: u64 = 10_000;
const BASE_EJECTION_TIME: u64 = 30_000;
const MAX_EJECTION_TIME: u64 = 300_000;
const MAX_EJECTION_PERCENT: u32 = 10;

pub(super) fn detection(written: &Written) -> OutlierDetection {
    let value = |number: &Option<seaway_api::Spanned<u32>>| number.as_ref().map(|number| number.value);
    let counted = |number: Option<u32>| number.filter(|number| *number > 0);
    let (errors, gateway) = (
        value(&written.consecutive_5xx),
        value(&written.consecutive_gateway),
    );
    // The older form counted what are gateway errors now, and nothing else.
    let older = value(&written.consecutive_errors).filter(|_| errors.is_none() && gateway.is_none());
    let base = written
        .base_ejection_time
        .as_ref()
        .map_or(BASE_EJECTION_TIME, |time| time.value);
    let split = written.split_local_errors.value;
    OutlierDetection {
        consecutive_connect_failures: None,
        consecutive_5xx: counted(Some(errors.unwrap_or(CONSECUTIVE))).filter(|_| older.is_none()),
        consecutive_gateway_errors: counted(gateway.or(older)),
        consecutive_local_origin_failures: counted(Some(
            value(&written.consecutive_local).unwrap_or(CONSECUTIVE),
        ))
        .filter(|_| split),
        split_local_origin: split,
        error_codes: written.error_codes.iter().map(|code| code.value).collect(),
        interval: Some(Millis(
            written
                .interval
                .as_ref()
                .map_or(INTERVAL, |interval| interval.value),
        )),
        base_ejection_time: Millis(base),
        max_ejection_time: Millis(MAX_EJECTION_TIME.max(base)),
        max_ejection: percent(value(&written.max_ejection_percent).unwrap_or(MAX_EJECTION_PERCENT)),
        min_health: percent(value(&written.min_health_percent).unwrap_or(0)),
    }
}

fn percent(number: u32) -> Fraction {
    Fraction::from_millionths(number.saturating_mul(10_000))
}
