//! The one table of everything that `check` can say.
//!
//! A code never changes its meaning. From this table come the severity, the Kubernetes condition, the text of the
//! command line and `docs/diagnostics.md`.

use std::fmt;

use serde::{Serialize, Serializer};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The object, or the part that is named, is left out.
    Error,
    /// Applied, but probably not as meant, or degraded as stated.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// `error`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// `SW0101`
    pub id: &'static str,
    /// Severity of every diagnostic with this code.
    pub severity: Severity,
    /// The condition it turns to `False`, with its reason, as Gateway API names them; `None` if it changes no status.
    pub condition: Option<(&'static str, &'static str)>,
    /// What it means, in a sentence.
    pub title: &'static str,
    /// What happens to traffic, and what to do about it. For `docs/diagnostics.md`.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($(#[doc = $title:literal])+ $variant:ident = $id:literal, $severity:ident, $condition:expr, $explanation:literal;)*) => {
        /// What a diagnostic is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $title])+ $variant,)*
        }

        impl Code {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its row of the table.
            #[must_use]
            pub fn info(self) -> CodeInfo {
                match self {
                    $(Self::$variant => CodeInfo {
                        id: $id,
                        severity: Severity::$severity,
                        condition: $condition,
                        title: concat!($($title),+).trim_ascii(),
                        explanation: $explanation,
                    },)*
                }
            }
        }
    };
}

const NOT_ACCEPTED: Option<(&str, &str)> = Some(("Accepted", "Invalid"));
const NOT_RESOLVED: Option<(&str, &str)> = Some(("ResolvedRefs", "BackendNotFound"));
const NO_GATEWAY: Option<(&str, &str)> = Some(("ResolvedRefs", "GatewayNotFound"));
const BAD_CERTIFICATE: Option<(&str, &str)> = Some(("ResolvedRefs", "InvalidCertificateRef"));

