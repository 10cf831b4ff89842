//! Handshakes that must be refused although another certificate would do.
//!
//! Where the certificate of `shop.example.com` could not be had, one for `*.example.com` on the same port is that of another
//! site: presenting it would serve the host after all, in a way that nobody asked for.

use std::sync::Arc;

use seaway_model::{Failure, FailureReason, HostMatch, L4Destination, L4Route, Origin, Target, TlsMode};

use crate::draft::Connections;
use crate::order::{ObjectRank, Rank};
use crate::site::Socket;

/// A host whose handshakes are refused, since its certificate could not be had.
pub(super) struct Refused {
    pub(super) socket: Socket,
    pub(super) rank: Arc<ObjectRank>,
    pub(super) host: HostMatch,
    pub(super) origin: Origin,
}

/// Connections for the host are closed: the certificate of a wider host would be another site's.
pub(super) fn refusal(refused: &Refused) -> Connections {
    let failure = Failure {
        status: 503,
        reason: FailureReason::InvalidRule,
        message: "the certificate for this host could not be had".into(),
    };
    Connections {
        socket: refused.socket,
        rank: Rank::Server(refused.rank.clone()),
        server_name: Some((refused.host.clone(), TlsMode::Passthrough)),
        origin: refused.origin.clone(),
        route: Arc::new(L4Route {
            origin: refused.origin.clone(),
            rule: 0,
            destinations: vec![L4Destination {
                target: Target::Fail(failure),
                weight: 1,
            }],
            idle_timeout: None,
            hash_source_ip: false,
        }),
    }
}
