//! `HttpsCert` and `HttpsCertIssuer`, in `seaway.dev/v1alpha1` and `core.kalm.dev/v1alpha1`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::decode::{
    At, Cx, Invalid, List, Parsed, Str, TEXT, TRUE_FALSE, TextMap, Via, at, obj, object, syntax,
};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

type Text = Spanned<Arc<str>>;

const OBJECT_NAME: At<Parsed<Arc<str>>> = at(Parsed("name", syntax::object_name));
const URL: At<Parsed<Arc<str>>> = at(Parsed("URL", url));

object! {
    /// A certificate, and the hosts that it is for.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct HttpsCert {
        /// The hosts that the certificate is for: DNS names, `*.example.com` for exactly one label, or `*` for a
        /// default certificate, presented where no other one is for the host.
        domains: Vec<Text> = "domains", required, List(at(Parsed("DNS name", domain)));
        /// Whether the certificate is in a Secret that somebody else takes care of.
        is_self_managed: bool = "isSelfManaged", default(false, "`false`"), TRUE_FALSE;
        /// The name of that Secret, of type `kubernetes.io/tls`.
        self_managed_cert_secret_name: Option<Text> = "selfManagedCertSecretName", optional, OBJECT_NAME;
        /// Who makes the certificate otherwise: `default-cert-issuer`, `default-http01-issuer`,
        /// `default-dns01-issuer`, or the name of an HttpsCertIssuer.
        https_cert_issuer: Option<Text> = "httpsCertIssuer", optional, OBJECT_NAME;
    }
    finish check_cert;
}

fn check_cert(mut cert: HttpsCert, cx: &mut Cx, node: &Node<'_>) -> Option<HttpsCert> {
    if cert.domains.is_empty()
        && node
            .get("domains")
            .is_some_and(|n| n.value == crate::node::Value::Seq(vec![]))
    {
        cx.missing(
            node,
            "domains",
            "name at least one host, for example \"domains: [shop.example.com]\"",
        );
    }
    let mut seen = std::collections::BTreeSet::new();
    cert.domains.retain(|domain| seen.insert(domain.value.clone()));
    if cert.is_self_managed {
        if cert.self_managed_cert_secret_name.is_none() {
            let help = "add the name of the Secret that holds tls.crt and tls.key";
            cx.missing(node, "selfManagedCertSecretName", help);
        }
        cx.ignored(node, "httpsCertIssuer", "when isSelfManaged is true");
    } else {
        cx.ignored(node, "selfManagedCertSecretName", "unless isSelfManaged is true");
    }
    Some(cert)
}

/// A name for a certificate: as it will be compared, in lower case.
fn domain(text: &str) -> Result<Arc<str>, Invalid> {
    let text = text.trim();
    // The default certificate, which also serves clients that send no server name.
    if text == "*" {
        return Ok(text.into());
    }
    syntax::host(text)?;
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.contains('*') {
        return Err(Invalid::new(
            format!("{text:?} is not a wildcard that a certificate can have"),
            "write \"*.\" followed by a DNS name",
        ));
    }
    Ok(text.to_ascii_lowercase().into())
}

fn url(text: &str) -> Result<Arc<str>, Invalid> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return Ok(text.into());
    }
    Err(Invalid::new(
        format!("{text:?} is not a URL"),
        "write for example https://acme.example.com/directory",
    ))
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

/// How the spec of an issuer is read.
pub(crate) const ISSUER: Via<IssuerFields, HttpsCertIssuer> = Via(issuer);

object! {
    /// Who makes certificates: exactly one of these.
    #[derive(Clone, Debug)]
    pub(crate) struct IssuerFields {
        /// A local certificate authority, made once and kept. Clients have to be told to trust it.
        ca_for_test: Option<NoFields> = "caForTest", optional, obj();
        /// ACME, proven over HTTP.
        http01: Option<Http01> = "http01", optional, obj();
        /// ACME, proven over DNS by the acme-dns protocol. Needed for wildcards.
        dns01: Option<Dns01> = "dns01", optional, obj();
        /// ACME, proven over DNS by Cloudflare's API.
        acme_cloud_flare: Option<CloudFlare> = "acmeCloudFlare", optional, obj();
    }
}

