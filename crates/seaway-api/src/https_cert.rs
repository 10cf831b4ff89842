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
const EMAIL: At<Parsed<Arc<str>>> = at(Parsed("e-mail address", email));

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

/// As much as can be seen without asking: one name, one domain. Nothing at all is no address, as Kalm writes it.
fn email(text: &str) -> Result<Arc<str>, Invalid> {
    let text = text.trim();
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    let domain = |part: &str| {
        part.split('.')
            .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'))
    };
    let good = match text.split_once('@') {
        Some((name, at)) => plain(name) && !name.contains([',', ';', '<', '>', ':']) && domain(at),
        None => text.is_empty(),
    };
    if good {
        return Ok(text.into());
    }
    Err(Invalid::new(
        format!("{text:?} is not an e-mail address"),
        "write one address, for example ops@example.com, without \"mailto:\"",
    ))
}

/// The spec of an HttpsCertIssuer: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HttpsCertIssuer {
    /// A local certificate authority.
    #[default]
    CaForTest,
    /// ACME by http-01.
    Http01(AcmeAuthority),
    /// ACME by tls-alpn-01.
    TlsAlpn01(AcmeAuthority),
    /// ACME by dns-01, over the acme-dns protocol.
    Dns01 {
        /// Who signs.
        authority: AcmeAuthority,
        /// URL of the acme-dns server, or its domain.
        server: Text,
        /// By domain.
        configs: BTreeMap<Arc<str>, Dns01Config>,
        /// Secret with the root of that server.
        root_secret_name: Option<Text>,
    },
    /// ACME by dns-01, over Cloudflare's API.
    AcmeCloudFlare {
        /// Who signs.
        authority: AcmeAuthority,
        /// Secret with the token.
        api_token_secret_name: Text,
        /// URL of the API, if it is not Cloudflare's own.
        api: Option<Text>,
        /// Secret with the root of that API.
        root_secret_name: Option<Text>,
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
        /// ACME, proven over HTTP on port 80.
        http01: Option<AcmeAuthority> = "http01", optional, obj();
        /// ACME, proven by a handshake on port 443: for where port 80 is closed.
        tls_alpn01: Option<AcmeAuthority> = "tlsAlpn01", optional, obj();
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
    /// An authority that speaks ACME. Everything has a default: Let's Encrypt.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct AcmeAuthority {
        /// Whom the authority writes to.
        email: Option<Text> = "email", optional, EMAIL;
        /// The authority's directory.
        server: Option<Text> = "server", optional, URL;
        /// For authorities that want a customer's number.
        external_account: Option<ExternalAccount> = "externalAccount", optional, obj();
        /// A Secret with `ca.crt`: what the directory's own certificate is checked against, instead of the system's
        /// roots.
        root_secret_name: Option<Text> = "rootSecretName", optional, OBJECT_NAME;
    }
}

object! {
    /// External account binding (RFC 8555, 7.3.4).
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ExternalAccount {
        /// The key's identifier.
        key_id: Text = "keyID", required, TEXT;
        /// A Secret with `hmacKey`, in base64url as the authority hands it out.
        hmac_key_secret_name: Text = "hmacKeySecretName", required, OBJECT_NAME;
    }
}

object! {
    /// ACME by dns-01, over the acme-dns protocol.
    #[derive(Clone, Debug)]
    pub(crate) struct Dns01 {
        /// The domain of the acme-dns server.
        base_acme_domain: Option<Text> = "baseACMEDomain", optional, TEXT;
        /// The URL of the acme-dns server's API, if it is not `https://` and that domain.
        acme_dns_server: Option<Text> = "acmeDNSServer", optional, URL;
        /// Accounts of acme-dns, by domain. One that is missing is registered by itself.
        configs: BTreeMap<Arc<str>, Dns01Config> = "configs", default(BTreeMap::new(), "none"),
            TextMap("mapping of domain to account", syntax::any_key, obj::<Dns01Config>());
        /// Whom the authority writes to.
        email: Option<Text> = "email", optional, EMAIL;
        /// The authority's directory.
        server: Option<Text> = "server", optional, URL;
        /// For authorities that want a customer's number.
        external_account: Option<ExternalAccount> = "externalAccount", optional, obj();
        /// A Secret with `ca.crt`: what the directory's own certificate is checked against, instead of the system's
        /// roots.
        root_secret_name: Option<Text> = "rootSecretName", optional, OBJECT_NAME;
        /// A Secret with `ca.crt`: what the certificate of the acme-dns server is checked against, instead of the system's
        /// roots.
        api_root_secret_name: Option<Text> = "apiRootSecretName", optional, OBJECT_NAME;
    }
    finish check_dns01;
}

