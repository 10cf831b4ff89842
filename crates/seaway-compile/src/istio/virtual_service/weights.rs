//! Weights that do nothing.

use seaway_api::Spanned;
use seaway_model::Code;

use crate::findings::Reporter;

/// Warns of weights without effect in a list of destinations. The whole for the only destination says what is so anyway,
/// and is written everywhere, so it is passed over.
pub(super) fn report<'w>(
    weights: impl Iterator<Item = Option<&'w Spanned<u32>>>,
    field: &str,
    reporter: &mut Reporter<'_>,
) {
    const WHOLE: u32 = 100;
    let weights: Vec<_> = weights.collect();
    let mut say = |index: usize, weight: &Spanned<u32>, message: String| {
        reporter.report(
            Code::UselessWeight,
            &format!("{field}[{index}].weight"),
            weight.pos,
            message,
            "remove the weight, or add the destinations that the rest is for",
        );
    };
    match weights.as_slice() {
        [Some(weight)] if weight.value != WHOLE => {
            let message = format!(
                "a weight of {} does nothing: the only destination gets everything",
                weight.value
            );
            say(0, weight, message);
        }
        [_] => {}
        several => {
            for (index, weight) in several.iter().enumerate() {
                if let Some(weight) = weight.filter(|weight| weight.value == 0) {
                    say(index, weight, "a destination of weight 0 gets nothing".to_owned());
                }
            }
        }
    }
}
