//! What `--access-log` says, read once at start: `off`, `text`, `json`, or a line with Envoy's command operators.
//!
//! An operator that does not exist is an error at start, not a `-` in every line for ever.

use std::str::FromStr;

use super::json;
use super::value::{Field, Logged};

/// The line of `text`: Istio's default with what a gateway knows.
pub(crate) const TEXT: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%\" %RESPONSE_CODE% \
    %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
    %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \
    \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% \
    %ROUTE_NAME% \"%FAILURE_MESSAGE%\"";

/// Operators, what they hold, and what that is.
pub(crate) const OPERATORS: &[(&str, Field, &str)] = &[
    (
        "START_TIME",
        Field::StartTime,
        "When the request began, RFC 3339 in UTC with milliseconds.",
    ),
    ("REQ(:METHOD)", Field::Method, "The method."),
    ("REQ(:PATH)", Field::Path, "The path as sent, query included."),
    (
        "REQ(X-ENVOY-ORIGINAL-PATH)",
        Field::Path,
        "The same: what is logged is never the rewritten path.",
    ),
    ("REQ(:AUTHORITY)", Field::Authority, "The host as sent."),
    ("REQ(HOST)", Field::Authority, "The same."),
    ("REQ(:SCHEME)", Field::Scheme, "`http` or `https`."),
    ("REQ(USER-AGENT)", Field::UserAgent, "The header."),
    (
        "REQ(X-FORWARDED-FOR)",
        Field::ForwardedFor,
        "The header as sent upstream.",
    ),
    ("REQ(X-REQUEST-ID)", Field::RequestId, "The header."),
    (
        "RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)",
        Field::UpstreamServiceTime,
        "Milliseconds until the endpoint's response head.",
    ),
    (
        "RESP(GRPC-STATUS)",
        Field::GrpcStatus,
        "The gRPC status as a number.",
    ),
    (
        "TRAILER(GRPC-STATUS)",
        Field::GrpcStatus,
        "The same: header or trailer.",
    ),
    ("GRPC_STATUS", Field::GrpcStatusName, "The gRPC status by name."),
    (
        "GRPC_STATUS_NUMBER",
        Field::GrpcStatus,
        "The gRPC status as a number.",
    ),
    (
        "PROTOCOL",
        Field::Protocol,
        "`HTTP/1.1` or `HTTP/2`; `TCP` or `UDP` for a relayed connection.",
    ),
    (
        "RESPONSE_CODE",
        Field::Status,
        "The status sent to the client; 0 without one.",
    ),
    ("RESPONSE_FLAGS", Field::Flags, "Flags joined by commas."),
    (
        "RESPONSE_CODE_DETAILS",
        Field::Reason,
        "A stable word for an answer made by the gateway.",
    ),
    (
        "BYTES_RECEIVED",
        Field::BytesReceived,
        "Bytes of the request's body.",
    ),
    ("BYTES_SENT", Field::BytesSent, "Bytes of the response's body."),
    (
        "DURATION",
        Field::Duration,
        "Milliseconds from the request's first byte to the response's last.",
    ),
    (
        "RESPONSE_DURATION",
        Field::UpstreamServiceTime,
        "Milliseconds until the endpoint's response head.",
    ),
    (
        "UPSTREAM_HOST",
        Field::UpstreamHost,
        "Address of the endpoint that was tried last.",
    ),
    ("UPSTREAM_REMOTE_ADDRESS", Field::UpstreamHost, "The same."),
    ("UPSTREAM_CLUSTER", Field::UpstreamCluster, "Name of the cluster."),
    (
        "UPSTREAM_REQUEST_ATTEMPT_COUNT",
        Field::Attempts,
        "Tries, the first one included.",
    ),
    (
        "ROUTE_NAME",
        Field::RouteName,
        "`kind/namespace/name/rule` of the route.",
    ),
    (
        "FAILURE_MESSAGE",
        Field::Message,
        "What is wrong with the configuration, where that is why there was an error. Seaway's own.",
    ),
    ("LISTENER", Field::Listener, "Name of the listener. Seaway's own."),
    ("RETRIES", Field::Retries, "Tries after the first. Seaway's own."),
    ("REQUESTED_SERVER_NAME", Field::ServerName, "The TLS server name."),
    (
        "DOWNSTREAM_REMOTE_ADDRESS",
        Field::Downstream,
        "Address and port of the client.",
    ),
    ("DOWNSTREAM_DIRECT_REMOTE_ADDRESS", Field::Downstream, "The same."),
    (
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
        Field::DownstreamWithoutPort,
        "Address of the client.",
    ),
    (
        "DOWNSTREAM_REMOTE_PORT",
        Field::DownstreamPort,
        "Port of the client.",
    ),
];

/// How a request or a relayed connection becomes a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Line(Vec<Piece>),
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field { field: Field, max: Option<usize> },
}

