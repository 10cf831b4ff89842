//! What a fake was asked, for tests to count and to wait for.

use std::io;

use tokio::sync::watch;

use crate::process::DEADLINE;

/// One request. Its headers are not kept: they have secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Query, without the question mark.
    pub query: String,
    /// Status of the answer; `None` while there is none, or when the connection was broken instead.
    pub status: Option<u16>,
    /// Whether everything that the request leads to has been done, also when its answer is withheld.
    pub done: bool,
}

/// All requests, in the order of their arrival.
#[derive(Debug)]
pub struct Calls {
    calls: watch::Sender<Vec<Call>>,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self {
            calls: watch::Sender::new(Vec::new()),
        }
    }

    /// All until now.
    #[must_use]
    pub fn all(&self) -> Vec<Call> {
        self.calls.borrow().clone()
    }

    /// How many have this method and a path that starts so.
    #[must_use]
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.calls
            .borrow()
            .iter()
            .filter(|call| call.is(method, path))
            .count()
    }

    /// Waits until so many have arrived; what they lead to need not be done yet.
    ///
    /// # Errors
    /// When they have not within half a minute; the error has what came instead.
    pub async fn wait_for(&self, method: &str, path: &str, times: usize) -> io::Result<()> {
        self.wait(times, |call| call.is(method, path)).await
    }

    /// Waits until so many are done: answered, or acted upon without an answer.
    ///
    /// # Errors
    /// As [`Calls::wait_for`].
    pub async fn wait_until_done(&self, method: &str, path: &str, times: usize) -> io::Result<()> {
        self.wait(times, |call| call.is(method, path) && call.done).await
    }

    async fn wait(&self, times: usize, wanted: impl Fn(&Call) -> bool) -> io::Result<()> {
        let mut watching = self.calls.subscribe();
        let enough = |calls: &Vec<Call>| calls.iter().filter(|call| wanted(call)).count() >= times;
        let found = tokio::time::timeout(DEADLINE, watching.wait_for(enough)).await;
        match found {
            Ok(Ok(_)) => Ok(()),
            _ => Err(io::Error::other(format!(
                "what was waited for did not come {times} times, but: {:?}",
                self.all()
            ))),
        }
    }

    /// Forgets them. Not while a request is under way.
    pub fn clear(&self) {
        self.calls.send_modify(Vec::clear);
    }

    pub(super) fn arrived(&self, method: &http::Method, uri: &http::Uri) -> usize {
        let call = Call {
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            status: None,
            done: false,
        };
        let mut number = 0;
        self.calls.send_modify(|calls| {
            number = calls.len();
            calls.push(call);
        });
        number
    }

    pub(super) fn done(&self, number: usize, status: Option<u16>) {
        self.calls.send_modify(|calls| {
            if let Some(call) = calls.get_mut(number) {
                (call.status, call.done) = (status, true);
            }
        });
    }
}

impl Call {
    fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.starts_with(path)
    }
}
