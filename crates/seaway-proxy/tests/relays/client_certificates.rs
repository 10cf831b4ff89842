//! Clients that are asked who they are.

use std::sync::Arc;

use rustls::{AlertDescription, ClientConfig, HandshakeKind};
use seaway_model::*;
use tokio::io::AsyncReadExt as _;

use super::support::*;

/// An authority, and what it signs.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    /// A client's, which ended some years ago or ends some years ahead.
    fn client(&self, name: &str, is_over: bool) -> Made {
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        if is_over {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        of(name, &params.signed_by(&key, &self.issuer).unwrap(), &key)
    }

    /// The authority with a list that says that this one is revoked, good until the year begins.
    fn revoking(&self, client: &Made, until: i32) -> Secret {
        let (_, read) = x509_parser::parse_x509_certificate(&client.der).unwrap();
        let list = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(until, 1, 1),
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![rcgen::RevokedCertParams {
                serial_number: rcgen::SerialNumber::from_slice(read.raw_serial()),
                revocation_time: rcgen::date_time_ymd(2020, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).unwrap().pem().unwrap();
        let authorities = Authorities {
            certificates: self.certificate.pem().into(),
            revoked: Some(list.into()),
        };
        secret("ca", Material::Authorities(authorities))
    }

    fn secret(&self) -> Secret {
        secret(
            "ca",
            Material::Authorities(Pem::from(self.certificate.pem()).into()),
        )
    }
}

fn asking(required: bool, names: &[&str]) -> TlsParameters {
    TlsParameters {
        client: Some(ClientValidation {
            authorities: SecretName("test/ca".into()),
            required,
            subject_alt_names: names.iter().map(|name| (*name).into()).collect(),
            pins: Pins::default(),
        }),
        ..TlsParameters::default()
    }
}

fn serve(gate: &Gate, site: &Made, authority: &Authority, parameters: TlsParameters) {
    serve_with(gate, site, authority.secret(), parameters);
}

fn serve_with(gate: &Gate, site: &Made, authority: Secret, parameters: TlsParameters) {
    let certificate = ServerCertificate {
        parameters,
        ..certificate("a.example")
    };
    let listener = https(vec![certificate], Vec::new());
    gate.serve(vec![listener], Vec::new(), vec![site.secret.clone(), authority]);
}

fn proving(site: &Made, client: Option<&Made>) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(&[site]));
    Arc::new(match client {
        Some(client) => builder
            .with_client_auth_cert(vec![client.der.clone()], client.key.clone_key())
            .unwrap(),
        None => builder.with_no_client_auth(),
    })
}

/// What the handler knows of the client, or the alert: in TLS 1.3 it comes after the client's own handshake is over.
async fn ask(gate: &Gate, config: &Arc<ClientConfig>) -> Result<String, AlertDescription> {
    let (answer, _) = converse(gate, config).await?;
    Ok(answer.rsplit(' ').next().unwrap().to_owned())
}

async fn converse(
    gate: &Gate,
    config: &Arc<ClientConfig>,
) -> Result<(String, HandshakeKind), AlertDescription> {
    let mut client = shake(gate, config, "a.example").await.map_err(|e| alert(&e))?;
    // What was refused cannot always be written to.
    let _refused = within(tokio::io::AsyncWriteExt::write_all(&mut client, GET)).await;
    let mut answer = Vec::new();
    within(client.read_to_end(&mut answer))
        .await
        .map_err(|e| alert(&e))?;
    let kind = client.get_ref().1.handshake_kind().unwrap();
    Ok((introduction(&answer), kind))
}

#[tokio::test]
async fn a_client_that_has_to_prove_itself_does_or_is_refused() {
    let (site, ours, theirs) = (
        made("a.example"),
        Authority::new("ours"),
        Authority::new("theirs"),
    );
    let gate = Gate::new();
    serve(&gate, &site, &ours, asking(true, &[]));
    let good = ours.client("good", false);
    assert_eq!(ask(&gate, &proving(&site, Some(&good))).await.unwrap(), "CN=good");
    let refused = ask(&gate, &proving(&site, None)).await.unwrap_err();
    assert_eq!(refused, AlertDescription::CertificateRequired);
    let stranger = theirs.client("stranger", false);
    let refused = ask(&gate, &proving(&site, Some(&stranger))).await.unwrap_err();
    assert_eq!(refused, AlertDescription::UnknownCA);
    let old = ours.client("old", true);
    let refused = ask(&gate, &proving(&site, Some(&old))).await.unwrap_err();
    assert_eq!(refused, AlertDescription::CertificateExpired);
}

#[tokio::test]
async fn a_client_that_may_prove_itself_need_not_but_may_not_lie() {
    let (site, ours, theirs) = (
        made("a.example"),
        Authority::new("ours"),
        Authority::new("theirs"),
    );
    let gate = Gate::new();
    serve(&gate, &site, &ours, asking(false, &[]));
    let good = ours.client("good", false);
    assert_eq!(ask(&gate, &proving(&site, Some(&good))).await.unwrap(), "CN=good");
    assert_eq!(ask(&gate, &proving(&site, None)).await.unwrap(), "-");
    let stranger = theirs.client("stranger", false);
    let refused = ask(&gate, &proving(&site, Some(&stranger))).await.unwrap_err();
    assert_eq!(refused, AlertDescription::UnknownCA);
}

/// Clients have to show a certificate that is one of these.
fn pinning(certificates: Vec<Sha256>) -> TlsParameters {
    let mut parameters = asking(true, &[]);
    if let Some(client) = &mut parameters.client {
        client.pins.certificates = certificates;
    }
    parameters
}

