//! The Model: what all dialects mean, and all that engines know.
//!
//! Plain data. Every type is `Eq + Hash + Serialize`, maps are ordered, text is `Arc<str>`, durations and ratios are
//! integers, so that equal input gives an equal model, and an equal model needs no push. Nothing here does I/O, reads a
//! clock, or names a type of a dialect, of protobuf, of hyper, of rustls or of tokio: a front end that can be tested
//! alone and an engine that can be tested alone both follow from that.
//!
//! What the model refuses to do: decide. Order is decided in `seaway-compile`, matching in `seaway-route`. Names are
//! Envoy's names where Envoy has one.

mod acme;
mod action;
mod cluster;
mod code;
mod diagnostic;
mod host;
mod listener;
mod matching;
mod origin;
mod pattern;
mod policy;
mod secret;
mod units;

pub use acme::{
    AcmeDns, AcmeDnsAccount, AcmeIssuer, AcmeMethod, CLOUDFLARE_API, Cloudflare, ExternalAccount, Hidden,
    LETS_ENCRYPT,
};
pub use action::{
    Action, Destination, DirectResponse, Failure, FailureReason, Forward, HostRewrite, PathRewrite, Redirect,
    RedirectPath, Rewrite, Target,
};
pub use cluster::{
    Balancing, BalancingSettings, CircuitBreakers, Cluster, ClusterName, ConnectionPool, Endpoint,
    EndpointHealth, EndpointSource, Http2Keepalive, Locality, LocalityWeight, NamedEndpoint,
    OutlierDetection, ProxyProtocolVersion, RetryBudget, ServiceRef, TcpKeepalive, Trust, UpstreamProtocol,
    UpstreamTls, Warmup,
};
pub use code::{Code, CodeInfo, Severity};
pub use diagnostic::{Condition, ConditionStatus, Diagnostic, ObjectRef, ObjectStatus, Report};
pub use host::{HostMatch, HostMatchError};
pub use listener::{
    ClientValidation, L4Destination, L4Route, Listener, ListenerTls, Model, Pins, Protocol, Route,
    ServerCertificate, ServerNameRoute, Sha256, TlsMode, TlsParameters, TlsVersion, VirtualHost,
};
pub use matching::{
    Conditions, CookieMatch, HeaderMatch, Match, PathMatch, QueryMatch, StringMatch, ValueMatch,
};
pub use origin::{Origin, Position};
pub use pattern::{Pattern, PatternError};
pub use policy::{
    Abort, Cors, Delay, Fault, FieldChanges, GeneratedCookie, HashOn, HeaderMutation, Mirror, OriginMatch,
    RetryOn, RetryPolicy,
};
pub use secret::{Authorities, IssuerKind, KeyPair, Material, Pem, PrivateKey, Secret, SecretName};
pub use units::{Fraction, Millis};
