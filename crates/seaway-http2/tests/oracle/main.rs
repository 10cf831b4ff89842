//! The `h2` crate as a peer: whatever one side sends has to arrive at the other as it was sent, with any windows, frames
//! and sockets, and whatever becomes of other exchanges on the same connection. Nothing may hang.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod ours;
mod plan;
mod theirs;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::DuplexStream;
use tokio::task::{JoinHandle, JoinSet};

use plan::{Exchange, Net, Seen, Storm, Way};

/// Who speaks for a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Ours,
    Theirs,
}

/// What servers have seen of requests.
type Requests = Arc<Mutex<Vec<Option<Seen>>>>;

fn serve(codec: Codec, io: DuplexStream, net: Net, plan: Arc<Storm>, seen: Requests) -> JoinHandle<()> {
    match codec {
        Codec::Ours => tokio::spawn(ours::serve(io, net, plan, seen)),
        Codec::Theirs => tokio::spawn(theirs::serve(io, net, plan, seen)),
    }
}

/// Asks all at once, and the last by itself when that is over. What was seen of the answers.
async fn ask(codec: Codec, io: DuplexStream, plan: Arc<Storm>) -> Vec<Option<Seen>> {
    let (asker, connection) = match codec {
        Codec::Ours => ours::connect(io, plan.net).await,
        Codec::Theirs => theirs::connect(io, plan.net).await,
    };
    let mut answers = vec![None; plan.exchanges.len()];
    let last = plan.exchanges.len() - 1;
    let mut asked = JoinSet::new();
    for number in 0..last {
        let (plan, asker) = (Arc::clone(&plan), asker.clone());
        asked.spawn(async move { (number, asker.ask(number, &plan.exchanges[number]).await) });
    }
    while let Some(answer) = asked.join_next().await {
        let (number, seen) = answer.unwrap();
        answers[number] = seen;
    }
    answers[last] = asker.clone().ask(last, &plan.exchanges[last]).await;
    drop(asker);
    connection.await.unwrap();
    answers
}

/// The right to open streams.
#[derive(Clone)]
enum Asker {
    Ours(seaway_http2::client::SendRequest),
    Theirs(h2::client::SendRequest<bytes::Bytes>),
}

impl Asker {
    async fn ask(self, number: usize, exchange: &Exchange) -> Option<Seen> {
        match self {
            Self::Ours(requests) => ours::ask(requests, number, exchange).await,
            Self::Theirs(requests) => theirs::ask(requests, number, exchange).await,
        }
    }
}

/// Lets a storm pass, and compares.
fn weather(client: Codec, server: Codec, storm: Storm) -> Result<(), TestCaseError> {
    let storm = Arc::new(storm);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let requests: Requests = Arc::new(Mutex::new(vec![None; storm.exchanges.len()]));
    let passed = runtime.block_on(async {
        let (near, far) = tokio::io::duplex(storm.net.room);
        let served = serve(server, far, storm.net, Arc::clone(&storm), Arc::clone(&requests));
        let all = async {
            let answers = ask(client, near, Arc::clone(&storm)).await;
            served.await.unwrap();
            answers
        };
        tokio::time::timeout(Duration::from_secs(1000), all).await
    });
    let Ok(answers) = passed else {
        return Err(TestCaseError::fail("it hangs"));
    };
    for (number, exchange) in storm.exchanges.iter().enumerate() {
        let is_refused = answers[number].as_ref().is_some_and(|seen| seen.is_refused);
        prop_assert!(!is_refused, "request {} was refused", number);
        let request = requests.lock().unwrap()[number].take();
        exchange
            .request
            .compare(
                number,
                request,
                exchange.may_break() || exchange.way == Way::Instead,
            )
            .map_err(|why| TestCaseError::fail(format!("request {number}: {why}")))?;
        // h2 tells of a reset after the end of an answer.
        let answer = answers[number].clone().map(|mut seen| {
            let is_late = client == Codec::Theirs
                && exchange.way == Way::Instead
                && seen.content.len() == exchange.answer.length();
            seen.is_whole |= is_late && exchange.answer.trailers.is_none();
            seen
        });
        let may_break = exchange.may_break()
            || client == Codec::Theirs && exchange.way == Way::Instead && exchange.answer.trailers.is_some();
        exchange
            .answer
            .compare(number + 1000, answer, may_break)
            .map_err(|why| TestCaseError::fail(format!("answer {number}: {why}")))?;
    }
    Ok(())
}

proptest! {
    // A case moves a mebibyte; PROPTEST_CASES asks for more of them.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    #[test]
    fn our_client_and_the_other_server_understand_each_other(storm in plan::storm()) {
        weather(Codec::Ours, Codec::Theirs, storm)?;
    }

    #[test]
    fn the_other_client_and_our_server_understand_each_other(storm in plan::storm()) {
        weather(Codec::Theirs, Codec::Ours, storm)?;
    }

    #[test]
    fn our_client_and_our_server_understand_each_other(storm in plan::storm()) {
        weather(Codec::Ours, Codec::Ours, storm)?;
    }
}
