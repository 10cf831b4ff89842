//! TLS on either side, and secrets, from Envoy's words.

use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use envoy_types::pb::envoy::config::core::v3::{DataSource, TransportSocket, data_source, transport_socket};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::certificate_validation_context::TrustChainVerification;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::tls_parameters::TlsProtocol;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, Secret as XdsSecret,
    TlsParameters as XdsTlsParameters, UpstreamTlsContext, secret,
};
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy_types::pb::google::protobuf::Any;
use seaway_model::{
    Authorities, ClientValidation, HostMatch, KeyPair, Material, Pem, Pins, PrivateKey, SecretName,
    ServerCertificate, Sha256, TlsParameters, TlsVersion, Trust, UpstreamTls,
};

use crate::words::{from_any, is_yes};

/// What is inside of a transport socket.
pub(crate) fn config(socket: &TransportSocket) -> Option<&Any> {
    match socket.config_type.as_ref()? {
        transport_socket::ConfigType::TypedConfig(any) => Some(any),
    }
}

/// Reads what clients are shown and asked.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn downstream(socket: &TransportSocket, host: HostMatch) -> Result<ServerCertificate, String> {
    let context: DownstreamTlsContext = config(socket)
        .and_then(from_any)
        .ok_or("a transport that is not TLS")?;
    let empty = CommonTlsContext::default();
    let common = context.common_tls_context.as_ref().unwrap_or(&empty);
    if !common.tls_certificates.is_empty() {
        return Err("a certificate that is not a secret of its own".into());
    }
    let mut secrets = common
        .tls_certificate_sds_secret_configs
        .iter()
        .map(|sds| SecretName(sds.name.as_str().into()));
    let (minimum, maximum, cipher_suites) = versions(common.tls_params.as_ref())?;
    Ok(ServerCertificate {
        host,
        secret: secrets.next().ok_or("TLS without a certificate")?,
        alternative: secrets.next(),
        parameters: TlsParameters {
            client: client(common, is_yes(context.require_client_certificate.as_ref()))?,
            minimum,
            maximum,
            cipher_suites,
        },
    })
}

type Versions = (Option<TlsVersion>, Option<TlsVersion>, Vec<Arc<str>>);

fn versions(said: Option<&XdsTlsParameters>) -> Result<Versions, String> {
    let Some(said) = said else {
        return Ok((None, None, Vec::new()));
    };
    let version = |version: TlsProtocol| match version {
        TlsProtocol::TlsAuto => Ok(None),
        TlsProtocol::TlSv12 => Ok(Some(TlsVersion::V1_2)),
        TlsProtocol::TlSv13 => Ok(Some(TlsVersion::V1_3)),
        TlsProtocol::TlSv10 | TlsProtocol::TlSv11 => Err("a version of TLS that is broken".to_owned()),
    };
    Ok((
        version(said.tls_minimum_protocol_version())?,
        version(said.tls_maximum_protocol_version())?,
        said.cipher_suites
            .iter()
            .map(|name| name.as_str().into())
            .collect(),
    ))
}

fn client(common: &CommonTlsContext, required: bool) -> Result<Option<ClientValidation>, String> {
    let Some(context) = &common.validation_context_type else {
        return if required {
            Err("clients must have a certificate, and nobody is believed".into())
        } else {
            Ok(None)
        };
    };
    let (authorities, subject_alt_names, pins) = with_secret(context)?;
    Ok(Some(ClientValidation {
        authorities,
        required,
        subject_alt_names,
        pins,
    }))
}

/// A secret with authorities, and what else is asked of a certificate: names and pins.
fn with_secret(context: &ValidationContextType) -> Result<(SecretName, Vec<Arc<str>>, Pins), String> {
    match context {
        ValidationContextType::ValidationContextSdsSecretConfig(sds) => {
            Ok((SecretName(sds.name.as_str().into()), Vec::new(), Pins::default()))
        }
        ValidationContextType::CombinedValidationContext(combined) => {
            let sds = combined
                .validation_context_sds_secret_config
                .as_ref()
                .ok_or("authorities that are not a secret of their own")?;
            let (names, pins) = match &combined.default_validation_context {
                Some(context) => {
                    refuse_lists(context)?;
                    (names(context)?, pins(context)?)
                }
                None => (Vec::new(), Pins::default()),
            };
            Ok((SecretName(sds.name.as_str().into()), names, pins))
        }
        _ => Err("authorities that are not a secret of their own".into()),
    }
}

fn names(context: &CertificateValidationContext) -> Result<Vec<Arc<str>>, String> {
    let name = |pattern: Option<&MatchPattern>| match pattern {
        Some(MatchPattern::Exact(name)) => Ok(Arc::from(name.as_str())),
        _ => Err("a name of a certificate that is not written out".to_owned()),
    };
    context
        .match_typed_subject_alt_names
        .iter()
        .map(|names| name(names.matcher.as_ref().and_then(|m| m.match_pattern.as_ref())))
        .collect()
}

