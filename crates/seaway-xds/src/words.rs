//! Small words of Envoy's language, made and read: durations, shares, texts, expressions, typed extensions.

use envoy_types::pb::envoy::config::core::v3::{
    DataSource, HeaderValue, HeaderValueOption, RuntimeFractionalPercent, data_source,
    header_value_option::HeaderAppendAction,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};
use envoy_types::pb::envoy::r#type::v3::{FractionalPercent, Percent, fractional_percent::DenominatorType};
use envoy_types::pb::google::protobuf::{Any, BoolValue, Duration, UInt32Value, UInt64Value};
use prost::Name;
use seaway_model::{FieldChanges, Fraction, HeaderMutation, Millis};

/// A message in its envelope.
pub(crate) fn any<M: Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}

/// A message out of its envelope; `None` if it is another one or broken.
pub(crate) fn from_any<M: Name + Default>(any: &Any) -> Option<M> {
    (any.type_url == M::type_url())
        .then(|| M::decode(any.value.as_slice()).ok())
        .flatten()
}

pub(crate) fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

pub(crate) fn long(value: u64) -> Option<UInt64Value> {
    Some(UInt64Value { value })
}

pub(crate) fn yes_or_no(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

pub(crate) fn is_yes(value: Option<&BoolValue>) -> bool {
    value.is_some_and(|v| v.value)
}

/// Longer than Envoy's durations may be is their longest.
pub(crate) fn duration(millis: Millis) -> Option<Duration> {
    const LONGEST: u64 = 315_576_000_000;
    Some(Duration {
        seconds: i64::try_from((millis.0 / 1_000).min(LONGEST)).unwrap_or_default(),
        nanos: i32::try_from(millis.0 % 1_000).unwrap_or_default() * 1_000_000,
    })
}

/// Negative is none; a part of a millisecond is rounded up, so that something never becomes nothing.
pub(crate) fn millis(duration: Option<&Duration>) -> Option<Millis> {
    let duration = duration?;
    let whole = u64::try_from(duration.seconds).ok()?;
    let part = u64::try_from(duration.nanos).ok()?.div_ceil(1_000_000);
    Some(Millis(whole.saturating_mul(1_000).saturating_add(part)))
}

pub(crate) fn share(fraction: Fraction) -> FractionalPercent {
    FractionalPercent {
        numerator: fraction.millionths(),
        denominator: DenominatorType::Million.into(),
    }
}

/// Without a share there is all of it, as Envoy has it for mirrors.
pub(crate) fn fraction(percent: Option<&FractionalPercent>) -> Fraction {
    let Some(percent) = percent else {
        return Fraction::ALL;
    };
    let times = match percent.denominator() {
        DenominatorType::Hundred => 10_000,
        DenominatorType::TenThousand => 100,
        DenominatorType::Million => 1,
    };
    Fraction::from_millionths(percent.numerator.saturating_mul(times))
}

pub(crate) fn runtime_share(fraction: Fraction) -> Option<RuntimeFractionalPercent> {
    Some(RuntimeFractionalPercent {
        default_value: Some(share(fraction)),
        runtime_key: String::new(),
    })
}

pub(crate) fn percent(fraction: Fraction) -> Option<Percent> {
    Some(Percent {
        value: f64::from(fraction.millionths()) / 10_000.0,
    })
}

/// Rounded to the nearest millionth.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=1,000,000 before; what is not a number becomes 0"
)]
pub(crate) fn of_percent(percent: Option<&Percent>) -> Option<Fraction> {
    let parts = (percent?.value * 10_000.0).round().clamp(0.0, 1_000_000.0);
    Some(Fraction::from_millionths(parts as u32))
}

/// Envoy allows no empty one.
pub(crate) fn expression(regex: impl Into<String>) -> RegexMatcher {
    let regex = regex.into();
    RegexMatcher {
        regex: if regex.is_empty() { "(?:)".into() } else { regex },
        ..RegexMatcher::default()
    }
}

