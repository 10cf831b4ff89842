//! From what sockets and connections report to one [`Failure`].

use std::io;

use seaway_http2::{By, Error, Reason};

use super::tls;
use crate::body::BodyError;
use crate::error::{Failure, TlsFault};

/// A connection could not be made.
pub(super) fn connect(error: &io::Error) -> Failure {
    if is_ours(error) {
        return Failure::Overload;
    }
    match error.kind() {
        io::ErrorKind::TimedOut => Failure::ConnectTimeout,
        _ => Failure::ConnectFailed,
    }
}

/// We ran out of files or memory: no endpoint is to blame. Running out of ports looks the same as a host without
/// IPv6 (`EADDRNOTAVAIL`), and is far rarer.
fn is_ours(error: &io::Error) -> bool {
    let ours = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS];
    error.raw_os_error().is_some_and(|code| ours.contains(&code))
}

/// An HTTP/2 connection broke before the peer's SETTINGS came.
pub(super) fn shaking(error: &Error) -> Failure {
    match error {
        Error::GoAway { by: By::Codec, .. } => Failure::UpstreamProtocol,
        Error::Io(error) => refused(error).unwrap_or(Failure::ConnectFailed),
        _ => Failure::ConnectFailed,
    }
}

/// The body of a request ended early.
pub(super) fn body(error: &BodyError) -> Failure {
    match error {
        BodyError::Failure(failure) => *failure,
        // Whoever sent it went away, or gave this copy of it up.
        _ => Failure::ClientGone,
    }
}

/// An HTTP/1.1 connection broke before a response head came.
pub(super) fn broken(error: &io::Error) -> Failure {
    refused(error).unwrap_or(Failure::UpstreamReset)
}

/// In TLS 1.3 a server says that it does not believe our certificate only after the handshake, instead of an answer.
fn refused(io: &io::Error) -> Option<Failure> {
    let inner = io.get_ref()?.downcast_ref::<rustls::Error>()?;
    let fault = tls::fault(inner);
    (fault == TlsFault::Refused).then_some(Failure::UpstreamTls(fault))
}

/// A request was handed to an HTTP/2 connection, and no response head came.
///
/// RFC 9113, 8.7: what the peer certainly did not process is what it refused, and what a GOAWAY leaves out. No other
/// streams get the error of a peer's GOAWAY, and none that was opened gets ours without a mistake of the peer.
pub(super) fn stream(error: &Error) -> Failure {
    match error {
        Error::Io(error) => refused(error).unwrap_or(Failure::UpstreamReset),
        Error::GoAway { by: By::Peer, .. } => Failure::RefusedStream,
        // It has no numbers left for streams.
        Error::GoAway {
            reason: Reason::NO_ERROR,
            by: By::Codec,
        } => Failure::RefusedStream,
        Error::Reset {
            reason: Reason::REFUSED_STREAM,
            by: By::Peer,
        } => Failure::RefusedStream,
        Error::GoAway { by: By::Codec, .. } | Error::Reset { by: By::Codec, .. } => Failure::UpstreamProtocol,
        // A stream is reset from here only when the request's body fails.
        Error::Reset { by: By::User, .. } => Failure::ClientGone,
        _ => Failure::UpstreamReset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_files_is_not_the_endpoints_fault() {
        assert_eq!(
            connect(&io::Error::from_raw_os_error(libc::EMFILE)),
            Failure::Overload
        );
    }

    #[test]
    fn an_address_family_that_is_not_there_is_the_endpoints_fault() {
        for code in [libc::EADDRNOTAVAIL, libc::EAFNOSUPPORT, libc::ENETUNREACH] {
            assert_eq!(
                connect(&io::Error::from_raw_os_error(code)),
                Failure::ConnectFailed
            );
        }
    }

    #[test]
    fn the_systems_own_time_out_is_a_time_out() {
        assert_eq!(
            connect(&io::Error::from_raw_os_error(libc::ETIMEDOUT)),
            Failure::ConnectTimeout
        );
    }
}
