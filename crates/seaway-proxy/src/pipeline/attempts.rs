//! Trying a request on one endpoint after the other, until there is an answer that stands.
//!
//! Three reasons to try again, each with its own bound:
//! - **Untouched**: no endpoint has seen anything of the request, because the connection could not be made. Any other
//!   endpoint may have it, at once and unasked: an endpoint that dies is ejected without a client noticing.
//! - **Stale**: the connection had been idle and closed under the request, or said farewell to it (HTTP/2). The upstream may
//!   have seen it, so only a request that may happen twice and has no body is sent again, once.
//! - **Policy**: the route asks for it. Waits between tries, within the cluster's budget, while the body is whole.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use seaway_model::{EndpointSource, RetryPolicy};
use seaway_telemetry::Flag;
use tokio::time::Instant;

use super::chance;
use super::exchange::Exchange;
use super::outgoing::Outgoing;
use super::retry;
use crate::error::Failure;
use crate::upstream::{self, Attempt, Client, ClusterState, RetryPermit, Sent, Slot, Trail, Unanswered};

/// Where a request goes and how often.
pub(crate) struct Plan<'a> {
    /// Where.
    pub(crate) cluster: &'a Arc<ClusterState>,
    /// How often.
    pub(crate) policy: Option<&'a RetryPolicy>,
    /// What a hashing balancer goes by.
    pub(crate) hash: Option<u64>,
}

/// What is left to be tried.
struct Tries<'a> {
    plan: &'a Plan<'a>,
    by_policy: u32,
    untouched: u32,
    stale: bool,
    /// Endpoints that were tried. Empty, and without memory, while the first try is under way.
    avoid: Vec<SocketAddr>,
    /// The place in the budget of the try that is under way.
    permit: Option<RetryPermit>,
}

/// What follows a try that did not work.
enum Next {
    /// Nothing; it stands.
    Stop,
    /// Another try, after a while.
    Again(Duration),
}

/// Tries until an answer stands.
///
/// # Errors
/// The last try's failure, or the limit that was passed.
pub(crate) async fn run(
    exchange: &mut Exchange,
    plan: &Plan<'_>,
    outgoing: &mut Outgoing,
) -> Result<Sent, Failure> {
    let mut tries = Tries::new(plan, outgoing);
    let mut slot = Slot::default();
    loop {
        slot.fill(tries.may_repeat(), |sent| outgoing.request(sent));
        let (next, outcome) = match tries.once(exchange, &mut slot).await {
            Ok(sent) => (tries.after_answer(exchange, &sent, outgoing), Ok(sent)),
            Err(error) => {
                if let Some(failure) = exchange.upload.as_ref().and_then(|upload| upload.broken()) {
                    return Err(failure);
                }
                (
                    tries.after_failure(exchange, &error, !slot.is_empty(), outgoing),
                    Err(error.failure),
                )
            }
        };
        let Next::Again(wait) = next else { return outcome };
        drop(outcome);
        exchange.retries += 1;
        if let Some(endpoint) = exchange
            .upstream
            .filter(|endpoint| !tries.avoid.contains(endpoint))
        {
            tries.avoid.push(endpoint);
        }
        if !wait.is_zero() {
            let pause = Box::pin(tokio::time::sleep(wait));
            exchange.clock.limit(None, pin!(pause)).await?;
        }
    }
}

impl<'a> Tries<'a> {
    fn new(plan: &'a Plan<'a>, outgoing: &Outgoing) -> Self {
        // The addresses of a name are all tried by `upstream::send` itself.
        let others = match &plan.cluster.config().endpoints {
            EndpointSource::Static(endpoints) => endpoints.len().saturating_sub(1),
            EndpointSource::Dns(_) | EndpointSource::LogicalDns(_) => 0,
        };
        Self {
            plan,
            by_policy: plan.policy.map_or(0, |p| p.attempts),
            untouched: u32::try_from(others)
                .unwrap_or(u32::MAX)
                .min(retry::MAX_UNTOUCHED),
            stale: outgoing.is_bodiless() && outgoing.method().is_idempotent(),
            avoid: Vec::new(),
            permit: None,
        }
    }

