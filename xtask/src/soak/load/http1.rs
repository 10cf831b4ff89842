//! HTTP/1.1, spoken byte by byte, so that what a connection does is known exactly.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::time::Duration;

use seaway_testkit::client::{Raw, RawAnswer, Wire};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{Client, DEADLINE, in_time};
use crate::soak::manifests::{HOST, NUMBER};

const MIB: usize = 1024 * 1024;
/// What an upload writes at once.
static PIECE: [u8; 64 * 1024] = [b'y'; 64 * 1024];

/// How a client uses its connections.
#[derive(Clone, Debug)]
pub struct Habit {
    is_tls: bool,
    /// Requests on a connection, before the client closes it.
    requests: u32,
    pause: Range<Duration>,
    asks_for: Ask,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// A few words.
    Report,
    /// To take so many MiB at most.
    Upload(usize),
    /// To give so many MiB at most.
    Download(usize),
}

const fn millis(from: u64, to: u64) -> Range<Duration> {
    Duration::from_millis(from)..Duration::from_millis(to)
}

impl Habit {
    pub const KEEP: Self = Self {
        is_tls: false,
        requests: u32::MAX,
        pause: millis(10, 30),
        asks_for: Ask::Report,
    };
    /// As long as the grace of a listener that goes away, and longer.
    pub const SELDOM: Self = Self {
        pause: millis(700, 2500),
        ..Self::KEEP
    };
    pub const NEW: Self = Self {
        requests: 1,
        pause: millis(40, 60),
        ..Self::KEEP
    };
    pub const TLS: Self = Self {
        is_tls: true,
        requests: 50,
        pause: millis(10, 30),
        ..Self::KEEP
    };
    pub const UPLOAD: Self = Self {
        pause: millis(200, 400),
        asks_for: Ask::Upload(4),
        ..Self::KEEP
    };
    pub const DOWNLOAD: Self = Self {
        pause: millis(200, 400),
        asks_for: Ask::Download(4),
        ..Self::KEEP
    };
}

/// A stream, clear or not.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

struct Connection {
    raw: Raw<Box<dyn Duplex>>,
    requests: u32,
}

/// A request, and what its answer has to be.
struct Request {
    method: &'static str,
    head: String,
    body: usize,
    path: String,
    expected: Expected,
}

enum Expected {
    /// The backend names the path, and the length of the body that it got.
    Report {
        body: usize,
    },
    Bytes(usize),
}

/// Why there is no answer.
struct Broken {
    error: String,
    /// Not a byte of it came.
    is_unanswered: bool,
}

/// Asks until it is told to stop.
pub async fn ask(mut client: Client, habit: Habit) {
    let mut connection: Option<Connection> = None;
    while !client.stop.is_said() {
        let request = Request::new(habit.asks_for);
        if let Some(mut idle) = connection.take()
            && !idle.raw.is_closed().await
        {
            match idle.ask(&request).await {
                Ok(answer) => connection = judge(&client, &habit, idle, &request, &answer),
                // All of our requests are idempotent.
                Err(broken) if broken.is_unanswered => {
                    client.row.repeated(&broken.error);
                    connection = ask_anew(&client, &habit, &request).await;
                }
                Err(broken) => client.row.failed(&broken.error),
            }
        } else {
            connection = ask_anew(&client, &habit, &request).await;
        }
        client.pause(&habit.pause).await;
    }
}

/// Asks on a connection that is opened for it, which cannot have been closed by somebody who thought it idle.
async fn ask_anew(client: &Client, habit: &Habit, request: &Request) -> Option<Connection> {
    let mut connection = match in_time(open(client, habit)).await {
        Ok(connection) => connection,
        Err(error) => {
            client.row.failed(&format!("no connection: {error}"));
            return None;
        }
    };
    client.row.opened();
    match connection.ask(request).await {
        Ok(answer) => judge(client, habit, connection, request, &answer),
        Err(broken) => {
            client
                .row
                .failed(&format!("on a new connection: {}", broken.error));
            None
        }
    }
}