/// Hashes that cannot be read are no reason to ask for less.
fn pins(context: &CertificateValidationContext) -> Result<Pins, String> {
    let all = |written: &[String], read: &dyn Fn(&str) -> Option<Sha256>| -> Result<Vec<Sha256>, String> {
        let hash = |text: &String| read(text).ok_or_else(|| format!("{text:?}, which is not a SHA-256"));
        written.iter().map(hash).collect()
    };
    let hash = |bytes: Option<Vec<u8>>| bytes?.try_into().ok().map(Sha256);
    Ok(Pins {
        keys: all(&context.verify_certificate_spki, &|text| {
            hash(BASE64.decode(text.as_bytes()).ok())
        })?,
        certificates: all(&context.verify_certificate_hash, &|text| {
            let digits = text.replace(':', "");
            hash(HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok())
        })?,
    })
}

/// Lists stand beside the authorities that wrote them.
fn refuse_lists(context: &CertificateValidationContext) -> Result<(), String> {
    match context.crl {
        Some(_) => Err("lists of revoked certificates apart from their authorities".into()),
        None => Ok(()),
    }
}

/// Nothing that a model cannot say: a server that is pinned is not one whose key is of no account.
fn refuse_pins(pins: &Pins) -> Result<(), String> {
    match pins.is_empty() {
        true => Ok(()),
        false => Err("pins of an upstream's certificate".into()),
    }
}

/// Reads TLS to an upstream.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn upstream(any: &Any) -> Result<UpstreamTls, String> {
    let context: UpstreamTlsContext = from_any(any).ok_or("a transport that is not TLS")?;
    let common = context.common_tls_context.unwrap_or_default();
    let (trust, subject_alt_names) = match &common.validation_context_type {
        None => (Trust::Anybody, Vec::new()),
        Some(ValidationContextType::ValidationContext(context)) => {
            let trust = if context.trust_chain_verification() == TrustChainVerification::AcceptUntrusted {
                Trust::Anybody
            } else if context.system_root_certs.is_some() {
                Trust::System
            } else {
                return Err("authorities that are not a secret of their own".into());
            };
            refuse_pins(&pins(context)?)?;
            refuse_lists(context)?;
            (trust, names(context)?)
        }
        Some(other) => {
            let (authorities, names, pins) = with_secret(other)?;
            refuse_pins(&pins)?;
            (Trust::Secret(authorities), names)
        }
    };
    Ok(UpstreamTls {
        server_name: (!context.sni.is_empty()).then(|| context.sni.as_str().into()),
        subject_alt_names,
        trust,
        client_certificate: common
            .tls_certificate_sds_secret_configs
            .first()
            .map(|sds| SecretName(sds.name.as_str().into())),
    })
}

/// Reads what a secret holds.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn material(said: &XdsSecret) -> Result<Material, String> {
    match &said.r#type {
        Some(secret::Type::TlsCertificate(pair)) => {
            match (
                part(pair.certificate_chain.as_ref())?,
                part(pair.private_key.as_ref())?,
            ) {
                (Pem::Text(chain), Pem::Text(key)) => Ok(Material::KeyPair(KeyPair {
                    certificate_chain: chain,
                    private_key: PrivateKey::new(key),
                })),
                (Pem::File(certificate), Pem::File(private_key)) => Ok(Material::KeyPairFiles {
                    certificate,
                    private_key,
                }),
                _ => Err("a certificate and its key in two places".into()),
            }
        }
        Some(secret::Type::ValidationContext(context)) => {
            if !asks_nothing_more(context) {
                return Err("authorities together with names or pins".into());
            }
            if context.only_verify_leaf_cert_crl {
                return Err("lists of revoked certificates for the leaf alone".into());
            }
            Ok(Material::Authorities(Authorities {
                certificates: part(context.trusted_ca.as_ref())?,
                revoked: match &context.crl {
                    Some(list) => Some(part(Some(list))?),
                    None => None,
                },
            }))
        }
        _ => Err("a secret that is neither a key pair nor authorities".into()),
    }
}

/// Whether a context is authorities and no more: what is asked of a certificate besides stands where they are named.
fn asks_nothing_more(context: &CertificateValidationContext) -> bool {
    context.match_typed_subject_alt_names.is_empty()
        && context.verify_certificate_spki.is_empty()
        && context.verify_certificate_hash.is_empty()
}

fn part(source: Option<&DataSource>) -> Result<Pem, String> {
    match source.and_then(|source| source.specifier.as_ref()) {
        Some(data_source::Specifier::InlineString(text)) => Ok(Pem::Text(text.as_str().into())),
        Some(data_source::Specifier::InlineBytes(bytes)) => std::str::from_utf8(bytes)
            .map(|text| Pem::Text(text.into()))
            .map_err(|_| "a secret that is not PEM".to_owned()),
        Some(data_source::Specifier::Filename(path)) => Ok(Pem::File(path.as_str().into())),
        Some(data_source::Specifier::EnvironmentVariable(_)) | None => {
            Err("a secret that is neither text nor a file".to_owned())
        }
    }
}
