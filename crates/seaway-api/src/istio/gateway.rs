//! `Gateway`: ports that are listened on, and the hosts that are served there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reach::{ProtocolShape, SERVER_HOST};
use super::shapes::{FILE, FILLED};
use super::{PortProtocol, ServerHost, Text, syntax};
use crate::decode::{
    At, Cx, Int, LabelMap, List, OneOf, Parsed, SoundOnes, TEXT, TRUE_FALSE, at, obj, object,
};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

object! {
    /// Ports that are listened on, and the hosts that are served there.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Gateway {
        /// What is listened on. A server that is wrong is left out, and the others serve.
        servers: Vec<(usize, Spanned<Server>)> = "servers", required, SoundOnes(at(obj()));
        /// Labels of the gateways that it is for; none: every gateway.
        selector: BTreeMap<Arc<str>, Arc<str>> = "selector", default(BTreeMap::new(), "every gateway"), LabelMap;
    }
    finish needs_servers;
}

fn needs_servers(gateway: Gateway, cx: &mut Cx, node: &Node<'_>) -> Option<Gateway> {
    cx.refuse_empty(node, "servers", "add a server with a port and hosts");
    cx.within("servers", |cx| warn_of_twins(&gateway, cx));
    Some(gateway)
}

/// Istio refuses two ports of one name. Here a name is for messages only, and no reason to close a port.
fn warn_of_twins(gateway: &Gateway, cx: &mut Cx) {
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for (index, server) in &gateway.servers {
        let name = &server.port.name;
        let Some(line) = names.get(&*name.value) else {
            names.insert(&name.value, name.pos.line);
            continue;
        };
        let message = format!(
            "a port is called {:?} already, in line {line}, which Istio refuses",
            &*name.value
        );
        let help = "give the port of each server a name of its own";
        cx.within_item(*index, |cx| {
            cx.within("port", |cx| {
                cx.report_in("name", ProblemKind::IgnoredField, name.pos, message, help);
            });
        });
    }
}

object! {
    /// A port, and the hosts that are served at it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Server {
        /// The port that is listened on.
        port: Spanned<GatewayPort> = "port", required, at(obj());
        /// The hosts that are served, each with the namespace of whose VirtualServices may be bound to it.
        hosts: Vec<Spanned<ServerHost>> = "hosts", required, List(SERVER_HOST);
        /// What becomes of TLS. Needed for `HTTPS` and `TLS`; with a protocol in clear text only `httpsRedirect` is allowed.
        tls: Option<Spanned<ServerTls>> = "tls", optional, at(obj());
        /// A name for messages.
        name: Option<Text> = "name", optional, TEXT;
        /// The address that is listened on.
        bind: Option<Text> = "bind", optional, TEXT;
    }
    unimplemented ["defaultEndpoint"];
    finish check_server;
}

fn check_server(server: Server, cx: &mut Cx, node: &Node<'_>) -> Option<Server> {
    cx.refuse_empty(node, "hosts", "add the hosts that are served, or \"*\" for all");
    let protocol = server.port.protocol.value;
    if protocol == PortProtocol::Udp {
        cx.within("port", |cx| {
            let message = "a Gateway does not serve UDP";
            let help = "use a Service of type NodePort or LoadBalancer with a port of protocol UDP";
            let kind = ProblemKind::InvalidValue;
            cx.report_in("protocol", kind, server.port.protocol.pos, message, help);
        });
    }
    match &server.tls {
        None if protocol.is_tls() => {
            let help = "add \"tls: {mode: SIMPLE, credentialName: SECRET}\", or \"tls: {mode: PASSTHROUGH}\"";
            cx.missing(node, "tls", help);
        }
        Some(tls) if protocol.is_tls() && tls.https_redirect.value => {
            cx.within("tls", |cx| {
                let message = "\"httpsRedirect\" does nothing on a port that speaks TLS";
                let help = "remove it, or write it on a server for HTTP";
                let pos = tls.https_redirect.pos;
                cx.report_in("httpsRedirect", ProblemKind::IgnoredField, pos, message, help);
            });
        }
        Some(tls) if !protocol.is_tls() => {
            let (allowed, help) = match protocol.is_http() {
                true => (
                    tls.only_redirects(),
                    "write protocol: HTTPS, or only \"httpsRedirect: true\" here",
                ),
                false => (false, "write protocol: TLS"),
            };
            if !allowed {
                let message = format!("TLS on a port that speaks {}", protocol.as_str());
                cx.report_in("tls", ProblemKind::ConflictingFields, tls.pos, message, help);
            }
        }
        _ => {}
    }
    Some(server)
}

