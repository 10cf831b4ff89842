//! The certificate of a server, and what else its handshakes ask for.
//!
//! A credential that is missing, or authorities that clients are to be held against and that are not there, leave the
//! server without a certificate: its handshakes are refused. Serving it without asking clients would open what was meant
//! to be closed.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::istio::{ServerTls, TlsMode, TlsVersion as ApiVersion};
use seaway_api::{Pos, Spanned};
use seaway_model::{
    Authorities, ClientValidation, Code, HostMatch, Material, Pem, Pins, Secret, SecretName,
    ServerCertificate, Sha256, TlsParameters, TlsVersion,
};

use super::Server;
use crate::credential::{Credential, Credentials};
use crate::findings::Reporter;

/// Istio's root namespace, in which its gateways run: their credentials are looked for there too.
const ROOT_NAMESPACE: &str = "istio-system";

/// The suites of TLS 1.2 that are spoken, by their OpenSSL names.
const CIPHER_SUITES: [&str; 6] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
];

/// The certificate of a server, before it is presented for each of its hosts.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) secret: SecretName,
    alternative: Option<SecretName>,
    parameters: TlsParameters,
}

impl Certificate {
    /// As it is presented for a host.
    pub(super) fn for_host(self, host: HostMatch) -> ServerCertificate {
        ServerCertificate {
            host,
            secret: self.secret,
            alternative: self.alternative,
            parameters: self.parameters,
        }
    }
}

/// The certificate of a server. `None`: there is none, and why is reported.
pub(super) fn compile(
    tls: &Spanned<ServerTls>,
    server: &Server,
    field: &str,
    credentials: &mut Credentials<'_>,
    secrets: &mut BTreeMap<SecretName, Arc<Secret>>,
    reporter: &mut Reporter<'_>,
) -> Option<Certificate> {
    let namespace = reporter.origin.namespace.clone();
    let mut maker = Maker {
        tls,
        field,
        namespaces: &[&namespace, ROOT_NAMESPACE],
        credentials,
        made: Vec::new(),
        reporter,
    };
    let pairs = maker.key_pairs()?;
    let client = match tls.mode.value {
        TlsMode::Mutual => Some(maker.client(true)?),
        TlsMode::OptionalMutual => Some(maker.client(false)?),
        _ => None,
    };
    let (minimum, maximum) = maker.versions()?;
    let cipher_suites = maker.cipher_suites();
    // With none of the suites of TLS 1.2 left, only TLS 1.3 is.
    let minimum = if cipher_suites.is_empty() && !tls.cipher_suites.is_empty() {
        Some(TlsVersion::V1_3)
    } else {
        minimum
    };
    let mut pairs = pairs.into_iter();
    let certificate = Certificate {
        secret: pairs.next()?,
        alternative: pairs.next(),
        parameters: TlsParameters {
            client,
            minimum,
            maximum,
            cipher_suites,
        },
    };
    secrets.extend(maker.made.into_iter().map(|secret| (secret.name.clone(), secret)));
    check_hosts(&certificate, server, credentials, reporter);
    Some(certificate)
}

/// Each host by itself: a certificate for `*.example.com` is none for `a.b.example.com`.
fn check_hosts(
    certificate: &Certificate,
    server: &Server,
    credentials: &Credentials<'_>,
    reporter: &mut Reporter<'_>,
) {
    for own in &server.hosts {
        credentials.check_host(&certificate.secret, &own.host, &own.origin, reporter.findings);
    }
}

struct Maker<'m, 'a, 'r> {
    tls: &'m ServerTls,
    field: &'m str,
    namespaces: &'m [&'m str],
    credentials: &'m mut Credentials<'a>,
    made: Vec<Arc<Secret>>,
    reporter: &'m mut Reporter<'r>,
}

