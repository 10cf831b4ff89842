//! An HttpsCertIssuer that speaks ACME, with what its Secrets hold.
//!
//! What is wrong with an issuer is told at the issuer, once; that a certificate cannot be had for it is told at the
//! certificate by who asks.

use std::sync::Arc;

use seaway_api::https_cert::{AcmeAuthority, Dns01Config, HttpsCertIssuer};
use seaway_api::{Object, Spanned};
use seaway_model::{
    AcmeDns, AcmeDnsAccount, AcmeIssuer, AcmeMethod, CLOUDFLARE_API, Cloudflare, Code, ExternalAccount,
    Hidden, IssuerKind,
};

use super::store::{Reference, Store};
use crate::findings::{Findings, Reporter, origin_of};

/// Where the Secrets of Kalm's cluster-scoped issuers are: those of its time were read by cert-manager.
const SECRET_NAMESPACES: [&str; 2] = ["cert-manager", "istio-system"];

/// What an issuer object means, or `None` after saying why it cannot be used.
pub(super) fn issuer_kind(
    object: &Object<HttpsCertIssuer>,
    store: &Store<'_>,
    findings: &mut Findings,
) -> Option<IssuerKind> {
    let origin = origin_of(&object.meta);
    let mut secrets = Secrets {
        store,
        namespace: &object.meta.namespace,
        reporter: Reporter::new(&origin, findings),
    };
    let (authority, field, method) = match &object.spec {
        HttpsCertIssuer::CaForTest => return Some(IssuerKind::TestCa),
        HttpsCertIssuer::Http01(authority) => (authority, "http01", Some(AcmeMethod::Http01)),
        HttpsCertIssuer::TlsAlpn01(authority) => (authority, "tlsAlpn01", Some(AcmeMethod::TlsAlpn01)),
        HttpsCertIssuer::Dns01 {
            authority,
            server,
            configs,
            root_secret_name,
        } => {
            let roots = secrets.roots(root_secret_name.as_ref(), "spec.dns01.apiRootSecretName");
            let method = roots.ok().map(|roots| {
                AcmeMethod::Dns01AcmeDns(AcmeDns {
                    server: server.value.clone(),
                    accounts: configs.iter().map(account).collect(),
                    roots,
                })
            });
            (authority, "dns01", method)
        }
        HttpsCertIssuer::AcmeCloudFlare {
            authority,
            api_token_secret_name,
            api,
            root_secret_name,
        } => {
            let token = secrets.cloudflare(api_token_secret_name);
            let roots = secrets.roots(root_secret_name.as_ref(), "spec.acmeCloudFlare.apiRootSecretName");
            let method = token.zip(roots.ok()).map(|(api_token, roots)| {
                let api = api
                    .as_ref()
                    .map_or(CLOUDFLARE_API.into(), |api| api.value.clone());
                AcmeMethod::Dns01Cloudflare(Cloudflare {
                    api_token,
                    api,
                    roots,
                })
            });
            (authority, "acmeCloudFlare", method)
        }
    };
    // All Secrets are looked at before giving up, so that all that is missing is told at once.
    let account = secrets.external_account(authority, field);
    let roots = secrets.roots(
        authority.root_secret_name.as_ref(),
        &format!("spec.{field}.rootSecretName"),
    );
    let mut issuer = AcmeIssuer::new(object.meta.name.value.clone(), method?);
    if let Some(server) = &authority.server {
        issuer.directory = server.value.clone();
    }
    issuer.email = (authority.email.as_ref())
        .map(|email| email.value.clone())
        .filter(|email| !email.is_empty());
    issuer.external_account = account.ok()?;
    issuer.directory_roots = roots.ok()?;
    Some(IssuerKind::Acme(Arc::new(issuer)))
}

/// A domain is kept as it will be looked up: in lower case, and the same for a wildcard and its parent.
fn account((domain, config): (&Arc<str>, &Dns01Config)) -> (Arc<str>, AcmeDnsAccount) {
    let domain = domain.to_ascii_lowercase();
    let account = AcmeDnsAccount {
        username: config.username.clone(),
        password: Hidden::new(config.password.clone()),
        fulldomain: config.fulldomain.clone(),
        subdomain: config.subdomain.clone(),
        allowfrom: config.allowfrom.clone(),
    };
    (domain.strip_prefix("*.").unwrap_or(&domain).into(), account)
}

/// Has been reported.
struct Reported;

/// Looks up what an issuer keeps in Secrets.
struct Secrets<'s> {
    store: &'s Store<'s>,
    namespace: &'s str,
    reporter: Reporter<'s>,
}

impl Secrets<'_> {
    fn cloudflare(&mut self, name: &Spanned<Arc<str>>) -> Option<Hidden> {
        let keys = ["api-token", "apiToken"];
        let token = self.text(name, "spec.acmeCloudFlare.apiTokenSecretName", &keys, true)?;
        Some(Hidden::new(token))
    }

    fn external_account(
        &mut self,
        authority: &AcmeAuthority,
        kind: &str,
    ) -> Result<Option<ExternalAccount>, Reported> {
        let Some(account) = &authority.external_account else {
            return Ok(None);
        };
        let field = format!("spec.{kind}.externalAccount.hmacKeySecretName");
        let key = self.text(&account.hmac_key_secret_name, &field, &["hmacKey"], false);
        Ok(Some(ExternalAccount {
            key_id: account.key_id.value.clone(),
            hmac_key: Hidden::new(key.ok_or(Reported)?),
        }))
    }

    fn roots(&mut self, name: Option<&Spanned<Arc<str>>>, field: &str) -> Result<Option<Arc<str>>, Reported> {
        let Some(name) = name else {
            return Ok(None);
        };
        let pem = self.text(name, field, &["ca.crt"], false).ok_or(Reported)?;
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            self.reporter.report(
                Code::InvalidValue,
                field,
                name.pos,
                format!("ca.crt in Secret \"{}\" is not a certificate in PEM", name.value),
                "put the certificate of the authority's own root there, beginning with -----BEGIN CERTIFICATE-----",
            );
            return Err(Reported);
        }
        Ok(Some(pem))
    }

    /// The first of these keys that the Secret has, or its only one.
    fn text(
        &mut self,
        name: &Spanned<Arc<str>>,
        field: &str,
        keys: &[&str],
        or_only: bool,
    ) -> Option<Arc<str>> {
        let holding = format!("with the key {}", keys.join(" or "));
        let reference = if self.namespace.is_empty() {
            let namespace = SECRET_NAMESPACES
                .into_iter()
                .find(|namespace| self.store.has(namespace, name))
                .unwrap_or(SECRET_NAMESPACES[0]);
            Reference::anywhere(namespace, name, field)
        } else {
            Reference::inside(self.namespace, name, field)
        };
        let reference = reference.holding(&holding);
        let data = &self.store.find(&reference, &mut self.reporter)?.spec.data;
        let only = data.values().next().filter(|_| or_only && data.len() == 1);
        let value = keys.iter().find_map(|key| data.get(*key)).or(only);
        let text = value
            .and_then(|bytes| std::str::from_utf8(&bytes.value).ok())
            .map(str::trim)
            .filter(|text| !text.is_empty());
        if text.is_none() {
            let trouble = if value.is_some() { "no text in" } else { "no" };
            self.reporter.report(
                Code::InvalidValue,
                field,
                name.pos,
                format!("Secret \"{}\" has {trouble} {}", name.value, keys.join(" or ")),
                format!("write the Secret {holding}"),
            );
        }
        text.map(Arc::from)
    }
}