object! {
    /// A port that is listened on.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct GatewayPort {
        /// Its number.
        number: Spanned<u16> = "number", required, at(Int::port());
        /// What is spoken on it.
        protocol: Spanned<PortProtocol> = "protocol", required, at(ProtocolShape);
        /// Its name.
        name: Text = "name", required, FILLED;
    }
    unimplemented ["targetPort"];
}

/// What becomes of the TLS of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// It goes through untouched, to where the server name says.
    #[default]
    Passthrough,
    /// It ends here.
    Simple,
    /// It ends here, and clients have to prove who they are.
    Mutual,
    /// It ends here, and clients may prove who they are.
    OptionalMutual,
    /// Server names of Istio's own; refused.
    AutoPassthrough,
    /// Certificates of Istio's own; refused.
    IstioMutual,
}

impl TlsMode {
    /// Whether TLS ends here.
    #[must_use]
    pub fn terminates(self) -> bool {
        matches!(self, Self::Simple | Self::Mutual | Self::OptionalMutual)
    }

    /// Whether clients are asked for a certificate.
    #[must_use]
    pub fn asks_clients(self) -> bool {
        matches!(self, Self::Mutual | Self::OptionalMutual)
    }
}

const MODE: OneOf<TlsMode> = OneOf(&[
    ("PASSTHROUGH", TlsMode::Passthrough),
    ("SIMPLE", TlsMode::Simple),
    ("MUTUAL", TlsMode::Mutual),
    ("OPTIONAL_MUTUAL", TlsMode::OptionalMutual),
    ("AUTO_PASSTHROUGH", TlsMode::AutoPassthrough),
    ("ISTIO_MUTUAL", TlsMode::IstioMutual),
]);

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum TlsVersion {
    #[default]
    Auto,
    V1_0,
    V1_1,
    V1_2,
    V1_3,
}

const VERSION: OneOf<TlsVersion> = OneOf(&[
    ("TLS_AUTO", TlsVersion::Auto),
    ("TLSV1_0", TlsVersion::V1_0),
    ("TLSV1_1", TlsVersion::V1_1),
    ("TLSV1_2", TlsVersion::V1_2),
    ("TLSV1_3", TlsVersion::V1_3),
]);

const SPKI_HASH: At<Parsed<[u8; 32]>> = at(Parsed("SHA-256 in base64", syntax::sha256_in_base64));
const CERTIFICATE_HASH: At<Parsed<[u8; 32]>> = at(Parsed("SHA-256 in hexadecimal", syntax::sha256_in_hex));

