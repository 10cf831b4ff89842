//! A route made ready for requests: what can be parsed, summed up or looked up beforehand, is.

mod parts;

use std::sync::Arc;

use seaway_model::{
    Action, Cluster, DirectResponse, Failure, Fault, Forward, HashOn, Millis, Mirror, PathRewrite, Redirect,
    RetryPolicy, Rewrite, Route, Target,
};
use smallvec::SmallVec;

use self::parts::{Part, Parts};

use crate::conditions::{Miss, Ready};
use crate::cors::CompiledCors;
use crate::expression::{Expression, Expressions};
use crate::headers::HeaderEdit;
use crate::table::Clusters;
use crate::{ClusterId, RequestHead, RouteId};

/// A route made ready: regular expressions, header changes and CORS compiled, weights summed up. Shared by all the
/// listeners that have the route.
///
/// Laid out as it is written: what each request reads stands at the front, side by side, since among many routes it comes
/// from cold memory. A single destination, as most routes have, is in it for the same reason; and of the model's route, which
/// lies elsewhere, only those parts are read that it has.
#[derive(Debug)]
#[repr(C)]
pub struct CompiledRoute {
    pub(crate) conditions: Ready,
    parts: Parts,
    /// Its number.
    pub id: RouteId,
    /// As the model has it.
    pub route: Arc<Route>,
    /// One for each destination of `Action::Forward`, in its order; empty for other actions.
    pub destinations: SmallVec<[CompiledDestination; 1]>,
    /// Changes on the way to the upstream; the destination's own come after.
    pub request_headers: HeaderEdit,
    /// Changes on the way back; the destination's own come before.
    pub response_headers: HeaderEdit,
    /// CORS, where the route has it.
    pub cors: Option<Box<CompiledCors>>,
    timeout: Option<Millis>,
    pub(crate) rewrite: Option<Arc<Expression>>,
}

/// What a route does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Does<'a> {
    /// Sends it on; how, the route's own functions say.
    Forward,
    /// Sends the client elsewhere.
    Redirect(&'a Redirect),
    /// Answers it.
    Respond(&'a DirectResponse),
    /// Answers it with an error of the configuration.
    Fail(&'a Failure),
}

/// A destination made ready.
#[derive(Debug)]
pub struct CompiledDestination {
    /// Changes on the way there, after the route's.
    pub request_headers: HeaderEdit,
    /// Changes on the way back, before the route's.
    pub response_headers: HeaderEdit,
    /// The cluster, where the destination is not a failure.
    pub cluster: Option<(ClusterId, Arc<Cluster>)>,
    /// The sum of the weights up to and with this one.
    cumulative: u64,
}

impl CompiledRoute {
    pub(crate) fn new(
        route: &Arc<Route>,
        id: RouteId,
        clusters: &Clusters<'_>,
        expressions: &mut Expressions,
    ) -> Self {
        let (destinations, rewrite) = match &route.action {
            Action::Forward(forward) => {
                let rewrite = match &forward.rewrite.path {
                    Some(PathRewrite::Regex { pattern, .. }) => Some(expressions.anywhere(pattern)),
                    _ => None,
                };
                (destinations(forward, clusters), rewrite)
            }
            _ => (SmallVec::new(), None),
        };
        Self {
            parts: Parts::of(route),
            timeout: forward(route).and_then(|forward| forward.timeout),
            route: Arc::clone(route),
            id,
            request_headers: HeaderEdit::new(&route.request_headers),
            response_headers: HeaderEdit::new(&route.response_headers),
            cors: route
                .cors
                .as_ref()
                .map(|cors| Box::new(CompiledCors::new(cors, expressions))),
            destinations,
            conditions: Ready::new(&route.matches, expressions),
            rewrite,
        }
    }

    /// What it does with a request that it takes.
    #[must_use]
    pub fn does(&self) -> Does<'_> {
        if self.parts.has(Part::Forward) {
            return Does::Forward;
        }
        match &self.route.action {
            Action::Forward(_) => Does::Forward,
            Action::Redirect(redirect) => Does::Redirect(redirect),
            Action::Respond(response) => Does::Respond(response),
            Action::Fail(failure) => Does::Fail(failure),
        }
    }

    /// How it forwards; `None` for other actions. What is needed of it for every request has a function of its own here.
    #[must_use]
    pub fn forward(&self) -> Option<&Forward> {
        forward(&self.route)
    }

    /// [`Forward::timeout`].
    #[must_use]
    pub fn timeout(&self) -> Option<Millis> {
        self.timeout
    }

    /// [`Route::fault`].
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        if self.parts.has(Part::Fault) {
            self.route.fault.as_deref()
        } else {
            None
        }
    }

    /// [`Route::mirrors`].
    #[must_use]
    pub fn mirrors(&self) -> &[Mirror] {
        if self.parts.has(Part::Mirrors) {
            &self.route.mirrors
        } else {
            &[]
        }
    }

    /// [`Forward::rewrite`], where there is anything in it.
    #[must_use]
    pub fn rewrite(&self) -> Option<&Rewrite> {
        self.part(Part::Rewrite).map(|forward| &forward.rewrite)
    }

    /// [`Forward::retry`].
    #[must_use]
    pub fn retry(&self) -> Option<&RetryPolicy> {
        self.part(Part::Retry)?.retry.as_deref()
    }

    /// [`Forward::hash_on`].
    #[must_use]
    pub fn hash_on(&self) -> &[HashOn] {
        self.part(Part::HashOn).map_or(&[], |forward| &forward.hash_on)
    }

    /// The forward, if it has this part.
    fn part(&self, part: Part) -> Option<&Forward> {
        if self.parts.has(part) {
            self.forward()
        } else {
            None
        }
    }

    /// The sum of the destinations' weights; 0 if the route does not forward.
    #[must_use]
    pub fn total_weight(&self) -> u64 {
        self.destinations.last().map_or(0, |d| d.cumulative)
    }

    /// The destination for a number that is uniform in `0..total_weight()`: exactly its weight of them lead to each.
    /// `None` for a number beyond.
    #[must_use]
    pub fn pick(&self, roll: u64) -> Option<usize> {
        let index = self.destinations.partition_point(|d| d.cumulative <= roll);
        (index < self.destinations.len()).then_some(index)
    }

    /// Whether finding the route by its path is all that is asked.
    pub(crate) fn is_settled_by_path(&self) -> bool {
        self.conditions.are_settled_by_path()
    }

    /// How many bytes of the path were matched, or the first condition that does not hold.
    pub(crate) fn evaluate(&self, request: &RequestHead<'_>) -> Result<usize, Miss> {
        self.conditions.evaluate(request)
    }
}

fn forward(route: &Route) -> Option<&Forward> {
    match &route.action {
        Action::Forward(forward) => Some(forward),
        Action::Redirect(_) | Action::Respond(_) | Action::Fail(_) => None,
    }
}

fn destinations(forward: &Forward, clusters: &Clusters<'_>) -> SmallVec<[CompiledDestination; 1]> {
    let mut cumulative = 0;
    forward
        .destinations
        .iter()
        .map(|destination| {
            cumulative += u64::from(destination.weight);
            CompiledDestination {
                request_headers: HeaderEdit::new(&destination.request_headers),
                response_headers: HeaderEdit::new(&destination.response_headers),
                cluster: match &destination.target {
                    Target::Cluster(name) => {
                        clusters.get(name).map(|(id, cluster)| (*id, Arc::clone(cluster)))
                    }
                    Target::Fail(_) => None,
                },
                cumulative,
            }
        })
        .collect()
}
