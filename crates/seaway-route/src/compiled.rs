//! A route made ready for requests: what can be parsed, summed up or looked up beforehand, is.

use std::sync::Arc;

use seaway_model::{Action, Cluster, PathRewrite, Route, Target};
use smallvec::SmallVec;

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
/// from cold memory. A single destination, as most routes have, is in it for the same reason.
#[derive(Debug)]
#[repr(C)]
pub struct CompiledRoute {
    /// As the model has it.
    pub route: Arc<Route>,
    /// Its number.
    pub id: RouteId,
    /// Changes on the way to the upstream; the destination's own come after.
    pub request_headers: HeaderEdit,
    /// Changes on the way back; the destination's own come before.
    pub response_headers: HeaderEdit,
    /// CORS, where the route has it.
    pub cors: Option<Box<CompiledCors>>,
    /// One for each destination of `Action::Forward`, in its order; empty for other actions.
    pub destinations: SmallVec<[CompiledDestination; 1]>,
    pub(crate) rewrite: Option<Arc<Expression>>,
    pub(crate) conditions: Ready,
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

fn destinations(
    forward: &seaway_model::Forward,
    clusters: &Clusters<'_>,
) -> SmallVec<[CompiledDestination; 1]> {
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