async fn open(client: &Client, habit: &Habit) -> io::Result<Connection> {
    let stream: Box<dyn Duplex> = if habit.is_tls {
        Box::new(
            client
                .trust
                .connect(client.ports.https, HOST, Wire::Http1)
                .await?,
        )
    } else {
        let stream = TcpStream::connect(client.ports.http).await?;
        stream.set_nodelay(true)?;
        Box::new(stream)
    };
    Ok(Connection {
        raw: Raw::over(stream),
        requests: 0,
    })
}

/// Counts an answer. Gives the connection back if it may be used again.
fn judge(
    client: &Client,
    habit: &Habit,
    connection: Connection,
    request: &Request,
    answer: &RawAnswer,
) -> Option<Connection> {
    match request.fault(answer) {
        None => client.row.answered(),
        Some(fault) => client.row.failed(&fault),
    }
    if let Some(number) = answer.header(NUMBER).and_then(|number| number.parse().ok()) {
        client.seen.note(number);
    }
    let says_close = answer
        .header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
    (!says_close && connection.requests < habit.requests).then_some(connection)
}

impl Request {
    fn new(ask: Ask) -> Self {
        let path = format!("/{}?turn={}", fastrand::u32(..), fastrand::u8(..3));
        let turn = fastrand::u8(..10);
        let mut fields = format!("Host: {HOST}\r\nx-soak-turn: {turn}\r\n");
        let some = |most: usize| fastrand::usize(MIB / 4..most * MIB);
        let (method, body, expected) = match ask {
            Ask::Report => ("GET", 0, Expected::Report { body: 0 }),
            Ask::Upload(most) => {
                let body = some(most);
                field(&mut fields, "content-length", body);
                ("PUT", body, Expected::Report { body })
            }
            Ask::Download(most) => {
                let bytes = some(most);
                let form = if fastrand::bool() { "sized" } else { "chunked" };
                field(&mut fields, "x-echo-answer", format_args!("{form}={bytes}"));
                ("GET", 0, Expected::Bytes(bytes))
            }
        };
        Self {
            method,
            head: format!("{method} {path} HTTP/1.1\r\n{fields}\r\n"),
            body,
            path,
            expected,
        }
    }

    /// What is wrong with an answer.
    fn fault(&self, answer: &RawAnswer) -> Option<String> {
        if answer.status != 200 {
            let text = String::from_utf8_lossy(&answer.body);
            let start: String = text.chars().take(200).collect();
            return Some(format!("status {}: {start}", answer.status));
        }
        match self.expected {
            Expected::Report { body } => {
                let text = String::from_utf8_lossy(&answer.body);
                let is_ours = text.contains(&format!("\"path\":\"{}\"", self.path))
                    && text.contains(&format!("\"bodyBytes\":{body}"));
                (!is_ours).then(|| format!("an answer to another request than {} {}", self.method, self.path))
            }
            Expected::Bytes(bytes) => (answer.body.len() != bytes || answer.body.iter().any(|b| *b != b'x'))
                .then(|| format!("{} bytes instead of {bytes}", answer.body.len())),
        }
    }
}

fn field(fields: &mut String, name: &str, value: impl std::fmt::Display) {
    // Cannot fail in memory.
    let _ = write!(fields, "{name}: {value}\r\n");
}

impl Connection {
    async fn ask(&mut self, request: &Request) -> Result<RawAnswer, Broken> {
        self.requests += 1;
        let exchange = async {
            let sent = self.send(request).await;
            // What has been answered before everything was sent is an answer.
            let answer = self.raw.read_answer_to(request.method).await;
            answer.map_err(|error| sent.err().unwrap_or(error))
        };
        let result = tokio::time::timeout(DEADLINE, exchange).await;
        let error = match result {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                return Err(Broken {
                    error: format!("no answer within {DEADLINE:?}"),
                    is_unanswered: false,
                });
            }
        };
        Err(Broken {
            error: format!("{error}, request {} of its connection", self.requests),
            is_unanswered: !self.raw.has_begun(),
        })
    }

    async fn send(&mut self, request: &Request) -> io::Result<()> {
        self.raw.write(request.head.as_bytes()).await?;
        let mut left = request.body;
        while left > 0 {
            let now = PIECE.get(..left).unwrap_or(&PIECE);
            self.raw.write(now).await?;
            left -= now.len();
        }
        Ok(())
    }
}