object! {
    /// ACME by dns-01, over Cloudflare's API.
    #[derive(Clone, Debug)]
    pub(crate) struct CloudFlare {
        /// The Secret that holds the token, as `api-token`, `apiToken` or its only key.
        api_token_secret_name: Text = "apiTokenSecretName", required, OBJECT_NAME;
        /// Whom the authority writes to.
        email: Option<Text> = "email", optional, EMAIL;
        /// The authority's directory.
        server: Option<Text> = "server", optional, URL;
        /// For authorities that want a customer's number.
        external_account: Option<ExternalAccount> = "externalAccount", optional, obj();
        /// A Secret with `ca.crt`: what the directory's own certificate is checked against, instead of the system's
        /// roots.
        root_secret_name: Option<Text> = "rootSecretName", optional, OBJECT_NAME;
        /// The base of the API, where it is not Cloudflare's own: of a proxy before it.
        api_server: Option<Text> = "apiServer", optional, URL;
        /// A Secret with `ca.crt`: what the certificate of the API is checked against, instead of the system's
        /// roots.
        api_root_secret_name: Option<Text> = "apiRootSecretName", optional, OBJECT_NAME;
    }
}

object! {
    /// An account of acme-dns, as its registration answers.
    #[derive(Clone, Default, PartialEq, Eq)]
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

/// Without the password.
impl std::fmt::Debug for Dns01Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns01Config")
            .field("username", &self.username)
            .field("fulldomain", &self.fulldomain)
            .finish_non_exhaustive()
    }
}

fn check_dns01(dns: Dns01, cx: &mut Cx, node: &Node<'_>) -> Option<Dns01> {
    if dns.base_acme_domain.is_none() && dns.acme_dns_server.is_none() {
        cx.missing(
            node,
            "baseACMEDomain",
            "name the domain of your acme-dns server, or its URL as acmeDNSServer",
        );
        return None;
    }
    Some(dns)
}

fn issuer(fields: IssuerFields, cx: &mut Cx, node: &Node<'_>) -> Option<HttpsCertIssuer> {
    let IssuerFields {
        ca_for_test,
        http01,
        tls_alpn01,
        dns01,
        acme_cloud_flare,
    } = fields;
    let mut choices = [
        ca_for_test.map(|NoFields {}| HttpsCertIssuer::CaForTest),
        http01.map(HttpsCertIssuer::Http01),
        tls_alpn01.map(HttpsCertIssuer::TlsAlpn01),
        dns01.and_then(by_acme_dns),
        acme_cloud_flare.map(by_cloudflare),
    ]
    .into_iter()
    .flatten();
    let first = choices.next();
    let help = "write one of caForTest: {}, http01, tlsAlpn01, dns01 and acmeCloudFlare";
    if first.is_none() {
        cx.report(ProblemKind::MissingField, node.pos, "an issuer of no kind", help);
    } else if choices.next().is_some() {
        let message = "caForTest, http01, tlsAlpn01, dns01 and acmeCloudFlare exclude each other";
        cx.report(ProblemKind::ConflictingFields, node.pos, message, help);
    }
    first
}

fn by_acme_dns(dns: Dns01) -> Option<HttpsCertIssuer> {
    Some(HttpsCertIssuer::Dns01 {
        authority: AcmeAuthority {
            email: dns.email,
            server: dns.server,
            external_account: dns.external_account,
            root_secret_name: dns.root_secret_name,
        },
        server: dns.acme_dns_server.or(dns.base_acme_domain)?,
        configs: dns.configs,
        root_secret_name: dns.api_root_secret_name,
    })
}

fn by_cloudflare(cloud: CloudFlare) -> HttpsCertIssuer {
    HttpsCertIssuer::AcmeCloudFlare {
        authority: AcmeAuthority {
            email: cloud.email,
            server: cloud.server,
            external_account: cloud.external_account,
            root_secret_name: cloud.root_secret_name,
        },
        api_token_secret_name: cloud.api_token_secret_name,
        api: cloud.api_server,
        root_secret_name: cloud.api_root_secret_name,
    }
}

#[cfg(test)]
mod tests;
