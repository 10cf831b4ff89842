//! Changes to inputs, at random but repeatable.

/// Longer inputs find nothing that shorter ones do not.
const LONGEST: usize = 32 * 1024;

/// Makes inputs from inputs.
pub struct Mutator {
    state: u64,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(seed: u64, words: Vec<Vec<u8>>) -> Self {
        Self { state: seed, words }
    }

    /// SplitMix64: small, and good enough to be anywhere.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        let random = self.random();
        usize::try_from(random % (end.max(1) as u64)).unwrap_or(0)
    }

    /// A seed with one to six changes.
    pub fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(corpus);
        for _ in 0..=self.below(6) {
            let other = self.pick(corpus);
            self.change(&mut input, &other);
        }
        input.truncate(LONGEST);
        input
    }

    fn pick(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let at = self.below(corpus.len());
        corpus.get(at).cloned().unwrap_or_default()
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(input.len() + 1);
        match self.below(10) {
            0 => {
                let flip = u8::try_from(self.below(256)).unwrap_or(1);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= flip;
                }
            }
            1 => input.truncate(at),
            2 => {
                let length = self.below(16);
                input.drain(at..(at + length).min(input.len()));
            }
            3 | 4 => {
                let word = self.below(self.words.len());
                let word = self.words.get(word).cloned().unwrap_or_default();
                input.splice(at..at, word);
            }
            5 => {
                let line = self.line(input);
                input.drain(line);
            }
            6 => {
                let line = self.line(input);
                let text = input.get(line).unwrap_or_default().to_vec();
                let to = self.line(input).start;
                input.splice(to..to, text);
            }
            7 => {
                let line = self.line(other);
                let text = other.get(line).unwrap_or_default().to_vec();
                let to = self.line(input);
                input.splice(to, text);
            }
            8 => {
                // Two inputs, one after the other, or crossed over.
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(other.get(from..).unwrap_or_default());
            }
            _ => self.number(input),
        }
    }

    /// A whole line, its end included.
    fn line(&mut self, text: &[u8]) -> std::ops::Range<usize> {
        let at = self.below(text.len());
        let is_end = |byte: &u8| *byte == b'\n';
        let start = text.iter().take(at).rposition_of(is_end).map_or(0, |end| end + 1);
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.iter().position(is_end).map_or(rest.len(), |end| end + 1);
        start..start + length
    }

    /// Replaces a run of digits by a number at an edge.
    fn number(&mut self, input: &mut Vec<u8>) {
        const EDGES: [&str; 10] = [
            "0",
            "-1",
            "1",
            "65535",
            "65536",
            "4294967295",
            "4294967296",
            "18446744073709551616",
            "1e400",
            "0.0000001",
        ];
        let from = self.below(input.len());
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        let Some(start) = input.iter().skip(from).position(is_digit).map(|at| at + from) else {
            return;
        };
        let length = input.iter().skip(start).take_while(|byte| is_digit(byte)).count();
        let edge = self.below(EDGES.len());
        let edge = EDGES.get(edge).copied().unwrap_or("0");
        input.splice(start..start + length, edge.bytes());
    }
}

/// The last position for which something holds, of an iterator that need not know its length beforehand.
trait LastPosition: Iterator + Sized {
    fn rposition_of(self, mut holds: impl FnMut(Self::Item) -> bool) -> Option<usize> {
        self.enumerate()
            .filter_map(|(at, item)| holds(item).then_some(at))
            .last()
    }
}

impl<I: Iterator> LastPosition for I {}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> Vec<Vec<u8>> {
        vec![
            b"kind: HttpRoute\nport: 80\n".to_vec(),
            b"".to_vec(),
            b"a: 1".to_vec(),
        ]
    }

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let make = || {
            let mut mutator = Mutator::new(7, vec![b"word".to_vec()]);
            (0..1000).map(|_| mutator.next(&corpus())).collect::<Vec<_>>()
        };
        assert_eq!(make(), make());
    }

    #[test]
    fn inputs_differ_from_each_other() {
        let mut mutator = Mutator::new(7, vec![b"word".to_vec()]);
        let inputs: std::collections::HashSet<_> = (0..1000).map(|_| mutator.next(&corpus())).collect();
        assert!(inputs.len() > 100, "{}", inputs.len());
    }

    #[test]
    fn an_empty_corpus_and_no_words_are_no_reason_to_panic() {
        let mut mutator = Mutator::new(7, Vec::new());
        for _ in 0..1000 {
            let _ = mutator.next(&[]);
        }
    }
}
