//! What we allow a peer.

use crate::settings::{DEFAULT_WINDOW, MOST_WINDOW};

/// What we allow a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of content of a stream that nobody has taken.
    pub(crate) window: u32,
    /// The same of all streams together.
    pub(crate) connection_window: u32,
    /// Bytes of a frame.
    pub(crate) frame: u32,
    /// Bytes of a head, as RFC 9113, 6.5.2 counts them.
    pub(crate) header_list: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: DEFAULT_WINDOW,
            connection_window: DEFAULT_WINDOW,
            frame: 16 << 10,
            header_list: 64 << 10,
        }
    }
}

impl Limits {
    pub(crate) fn window(self, bytes: u32) -> Self {
        Self {
            window: bytes.min(MOST_WINDOW),
            ..self
        }
    }

    pub(crate) fn connection_window(self, bytes: u32) -> Self {
        Self {
            connection_window: bytes.clamp(DEFAULT_WINDOW, MOST_WINDOW),
            ..self
        }
    }

    pub(crate) fn frame(self, bytes: u32) -> Self {
        const LEAST: u32 = 1 << 14;
        Self {
            frame: bytes.clamp(LEAST, (1 << 24) - 1),
            ..self
        }
    }
}
