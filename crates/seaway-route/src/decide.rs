//! What becomes of a request.
//!
//! One function decides, for the proxy and for `explain` alike: an [`Observer`] watches it at work. The one that sees
//! nothing is compiled away.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use seaway_model::{ServerCertificate, VirtualHost};

use crate::conditions::Miss;
use crate::table::{HostRoutes, ManyRoutes};
use crate::{CompiledRoute, ListenerTable};

/// What matching needs to know of a request. All of it normalised by [`crate::normalize`].
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// As sent.
    pub method: &'a str,
    /// Lower case, without port; empty if the request has none.
    pub host: &'a str,
    /// Normalised, without the query.
    pub path: &'a str,
    /// Without the question mark.
    pub query: Option<&'a str>,
    /// Without pseudo-headers. A condition on the host reads the `host` header where there is one, and else the field
    /// above, so a proxy that wants the port in it puts HTTP/2's `:authority` there as `host`.
    pub headers: &'a HeaderMap,
    /// The TLS server name, lower case, where the connection has one.
    pub server_name: Option<&'a str>,
    /// The client's address, IPv4 where it is one. Without one, no route for certain clients takes the request.
    pub source: Option<IpAddr>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'t> {
    /// A route takes it.
    Route(Matched<'t>),
    /// The connection's certificate is not the one for this host: 421 (RFC 9110, 15.5.20).
    Misdirected,
    /// 404.
    NoRoute {
        /// The host was found, but none of its routes matched.
        virtual_host: Option<&'t VirtualHost>,
    },
}

/// A route that takes a request.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'t> {
    /// Its host.
    pub virtual_host: &'t VirtualHost,
    /// It.
    pub route: &'t Arc<CompiledRoute>,
    /// How many bytes of the path the route's prefix took; the whole length for exact and regex matches, 0 for any.
    pub matched_path: usize,
}

/// Watches a decision being made.
pub(crate) trait Observer<'t> {
    /// Whether routes that can never match shall be shown too.
    const EVERYTHING: bool;

    /// A route was considered: the first condition that does not hold, or none if it takes the request. Called in the
    /// order of the routes.
    fn considered(&mut self, route: &'t CompiledRoute, miss: Option<Miss>);
}

/// Sees nothing, costs nothing.
impl Observer<'_> for () {
    const EVERYTHING: bool = false;

    fn considered(&mut self, _: &CompiledRoute, _: Option<Miss>) {}
}

impl ListenerTable {
    /// Decides a request: the certificate first, then the most specific host, then the first of its routes that matches.
    #[must_use]
    pub fn decide<'t>(&'t self, request: &RequestHead<'_>) -> Decision<'t> {
        self.decide_watched(request, &mut ())
    }

