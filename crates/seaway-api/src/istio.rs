//! Istio's networking kinds: Gateway, VirtualService, DestinationRule, ServiceEntry and WorkloadEntry, in
//! `networking.istio.io` v1, v1beta1 and v1alpha3, which have the same fields.
//!
//! Each object is checked as Istio's own admission webhook checks it, and a field may be written by its protobuf name
//! (`route_config`) too. Fields of these kinds that Seaway does not implement are known by name, so that each is a
//! warning of its own and not a typing mistake.
//!
//! A rule of a VirtualService, a server of a Gateway and a subset of a DestinationRule stand for themselves: a mistake in
//! one leaves the others as they are. Istio refuses the whole object instead, which it can do since the older version stays in the cluster; in
//! files there is no older version, and a site would be lost for a typing mistake.

mod destination_rule;
mod gateway;
mod reach;
mod service_entry;
mod shapes;
mod syntax;
mod virtual_service;
mod workload_entry;

use std::sync::Arc;

pub use destination_rule::{
    ClientTls, ClientTlsMode, ConnectionPool, ConsistentHash, CookieAttribute, DestinationRule, Distribute,
    Failover, HashAlgorithm, HashKey, Http2Keepalive, HttpCookie, HttpPool, LoadBalancer, LocalityBalancing,
    OutlierDetection, PortTrafficPolicy, ProxyProtocolVersion, RetryBudget, SimpleBalancing, Subset,
    TcpKeepalive, TcpPool, TrafficPolicy, UpgradePolicy, Warmup,
};
pub use gateway::{CertificateFiles, Gateway, GatewayPort, Server, ServerTls, TlsMode, TlsVersion};
pub use reach::{GatewayName, PortProtocol, ServerHost, ServerNamespace, Visibility};
pub use service_entry::{EntryPort, Location, Resolution, ServiceEntry, WorkloadSelector};
pub use virtual_service::{
    Abort, Cors, Delay, Delegate, Destination, DirectResponse, Fault, HeaderOperations, Headers, HttpMatch,
    HttpRule, InvalidRule, L4Match, Mirror, Redirect, RedirectPort, RegexRewrite, ResponseBody, Retries,
    Rewrite, RouteDestination, Rule, StringMatch, TcpRule, TlsMatch, TlsRule, UnmatchedPreflights,
    VirtualService, WeightedDestination,
};
pub use workload_entry::{WorkloadAddress, WorkloadEntry};

use crate::Spanned;

type Text = Spanned<Arc<str>>;

/// A share of requests, in millionths: `{value: 10}` is 100,000. 0 to 1,000,000.
pub type Percentage = Spanned<u32>;

#[cfg(test)]
mod tests;
