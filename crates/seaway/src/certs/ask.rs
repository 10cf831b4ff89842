//! One GET to an admin port. It closes the connection after its answer, so there is nothing to frame.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An admin port that takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body of an answer with status 200.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // HTTP/1.0: neither chunks nor a connection that stays.
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    body(&answer)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| io::Error::other(format!("it answers \"{}\"", first_line(&answer))))
}

fn body(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end + 4)?;
    let is_ok = head.starts_with(b"HTTP/1.") && head.get(8..13) == Some(b" 200 ");
    is_ok.then_some(body)
}

fn first_line(answer: &[u8]) -> String {
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_has_a_body() {
        assert_eq!(body(b"HTTP/1.0 200 OK\r\na: b\r\n\r\n{}"), Some(&b"{}"[..]));
        assert_eq!(body(b"HTTP/1.0 404 Not Found\r\n\r\n{}"), None);
        assert_eq!(body(b"SSH-2.0-x\r\n"), None);
        assert_eq!(
            first_line(b"HTTP/1.0 404 Not Found\r\nx"),
            "HTTP/1.0 404 Not Found"
        );
    }
}
