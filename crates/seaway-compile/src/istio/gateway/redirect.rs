//! `httpsRedirect`: everything in clear text is sent to https.

use std::sync::Arc;

use seaway_api::istio::Server as ApiServer;
use seaway_model::{Action, Conditions, HeaderMutation, Match, Origin, Redirect, Route};

use super::{Kind, Server};
use crate::draft::{Claim, Draft, Purpose, Served};
use crate::findings::place;
use crate::istio::hosts::intersection;
use crate::order::{ObjectRank, Rank};

/// Every host of the server, with or without a VirtualService.
pub(super) fn draft(
    server: &Server,
    rank: &Arc<ObjectRank>,
    spec: &ApiServer,
    field: &str,
    origin: &Origin,
) -> Draft {
    let pos = spec
        .tls
        .as_ref()
        .map(|tls| tls.https_redirect.pos)
        .unwrap_or_default();
    let route = Route {
        origin: place(origin, &format!("{field}.tls.httpsRedirect"), pos),
        rule: 0,
        matches: Match::When(Conditions::default()),
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: Vec::new(),
        action: Action::Redirect(Redirect {
            status: 301,
            scheme: Some("https".into()),
            host: None,
            port: None,
            path: None,
        }),
    };
    Draft {
        rank: Rank::Server(rank.clone()),
        hosts: server
            .hosts
            .iter()
            .map(|own| Claim {
                host: own.host.clone(),
                origin: own.origin.clone(),
            })
            .collect(),
        served: Served::On(server.socket, Arc::new(route)),
        purpose: Purpose::Redirect,
        pos,
    }
}

/// A redirect leads to where its hosts are served with TLS: the common port if it is among them, else the lowest.
pub(super) fn send(drafts: &mut [Draft], servers: &[Server]) {
    for draft in drafts {
        let ports = servers
            .iter()
            .filter(|server| server.kind == Kind::Https)
            .filter(|server| {
                let mut claims = draft.hosts.iter();
                claims.any(|claim| {
                    (server.hosts.iter()).any(|own| intersection(&own.host, &claim.host).is_some())
                })
            })
            .map(|server| server.socket.port);
        let port = ports.min_by_key(|port| (*port != 443, *port));
        if let (Served::On(_, route), Some(port)) = (&mut draft.served, port.filter(|port| *port != 443))
            && let Action::Redirect(redirect) = &mut Arc::make_mut(route).action
        {
            redirect.port = Some(port);
        }
    }
}
