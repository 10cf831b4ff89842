//! Chance that can be repeated: everything random in a configuration comes from one seed.

/// A generator with a seed.
#[derive(Debug)]
pub struct Dice(fastrand::Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(0..100) < percent
    }

    /// From `least` to `most`.
    pub fn count(&mut self, least: usize, most: usize) -> usize {
        self.0.usize(least..=most)
    }

    /// One of them. What stands there several times comes more often.
    pub fn pick(&mut self, of: &[&'static str]) -> &'static str {
        let index = self.0.usize(0..of.len().max(1));
        of.get(index).copied().unwrap_or_default()
    }

    /// So many of them, the same one maybe several times.
    pub fn picks(&mut self, least: usize, most: usize, of: &[&'static str]) -> Vec<&'static str> {
        (0..self.count(least, most)).map(|_| self.pick(of)).collect()
    }

    /// Some of them, each at most once, in their order.
    pub fn some(&mut self, percent: u32, of: &[&'static str]) -> Vec<&'static str> {
        of.iter().copied().filter(|_| self.chance(percent)).collect()
    }
}
