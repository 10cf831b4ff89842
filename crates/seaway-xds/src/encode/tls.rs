//! TLS on either side, and what secrets hold.

use data_encoding::BASE64;
use envoy_types::pb::envoy::config::core::v3::{DataSource, TransportSocket, transport_socket};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::certificate_validation_context::{
    SystemRootCerts, TrustChainVerification,
};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::common_tls_context::{
    CombinedCertificateValidationContext, ValidationContextType,
};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::subject_alt_name_matcher::SanType;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::tls_parameters::TlsProtocol;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig,
    Secret as XdsSecret, SubjectAltNameMatcher, TlsCertificate, TlsParameters as XdsTlsParameters,
    UpstreamTlsContext, secret,
};
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use prost::Name;
use seaway_model::{
    Authorities, ClientValidation, Material, Pem, Pins, Secret, SecretName, ServerCertificate, TlsParameters,
    TlsVersion, Trust, UpstreamProtocol, UpstreamTls,
};

use super::Delivery;
use crate::words::{any, file, inline, text, yes_or_no};

/// The name of the transport socket.
pub(crate) const NAME: &str = "envoy.transport_sockets.tls";

/// A transport socket of some kind.
pub(crate) fn socket<M: Name>(name: &str, config: &M) -> TransportSocket {
    TransportSocket {
        name: name.into(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(any(config))),
    }
}

/// What clients are shown and asked. `http`: HTTP is offered inside.
pub(crate) fn downstream(certificate: &ServerCertificate, http: bool, delivery: Delivery) -> TransportSocket {
    let parameters = &certificate.parameters;
    let secrets = std::iter::once(&certificate.secret).chain(&certificate.alternative);
    let alpn: &[&str] = if http { &["h2", "http/1.1"] } else { &[] };
    let context = DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_params: versions(parameters),
            tls_certificate_sds_secret_configs: secrets.map(|name| sds(name, delivery)).collect(),
            alpn_protocols: alpn.iter().map(|name| (*name).to_owned()).collect(),
            validation_context_type: parameters
                .client
                .as_ref()
                .map(|client| believed(client, delivery)),
            ..CommonTlsContext::default()
        }),
        require_client_certificate: parameters
            .client
            .as_ref()
            .and_then(|client| yes_or_no(client.required)),
        ..DownstreamTlsContext::default()
    };
    socket(NAME, &context)
}

fn versions(parameters: &TlsParameters) -> Option<XdsTlsParameters> {
    if parameters.minimum.is_none() && parameters.maximum.is_none() && parameters.cipher_suites.is_empty() {
        return None;
    }
    Some(XdsTlsParameters {
        tls_minimum_protocol_version: version(parameters.minimum).into(),
        tls_maximum_protocol_version: version(parameters.maximum).into(),
        cipher_suites: parameters.cipher_suites.iter().map(ToString::to_string).collect(),
        ..XdsTlsParameters::default()
    })
}

fn version(version: Option<TlsVersion>) -> TlsProtocol {
    match version {
        None => TlsProtocol::TlsAuto,
        Some(TlsVersion::V1_2) => TlsProtocol::TlSv12,
        Some(TlsVersion::V1_3) => TlsProtocol::TlSv13,
    }
}

fn sds(name: &SecretName, delivery: Delivery) -> SdsSecretConfig {
    SdsSecretConfig {
        name: name.0.to_string(),
        sds_config: delivery.config_source(),
    }
}

fn believed(client: &ClientValidation, delivery: Delivery) -> ValidationContextType {
    let Pins { keys, certificates } = &client.pins;
    let asked = CertificateValidationContext {
        match_typed_subject_alt_names: names(&client.subject_alt_names),
        verify_certificate_spki: keys.iter().map(|hash| BASE64.encode(&hash.0)).collect(),
        verify_certificate_hash: certificates.iter().map(ToString::to_string).collect(),
        ..CertificateValidationContext::default()
    };
    with_secret(&client.authorities, asked, delivery)
}