fn sha256(made: &Made) -> Sha256 {
    let suite = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = suite.tls13().unwrap().common.hash_provider.hash(&made.der);
    Sha256(hash.as_ref().try_into().unwrap())
}

#[tokio::test]
async fn a_client_that_is_not_pinned_is_refused_and_its_session_is_too_once_it_is_not_any_more() {
    let (site, ours) = (made("a.example"), Authority::new("ours"));
    let gate = Gate::new();
    let (one, other) = (ours.client("one", false), ours.client("other", false));
    serve(&gate, &site, &ours, pinning(vec![sha256(&one)]));
    let config = proving(&site, Some(&one));
    assert_eq!(ask(&gate, &config).await.unwrap(), "CN=one");
    let refused = ask(&gate, &proving(&site, Some(&other))).await.unwrap_err();
    assert_eq!(refused, AlertDescription::AccessDenied);
    serve(&gate, &site, &ours, pinning(vec![sha256(&other)]));
    // It brings the ticket of its first connection.
    let refused = ask(&gate, &config).await.unwrap_err();
    assert_eq!(refused, AlertDescription::AccessDenied);
}

#[tokio::test]
async fn a_client_that_was_revoked_is_refused_and_a_list_that_is_out_of_date_lets_nobody_in() {
    let (site, ours) = (made("a.example"), Authority::new("ours"));
    let gate = Gate::new();
    let (good, gone) = (ours.client("good", false), ours.client("gone", false));
    serve_with(&gate, &site, ours.revoking(&gone, 2099), asking(true, &[]));
    assert_eq!(ask(&gate, &proving(&site, Some(&good))).await.unwrap(), "CN=good");
    let refused = ask(&gate, &proving(&site, Some(&gone))).await.unwrap_err();
    assert_eq!(refused, AlertDescription::CertificateRevoked);
    serve_with(&gate, &site, ours.revoking(&gone, 2021), asking(true, &[]));
    assert!(ask(&gate, &proving(&site, Some(&good))).await.is_err());
}

#[tokio::test]
async fn a_client_of_another_name_is_refused() {
    let (site, ours) = (made("a.example"), Authority::new("ours"));
    let gate = Gate::new();
    serve(&gate, &site, &ours, asking(true, &["b.example", "good.example"]));
    let good = ours.client("good.example", false);
    assert_eq!(
        ask(&gate, &proving(&site, Some(&good))).await.unwrap(),
        "CN=good.example"
    );
    let other = ours.client("other.example", false);
    let refused = ask(&gate, &proving(&site, Some(&other))).await.unwrap_err();
    assert_eq!(refused, AlertDescription::AccessDenied);
}

#[tokio::test]
async fn a_resumed_session_knows_its_client_and_does_not_outlive_what_is_asked() {
    let (site, ours, theirs) = (
        made("a.example"),
        Authority::new("ours"),
        Authority::new("theirs"),
    );
    let gate = Gate::new();
    let good = ours.client("good", false);
    let config = proving(&site, Some(&good));
    serve(&gate, &site, &ours, asking(true, &[]));
    let (_, kind) = converse(&gate, &config).await.unwrap();
    assert_eq!(kind, HandshakeKind::Full);
    // Applying the same anew changes nothing.
    serve(&gate, &site, &ours, asking(true, &[]));
    let (answer, kind) = converse(&gate, &config).await.unwrap();
    assert_eq!(kind, HandshakeKind::Resumed);
    assert!(answer.ends_with(" CN=good"), "{answer}");
    // Another name is asked for, then another authority: neither is known from before.
    serve(&gate, &site, &ours, asking(true, &["other"]));
    assert_eq!(
        converse(&gate, &config).await.unwrap_err(),
        AlertDescription::AccessDenied
    );
    serve(&gate, &site, &theirs, asking(true, &[]));
    assert_eq!(
        converse(&gate, &config).await.unwrap_err(),
        AlertDescription::UnknownCA
    );
}

#[tokio::test]
async fn a_session_from_before_anything_was_asked_is_not_resumed() {
    let (site, ours) = (made("a.example"), Authority::new("ours"));
    let gate = Gate::new();
    let config = proving(&site, None);
    serve(&gate, &site, &ours, TlsParameters::default());
    let (answer, _) = converse(&gate, &config).await.unwrap();
    assert!(answer.ends_with(" -"), "{answer}");
    let (_, kind) = converse(&gate, &config).await.unwrap();
    assert_eq!(kind, HandshakeKind::Resumed);
    serve(&gate, &site, &ours, asking(true, &[]));
    assert_eq!(
        converse(&gate, &config).await.unwrap_err(),
        AlertDescription::CertificateRequired
    );
}

#[tokio::test]
async fn what_is_relayed_may_ask_for_a_certificate_too() {
    let (site, ours) = (made("a.example"), Authority::new("ours"));
    let gate = Gate::new();
    let certificate = ServerCertificate {
        parameters: asking(true, &[]),
        ..certificate("a.example")
    };
    let routes = vec![("a.example", TlsMode::Terminate, to("c"))];
    let clusters = vec![cluster("c", &[echo("!").await])];
    let secrets = vec![site.secret.clone(), ours.secret()];
    gate.serve(vec![https(vec![certificate], routes)], clusters, secrets);
    let good = ours.client("good", false);
    let mut client = shake(&gate, &proving(&site, Some(&good)), "a.example")
        .await
        .unwrap();
    assert_eq!(read(&mut client, 1).await, b"!");
    let mut client = shake(&gate, &proving(&site, None), "a.example").await.unwrap();
    let error = within(client.read(&mut [0])).await.unwrap_err();
    assert_eq!(alert(&error), AlertDescription::CertificateRequired);
}