object! {
    /// What becomes of the TLS of a server.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ServerTls {
        /// Answer every request in clear text with a redirect (301) to https.
        https_redirect: Spanned<bool> = "httpsRedirect", default(Spanned::default(), "`false`"), at(TRUE_FALSE);
        /// Whether TLS ends here, and whether clients prove who they are. `AUTO_PASSTHROUGH` and `ISTIO_MUTUAL` need
        /// Istio's control plane and are refused.
        mode: Spanned<TlsMode> = "mode", default(Spanned::default(), "`PASSTHROUGH`"), at(MODE);
        /// A Secret with `tls.crt` and `tls.key`, and for clients `ca.crt`, there or in the Secret of that name with
        /// `-cacert` after it.
        credential_name: Option<Text> = "credentialName", optional, FILLED;
        /// Two of them, for keys of two kinds.
        credential_names: Vec<Text> = "credentialNames", default(Vec::new(), "none"), List(FILLED);
        /// The certificate, as a file.
        server_certificate: Option<Text> = "serverCertificate", optional, FILE;
        /// Its key, as a file.
        private_key: Option<Text> = "privateKey", optional, FILE;
        /// Who is believed when a client proves who it is, as a file.
        ca_certificates: Option<Text> = "caCertificates", optional, FILE;
        /// A Secret with `ca.crt` for clients, instead of that of `credentialName`.
        ca_cert_credential_name: Option<Text> = "caCertCredentialName", optional, FILLED;
        /// The authorities' lists of revoked certificates, as a file; for those of a Secret its `ca.crl` without this. Every
        /// authority of a client's chain must have a list that is not out of date.
        ca_crl: Option<Text> = "caCrl", optional, FILE;
        /// Two certificates as files, for keys of two kinds.
        tls_certificates: Vec<Spanned<CertificateFiles>> = "tlsCertificates", default(Vec::new(), "none"), List(at(obj()));
        /// One of the names of a client's certificate must be one of these.
        subject_alt_names: Vec<Text> = "subjectAltNames", default(Vec::new(), "any"), List(FILLED);
        /// The key of a client's certificate must be one of these: the SHA-256 of its SubjectPublicKeyInfo, in base64. With
        /// `verifyCertificateHash` too, one of either list is enough.
        verify_certificate_spki: Vec<Spanned<[u8; 32]>> = "verifyCertificateSpki", default(Vec::new(), "any"), List(SPKI_HASH);
        /// A client's certificate must be one of these: its SHA-256 in hexadecimal, with colons or without.
        verify_certificate_hash: Vec<Spanned<[u8; 32]>> = "verifyCertificateHash", default(Vec::new(), "any"), List(CERTIFICATE_HASH);
        /// Not below. Seaway speaks no version below 1.2.
        min_protocol_version: Option<Spanned<TlsVersion>> = "minProtocolVersion", optional, at(VERSION);
        /// Not above.
        max_protocol_version: Option<Spanned<TlsVersion>> = "maxProtocolVersion", optional, at(VERSION);
        /// Only these, by their OpenSSL names; TLS 1.3 has its own.
        cipher_suites: Vec<Text> = "cipherSuites", default(Vec::new(), "all that are sound"), List(FILLED);
    }
    unimplemented ["insecureSkipVerify"];
    finish check_tls;
}

impl ServerTls {
    /// Whether nothing is said but the redirect.
    fn only_redirects(&self) -> bool {
        let nothing_more = Self {
            https_redirect: self.https_redirect.clone(),
            mode: Spanned::new(TlsMode::Passthrough, self.mode.pos),
            ..Self::default()
        };
        *self == nothing_more
    }
}

object! {
    /// A certificate and its key, as files.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CertificateFiles {
        /// The certificate.
        server_certificate: Text = "serverCertificate", required, FILE;
        /// Its key.
        private_key: Text = "privateKey", required, FILE;
    }
    unimplemented ["caCertificates"];
}

fn check_tls(tls: ServerTls, cx: &mut Cx, node: &Node<'_>) -> Option<ServerTls> {
    let refused = match tls.mode.value {
        TlsMode::AutoPassthrough => Some((
            "AUTO_PASSTHROUGH takes its destinations from server names that only Istio's sidecars send",
            "write PASSTHROUGH, and a VirtualService with \"tls\" routes",
        )),
        TlsMode::IstioMutual => Some((
            "ISTIO_MUTUAL takes its certificates from Istio's control plane, which is not there",
            "write MUTUAL, and the credentialName of a Secret with ca.crt",
        )),
        _ => None,
    };
    if let Some((message, help)) = refused {
        cx.report_in("mode", ProblemKind::InvalidValue, tls.mode.pos, message, help);
        return Some(tls);
    }
    if tls.mode.value == TlsMode::Passthrough {
        for name in [
            "credentialName",
            "credentialNames",
            "serverCertificate",
            "privateKey",
            "caCertificates",
            "caCertCredentialName",
            "caCrl",
            "tlsCertificates",
            "subjectAltNames",
            "verifyCertificateSpki",
            "verifyCertificateHash",
            "minProtocolVersion",
            "maxProtocolVersion",
            "cipherSuites",
        ] {
            cx.ignored(
                node,
                name,
                "with the mode PASSTHROUGH, in which TLS does not end here",
            );
        }
    } else {
        check_certificates(&tls, cx, node);
    }
    check_versions(&tls, cx);
    Some(tls)
}