pub(crate) fn text(pattern: MatchPattern) -> StringMatcher {
    StringMatcher {
        ignore_case: false,
        match_pattern: Some(pattern),
    }
}

pub(crate) fn inline(text: &str) -> Option<DataSource> {
    Some(DataSource {
        specifier: Some(data_source::Specifier::InlineString(text.to_owned())),
        ..DataSource::default()
    })
}

pub(crate) fn file(path: &str) -> Option<DataSource> {
    Some(DataSource {
        specifier: Some(data_source::Specifier::Filename(path.to_owned())),
        ..DataSource::default()
    })
}

/// The fields that are set and added, in this order, as Envoy applies them after those that are removed. A percent sign
/// would begin one of Envoy's commands.
pub(crate) fn headers(mutation: &FieldChanges) -> Vec<HeaderValueOption> {
    let field = |(name, value): &(std::sync::Arc<str>, std::sync::Arc<str>), action: HeaderAppendAction| {
        HeaderValueOption {
            header: Some(HeaderValue {
                key: name.to_string(),
                value: value.replace('%', "%%"),
                ..HeaderValue::default()
            }),
            append_action: action.into(),
            keep_empty_value: true,
            ..HeaderValueOption::default()
        }
    };
    let set = mutation
        .set
        .iter()
        .map(|pair| field(pair, HeaderAppendAction::OverwriteIfExistsOrAdd));
    let add = mutation
        .add
        .iter()
        .map(|pair| field(pair, HeaderAppendAction::AppendIfExistsOrAdd));
    set.chain(add).collect()
}

pub(crate) fn removed(mutation: &FieldChanges) -> Vec<String> {
    mutation.remove.iter().map(ToString::to_string).collect()
}

/// What [`headers`] and [`removed`] wrote.
pub(crate) fn mutation(fields: &[HeaderValueOption], removed: &[String]) -> HeaderMutation {
    let mut changes = FieldChanges {
        remove: removed.iter().map(|name| name.as_str().into()).collect(),
        ..FieldChanges::default()
    };
    for field in fields {
        let Some(header) = &field.header else { continue };
        let pair = (header.key.as_str().into(), header.value.replace("%%", "%").into());
        match field.append_action() {
            HeaderAppendAction::OverwriteIfExistsOrAdd | HeaderAppendAction::OverwriteIfExists => {
                changes.set.push(pair);
            }
            HeaderAppendAction::AppendIfExistsOrAdd | HeaderAppendAction::AddIfAbsent => {
                changes.add.push(pair);
            }
        }
    }
    changes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_and_a_share_come_back_as_they_went() {
        for value in [0, 1, 999, 1_000, 61_001] {
            assert_eq!(millis(duration(Millis(value)).as_ref()), Some(Millis(value)));
        }
        for parts in [0, 1, 333_333, 1_000_000] {
            let share_of = Fraction::from_millionths(parts);
            assert_eq!(fraction(Some(&share(share_of))), share_of);
            assert_eq!(of_percent(percent(share_of).as_ref()), Some(share_of));
        }
    }

    #[test]
    fn a_part_of_a_millisecond_is_not_nothing() {
        let short = Duration { seconds: 0, nanos: 1 };
        assert_eq!(millis(Some(&short)), Some(Millis(1)));
        let negative = Duration {
            seconds: -1,
            nanos: 0,
        };
        assert_eq!(millis(Some(&negative)), None);
    }

    #[test]
    fn a_percent_sign_in_a_header_is_no_command() {
        let mutation_of = HeaderMutation::from(FieldChanges {
            set: vec![("x-a".into(), "50%".into())],
            ..FieldChanges::default()
        });
        let fields = headers(&mutation_of);
        assert_eq!(fields[0].header.as_ref().unwrap().value, "50%%");
        assert_eq!(mutation(&fields, &[]), mutation_of);
    }
}
