//! HTTP/1.1, by text that is put together once.

use std::sync::Mutex;

use super::{AT_ONCE, Ask, Seen, Speech, count, lock};

pub(super) struct Text {
    one: String,
    many: String,
}

impl Text {
    pub(super) fn new(ask: Ask) -> Self {
        let fields: String = ask
            .fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let one = format!("GET / HTTP/1.1\r\nhost: {}\r\n{fields}\r\n", ask.host);
        Self {
            many: one.repeat(AT_ONCE),
            one,
        }
    }
}

impl Speech for Text {
    fn asks(&mut self, count: usize) -> Vec<u8> {
        match count {
            AT_ONCE => self.many.clone().into_bytes(),
            count => self.one.repeat(count).into_bytes(),
        }
    }

    /// Counts the answers whose heads are whole, and forgets them.
    fn takes(&mut self, buffer: &mut Vec<u8>, seen: &Mutex<Seen>) -> usize {
        let text = String::from_utf8_lossy(buffer).into_owned();
        let Some(end) = text.rfind("\r\n\r\n") else {
            return 0;
        };
        let (heads, _) = text.split_at(end + 4);
        let mut seen = lock(seen);
        let mut answers = 0;
        for answer in heads.split("HTTP/1.1 ").skip(1) {
            let status = answer.get(..3).and_then(|s| s.parse().ok()).expect("a status");
            count(&mut seen, status);
            answers += 1;
            if status == 503 && seen.shed.is_empty() {
                seen.shed = answer.to_owned();
            }
        }
        buffer.drain(..heads.len());
        answers
    }
}
