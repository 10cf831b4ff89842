//! A real authority on a bad day, a gateway that answers its challenges, and managers that may die.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use seaway_certs::acme::{CertStatus, Challenges, Clock, Manager, ManagerOptions, Wanted};
use seaway_model::{AcmeIssuer, AcmeMethod, KeyPair, SecretName};
use seaway_testkit::acme::{ChallengeDns, Flaky, Pebble, PebbleOptions};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls;

const DEADLINE: Duration = Duration::from_secs(60);
/// Between two questions.
const PACE: Duration = Duration::from_millis(5);

pub struct Bench {
    pub dns: ChallengeDns,
    pub pebble: Pebble,
    pub flaky: Flaky,
    pub data: TempDir,
    /// Seconds that the manager's clock is ahead.
    ahead: Arc<AtomicU64>,
    /// Where the listeners find the answers: those of the manager that lives.
    answers: watch::Sender<Arc<Challenges>>,
    changes: watch::Sender<u64>,
    manager: Option<Manager>,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(PebbleOptions::default()).await
    }

    pub async fn with(options: PebbleOptions) -> Self {
        let answers = watch::Sender::new(Arc::default());
        let http = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let tls = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
        let options = PebbleOptions {
            http_port: Some(port(&http)),
            tls_port: Some(port(&tls)),
            authorization_reuse_percent: 0,
            ..options
        };
        tokio::spawn(serve_http(http, answers.subscribe()));
        tokio::spawn(serve_tls(tls, answers.subscribe()));
        let dns = ChallengeDns::start().await.expect("a DNS server");
        let pebble = Pebble::start(options, &dns).await.expect("a Pebble");
        let flaky = Flaky::start(&pebble).expect("a proxy");
        Self {
            dns,
            pebble,
            flaky,
            data: tempfile::tempdir().expect("a folder"),
            ahead: Arc::default(),
            answers,
            changes: watch::Sender::new(0),
            manager: None,
        }
    }

    pub fn issuer(&self, method: AcmeMethod) -> AcmeIssuer {
        let mut issuer = AcmeIssuer::new("pebble", method);
        issuer.directory = self.flaky.directory_url().into();
        issuer.directory_roots = Some(self.flaky.tls_root_pem().into());
        issuer.email = Some("someone@example.com".into());
        issuer
    }

    pub fn wanted(&self, method: AcmeMethod, domains: &[&str]) -> Wanted {
        wanted(self.issuer(method), domains)
    }

    /// A process starts.
    pub fn start(&mut self, wanted: &[Wanted]) {
        let ahead = Arc::clone(&self.ahead);
        let clock: Clock =
            Arc::new(move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::SeqCst)));
        let changes = self.changes.clone();
        let options = ManagerOptions {
            nameserver: Some(self.dns.addr()),
            seed: 1,
        };
        let on_change = move |_| changes.send_modify(|count| *count += 1);
        let manager = Manager::start_with(self.data.path(), clock, &options, on_change).expect("a manager");
        manager.want(wanted.to_vec());
        self.answers.send_replace(manager.challenges());
        self.manager = Some(manager);
    }

    /// The listeners are this process's from now on.
    pub fn answer_from(&self, manager: &Manager) {
        self.answers.send_replace(manager.challenges());
    }

    /// It dies, wherever it is.
    pub fn kill(&mut self) {
        self.manager = None;
    }

    pub fn manager(&self) -> &Manager {
        self.manager.as_ref().expect("a manager that lives")
    }

    pub fn move_clock(&self, by: Duration) {
        self.ahead.fetch_add(by.as_secs(), Ordering::SeqCst);
        self.manager().wake();
    }

    /// The certificate, when it is there and is not `old`.
    pub async fn certificate(&self, name: &SecretName, old: Option<&KeyPair>) -> KeyPair {
        let mut changes = self.changes.subscribe();
        let found = tokio::time::timeout(DEADLINE, async {
            loop {
                changes.borrow_and_update();
                match self.manager().current(name) {
                    Some(pair) if Some(&pair) != old => return pair,
                    _ => changes.changed().await.expect("a manager that lives"),
                }
            }
        });
        let failed = || {
            panic!(
                "no certificate: {:#?}; asked: {}",
                self.manager().status(),
                self.asked()
            )
        };
        found.await.unwrap_or_else(|_| failed())
    }

    fn asked(&self) -> String {
        let calls = self.flaky.calls().all();
        let words =
            |call: &seaway_testkit::acme::Call| format!("{} {} {:?}\n", call.method, call.path, call.status);
        calls.iter().map(words).collect()
    }

    /// The status, when it is so. Nothing tells of it, so it is asked for until then.
    pub async fn status(&self, so: impl Fn(&CertStatus) -> bool) -> CertStatus {
        let mut pace = tokio::time::interval(PACE);
        let found = tokio::time::timeout(DEADLINE, async {
            loop {
                if let Some(status) = self.manager().status().into_iter().find(|status| so(status)) {
                    return status;
                }
                pace.tick().await;
            }
        });
        let failed = || panic!("it never was so: {:#?}", self.manager().status());
        found.await.unwrap_or_else(|_| failed())
    }
}

