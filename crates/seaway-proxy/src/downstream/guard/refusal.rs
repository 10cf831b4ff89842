//! Every reason for which the guard refuses a message: one table for status, word and rule.

use http::StatusCode;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal, $status:ident;)*) => {
        /// Why a message is refused. Each names the rule that it breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// A stable word for logs and metrics.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What the client is answered.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The rule in a sentence, for the body of the answer.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

reasons! {
    /// More than one empty line before the request line (RFC 9112, 2.2).
    LeadingLines = "leading_lines", BAD_REQUEST;
    /// The method is not a token (RFC 9110, 9.1).
    Method = "method", BAD_REQUEST;
    /// The method is longer than any that there is (RFC 9112, 3).
    MethodTooLong = "method_too_long", NOT_IMPLEMENTED;
    /// The request target is not of a form that the method allows (RFC 9112, 3.2).
    Target = "target", BAD_REQUEST;
    /// The request target is too long (RFC 9112, 3).
    TargetTooLong = "target_too_long", URI_TOO_LONG;
    /// The request line does not end with HTTP/1.1 or HTTP/1.0 after one space (RFC 9112, 2.3 and 3).
    Version = "version", BAD_REQUEST;
    /// A version of HTTP other than 1.1 and 1.0 (RFC 9110, 15.6.6).
    VersionUnsupported = "version_unsupported", HTTP_VERSION_NOT_SUPPORTED;
    /// The head has more bytes than allowed (RFC 6585, 5).
    HeadTooLarge = "head_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE;
    /// The head has more fields than allowed (RFC 6585, 5).
    TooManyFields = "too_many_fields", REQUEST_HEADER_FIELDS_TOO_LARGE;
    /// The head did not arrive in time (RFC 9110, 15.5.9).
    HeadTimeout = "head_timeout", REQUEST_TIMEOUT;
    /// Whitespace before the first field (RFC 9112, 2.2).
    LeadingWhitespace = "leading_whitespace", BAD_REQUEST;
    /// A field is folded over several lines (RFC 9112, 5.2).
    Folding = "folding", BAD_REQUEST;
    /// A carriage return without a line feed (RFC 9112, 2.2).
    BareCr = "bare_cr", BAD_REQUEST;
    /// A line feed without a carriage return (RFC 9112, 2.2 lets us refuse what others read differently).
    BareLf = "bare_lf", BAD_REQUEST;
    /// A field name is empty or not a token, or the line has no colon (RFC 9110, 5.1).
    FieldName = "field_name", BAD_REQUEST;
    /// Whitespace between a field name and the colon (RFC 9112, 5.1).
    SpaceBeforeColon = "space_before_colon", BAD_REQUEST;
    /// A control character in a field value (RFC 9110, 5.5).
    FieldValue = "field_value", BAD_REQUEST;
    /// More than one Content-Length, equal or not (RFC 9112, 6.3).
    LengthRepeated = "length_repeated", BAD_REQUEST;
    /// A Content-Length that is not one decimal number (RFC 9110, 8.6).
    LengthInvalid = "length_invalid", BAD_REQUEST;
    /// Content-Length together with Transfer-Encoding (RFC 9112, 6.1 and 6.3).
    LengthWithEncoding = "length_with_encoding", BAD_REQUEST;
    /// A Transfer-Encoding other than exactly one "chunked" (RFC 9112, 6.1).
    Encoding = "encoding", BAD_REQUEST;
    /// A Transfer-Encoding with another coding before "chunked" (RFC 9112, 6.1).
    EncodingUnknown = "encoding_unknown", NOT_IMPLEMENTED;
    /// Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1).
    EncodingInHttp10 = "encoding_in_http10", BAD_REQUEST;
    /// No Host in HTTP/1.1 (RFC 9112, 3.2).
    HostMissing = "host_missing", BAD_REQUEST;
    /// More than one Host (RFC 9112, 3.2).
    HostRepeated = "host_repeated", BAD_REQUEST;
    /// A Host that is not a host with an optional port (RFC 9110, 7.2).
    HostInvalid = "host_invalid", BAD_REQUEST;
    /// The target's authority and the Host field differ (RFC 9112, 3.2.2; recipients disagree on which one counts).
    HostMismatch = "host_mismatch", BAD_REQUEST;
    /// CONNECT with a body (RFC 9110, 9.3.6 gives it no meaning).
    ConnectBody = "connect_body", BAD_REQUEST;
    /// A chunk size that is not a hexadecimal number (RFC 9112, 7.1).
    ChunkSize = "chunk_size", BAD_REQUEST;
    /// A chunk size that overflows (RFC 9112, 7.1).
    ChunkTooLarge = "chunk_too_large", BAD_REQUEST;
    /// A malformed chunk extension (RFC 9112, 7.1.1).
    ChunkExtension = "chunk_extension", BAD_REQUEST;
    /// More bytes of chunk extensions than anyone needs (RFC 9112, 7.1.1 asks for a limit).
    ChunkExtensionTooLarge = "chunk_extension_too_large", BAD_REQUEST;
    /// Chunk data that does not end where its size says (RFC 9112, 7.1).
    ChunkEnd = "chunk_end", BAD_REQUEST;
    /// A field in the trailers that decides framing or routing (RFC 9110, 6.5.1).
    Trailer = "trailer", BAD_REQUEST;
}

/// A message that was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", .reason.explanation())]
pub struct Refusal {
    /// The broken rule.
    pub reason: Reason,
    /// The head had already been passed on: whoever handles that request has to answer it.
    pub in_body: bool,
}

impl Refusal {
    /// The refusal behind an error of a request body, if that is what ended it.
    #[must_use]
    pub fn find(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref::<Self>() {
                return Some(*refusal);
            }
            let inner = error
                .downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::get_ref)
                .and_then(|inner| inner.downcast_ref::<Self>());
            if let Some(refusal) = inner {
                return Some(*refusal);
            }
            next = error.source();
        }
        None
    }
}
