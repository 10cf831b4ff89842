//! Durations and ratios as integers, so that they can be compared, hashed and written down without rounding twice.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A duration in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// As the standard library's duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) {
            write!(f, "{}s", self.0 / 1000)
        } else {
            write!(f, "{}ms", self.0)
        }
    }
}

/// A share in parts per million: Envoy's finest denominator (`FractionalPercent.MILLION`). Never above one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u32", from = "u32")]
pub struct Fraction(u32);

impl From<Fraction> for u32 {
    fn from(share: Fraction) -> Self {
        share.0
    }
}

/// As [`Fraction::from_millionths`].
impl From<u32> for Fraction {
    fn from(parts: u32) -> Self {
        Self::from_millionths(parts)
    }
}

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self(1_000_000);

    /// From parts per million; more than a million is everything.
    #[must_use]
    pub fn from_millionths(parts: u32) -> Self {
        Self(parts.min(1_000_000))
    }

    /// Parts per million.
    #[must_use]
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// Whether `roll`, uniform in `0..1_000_000`, falls inside this share.
    #[must_use]
    pub fn takes(self, roll: u32) -> bool {
        roll < self.0
    }
}

/// As a percentage without needless zeros: `0.1%`.
impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 10_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_a_percent_is_said_and_taken_exactly() {
        let share = Fraction::from_millionths(1_000);
        assert_eq!(share.to_string(), "0.1%");
        assert_eq!((0..1_000_000).filter(|roll| share.takes(*roll)).count(), 1_000);
    }

    #[test]
    fn a_share_is_never_more_than_everything() {
        assert_eq!(Fraction::from_millionths(2_000_000), Fraction::ALL);
    }
}