pub fn wanted(issuer: AcmeIssuer, domains: &[&str]) -> Wanted {
    Wanted {
        name: SecretName(format!("httpscert:{}", domains[0]).into()),
        domains: domains.iter().map(|domain| Arc::from(*domain)).collect(),
        issuer: Arc::new(issuer),
    }
}

async fn serve_http(listener: TcpListener, answers: watch::Receiver<Arc<Challenges>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let challenges = Arc::clone(&answers.borrow());
        tokio::spawn(answer_http(stream, challenges));
    }
}

async fn answer_http(stream: TcpStream, challenges: Arc<Challenges>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    if stream.read_line(&mut line).await.is_err() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default();
    let token = path
        .strip_prefix("/.well-known/acme-challenge/")
        .unwrap_or_default();
    let answer = match challenges.http01(token) {
        Some(body) => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
        None => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
    };
    // Who hangs up does not want it.
    let _ = stream.write_all(answer.as_bytes()).await;
}

async fn serve_tls(listener: TcpListener, answers: watch::Receiver<Arc<Challenges>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let challenges = Arc::clone(&answers.borrow());
        tokio::spawn(async move { answer_tls(stream, &challenges).await });
    }
}

async fn answer_tls(stream: TcpStream, challenges: &Challenges) -> Option<()> {
    use rustls::pki_types::pem::PemObject;
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream)
        .await
        .ok()?;
    let pair = challenges.tls_alpn01(start.client_hello().server_name()?)?;
    let chain = rustls::pki_types::CertificateDer::pem_slice_iter(pair.certificate_chain.as_bytes());
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(pair.private_key.reveal().as_bytes()).ok()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = provider.key_provider.load_private_key(key).ok()?;
    let certified = rustls::sign::CertifiedKey::new(chain.collect::<Result<_, _>>().ok()?, key);
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let mut stream = start.into_stream(Arc::new(config)).await.ok()?;
    stream.shutdown().await.ok()
}

/// Names of a certificate, sorted.
pub fn names(pair: &KeyPair) -> Vec<String> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pair.certificate_chain.as_bytes()).expect("PEM");
    let certificate = pem.parse_x509().expect("a certificate");
    let names = certificate
        .subject_alternative_name()
        .expect("names")
        .expect("names");
    let name = |name: &x509_parser::extensions::GeneralName<'_>| match name {
        x509_parser::extensions::GeneralName::DNSName(name) => (*name).to_owned(),
        other => panic!("{other:?}"),
    };
    let mut names: Vec<String> = names.value.general_names.iter().map(name).collect();
    names.sort();
    names
}

/// The kind of a certificate's key, as an object identifier.
pub fn key_type(pair: &KeyPair) -> String {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pair.certificate_chain.as_bytes()).expect("PEM");
    let certificate = pem.parse_x509().expect("a certificate");
    certificate.public_key().algorithm.algorithm.to_id_string()
}