/// Where the certificate comes from, and for clients the authorities.
fn check_certificates(tls: &ServerTls, cx: &mut Cx, node: &Node<'_>) {
    if let Some(third) = tls.credential_names.get(2) {
        let message = "at most two credentials can be used at once";
        let help = "keep one with an RSA key and one with an ECDSA key";
        cx.report_in(
            "credentialNames",
            ProblemKind::InvalidValue,
            third.pos,
            message,
            help,
        );
    }
    if let Some(third) = tls.tls_certificates.get(2) {
        let message = "at most two certificates can be used at once";
        let help = "keep one with an RSA key and one with an ECDSA key";
        cx.report_in(
            "tlsCertificates",
            ProblemKind::InvalidValue,
            third.pos,
            message,
            help,
        );
    }
    let help =
        "name the Secret in credentialName, or the files in serverCertificate and privateKey; one of the two";
    for (one, other) in [
        ("credentialName", "credentialNames"),
        ("credentialName", "tlsCertificates"),
        ("credentialNames", "tlsCertificates"),
        ("serverCertificate", "tlsCertificates"),
    ] {
        cx.refuse_both(node, one, other, help);
    }
    let by_secret = tls.credential_name.is_some() || !tls.credential_names.is_empty();
    for credential in ["credentialName", "credentialNames"] {
        if cx.entry(node, credential).is_none() {
            continue;
        }
        if tls.server_certificate.is_some() && tls.private_key.is_some() {
            cx.refuse_both(node, credential, "serverCertificate", help);
        } else {
            // Half of a pair of files is none, and Istio takes the Secret.
            for file in ["serverCertificate", "privateKey"] {
                cx.ignored(node, file, &format!("beside \"{credential}\""));
            }
        }
    }
    if !by_secret && tls.tls_certificates.is_empty() {
        match (&tls.server_certificate, &tls.private_key) {
            (None, None) => cx.missing(node, "credentialName", help),
            (None, Some(_)) => cx.missing(node, "serverCertificate", "add the certificate of this key"),
            (Some(_), None) => cx.missing(node, "privateKey", "add the key of this certificate"),
            (Some(_), Some(_)) => {}
        }
    }
    if tls.mode.asks_clients() {
        if !by_secret && tls.ca_certificates.is_none() && tls.ca_cert_credential_name.is_none() {
            let help = "add the file of authorities that clients' certificates are signed by";
            cx.missing(node, "caCertificates", help);
        }
    } else {
        for name in [
            "caCertificates",
            "caCertCredentialName",
            "caCrl",
            "subjectAltNames",
            "verifyCertificateSpki",
            "verifyCertificateHash",
        ] {
            cx.ignored(node, name, "with the mode SIMPLE, in which clients are not asked");
        }
    }
}

fn check_versions(tls: &ServerTls, cx: &mut Cx) {
    let (Some(least), Some(most)) = (&tls.min_protocol_version, &tls.max_protocol_version) else {
        return;
    };
    if most.value != TlsVersion::Auto && least.value > most.value {
        let message = "the highest version is below the lowest";
        let help = "exchange the two, or leave one out";
        cx.report_in(
            "maxProtocolVersion",
            ProblemKind::InvalidValue,
            most.pos,
            message,
            help,
        );
    }
}