/// Why a format was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A word that is none of ours, or a line that would always be the same.
    #[error("\"{0}\" is neither off, text, json, nor a format with an operator such as %REQ(:PATH)%")]
    NoOperator(String),
    /// A percent sign without its partner.
    #[error(
        "the operator that begins at character {0} has no closing \"%\"; write \"%%\" for a percent sign"
    )]
    Unclosed(usize),
    /// An operator that does not exist.
    #[error("there is no operator %{operator}%; {hint}")]
    Unknown {
        /// As written.
        operator: String,
        /// What there is.
        hint: String,
    },
    /// A length that is none.
    #[error("%{0}%: what follows the last \":\" must be a number of characters")]
    Length(String),
    /// A line break in the format would make two lines of one request.
    #[error("the format must not contain control characters; each request is one line")]
    Control,
}

impl LogFormat {
    /// Envoy's and Istio's line.
    #[must_use]
    pub fn text() -> Self {
        // The constant is tested to be valid; if it were not, it would be printed as it stands.
        let pieces = parse(TEXT).unwrap_or_else(|_| vec![Piece::Text(TEXT.to_owned())]);
        Self(Form::Line(pieces))
    }

    /// One object a line.
    #[must_use]
    pub fn json() -> Self {
        Self(Form::Json)
    }

    /// Reads the value of `--access-log`; `None` is `off`.
    ///
    /// # Errors
    /// Says which operator is not known, and which are.
    pub fn parse_option(text: &str) -> Result<Option<Self>, FormatError> {
        if text == "off" {
            Ok(None)
        } else {
            text.parse().map(Some)
        }
    }

    /// Appends a line, with its end.
    pub(crate) fn write(&self, logged: Logged<'_, '_>, out: &mut String) {
        match &self.0 {
            Form::Json => json::write(logged, out),
            Form::Line(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Field { field, max } => field.of(logged).write(*max, out),
                    }
                }
            }
        }
        out.push('\n');
    }
}

impl FromStr for LogFormat {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text {
            "text" => Ok(Self::text()),
            "json" => Ok(Self::json()),
            format => {
                let pieces = parse(format)?;
                if !pieces.iter().any(|p| matches!(p, Piece::Field { .. })) {
                    return Err(FormatError::NoOperator(format.to_owned()));
                }
                Ok(Self(Form::Line(pieces)))
            }
        }
    }
}

fn parse(format: &str) -> Result<Vec<Piece>, FormatError> {
    if format.contains(char::is_control) {
        return Err(FormatError::Control);
    }
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let Some((operator, after)) = after.split_once('%') else {
            return Err(FormatError::Unclosed(
                format.chars().count() - after.chars().count(),
            ));
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(operator_piece(operator)?);
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// `NAME`, `NAME(HEADER)`, `NAME(HEADER?OTHER)`, `NAME(HEADER):LENGTH`.
fn operator_piece(operator: &str) -> Result<Piece, FormatError> {
    let (name, argument, length) = split_operator(operator);
    let max = length
        .map(|length| {
            length
                .parse()
                .map_err(|_| FormatError::Length(operator.to_owned()))
        })
        .transpose()?;
    let Some(argument) = argument else {
        return Ok(Piece::Field {
            field: find(name).ok_or_else(|| unknown(operator, name))?,
            max,
        });
    };
    // Of two headers the first that is known here stands for both: `X-ENVOY-ORIGINAL-PATH?:PATH` is Envoy's way of
    // saying "the path as it was sent". A header that is not known is never there, but both unknown is a mistake.
    let field = argument
        .split('?')
        .find_map(|header| find(&format!("{name}({})", header.to_ascii_uppercase())))
        .ok_or_else(|| unknown(operator, name))?;
    Ok(Piece::Field { field, max })
}

fn split_operator(operator: &str) -> (&str, Option<&str>, Option<&str>) {
    let Some((name, rest)) = operator.split_once('(') else {
        return match operator.split_once(':') {
            Some((name, length)) => (name, None, Some(length)),
            None => (operator, None, None),
        };
    };
    match rest.rsplit_once(')') {
        Some((argument, "")) => (name, Some(argument), None),
        Some((argument, tail)) => (name, Some(argument), Some(tail.strip_prefix(':').unwrap_or(tail))),
        None => (operator, None, None),
    }
}

fn find(operator: &str) -> Option<Field> {
    OPERATORS
        .iter()
        .find(|(name, _, _)| *name == operator)
        .map(|(_, field, _)| *field)
}

/// Lists the headers of `REQ`, `RESP` and `TRAILER`, or all operators.
fn unknown(operator: &str, name: &str) -> FormatError {
    let of_name: Vec<&str> = OPERATORS
        .iter()
        .map(|(known, _, _)| *known)
        .filter(|known| known.split_once('(').is_some_and(|(n, _)| n == name))
        .collect();
    let hint = if of_name.is_empty() {
        let all: Vec<&str> = OPERATORS.iter().map(|(known, _, _)| *known).collect();
        format!("known are {}", all.join(", "))
    } else {
        format!(
            "of {name} only these are kept for the log: {}",
            of_name.join(", ")
        )
    };
    FormatError::Unknown {
        operator: operator.to_owned(),
        hint,
    }
}

#[cfg(test)]
mod tests;
