//! Steady load: connections that ask again as soon as they are answered, until they are stopped.
//!
//! For tests in which nothing may fail while something else happens. A connection that ends is counted as a failure and
//! opened again, so one mistake is not counted a thousand times.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::Request;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Raw, Wire, websocket};

/// The first so many errors are kept.
const ERRORS_KEPT: usize = 10;
/// Streams side by side on one HTTP/2 connection.
const STREAMS: usize = 4;

/// What the connections do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// GET over HTTP/1.1, one after the other on each connection.
    Http1,
    /// GET over HTTP/2, four streams side by side on each connection.
    Http2,
    /// Messages on WebSockets that stay open.
    WebSocket,
}

/// Where the requests go.
#[derive(Clone, Debug)]
pub struct Goal {
    /// Whom to connect to.
    pub address: SocketAddr,
    /// `Host`.
    pub host: String,
    /// Path and query.
    pub path: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Answers 200, or messages that came back.
    pub ok: u64,
    /// Everything else.
    pub failed: u64,
    /// The first of them.
    pub errors: Vec<String>,
}

/// Load that is under way.
#[derive(Debug)]
pub struct Load {
    tally: Arc<Tally>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Tally {
    totals: Mutex<Totals>,
    ok: watch::Sender<u64>,
}

impl Tally {
    fn add(&self, outcome: io::Result<()>) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                totals.ok += 1;
                self.ok.send_replace(totals.ok);
            }
            Err(error) => {
                totals.failed += 1;
                if totals.errors.len() < ERRORS_KEPT {
                    totals.errors.push(error.to_string());
                }
            }
        }
    }
}

impl Load {
    /// Starts so many connections on the current runtime.
    #[must_use]
    pub fn start(kind: Kind, goal: &Goal, connections: usize) -> Self {
        let tally = Arc::new(Tally {
            totals: Mutex::default(),
            ok: watch::channel(0).0,
        });
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let (goal, tally, stopping) = (goal.clone(), Arc::clone(&tally), stopping.clone());
            tasks.spawn(async move {
                while !*stopping.borrow() {
                    let ended = match kind {
                        Kind::Http1 => http1(&goal, &tally, &stopping).await,
                        Kind::Http2 => http2(&goal, &tally, &stopping).await,
                        Kind::WebSocket => messages(&goal, &tally, &stopping).await,
                    };
                    if let Err(error) = ended {
                        tally.add(Err(error));
                        // So that a gateway that is gone does not make this spin.
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            });
        }
        Self { tally, stop, tasks }
    }

    /// Waits until so many requests went well, in all, for at most half a minute.
    ///
    /// # Errors
    /// With the totals, when they did not.
    pub async fn wait_for(&self, ok: u64) -> Result<(), Totals> {
        if self.wait_for_within(ok, Duration::from_secs(30)).await {
            Ok(())
        } else {
            Err(self.totals())
        }
    }

    /// The same within a time of the caller's; says whether it came about.
    pub async fn wait_for_within(&self, ok: u64, time: Duration) -> bool {
        let mut seen = self.tally.ok.subscribe();
        tokio::time::timeout(time, seen.wait_for(|seen| *seen >= ok))
            .await
            .is_ok()
    }

    /// Up to now.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.tally
            .totals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets the requests under way finish, and counts them too.
    pub async fn stop(mut self) -> Totals {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        self.totals()
    }
}

/// One answer, but not for ever: a stream that hangs is a failure.
async fn in_time<T>(answer: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(Duration::from_secs(10), answer)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer in ten seconds"))?
}

async fn http1(goal: &Goal, tally: &Tally, stop: &watch::Receiver<bool>) -> io::Result<()> {
    let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", goal.path, goal.host);
    let mut connection = Raw::open(goal.address).await?;
    while !*stop.borrow() {
        let answer = in_time(async {
            connection.write(request.as_bytes()).await?;
            connection.read_answer().await
        })
        .await?;
        let announced = answer.head.to_ascii_lowercase().contains("\r\nconnection: close");
        tally.add(expect_200(answer.status));
        if announced {
            // The server said so beforehand: no request was lost.
            return Ok(());
        }
    }
    Ok(())
}

async fn http2(goal: &Goal, tally: &Tally, stop: &watch::Receiver<bool>) -> io::Result<()> {
    let client = Client::open(goal.address, Wire::Http2).await?;
    let uri = format!("http://{}{}", goal.host, goal.path);
    let streams = (0..STREAMS).filter_map(|_| client.sibling()).map(|mut client| {
        let uri = &uri;
        async move {
            while !*stop.borrow() {
                let answer = in_time(client.send(Request::get(uri), "")).await?;
                tally.add(expect_200(answer.status));
            }
            Ok::<_, io::Error>(())
        }
    });
    let ended = futures_util::future::join_all(streams).await;
    let mut failures = ended.into_iter().filter_map(Result::err);
    failures.find(|error| !was_never_sent(error)).map_or(Ok(()), Err)
}

/// Whether the client itself held a request back, as it must once the server has said GOAWAY: no request was lost.
fn was_never_sent(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|e| e.downcast_ref::<hyper::Error>());
    error.is_some_and(|e| e.is_closed() || e.is_canceled())
}

async fn messages(goal: &Goal, tally: &Tally, stop: &watch::Receiver<bool>) -> io::Result<()> {
    let url = format!("ws://{}{}", goal.host, goal.path);
    let mut socket = in_time(websocket(goal.address, &url)).await?;
    let mut number = 0_u64;
    while !*stop.borrow() {
        number += 1;
        let sent = Message::text(number.to_string());
        let echoed = in_time(async {
            socket.send(sent.clone()).await.map_err(io::Error::other)?;
            let echo = socket.next().await;
            echo.ok_or(io::ErrorKind::UnexpectedEof)?
                .map_err(io::Error::other)
        })
        .await?;
        let same = echoed == sent;
        tally.add(if same {
            Ok(())
        } else {
            Err(io::Error::other(format!("sent {sent}, got {echoed}")))
        });
    }
    socket.close(None).await.map_err(io::Error::other)
}

fn expect_200(status: u16) -> io::Result<()> {
    if status == 200 {
        Ok(())
    } else {
        Err(io::Error::other(format!("status {status}")))
    }
}