impl Maker<'_, '_, '_> {
    fn key_pairs(&mut self) -> Option<Vec<SecretName>> {
        let mut names = Vec::new();
        for (name, field) in credential_names(self.tls, self.field) {
            let secret = self.credentials.key_pair(
                &Credential {
                    namespaces: self.namespaces,
                    name,
                    field: &field,
                },
                self.reporter,
            );
            // One of two is better than none.
            names.extend(secret.map(|secret| self.keep(secret)));
        }
        if let (Some(certificate), Some(key)) = (&self.tls.server_certificate, &self.tls.private_key) {
            names.push(self.files(&certificate.value, &key.value));
        }
        for files in &self.tls.tls_certificates {
            names.push(self.files(&files.server_certificate.value, &files.private_key.value));
        }
        (!names.is_empty()).then_some(names)
    }

    fn keep(&mut self, secret: Arc<Secret>) -> SecretName {
        let name = secret.name.clone();
        self.made.push(secret);
        name
    }

    fn files(&mut self, certificate: &Arc<str>, key: &Arc<str>) -> SecretName {
        self.keep(Arc::new(Secret {
            name: SecretName(format!("file:{certificate}").into()),
            origin: self.reporter.origin.clone(),
            material: Material::KeyPairFiles {
                certificate: certificate.clone(),
                private_key: key.clone(),
            },
        }))
    }

    fn client(&mut self, required: bool) -> Option<ClientValidation> {
        let authorities = self.authorities()?;
        Some(ClientValidation {
            authorities,
            required,
            subject_alt_names: self
                .tls
                .subject_alt_names
                .iter()
                .map(|name| name.value.clone())
                .collect(),
            pins: Pins {
                keys: hashes(&self.tls.verify_certificate_spki),
                certificates: hashes(&self.tls.verify_certificate_hash),
            },
        })
    }

    /// From the field that is for them, a file, or the credential of the certificate.
    fn authorities(&mut self) -> Option<SecretName> {
        if let Some(name) = &self.tls.ca_cert_credential_name {
            let field = format!("{}.caCertCredentialName", self.field);
            return self.authorities_in(name, &field);
        }
        if let Some(file) = &self.tls.ca_certificates {
            let mut name = format!("file:{}", file.value);
            let revoked = self.tls.ca_crl.as_ref().map(|list| list.value.clone());
            if let Some(list) = &revoked {
                name = format!("{name};revoked={list}");
            }
            let secret = Secret {
                name: SecretName(name.into()),
                origin: self.reporter.origin.clone(),
                material: Material::Authorities(Authorities {
                    certificates: Pem::File(file.value.clone()),
                    revoked: revoked.map(Pem::File),
                }),
            };
            return Some(self.keep(Arc::new(secret)));
        }
        let names = credential_names(self.tls, self.field);
        let has = |name: &Spanned<Arc<str>>, field: &str| {
            self.credentials.has_authorities(&Credential {
                namespaces: self.namespaces,
                name,
                field,
            })
        };
        let holder = names
            .iter()
            .find(|(name, field)| has(name, field))
            .or(names.first());
        match holder {
            Some((name, field)) => self.authorities_in(name, field),
            None => {
                self.reporter.report(
                    Code::MissingField,
                    &format!("{}.caCertificates", self.field),
                    self.tls.mode.pos,
                    "clients are to prove who they are, and nobody is said to be believed",
                    "add caCertificates, or a credentialName with ca.crt",
                );
                None
            }
        }
    }

    fn authorities_in(&mut self, name: &Spanned<Arc<str>>, field: &str) -> Option<SecretName> {
        let credential = Credential {
            namespaces: self.namespaces,
            name,
            field,
        };
        let revoked = self.tls.ca_crl.as_ref().map(|list| &list.value);
        let secret = self
            .credentials
            .authorities(&credential, revoked, self.reporter)?;
        Some(self.keep(secret))
    }

    /// The outer `None`: no version is left.
    fn versions(&mut self) -> Option<(Option<TlsVersion>, Option<TlsVersion>)> {
        let minimum = match &self.tls.min_protocol_version {
            Some(version) => match version.value {
                ApiVersion::Auto => None,
                ApiVersion::V1_0 | ApiVersion::V1_1 => {
                    self.report_old(
                        "minProtocolVersion",
                        Code::IgnoredField,
                        version.pos,
                        "1.2 is the lowest that is spoken",
                    );
                    None
                }
                ApiVersion::V1_2 => Some(TlsVersion::V1_2),
                ApiVersion::V1_3 => Some(TlsVersion::V1_3),
            },
            None => None,
        };
        let maximum = match &self.tls.max_protocol_version {
            Some(version) => match version.value {
                ApiVersion::Auto => None,
                ApiVersion::V1_0 | ApiVersion::V1_1 => {
                    let why = "no version of TLS is left, so handshakes are refused";
                    self.report_old("maxProtocolVersion", Code::InvalidValue, version.pos, why);
                    return None;
                }
                ApiVersion::V1_2 => Some(TlsVersion::V1_2),
                ApiVersion::V1_3 => Some(TlsVersion::V1_3),
            },
            None => None,
        };
        Some((minimum, maximum))
    }

    fn report_old(&mut self, name: &str, code: Code, pos: Pos, why: &str) {
        self.reporter.report(
            code,
            &format!("{}.{name}", self.field),
            pos,
            format!("TLS 1.0 and 1.1 are not spoken (RFC 8996): {why}"),
            "write TLSV1_2 or TLSV1_3, or leave it out",
        );
    }

    fn cipher_suites(&mut self) -> Vec<Arc<str>> {
        let mut suites = Vec::new();
        for (index, name) in self.tls.cipher_suites.iter().enumerate() {
            if CIPHER_SUITES.contains(&&*name.value) {
                suites.push(name.value.clone());
            } else {
                self.reporter.report(
                    Code::IgnoredField,
                    &format!("{}.cipherSuites[{index}]", self.field),
                    name.pos,
                    format!("the cipher suite \"{}\" is not spoken", name.value),
                    format!("remove it; these are: {}", CIPHER_SUITES.join(", ")),
                );
            }
        }
        suites
    }
}

fn hashes(written: &[Spanned<[u8; 32]>]) -> Vec<Sha256> {
    written.iter().map(|hash| Sha256(hash.value)).collect()
}

/// The Secrets that are named, with the field of each.
fn credential_names<'t>(tls: &'t ServerTls, field: &str) -> Vec<(&'t Spanned<Arc<str>>, String)> {
    let single = tls.credential_name.iter();
    let single = single.map(|name| (name, format!("{field}.credentialName")));
    let several = tls.credential_names.iter().enumerate();
    let several = several.map(|(index, name)| (name, format!("{field}.credentialNames[{index}]")));
    single.chain(several).collect()
}
