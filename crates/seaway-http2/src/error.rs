//! Why a stream or a connection is over.

use std::fmt;
use std::io;
use std::sync::Arc;

/// An error code (RFC 9113, 7). Codes that nobody knows are kept as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reason(u32);

impl Reason {
    /// It ended as it should.
    pub const NO_ERROR: Self = Self(0);
    /// A rule was broken for which there is no other code.
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// It is the endpoint's own fault.
    pub const INTERNAL_ERROR: Self = Self(2);
    /// More was sent than the window allows.
    pub const FLOW_CONTROL_ERROR: Self = Self(3);
    /// SETTINGS were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(4);
    /// A frame for a stream that is over.
    pub const STREAM_CLOSED: Self = Self(5);
    /// A frame of a size that it must not have.
    pub const FRAME_SIZE_ERROR: Self = Self(6);
    /// Nothing of the stream was processed.
    pub const REFUSED_STREAM: Self = Self(7);
    /// It is no longer wanted.
    pub const CANCEL: Self = Self(8);
    /// A header block that cannot be decoded.
    pub const COMPRESSION_ERROR: Self = Self(9);
    /// The connection of a CONNECT broke.
    pub const CONNECT_ERROR: Self = Self(10);
    /// The peer makes too much work.
    pub const ENHANCE_YOUR_CALM: Self = Self(11);
    /// The transport is not safe enough.
    pub const INADEQUATE_SECURITY: Self = Self(12);
    /// HTTP/1.1 is wanted instead.
    pub const HTTP_1_1_REQUIRED: Self = Self(13);

    fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NO_ERROR => "NO_ERROR",
            Self::PROTOCOL_ERROR => "PROTOCOL_ERROR",
            Self::INTERNAL_ERROR => "INTERNAL_ERROR",
            Self::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR",
            Self::SETTINGS_TIMEOUT => "SETTINGS_TIMEOUT",
            Self::STREAM_CLOSED => "STREAM_CLOSED",
            Self::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR",
            Self::REFUSED_STREAM => "REFUSED_STREAM",
            Self::CANCEL => "CANCEL",
            Self::COMPRESSION_ERROR => "COMPRESSION_ERROR",
            Self::CONNECT_ERROR => "CONNECT_ERROR",
            Self::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
            Self::INADEQUATE_SECURITY => "INADEQUATE_SECURITY",
            Self::HTTP_1_1_REQUIRED => "HTTP_1_1_REQUIRED",
            _ => return None,
        })
    }
}

impl From<u32> for Reason {
    fn from(code: u32) -> Self {
        Self(code)
    }
}

impl From<Reason> for u32 {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error code {:#x}", self.0),
        }
    }
}

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The other side.
    Peer,
    /// This crate, because the other side broke a rule.
    Codec,
    /// Whoever uses this crate.
    User,
}

/// Why a stream or its connection is over. One error of a connection is told to all of its streams.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The stream was reset.
    #[error("the stream was reset: {reason}")]
    Reset {
        /// Why.
        reason: Reason,
        /// By whom.
        by: By,
    },
    /// The connection was ended, or takes no more streams and has not begun with this one.
    #[error("the connection is going away: {reason}")]
    GoAway {
        /// Why.
        reason: Reason,
        /// By whom.
        by: By,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[source] Arc<io::Error>),
    /// More was to be sent on a stream that was ended before.
    #[error("the stream was ended before")]
    Ended,
}

impl Error {
    pub(crate) fn reset(reason: Reason, by: By) -> Self {
        Self::Reset { reason, by }
    }

    /// The code that was given, or is fit to be given, for it.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Reset { reason, .. } | Self::GoAway { reason, .. } => Some(*reason),
            Self::Io(_) | Self::Ended => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}
