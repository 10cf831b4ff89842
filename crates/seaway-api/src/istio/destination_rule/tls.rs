//! TLS to the endpoints of a host.

use super::super::Text;
use super::super::shapes::{FILE, FILLED};
use crate::Spanned;
use crate::decode::{Cx, List, OneOf, TRUE_FALSE, at, object};
use crate::node::Node;

/// Whether and how TLS is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientTlsMode {
    /// Not at all.
    #[default]
    Disable,
    /// Without a certificate of ours.
    Simple,
    /// With a certificate of ours.
    Mutual,
    /// With a certificate of Istio's control plane.
    IstioMutual,
}

const MODE: OneOf<ClientTlsMode> = OneOf(&[
    ("DISABLE", ClientTlsMode::Disable),
    ("SIMPLE", ClientTlsMode::Simple),
    ("MUTUAL", ClientTlsMode::Mutual),
    ("ISTIO_MUTUAL", ClientTlsMode::IstioMutual),
]);

object! {
    /// TLS to the endpoints.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ClientTls {
        /// Whether and how it is spoken. `ISTIO_MUTUAL` needs certificates of Istio's control plane.
        mode: Spanned<ClientTlsMode> = "mode", default(Spanned::default(), "`DISABLE`"), at(MODE);
        /// Our certificate, as a file.
        client_certificate: Option<Text> = "clientCertificate", optional, FILE;
        /// Its key, as a file.
        private_key: Option<Text> = "privateKey", optional, FILE;
        /// Who is believed, as a file; the operating system's authorities without it.
        ca_certificates: Option<Text> = "caCertificates", optional, FILE;
        /// The lists of revoked certificates of `caCertificates`, as a file, or of the authorities of a Secret, instead of its
        /// `ca.crl`. Every authority of a chain must have a list that is not out of date.
        ca_crl: Option<Text> = "caCrl", optional, FILE;
        /// A Secret with `ca.crt`, and for `MUTUAL` with `tls.crt` and `tls.key`.
        credential_name: Option<Text> = "credentialName", optional, FILLED;
        /// One of the names of the certificate must be one of these.
        subject_alt_names: Vec<Text> = "subjectAltNames", default(Vec::new(), "the server name"), List(FILLED);
        /// The server name that is asked for; the host of the request without it.
        sni: Option<Text> = "sni", optional, FILLED;
        /// Believe anybody.
        insecure_skip_verify: Spanned<bool> = "insecureSkipVerify", default(Spanned::default(), "`false`"), at(TRUE_FALSE);
    }
    finish check_tls;
}

const FILES: [&str; 3] = ["clientCertificate", "privateKey", "caCertificates"];
/// What is held against a certificate, without a mode that looks at one.
const CHECKS: [&str; 3] = ["caCrl", "subjectAltNames", "sni"];

fn check_tls(tls: ClientTls, cx: &mut Cx, node: &Node<'_>) -> Option<ClientTls> {
    match tls.mode.value {
        ClientTlsMode::Disable => {
            let others = ["credentialName", "insecureSkipVerify"];
            for name in FILES.into_iter().chain(CHECKS).chain(others) {
                cx.ignored(node, name, "with the mode DISABLE");
            }
        }
        ClientTlsMode::IstioMutual => {
            for name in FILES.into_iter().chain(CHECKS).chain(["credentialName"]) {
                cx.ignored(node, name, "with the mode ISTIO_MUTUAL");
            }
        }
        ClientTlsMode::Simple | ClientTlsMode::Mutual => check_credentials(&tls, cx, node),
    }
    Some(tls)
}

fn check_credentials(tls: &ClientTls, cx: &mut Cx, node: &Node<'_>) {
    for file in FILES {
        cx.refuse_both(
            node,
            "credentialName",
            file,
            "certificates come from a Secret or from files; keep one of the two",
        );
    }
    if tls.insecure_skip_verify.value {
        // The Secret of a mode with a certificate of ours may have authorities in it, or not.
        let secret = (tls.mode.value == ClientTlsMode::Simple).then_some("credentialName");
        for name in ["caCertificates", "subjectAltNames"].into_iter().chain(secret) {
            cx.refuse_both(
                node,
                "insecureSkipVerify",
                name,
                "either somebody or anybody is believed; keep one of the two",
            );
        }
    }
    if tls.mode.value == ClientTlsMode::Simple {
        for name in ["clientCertificate", "privateKey"] {
            cx.ignored(
                node,
                name,
                "with the mode SIMPLE, in which we show no certificate",
            );
        }
    } else if tls.credential_name.is_none() {
        for (name, value) in [
            ("clientCertificate", &tls.client_certificate),
            ("privateKey", &tls.private_key),
        ] {
            if value.is_none() {
                cx.missing(
                    node,
                    name,
                    "MUTUAL needs clientCertificate and privateKey, or credentialName",
                );
            }
        }
    }
}