object! {
    /// Has no fields.
    #[derive(Clone, Debug)]
    pub(crate) struct NoFields {}
}

object! {
    /// ACME by http-01.
    #[derive(Clone, Debug)]
    pub(crate) struct Http01 {
        /// Whom the authority writes to.
        email: Option<Text> = "email", optional, TEXT;
        /// The authority's directory.
        server: Option<Text> = "server", optional, URL;
    }
}

object! {
    /// ACME by dns-01, over the acme-dns protocol.
    #[derive(Clone, Debug)]
    pub(crate) struct Dns01 {
        /// The domain of the acme-dns server.
        base_acme_domain: Option<Text> = "baseACMEDomain", optional, TEXT;
        /// The authority's directory.
        server: Option<Text> = "server", optional, URL;
        /// Whom the authority writes to.
        email: Option<Text> = "email", optional, TEXT;
        /// Accounts of acme-dns, by domain.
        configs: BTreeMap<Arc<str>, Dns01Config> = "configs", default(BTreeMap::new(), "none"),
            TextMap("mapping of domain to account", syntax::any_key, obj::<Dns01Config>());
    }
}

object! {
    /// ACME by dns-01, over Cloudflare's API.
    #[derive(Clone, Debug)]
    pub(crate) struct CloudFlare {
        /// Whom the authority writes to.
        email: Text = "email", required, TEXT;
        /// The Secret that holds the token.
        api_token_secret_name: Text = "apiTokenSecretName", required, OBJECT_NAME;
        /// The authority's directory.
        server: Option<Text> = "server", optional, URL;
    }
}

object! {
    /// An account of acme-dns, as its registration answers.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Dns01Config {
        /// The account.
        username: Arc<str> = "username", required, Str;
        /// Its password.
        password: Arc<str> = "password", required, Str;
        /// The name that `_acme-challenge` of the domain has to be an alias (CNAME) of.
        fulldomain: Arc<str> = "fulldomain", required, Str;
        /// The first label of that name.
        subdomain: Arc<str> = "subdomain", required, Str;
        /// Networks that updates may come from.
        allowfrom: Vec<Arc<str>> = "allowfrom", default(Vec::new(), "any"), List(Str);
    }
}

fn issuer(fields: IssuerFields, cx: &mut Cx, node: &Node<'_>) -> Option<HttpsCertIssuer> {
    let IssuerFields {
        ca_for_test,
        http01,
        dns01,
        acme_cloud_flare,
    } = fields;
    let mut choices = [
        ca_for_test.map(|NoFields {}| HttpsCertIssuer::CaForTest),
        http01.map(|Http01 { email, server }| HttpsCertIssuer::Http01 { email, server }),
        dns01.map(|dns| HttpsCertIssuer::Dns01 {
            base_acme_domain: dns.base_acme_domain,
            server: dns.server,
            email: dns.email,
            configs: dns.configs,
        }),
        acme_cloud_flare.map(|cloud| HttpsCertIssuer::AcmeCloudFlare {
            email: cloud.email,
            api_token_secret_name: cloud.api_token_secret_name,
            server: cloud.server,
        }),
    ]
    .into_iter()
    .flatten();
    let first = choices.next();
    let help = "write one of caForTest: {}, http01, dns01 and acmeCloudFlare";
    if first.is_none() {
        cx.report(ProblemKind::MissingField, node.pos, "an issuer of no kind", help);
    } else if choices.next().is_some() {
        let message = "caForTest, http01, dns01 and acmeCloudFlare exclude each other";
        cx.report(ProblemKind::ConflictingFields, node.pos, message, help);
    }
    first
}

#[cfg(test)]
mod tests;
