//! An ACME client for the tests of the servers: accounts, whole orders and single requests.
#![allow(dead_code, reason = "not every test file needs everything")]

use std::io;
use std::time::Duration;

use http::Request;
use instant_acme::{
    Account, ChallengeType, Error, ExternalAccountKey, Identifier, NewAccount, NewOrder, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, KeyPair};
use seaway_testkit::acme::{ChallengeDns, Pebble, PebbleOptions};
use seaway_testkit::client::{Answer, Client, ClientTls, Wire};
use x509_parser::pem::Pem;

pub async fn dns() -> ChallengeDns {
    ChallengeDns::start().await.expect("a DNS server")
}

pub async fn pebble(options: PebbleOptions, dns: &ChallengeDns) -> Pebble {
    Pebble::start(options, dns).await.expect("a Pebble")
}

/// An account at a server whose certificate comes from this root.
pub async fn account(
    url: String,
    root: &str,
    binding: Option<&ExternalAccountKey>,
) -> Result<Account, Error> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), root).expect("a root");
    let new = NewAccount {
        contact: &["mailto:someone@example.com"],
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let builder = Account::builder_with_root(file.path()).expect("a root that can be read");
    builder
        .create(&new, url, binding)
        .await
        .map(|(account, _)| account)
}

pub async fn plain_account(pebble: &Pebble) -> Result<Account, Error> {
    account(pebble.directory_url(), &pebble.tls_root_pem(), None).await
}

/// Does a whole order. `prepare` gets the token, the whole answer for http-01 and the value for dns-01.
pub async fn issue(
    account: &Account,
    kind: ChallengeType,
    names: &[&str],
    prepare: impl AsyncFn(String, String, String),
) -> Result<String, Error> {
    let identifiers: Vec<Identifier> = names
        .iter()
        .map(|name| Identifier::Dns((*name).to_owned()))
        .collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let mut challenge = authorization
            .challenge(kind.clone())
            .expect("this kind of challenge");
        let key = challenge.key_authorization();
        prepare(challenge.token.clone(), key.as_str().to_owned(), key.dns_value()).await;
        challenge.set_ready().await?;
    }
    let quickly = RetryPolicy::new().initial_delay(Duration::from_millis(5));
    if order.poll_ready(&quickly).await? != OrderStatus::Ready {
        return Err(Error::Str("the order is not ready"));
    }
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let key = KeyPair::generate().expect("a key");
    let request = CertificateParams::new(names)
        .expect("names")
        .serialize_request(&key)
        .expect("a CSR");
    order.finalize_csr(request.der()).await?;
    order.poll_certificate(&quickly).await
}

/// Certificates of a PEM text.
pub fn certificates(pem: &str) -> Vec<Pem> {
    Pem::iter_from_buffer(pem.as_bytes())
        .map(|pem| pem.expect("PEM"))
        .collect()
}

pub async fn get(pebble: &Pebble, path: &str) -> io::Result<Answer> {
    ask(pebble.addr(), &pebble.tls_root_pem(), Request::get(path)).await
}

/// Sends one request over a connection of its own.
pub async fn ask(
    address: std::net::SocketAddr,
    root: &str,
    request: http::request::Builder,
) -> io::Result<Answer> {
    let tls = ClientTls::trusting(root)?;
    let mut client = Client::open_tls(address, Wire::Http1, "127.0.0.1", &tls).await?;
    client.send(request.header("host", address.to_string()), "").await
}

pub fn problem(error: &Error) -> &str {
    match error {
        Error::Api(problem) => problem.r#type.as_deref().unwrap_or_default(),
        other => panic!("not a problem document: {other:?}"),
    }
}

/// The same for one name, by a record that is set without any service.
pub async fn issue_one(pebble_account: &Account, dns: &ChallengeDns, name: &str) -> Result<String, Error> {
    issue(
        pebble_account,
        ChallengeType::Dns01,
        &[name],
        async |_, _, value| {
            let record = format!("_acme-challenge.{name}");
            dns.add_txt(&record, &value).await.expect("a record");
        },
    )
    .await
}
