//! What the two sides announce to each other (RFC 9113, 6.5.2; RFC 8441, 3).

use bytes::BufMut as _;

use crate::error::Reason;

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;
const ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// The largest window there can be.
pub(crate) const MOST_WINDOW: u32 = u32::MAX >> 1;
/// A window of which nothing was said.
pub(crate) const DEFAULT_WINDOW: u32 = 65_535;

/// What one SETTINGS frame says. What it does not say stays as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) table: Option<u32>,
    pub(crate) push: Option<bool>,
    pub(crate) streams: Option<u32>,
    pub(crate) window: Option<u32>,
    pub(crate) frame: Option<u32>,
    pub(crate) header_list: Option<u32>,
    pub(crate) connect: Option<bool>,
}

impl Settings {
    /// Reads a payload. Of what is said twice the last counts, and what nobody knows is nothing to us.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, Reason> {
        let (items, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        let mut settings = Self::default();
        for &[k1, k2, a, b, c, d] in items {
            let value = u32::from_be_bytes([a, b, c, d]);
            settings.set(u16::from_be_bytes([k1, k2]), value)?;
        }
        Ok(settings)
    }

    fn set(&mut self, key: u16, value: u32) -> Result<(), Reason> {
        match key {
            HEADER_TABLE_SIZE => self.table = Some(value),
            ENABLE_PUSH => self.push = Some(flag(value)?),
            MAX_CONCURRENT_STREAMS => self.streams = Some(value),
            INITIAL_WINDOW_SIZE if value > MOST_WINDOW => return Err(Reason::FLOW_CONTROL_ERROR),
            INITIAL_WINDOW_SIZE => self.window = Some(value),
            MAX_FRAME_SIZE if !(1 << 14..1 << 24).contains(&value) => return Err(Reason::PROTOCOL_ERROR),
            MAX_FRAME_SIZE => self.frame = Some(value),
            MAX_HEADER_LIST_SIZE => self.header_list = Some(value),
            ENABLE_CONNECT_PROTOCOL => self.connect = Some(flag(value)?),
            _ => {}
        }
        Ok(())
    }

    /// The payload that says it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(42);
        let all = [
            (HEADER_TABLE_SIZE, self.table),
            (ENABLE_PUSH, self.push.map(u32::from)),
            (MAX_CONCURRENT_STREAMS, self.streams),
            (INITIAL_WINDOW_SIZE, self.window),
            (MAX_FRAME_SIZE, self.frame),
            (MAX_HEADER_LIST_SIZE, self.header_list),
            (ENABLE_CONNECT_PROTOCOL, self.connect.map(u32::from)),
        ];
        for (key, value) in all {
            if let Some(value) = value {
                bytes.put_u16(key);
                bytes.put_u32(value);
            }
        }
        bytes
    }
}

fn flag(value: u32) -> Result<bool, Reason> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Reason::PROTOCOL_ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let settings = Settings {
            table: Some(1),
            push: Some(false),
            streams: Some(100),
            window: Some(MOST_WINDOW),
            frame: Some(1 << 14),
            header_list: Some(3),
            connect: Some(true),
        };
        assert_eq!(Settings::read(&settings.bytes()), Ok(settings));
    }

    #[test]
    fn values_that_none_may_have_are_errors() {
        let read = |key: u8, value: u32| {
            let [a, b, c, d] = value.to_be_bytes();
            Settings::read(&[0, key, a, b, c, d])
        };
        assert_eq!(read(2, 2), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(read(4, 1 << 31), Err(Reason::FLOW_CONTROL_ERROR));
        assert_eq!(read(5, (1 << 14) - 1), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(read(5, 1 << 24), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(read(8, 7), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(Settings::read(&[0; 7]), Err(Reason::FRAME_SIZE_ERROR));
        assert_eq!(read(99, 1), Ok(Settings::default()));
    }
}