/// Authorities, and what else is asked of a certificate.
fn with_secret(
    authorities: &SecretName,
    asked: CertificateValidationContext,
    delivery: Delivery,
) -> ValidationContextType {
    if asked == CertificateValidationContext::default() {
        return ValidationContextType::ValidationContextSdsSecretConfig(sds(authorities, delivery));
    }
    ValidationContextType::CombinedValidationContext(CombinedCertificateValidationContext {
        default_validation_context: Some(asked),
        validation_context_sds_secret_config: Some(sds(authorities, delivery)),
        ..CombinedCertificateValidationContext::default()
    })
}

/// Envoy wants to know of which kind a name is.
fn names(names: &[std::sync::Arc<str>]) -> Vec<SubjectAltNameMatcher> {
    let kind = |name: &str| {
        if name.contains("://") {
            SanType::Uri
        } else if name.parse::<std::net::IpAddr>().is_ok() {
            SanType::IpAddress
        } else {
            SanType::Dns
        }
    };
    names
        .iter()
        .map(|name| SubjectAltNameMatcher {
            san_type: kind(name).into(),
            matcher: Some(text(MatchPattern::Exact(name.to_string()))),
            oid: String::new(),
        })
        .collect()
}

/// TLS to an upstream. Where no server name is given, the cluster takes it from the request.
pub(crate) fn upstream(tls: &UpstreamTls, protocol: UpstreamProtocol, delivery: Delivery) -> TransportSocket {
    let names = names(&tls.subject_alt_names);
    let checks_sni = tls.server_name.is_some() && names.is_empty() && tls.trust != Trust::Anybody;
    let validation = match &tls.trust {
        Trust::System => ValidationContextType::ValidationContext(CertificateValidationContext {
            system_root_certs: Some(SystemRootCerts {}),
            match_typed_subject_alt_names: names,
            ..CertificateValidationContext::default()
        }),
        Trust::Secret(authorities) => {
            let asked = CertificateValidationContext {
                match_typed_subject_alt_names: names,
                ..CertificateValidationContext::default()
            };
            with_secret(authorities, asked, delivery)
        }
        Trust::Anybody => ValidationContextType::ValidationContext(CertificateValidationContext {
            trust_chain_verification: TrustChainVerification::AcceptUntrusted.into(),
            match_typed_subject_alt_names: names,
            ..CertificateValidationContext::default()
        }),
    };
    let alpn = match protocol {
        UpstreamProtocol::Http1 => "http/1.1",
        UpstreamProtocol::Http2 => "h2",
    };
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_sds_secret_configs: tls
                .client_certificate
                .iter()
                .map(|name| sds(name, delivery))
                .collect(),
            validation_context_type: Some(validation),
            alpn_protocols: vec![alpn.into()],
            ..CommonTlsContext::default()
        }),
        sni: tls.server_name.as_deref().unwrap_or_default().to_owned(),
        auto_sni_san_validation: checks_sni,
        ..UpstreamTlsContext::default()
    };
    socket(NAME, &context)
}

fn source(pem: &Pem) -> Option<DataSource> {
    match pem {
        Pem::Text(text) => inline(text),
        Pem::File(path) => file(path),
    }
}

/// A secret; `None` for one that nobody has made yet.
pub(crate) fn secret(secret: &Secret) -> Option<XdsSecret> {
    let material = match &secret.material {
        Material::KeyPair(pair) => secret::Type::TlsCertificate(TlsCertificate {
            certificate_chain: inline(&pair.certificate_chain),
            private_key: inline(pair.private_key.reveal()),
            ..TlsCertificate::default()
        }),
        Material::KeyPairFiles {
            certificate,
            private_key,
        } => secret::Type::TlsCertificate(TlsCertificate {
            certificate_chain: file(certificate),
            private_key: file(private_key),
            ..TlsCertificate::default()
        }),
        Material::Authorities(Authorities {
            certificates,
            revoked,
        }) => secret::Type::ValidationContext(CertificateValidationContext {
            trusted_ca: source(certificates),
            crl: revoked.as_ref().and_then(source),
            ..CertificateValidationContext::default()
        }),
        Material::Awaited { .. } => return None,
    };
    Some(XdsSecret {
        name: secret.name.0.to_string(),
        r#type: Some(material),
    })
}