    /// Whether the head may be needed once more.
    fn may_repeat(&self) -> bool {
        self.by_policy > 0 || self.stale
    }

    /// One try. The request stays where it is unless something of it was sent, or a limit was passed.
    async fn once(&mut self, exchange: &mut Exchange, slot: &mut Slot) -> Result<Sent, Unanswered> {
        let per_try = self.plan.policy.and_then(|p| p.per_try_timeout);
        let per_try = per_try.and_then(|limit| Instant::now().checked_add(limit.duration()));
        let attempt = Attempt {
            cluster: self.plan.cluster,
            hash: self.plan.hash,
            avoid: &self.avoid,
            client: Some(Client {
                peer: &exchange.connection.peer,
                local: &exchange.connection.local,
            }),
        };
        let mut trail = Trail::new(&mut exchange.upstream);
        let result = {
            let sending = pin!(upstream::send_from(attempt, slot, &mut trail));
            exchange.clock.limit(per_try, sending).await
        };
        let result = result.unwrap_or_else(|failure| {
            slot.spend();
            if matches!(failure, Failure::PerTryTimeout | Failure::Timeout) {
                trail.timed_out(self.plan.cluster);
            }
            Err(Unanswered {
                failure,
                endpoint: None,
                reused: false,
            })
        });
        let endpoint = match &result {
            Ok(sent) => Some(sent.endpoint),
            Err(error) => error.endpoint,
        };
        exchange.upstream = endpoint.or(exchange.upstream);
        result
    }

    fn after_failure(
        &mut self,
        exchange: &mut Exchange,
        error: &Unanswered,
        given_back: bool,
        outgoing: &Outgoing,
    ) -> Next {
        let failure = error.failure;
        if given_back && self.untouched > 0 && is_of_the_endpoint(failure) {
            self.untouched -= 1;
            return Next::Again(Duration::ZERO);
        }
        if self
            .plan
            .policy
            .is_some_and(|policy| retry::covers_failure(policy, failure, given_back))
        {
            return self.by_policy(exchange, given_back || outgoing.is_whole());
        }
        let is_stale = matches!(failure, Failure::UpstreamReset | Failure::RefusedStream);
        if self.stale && error.reused && is_stale {
            self.stale = false;
            return Next::Again(Duration::ZERO);
        }
        Next::Stop
    }

    fn after_answer(&mut self, exchange: &mut Exchange, sent: &Sent, outgoing: &Outgoing) -> Next {
        let (status, headers) = (sent.response.status(), sent.response.headers());
        if self
            .plan
            .policy
            .is_some_and(|policy| retry::covers_response(policy, status, headers))
        {
            return self.by_policy(exchange, outgoing.is_whole());
        }
        Next::Stop
    }

    fn by_policy(&mut self, exchange: &mut Exchange, repeatable: bool) -> Next {
        if !repeatable {
            return Next::Stop;
        }
        let (attempts, base) = self.plan.policy.map_or((0, None), |p| (p.attempts, p.backoff));
        if self.by_policy == 0 {
            if attempts > 0 {
                exchange.flag(Flag::UpstreamRetryLimitExceeded);
            }
            return Next::Stop;
        }
        // The last retry is over; its place may be this one's.
        self.permit = None;
        self.permit = self.plan.cluster.try_retry();
        if self.permit.is_none() {
            exchange.flag(Flag::UpstreamOverflow);
            return Next::Stop;
        }
        self.by_policy -= 1;
        Next::Again(retry::backoff(base, attempts - self.by_policy, chance::below))
    }
}

/// Whether another endpoint may do better.
fn is_of_the_endpoint(failure: Failure) -> bool {
    failure.is_unreachable() || matches!(failure, Failure::RefusedStream | Failure::UpstreamReset)
}