    pub(crate) fn decide_watched<'t, O: Observer<'t>>(
        &'t self,
        request: &RequestHead<'_>,
        observer: &mut O,
    ) -> Decision<'t> {
        if self.is_misdirected(request) {
            return Decision::Misdirected;
        }
        let found = self.virtual_host(request.host);
        let Some((virtual_host, routes)) = found.and_then(|number| self.host(number)) else {
            return Decision::NoRoute { virtual_host: None };
        };
        match routes.first_match(request, observer) {
            Some((route, matched_path)) => Decision::Route(Matched {
                virtual_host,
                route,
                matched_path,
            }),
            None => Decision::NoRoute {
                virtual_host: Some(virtual_host),
            },
        }
    }

    /// The same decision without any index: what the indexes are held against, by tests and fuzzers.
    #[must_use]
    pub fn decide_linear<'t>(&'t self, request: &RequestHead<'_>) -> Decision<'t> {
        if let Some(tls) = &self.listener().tls {
            let chosen = |host: &str| {
                let covering = tls.certificates.iter().filter(|c| c.host.matches(host));
                covering.min_by_key(|c| &c.host)
            };
            let relayed = |than: &ServerCertificate| {
                tls.routes
                    .iter()
                    .any(|route| route.host.matches(request.host) && route.host <= than.host)
            };
            let of = |c: &ServerCertificate| (c.secret.clone(), c.parameters.client.clone());
            let due = chosen(request.host).filter(|due| !relayed(due)).map(of);
            let misdirected = match request.server_name {
                Some(name) => name != request.host && (due.is_none() || due != chosen(name).map(of)),
                None => {
                    let asked = due.and_then(|(_, client)| client);
                    asked.is_some() && asked != chosen("").map(of).and_then(|(_, client)| client)
                }
            };
            if misdirected {
                return Decision::Misdirected;
            }
        }
        let hosts = self.listener().virtual_hosts.iter().zip(&self.virtual_hosts);
        let covering = hosts.filter(|(host, _)| host.host.matches(request.host));
        let Some((virtual_host, routes)) = covering.min_by_key(|(host, _)| &host.host) else {
            return Decision::NoRoute { virtual_host: None };
        };
        for route in routes.all() {
            if let Ok(matched_path) = route.evaluate(request) {
                return Decision::Route(Matched {
                    virtual_host,
                    route,
                    matched_path,
                });
            }
        }
        Decision::NoRoute {
            virtual_host: Some(virtual_host),
        }
    }

    /// Whether the connection was not made for this host: another certificate was presented on it, or another proof was
    /// asked of the client, or the host's connections are relayed. A connection made for the very host is never
    /// misdirected, also when its certificate has since been taken away.
    ///
    /// A client that sent no server name may ask for any host but for those that ask who it is: what it was asked is
    /// only known where one default certificate is for all.
    fn is_misdirected(&self, request: &RequestHead<'_>) -> bool {
        if self.listener().tls.is_none() {
            return false;
        }
        let Some(name) = request.server_name else {
            let due = self.http_certificate(request.host);
            let asked = |c: &ServerCertificate| c.parameters.client.clone();
            let default = || self.certificate("").and_then(asked);
            return due.and_then(asked).is_some_and(|due| default() != Some(due));
        };
        if name == request.host {
            return false;
        }
        match (self.http_certificate(request.host), self.certificate(name)) {
            (Some(due), Some(served)) => {
                due.secret != served.secret || due.parameters.client != served.parameters.client
            }
            _ => true,
        }
    }

    fn host(&self, number: usize) -> Option<(&VirtualHost, &HostRoutes)> {
        Some((
            self.listener().virtual_hosts.get(number)?,
            self.virtual_hosts.get(number)?,
        ))
    }
}

impl HostRoutes {
    /// The first route, in the model's order, that takes the request.
    fn first_match<'t, O: Observer<'t>>(
        &'t self,
        request: &RequestHead<'_>,
        observer: &mut O,
    ) -> Option<(&'t Arc<CompiledRoute>, usize)> {
        match self {
            Self::One(route) => {
                let outcome = route.evaluate(request);
                observer.considered(route, outcome.err());
                Some((route, outcome.ok()?))
            }
            Self::Many(routes) => routes.first_match(request, observer),
        }
    }
}

impl ManyRoutes {
    fn first_match<'t, O: Observer<'t>>(
        &'t self,
        request: &RequestHead<'_>,
        observer: &mut O,
    ) -> Option<(&'t Arc<CompiledRoute>, usize)> {
        let mut lists = self.index.candidates(request, O::EVERYTHING);
        loop {
            // Few lists come together (one for each prefix of the path that has routes), so the smallest head is looked
            // for in all of them.
            let next = lists
                .iter_mut()
                .filter(|l| !l.positions.is_empty())
                .min_by_key(|l| l.positions.first().copied())?;
            let (&position, rest) = next.positions.split_first()?;
            next.positions = rest;
            let route = self.routes.get(position as usize)?;
            let outcome = if self.is_settled(position) {
                Ok(next.depth)
            } else {
                route.evaluate(request)
            };
            match outcome {
                Ok(matched) => {
                    observer.considered(route, None);
                    return Some((route, matched));
                }
                Err(miss) => observer.considered(route, Some(miss)),
            }
        }
    }
}
