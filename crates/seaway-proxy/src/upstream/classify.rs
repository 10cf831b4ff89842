//! From what hyper, h2 and the operating system report to one [`Failure`].

use std::error::Error;
use std::io;

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

/// A handshake failed.
pub(super) fn connecting(error: &hyper::Error) -> Failure {
    refused_by_tls(error).unwrap_or(Failure::ConnectFailed)
}

/// The same of an HTTP/2 connection.
pub(super) fn shaking(error: &h2::Error) -> Failure {
    if error.is_library() {
        return Failure::UpstreamProtocol;
    }
    error.get_io().and_then(refused).unwrap_or(Failure::ConnectFailed)
}

/// A request was handed to a connection, and no response head came.
pub(super) fn exchange(error: &hyper::Error) -> Failure {
    if let Some(body) = source::<BodyError>(error) {
        return match body {
            BodyError::Failure(failure) => *failure,
            // Whoever sent it went away, or gave this copy of it up.
            _ => Failure::ClientGone,
        };
    }
    if let Some(refused) = refused_by_tls(error) {
        return refused;
    }
    if error.is_parse() {
        return Failure::UpstreamProtocol;
    }
    Failure::UpstreamReset
}

/// In TLS 1.3 a server says that it does not believe our certificate only after the handshake, instead of an answer.
fn refused_by_tls(error: &hyper::Error) -> Option<Failure> {
    refused(source::<io::Error>(error)?)
}

fn refused(io: &io::Error) -> Option<Failure> {
    let inner = io.get_ref()?.downcast_ref::<rustls::Error>()?;
    let fault = tls::fault(inner);
    (fault == TlsFault::Refused).then_some(Failure::UpstreamTls(fault))
}

/// A request was handed to an HTTP/2 connection, and no response head came.
///
/// RFC 9113, 8.7: what the peer certainly did not process is what it refused, and what a GOAWAY leaves out. h2 gives
/// the error of a remote GOAWAY to no other streams.
pub(super) fn stream(error: &h2::Error) -> Failure {
    if let Some(refused) = error.get_io().and_then(refused) {
        return refused;
    }
    if error.is_go_away() && error.is_remote() {
        return Failure::RefusedStream;
    }
    if error.is_reset() && error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM) {
        return Failure::RefusedStream;
    }
    if error.is_library() {
        return Failure::UpstreamProtocol;
    }
    if error.is_reset() && !error.is_remote() {
        // A stream is reset from here only when the request's body fails.
        return Failure::ClientGone;
    }
    Failure::UpstreamReset
}

fn source<E: Error + 'static>(error: &hyper::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(here) = next {
        if let Some(found) = here.downcast_ref::<E>() {
            return Some(found);
        }
        next = here.source();
    }
    None
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
