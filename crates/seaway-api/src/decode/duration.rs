//! Durations and percentages, as integers.

use super::{Cx, Shape};
use crate::ProblemKind;
use crate::node::{Node, Value};

/// A duration above zero, read into milliseconds: `15s`, `1.5s`, `200ms`, `1m30s`, `1h`, or a whole number of seconds.
pub(crate) struct Duration;

impl Shape for Duration {
    type Out = u64;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<u64> {
        let millis = match &node.value {
            Value::Int(seconds) => u64::try_from(*seconds).ok().and_then(|s| s.checked_mul(1000)),
            Value::String(text) => parse(text),
            Value::Float(_) => None,
            _ => {
                cx.wrong_type(node, "a duration");
                return None;
            }
        };
        match millis {
            Some(0) => {
                let message = "a duration of nothing";
                let help = "write a duration of at least 1ms, or leave the field out";
                cx.report(ProblemKind::InvalidValue, node.pos, message, help);
                None
            }
            Some(millis) => Some(millis),
            None => {
                let message = match &node.value {
                    Value::String(text) => format!("{text:?} is not a duration"),
                    Value::Int(number) => format!("{number} is not a duration"),
                    _ => "a bare number of seconds has to be whole".to_owned(),
                };
                let help = "write for example 15s, 1.5s, 200ms, 1m30s or 1h, no finer than a millisecond";
                cx.report(ProblemKind::InvalidValue, node.pos, message, help);
                None
            }
        }
    }
    fn words(&self) -> String {
        "duration above zero (`15s`, `1.5s`, `200ms`, `1m30s`, `1h`; a bare number is seconds)".to_owned()
    }
}

/// Milliseconds of a text such as `1m30s`. Finer than a millisecond is refused rather than rounded.
fn parse(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(unit_at)?;
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(unit_end)?;
        let scale = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(scaled(number, scale)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

/// A decimal number times `scale`, if that is whole.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let divisor = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<u64>().ok()?.checked_mul(scale)?
    };
    if !part.is_multiple_of(divisor) {
        return None;
    }
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(scale)?
        .checked_add(part / divisor)
}

/// A duration of protobuf as Istio reads it, in Go's notation, into milliseconds: `5s`, `0.5s`, `1.5h`.
pub(crate) struct ProtoDuration {
    /// Whether nothing is a duration too.
    pub or_zero: bool,
}

impl Shape for ProtoDuration {
    type Out = u64;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<u64> {
        let (message, help) = match &node.value {
            Value::String(text) => match parse_go(text) {
                Some(0) if !self.or_zero => (
                    "a duration of nothing".to_owned(),
                    "write a duration of at least 1ms, or leave the field out",
                ),
                Some(millis) => return Some(millis),
                None => (
                    format!("{text:?} is not a duration"),
                    "write for example 15s, 1.5s, 200ms, 1m30s or 1h, no finer than a millisecond",
                ),
            },
            Value::Int(number) => (
                format!("{number} is a number without a unit"),
                "write for example 15s",
            ),
            _ => {
                cx.wrong_type(node, "a duration");
                return None;
            }
        };
        cx.report(ProblemKind::InvalidValue, node.pos, message, help);
        None
    }
    fn words(&self) -> String {
        let least = if self.or_zero { "" } else { " above zero" };
        format!("duration{least} (`15s`, `1.5s`, `200ms`, `1m30s`, `1h`)")
    }
    fn refused(&self) -> Vec<String> {
        let nothing = (!self.or_zero).then_some("0s");
        let always = ["-1s", "5", "5x", "100us"];
        nothing.into_iter().chain(always).map(str::to_owned).collect()
    }
}

/// Milliseconds of a text in Go's notation, which knows smaller units and a leading point. `0` needs no unit.
fn parse_go(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut nanos = 0u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at_checked(rest.find(|c: char| !is_decimal(c))?)?;
        let (unit, next) = after.split_at_checked(after.find(is_decimal).unwrap_or(after.len()))?;
        let scale = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        nanos = nanos.checked_add(scaled(&format!("0{number}"), scale)?)?;
        rest = next;
    }
    (!text.is_empty() && nanos.is_multiple_of(1_000_000)).then_some(nanos / 1_000_000)
}

fn is_decimal(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

/// A percentage, read into millionths of the whole: `10`, `0.1` or `"10%"`.
pub(crate) struct Percent;

impl Shape for Percent {
    type Out = u32;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<u32> {
        let percent = match &node.value {
            #[expect(clippy::cast_precision_loss, reason = "whatever is not exact is out of range")]
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::String(text) => text
                .strip_suffix('%')
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
                .and_then(|digits| digits.parse().ok()),
            _ => {
                cx.wrong_type(node, "a number");
                return None;
            }
        };
        match percent.filter(|p| (0.0..=100.0).contains(p)) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and 1,000,000"
            )]
            Some(percent) => Some((percent * 10_000.0).round() as u32),
            None => {
                let message = match (&node.value, percent) {
                    (Value::String(text), _) => format!("{text:?} is not a percentage from 0 to 100"),
                    (_, percent) => format!("{} is not from 0 to 100", percent.unwrap_or_default()),
                };
                let help = "write a number from 0 to 100, for example 10 or 0.5";
                cx.report(ProblemKind::InvalidValue, node.pos, message, help);
                None
            }
        }
    }
    fn words(&self) -> String {
        "percentage: a number from 0 to 100, fractions allowed".to_owned()
    }
    fn refused(&self) -> Vec<String> {
        ["-1", "100.5", "101"].map(str::to_owned).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_to_the_millisecond() {
        for (text, millis) in [
            ("15s", 15_000),
            ("1.5s", 1_500),
            ("200ms", 200),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("1h1m1s1ms", 3_661_001),
            ("0.001s", 1),
            ("1.50s", 1_500),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(millis), "{text}");
        }
    }

    #[test]
    fn go_durations_are_read_to_the_millisecond() {
        for (text, millis) in [
            ("5s", Some(5_000)),
            ("0.5s", Some(500)),
            (".5s", Some(500)),
            ("5.s", Some(5_000)),
            ("1.5h", Some(5_400_000)),
            ("1h2m3s4ms", Some(3_723_004)),
            ("1500us", None),
            ("2000us", Some(2)),
            ("3000000ns", Some(3)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("+1s", Some(1_000)),
            ("-1s", None),
            ("", None),
            ("1", None),
            (".s", None),
            ("1..5s", None),
            ("1d", None),
            ("99999999h", None),
        ] {
            assert_eq!(parse_go(text), millis, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "s",
            "15",
            "15 s",
            "-1s",
            "1.5",
            "1.0005s",
            "1..5s",
            ".5s",
            "1d",
            "1S",
            "1s2",
            "99999999999999999999h",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
