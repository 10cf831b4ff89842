//! `HttpsCert` and `HttpsCertIssuer`, in `seaway.dev/v1alpha1` and `core.kalm.dev/v1alpha1`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Spanned;

type Text = Spanned<Arc<str>>;

/// The spec of an HttpsCert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpsCert {
    /// At least one, each once, in the order written.
    pub domains: Vec<Text>,
    /// The certificate is in a Secret.
    pub is_self_managed: bool,
    /// Its name, in the HttpsCert's namespace; for Kalm's cluster-scoped kind in `istio-system`, and if it is not
    /// there, in any namespace that has the only Secret of that name.
    pub self_managed_cert_secret_name: Option<Text>,
    /// Default `default-http01-issuer`.
    pub https_cert_issuer: Option<Text>,
}

/// The spec of an HttpsCertIssuer: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HttpsCertIssuer {
    /// A local certificate authority.
    #[default]
    CaForTest,
    /// ACME by http-01.
    Http01 {
        /// Contact.
        email: Option<Text>,
        /// Directory.
        server: Option<Text>,
    },
    /// ACME by dns-01, over the acme-dns protocol.
    Dns01 {
        /// Domain of the acme-dns server.
        base_acme_domain: Option<Text>,
        /// Directory.
        server: Option<Text>,
        /// Contact.
        email: Option<Text>,
        /// By domain.
        configs: BTreeMap<Arc<str>, Dns01Config>,
    },
    /// ACME by dns-01, over Cloudflare's API.
    AcmeCloudFlare {
        /// Contact.
        email: Text,
        /// Secret with the token.
        api_token_secret_name: Text,
        /// Directory.
        server: Option<Text>,
    },
}

/// An acme-dns account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "as acme-dns names them")]
pub struct Dns01Config {
    pub username: Arc<str>,
    pub password: Arc<str>,
    pub fulldomain: Arc<str>,
    pub subdomain: Arc<str>,
    pub allowfrom: Vec<Arc<str>>,
}