codes! {
    /// The file is not YAML or JSON.
    Syntax = "SW0001", Error, None,
        "The documents of the file before the mistake are used; while running, the last good state of the whole file keeps serving. Mend the place that is named.";
    /// The file cannot be read.
    Unreadable = "SW0002", Error, None,
        "Check the path and its permissions. While running, the last good state of the file keeps serving.";
    /// A document is not a Kubernetes object.
    NotAnObject = "SW0003", Error, None,
        "Every document needs apiVersion, kind and metadata.name.";
    /// A kind that Seaway does not know.
    UnknownKind = "SW0004", Info, None,
        "The object is passed over. If it was meant for Seaway, check apiVersion and kind.";
    /// The same object is written twice.
    DuplicateObject = "SW0005", Error, NOT_ACCEPTED,
        "Two objects have the same kind, namespace and name. The first one, by file and line, is used; remove the other.";
    /// A field that does not exist.
    UnknownField = "SW0006", Warning, None,
        "The field does nothing; the rest of the object is applied. The message names the nearest field that exists.";
    /// The same key is written twice in one mapping.
    DuplicateKey = "SW0007", Error, NOT_ACCEPTED,
        "Which of the two is meant cannot be known, so the object is left out. Remove one.";
    /// A field has a value of the wrong type.
    WrongType = "SW0101", Error, NOT_ACCEPTED,
        "The object is left out, or only the rule, match, server or subset of it that has the mistake. The message says what was expected.";
    /// A required field is missing.
    MissingField = "SW0102", Error, NOT_ACCEPTED,
        "The object is left out, or only the rule, match, server or subset of it that has the mistake. Add the field.";
    /// A field has a value that is not allowed.
    InvalidValue = "SW0103", Error, NOT_ACCEPTED,
        "The object is left out, or only the rule, match, server or subset of it that has the mistake. The message says which values are allowed.";
    /// A regular expression is not valid.
    InvalidRegex = "SW0104", Error, NOT_ACCEPTED,
        "Patterns match the whole value, in linear time: no look-around, no back-references, and a bounded size.";
    /// All weights are zero.
    ZeroWeights = "SW0105", Error, NOT_ACCEPTED,
        "No destination would get any request. Give at least one a weight above zero.";
    /// Fields that exclude each other.
    ConflictingFields = "SW0106", Error, NOT_ACCEPTED,
        "The object is left out, or only the rule, match, server or subset of it that has the mistake. Keep one of the fields that are named.";
    /// A field that does nothing here.
    IgnoredField = "SW0107", Warning, None,
        "The field is valid but has no effect in this place; the message says why.";
    /// A Service is not there.
    ServiceNotFound = "SW0201", Error, NOT_RESOLVED,
        "That destination's share of the requests is answered 503. Create the Service, or correct its name or namespace.";
    /// A Service has no such port.
    PortNotFound = "SW0202", Error, NOT_RESOLVED,
        "That destination's share of the requests is answered 503. The message lists the ports that exist.";
    /// A Service has no endpoints.
    NoEndpoints = "SW0203", Warning, None,
        "Requests are answered 503 until an endpoint appears. Check the Service's selector and its pods.";
    /// No pod of the Service is in the subset.
    EmptySubset = "SW0204", Warning, None,
        "That destination's share of the requests is answered 503. Check the labels of the subset and of the pods.";
    /// A backend of a kind that Seaway cannot forward to.
    UnsupportedBackend = "SW0205", Error, Some(("ResolvedRefs", "InvalidKind")),
        "Requests are answered 500. Use a Service.";
    /// A port does not speak what is sent to it.
    UnsupportedProtocol = "SW0206", Warning, None,
        "The port says that its pods speak something else than clear-text HTTP/1.1 or HTTP/2, and requests are sent as HTTP/1.1. If it wants TLS, say so in a DestinationRule for the host.";
    /// A Secret is not there.
    SecretNotFound = "SW0301", Error, BAD_CERTIFICATE,
        "Handshakes for its hosts are refused; plain HTTP and other certificates keep serving. A destination that needs it for TLS is answered 503. Create the Secret.";
    /// A Secret is not a key pair.
    SecretNotKeyPair = "SW0302", Error, BAD_CERTIFICATE,
        "It needs tls.crt and tls.key, both in PEM; where authorities are asked for, ca.crt, and a ca.crl only if it can be read and is not out of date. Handshakes for its hosts are refused; a destination that needs it is answered 503.";
    /// A key does not belong to its certificate.
    KeyMismatch = "SW0303", Error, BAD_CERTIFICATE,
        "The public key of tls.crt is not that of tls.key. Handshakes for its hosts are refused.";
    /// A certificate does not cover a host that it is used for.
    CertificateHostMismatch = "SW0304", Warning, None,
        "Clients will refuse it. Ask for a certificate that names the host.";
    /// A certificate has expired.
    CertificateExpired = "SW0305", Warning, None,
        "It keeps serving, and clients will refuse it. Renew it.";
    /// A certificate issuer is not there.
    IssuerNotFound = "SW0306", Error, Some(("Ready", "IssuerNotFound")),
        "Create an HttpsCertIssuer of that name. Handshakes for its domains are refused meanwhile.";
    /// A wildcard certificate cannot be had by http-01.
    WildcardNeedsDns = "SW0307", Error, NOT_ACCEPTED,
        "ACME proves a wildcard by DNS only. Use a dns-01 issuer, or name the hosts one by one.";
    /// A certificate issuer that this version cannot use.
    IssuerUnsupported = "SW0308", Error, Some(("Ready", "IssuerUnsupported")),
        "Not reported any more: every kind of issuer works. Before ACME did, it said that an issuer was read and checked but not served.";
    /// Two certificates claim the same host.
    CertificateConflict = "SW0309", Warning, None,
        "The older object is used, then the first by namespace and name.";
    /// HTTPS is asked for, and no certificate covers the host.
    NoCertificate = "SW0310", Warning, None,
        "Handshakes for that host are refused, and without any certificate nothing listens for HTTPS at all. Plain HTTP keeps serving. Add an HttpsCert for the host.";
    /// A certificate could not be made.
    CertificateNotIssued = "SW0311", Error, Some(("Ready", "NotIssued")),
        "Its issuer failed, for example because the data folder cannot be written or because a Secret that the issuer names is not there. Handshakes for its domains are refused until it works; it is tried again with the next change.";
    /// A certificate is wanted for a domain that no route serves.
    DomainNotServed = "SW0312", Warning, None,
        "The certificate is ordered all the same, as the domain may be served soon; until then requests for it are answered 404. Add a route for the host, or remove the domain.";
    /// A file that holds a certificate, its key or authorities cannot be used.
    CertificateFile = "SW0313", Error, None,
        "Whoever runs the gateway reads the files that a Gateway or a DestinationRule names. What a file held before keeps serving; without that, handshakes that need it are refused. Put the file there, readable for the gateway; it is looked for again every two seconds, and on SIGHUP.";
    /// Several objects claim the same host.
    SharedHost = "SW0401", Warning, None,
        "Their rules are merged and sorted together. If that is not meant, give each a host of its own.";
    /// A route can never match.
    Unreachable = "SW0402", Warning, None,
        "An earlier route takes every request that this one would. The message names it.";
    /// An IngressClass is not Seaway's.
    ForeignClass = "SW0403", Info, None,
        "The Ingress belongs to another controller and is left alone.";
    /// An IngressClass is not there.
    ClassNotFound = "SW0404", Warning, NOT_ACCEPTED,
        "The Ingress is left alone. Create the IngressClass, or name one that exists.";
    /// Two IngressClasses are the default.
    TwoDefaultClasses = "SW0405", Error, NOT_ACCEPTED,
        "An Ingress without a class is then left alone, as Kubernetes refuses to admit it. Keep one default.";
    /// A Gateway is not there.
    GatewayNotFound = "SW0601", Error, NO_GATEWAY,
        "The VirtualService is not served through that Gateway; through others that it names it is. Create the Gateway, or correct its name or namespace.";
    /// No server serves a host or a rule of a VirtualService.
    NotServed = "SW0602", Warning, None,
        "No request for the host, or none that the rule would take, comes to this VirtualService. Name the host in a server of one of its Gateways, for this namespace, or correct the host, or the port or Gateway of the rule.";
    /// Two protocols are asked for on one port.
    PortConflict = "SW0603", Error, Some(("Accepted", "PortUnavailable")),
        "The older object has the port; the server, or the flag, that is named is left out. Give one of the two another port.";
    /// A Gateway that no selector finds.
    ForeignGateway = "SW0604", Info, None,
        "Its selector does not name the labels that Seaway has here (--gateway-label), so it belongs to another proxy, and is left alone.";
    /// Routes that do not fit the protocol of a port.
    ProtocolMismatch = "SW0605", Warning, None,
        "HTTP rules hold on servers for HTTP and HTTPS, tls rules on servers that pass TLS through, tcp rules on servers for TCP and on those that end TLS without HTTP. Correct the protocol of the port, or the kind of the rules.";
    /// A weight that does nothing.
    UselessWeight = "SW0606", Warning, None,
        "A single destination gets every request, whatever its weight, and one of weight zero gets none. Remove the weight, or the destination.";
    /// A delegation that cannot be followed.
    BadDelegate = "SW0607", Error, NOT_ACCEPTED,
        "The rule, or that alternative of it, is left out. A delegate has no hosts, does not delegate again, and matches only what the rule that delegates to it matches.";
    /// Rules for traffic inside the cluster, and nothing that holds them.
    MeshNotServed = "SW0608", Info, None,
        "A VirtualService that names no Gateway, or the word mesh, is for requests from inside the cluster. Seaway has no sidecars; it holds such rules on a port of its own, where clients name services by their hosts (--mesh-port). Name a Gateway if the rules were meant for requests from outside.";
    /// A file that could not be watched.
    NotWatched = "SW0501", Warning, None,
        "Changes are not seen by themselves; send SIGHUP to reload.";
    /// A host is not there.
    HostNotFound = "SW0701", Error, NOT_RESOLVED,
        "Neither a Service nor a ServiceEntry that this namespace may see has this host. That destination's share of the requests is answered 503.";
    /// A subset is not there.
    SubsetNotFound = "SW0702", Error, NOT_RESOLVED,
        "No DestinationRule that holds for the host has a subset of this name. That destination's share of the requests is answered 503.";
    /// A DestinationRule is for a host that nobody knows.
    DestinationRuleWithoutHost = "SW0703", Warning, None,
        "It shapes nothing. Create the Service or ServiceEntry, or correct the host; a name without dots is a Service of the rule's own namespace.";
    /// Two DestinationRules hold for one host.
    DestinationRuleConflict = "SW0704", Warning, None,
        "In one namespace the older one keeps its trafficPolicy and the subsets are put together. Between namespaces that of the route comes first, then that of the service, then the root namespace. The message says what is lost.";
    /// No route leads to the host of a DestinationRule.
    DestinationRuleUnused = "SW0705", Info, None,
        "It shapes nothing until one does.";
    /// Localities fail over, and nothing notices failures.
    FailoverWithoutDetection = "SW0706", Warning, None,
        "failover and failoverPriority do nothing without outlierDetection in the same policy. Add it.";
    /// Localities matter, and the gateway's own is not known.
    OwnLocalityUnknown = "SW0707", Warning, None,
        "Near and far are as seen from the gateway. Start it with --locality REGION/ZONE/SUBZONE.";
    /// TLS with certificates of Istio's control plane.
    MeshTlsUnavailable = "SW0708", Error, Some(("ResolvedRefs", "TlsUnavailable")),
        "Requests are answered 503, since clear text would be weaker than what is asked for. Write DISABLE if the workloads take clear text, or MUTUAL with a certificate of your own.";
    /// A host that cannot be looked up.
    UnresolvableHost = "SW0709", Error, NOT_RESOLVED,
        "A wildcard stands for no address of its own. Name the host that is meant, or give the ServiceEntry endpoints.";
    /// An address that a gateway does not reach.
    UnsupportedAddress = "SW0710", Warning, None,
        "The endpoint is passed over, the others serve. Write an IP address or a DNS name.";
    /// A port of a Service is taken.
    PortTaken = "SW0711", Warning, None,
        "Something else is listened to there already, which stays. Give the Service another port, or the listener.";
    /// A ServiceEntry for a host and port that another object has.
    ServiceEntryConflict = "SW0712", Warning, None,
        "One of them gets everything, and the endpoints are not put together: a Service before a ServiceEntry, that of the route's own namespace before others, then the older object, then the first by namespace and name. The message says which. Write all endpoints into one ServiceEntry.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().id)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.info().id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_every_one_is_explained() {
        let mut ids: Vec<_> = Code::ALL.iter().map(|c| c.info().id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Code::ALL.len());
        assert!(
            Code::ALL
                .iter()
                .all(|c| !c.info().title.is_empty() && c.info().explanation.len() > 10)
        );
    }
}
