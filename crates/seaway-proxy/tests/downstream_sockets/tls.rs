//! TLS: certificates by name, changes without a restart, refusals.

use std::sync::Arc;
use std::time::Duration;

use rustls::{AlertDescription, ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::ServerName;
use seaway_model::*;

use super::support::*;

/// A certificate that clients can be told to trust.
pub struct Made {
    pub secret: Secret,
    pub der: rustls_pki_types::CertificateDer<'static>,
}

pub fn made(host: &str) -> Made {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let secret = Secret {
        name: SecretName(format!("test/{host}").into()),
        origin: Origin::default(),
        material: Material::KeyPair(KeyPair {
            certificate_chain: made.cert.pem().into(),
            private_key: PrivateKey::new(made.signing_key.serialize_pem()),
        }),
    };
    Made {
        secret,
        der: made.cert.der().clone(),
    }
}

fn https(hosts: &[&str]) -> Listener {
    let certificates = hosts.iter().map(|host| ServerCertificate {
        host: HostMatch::parse(host).unwrap(),
        secret: SecretName(format!("test/{host}").into()),
        alternative: None,
        parameters: Default::default(),
    });
    Listener {
        protocol: Protocol::Https,
        tls: Some(ListenerTls {
            certificates: certificates.collect(),
            routes: Vec::new(),
        }),
        ..listener("https-443", 443)
    }
}

pub fn serve(gate: &Gate, certificates: &[&Made]) {
    let hosts: Vec<&str> = certificates
        .iter()
        .map(|m| m.secret.name.0.strip_prefix("test/").unwrap())
        .collect();
    let secrets = certificates.iter().map(|m| m.secret.clone()).collect();
    let statuses = gate.apply_with(vec![https(&hosts)], secrets);
    assert!(
        statuses[0].error.is_none() && statuses[0].warnings.is_empty(),
        "{statuses:?}"
    );
}

pub fn trusting(certificates: &[&Made], alpn: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for made in certificates {
        roots.add(made.der.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// A TLS connection in bytes.
pub struct TlsClient {
    pub tls: ClientConnection,
    pub tcp: Client,
}

impl TlsClient {
    pub fn connect(gate: &Gate, config: &Arc<ClientConfig>, name: &str) -> Result<Self, rustls::Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = Self {
            tls: ClientConnection::new(Arc::clone(config), name)?,
            tcp: Client::connect(gate.address("https-443")),
        };
        while client.tls.is_handshaking() {
            match client.tls.complete_io(&mut client.tcp.stream) {
                Ok(_) => {}
                Err(error) => {
                    let inner = error
                        .into_inner()
                        .expect("the handshake fails by rule, not by chance");
                    return Err(*inner.downcast().expect("a TLS error"));
                }
            }
        }
        Ok(client)
    }

    pub fn ask(&mut self, path: &str) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = rustls::Stream::new(&mut self.tls, &mut self.tcp.stream);
        stream.write_all(get(path).as_bytes()).unwrap();
        let mut text = String::new();
        let mut byte = [0];
        // The answer ends in " 0", but so may a date in the middle of it (`2026 09:30`): the head ends first.
        while !text
            .split_once("\r\n\r\n")
            .is_some_and(|(_, body)| body.ends_with(" 0"))
        {
            stream.read_exact(&mut byte).unwrap();
            text.push(char::from(byte[0]));
        }
        text.rsplit("\r\n").next().unwrap().to_owned()
    }

    pub fn presented(&self) -> &rustls_pki_types::CertificateDer<'static> {
        &self.tls.peer_certificates().unwrap()[0]
    }

    pub fn protocol(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// Everything that comes until the end that the other side says.
    pub fn rest(&mut self) -> String {
        use std::io::Read as _;
        let mut text = String::new();
        let mut stream = rustls::Stream::new(&mut self.tls, &mut self.tcp.stream);
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

pub fn alert(result: Result<TlsClient, rustls::Error>) -> AlertDescription {
    match result {
        Err(rustls::Error::AlertReceived(alert)) => alert,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the handshake succeeded"),
    }
}

#[test]
fn each_name_gets_its_own_certificate() {
    let gate = Gate::empty(options());
    let (a, b) = (made("a.example"), made("b.example"));
    serve(&gate, &[&a, &b]);
    let config = trusting(&[&a, &b], &[]);
    for (name, certificate) in [("a.example", &a), ("b.example", &b), ("A.Example", &a)] {
        let mut client = TlsClient::connect(&gate, &config, name).unwrap();
        assert_eq!(client.presented(), &certificate.der);
        assert_eq!(client.ask("/x"), "https-443 GET /x 0");
    }
}

#[test]
fn a_name_without_a_certificate_is_refused_by_its_alert() {
    let gate = Gate::empty(options());
    let a = made("a.example");
    serve(&gate, &[&a]);
    let result = TlsClient::connect(&gate, &trusting(&[&a], &[]), "c.example");
    assert_eq!(alert(result), AlertDescription::UnrecognisedName);
    eventually(|| gate.proxy.stats().handshakes_failed == 1);
    eventually(|| gate.proxy.stats().server_names_unknown == 1);
}

#[test]
fn a_client_without_a_name_gets_the_certificate_of_the_address() {
    let gate = Gate::empty(options());
    let (a, ip) = (made("a.example"), made("127.0.0.1"));
    serve(&gate, &[&a, &ip]);
    let client = TlsClient::connect(&gate, &trusting(&[&a, &ip], &[]), "127.0.0.1").unwrap();
    assert_eq!(client.presented(), &ip.der);
    serve(&gate, &[&a]);
    let result = TlsClient::connect(&gate, &trusting(&[&a, &ip], &[]), "127.0.0.1");
    assert_eq!(alert(result), AlertDescription::UnrecognisedName);
}

#[test]
fn a_certificate_changes_without_a_restart() {
    let gate = Gate::empty(options());
    let (old, new) = (made("a.example"), made("a.example"));
    serve(&gate, &[&old]);
    let address = gate.address("https-443");
    let mut before = TlsClient::connect(&gate, &trusting(&[&old], &[]), "a.example").unwrap();
    serve(&gate, &[&new]);
    assert_eq!(gate.address("https-443"), address);
    let after = TlsClient::connect(&gate, &trusting(&[&new], &[]), "a.example").unwrap();
    assert_eq!(after.presented(), &new.der);
    assert_eq!(before.ask("/x"), "https-443 GET /x 0");
}

#[test]
fn a_certificate_that_is_awaited_or_gone_is_refused() {
    let gate = Gate::empty(options());
    let a = made("a.example");
    serve(&gate, &[&a]);
    let awaited = Secret {
        material: Material::Awaited {
            domains: vec!["a.example".into()],
            issuer: IssuerKind::TestCa,
        },
        ..a.secret.clone()
    };
    gate.apply_with(vec![https(&["a.example"])], vec![awaited]);
    let result = TlsClient::connect(&gate, &trusting(&[&a], &[]), "a.example");
    assert_eq!(alert(result), AlertDescription::UnrecognisedName);
}

#[test]
fn a_key_pair_that_cannot_be_used_is_said_in_the_status() {
    let gate = Gate::empty(options());
    let a = made("a.example");
    let broken = Secret {
        material: Material::KeyPair(KeyPair {
            certificate_chain: "nonsense".into(),
            private_key: PrivateKey::new("nonsense"),
        }),
        ..a.secret
    };
    let statuses = gate.apply_with(vec![https(&["a.example"])], vec![broken]);
    assert!(statuses[0].bound.is_some());
    assert!(statuses[0].warnings[0].contains("a.example"), "{statuses:?}");
}

#[test]
fn a_session_resumes_over_a_reload_but_not_without_its_certificate() {
    let gate = Gate::empty(options());
    let (a, b) = (made("a.example"), made("b.example"));
    serve(&gate, &[&a]);
    let config = trusting(&[&a, &b], &[]);
    // A request, so that the tickets behind the handshake have been read.
    TlsClient::connect(&gate, &config, "a.example").unwrap().ask("/x");
    serve(&gate, &[&a, &b]);
    let mut again = TlsClient::connect(&gate, &config, "a.example").unwrap();
    assert_eq!(again.tls.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
    again.ask("/x");
    let mut other = TlsClient::connect(&gate, &config, "b.example").unwrap();
    assert_eq!(other.tls.handshake_kind(), Some(rustls::HandshakeKind::Full));
    other.ask("/x");
    assert_eq!(gate.proxy.stats().handshakes_resumed, 1);
    serve(&gate, &[&b]);
    let result = TlsClient::connect(&gate, &config, "a.example");
    assert_eq!(alert(result), AlertDescription::UnrecognisedName);
}

#[test]
fn alpn_chooses_http2_first() {
    let gate = Gate::empty(options());
    let a = made("a.example");
    serve(&gate, &[&a]);
    for (offered, chosen) in [(&["http/1.1", "h2"][..], "h2"), (&["http/1.1"], "http/1.1")] {
        let client = TlsClient::connect(&gate, &trusting(&[&a], offered), "a.example").unwrap();
        assert_eq!(client.tls.alpn_protocol(), Some(chosen.as_bytes()));
    }
}

#[tokio::test]
async fn http2_is_served_over_tls() {
    let gate = Gate::empty(options());
    let a = made("a.example");
    serve(&gate, &[&a]);
    let tcp = tokio::net::TcpStream::connect(gate.address("https-443"))
        .await
        .unwrap();
    let connector = tokio_rustls::TlsConnector::from(trusting(&[&a], &["h2"]));
    let tls = connector
        .connect("a.example".try_into().unwrap(), tcp)
        .await
        .unwrap();
    let (sender, connection) = h2::client::handshake(tls).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://a.example/x").body(()).unwrap();
    let (response, _) = sender.ready().await.unwrap().send_request(request, true).unwrap();
    let mut body = response.await.unwrap().into_body();
    let text: bytes::Bytes = body.data().await.unwrap().unwrap();
    assert_eq!(text, "https-443 GET /x 0");
}

#[test]
fn tls_1_2_is_served() {
    let gate = Gate::empty(options());
    let a = made("a.example");
    serve(&gate, &[&a]);
    let mut roots = RootCertStore::empty();
    roots.add(a.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = TlsClient::connect(&gate, &Arc::new(config), "a.example").unwrap();
    assert_eq!(client.ask("/x"), "https-443 GET /x 0");
}

#[test]
fn a_handshake_that_does_not_come_is_not_waited_for() {
    let mut options = options();
    options.limits.handshake_timeout = Duration::from_millis(30);
    let gate = Gate::empty(options);
    serve(&gate, &[&made("a.example")]);
    assert_eq!(Client::connect(gate.address("https-443")).rest(), "");
    eventually(|| gate.proxy.stats().handshakes_failed == 1);
}

#[test]
fn the_guard_stands_behind_tls_too() {
    use std::io::{Read as _, Write as _};
    let gate = Gate::empty(options());
    let a = made("a.example");
    serve(&gate, &[&a]);
    let mut client = TlsClient::connect(&gate, &trusting(&[&a], &[]), "a.example").unwrap();
    let mut stream = rustls::Stream::new(&mut client.tls, &mut client.tcp.stream);
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    // Ends without an error only after a proper farewell (close_notify).
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
