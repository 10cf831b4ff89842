//! Pebble and its DNS server, driven by a well-known client. `cargo xtask parts` brings them.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

#[path = "acme/support.rs"]
mod support;

use std::io;
use std::time::Duration;

use http::Request;
use instant_acme::{ChallengeType, ExternalAccountKey};
use seaway_testkit::acme::{AcmeDns, Cloudflare, PebbleOptions, Scheme};
use seaway_testkit::client::{Client, ClientTls, Wire};
use support::{account, certificates, dns, get, issue, issue_one, pebble, plain_account, problem};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn http01_is_validated_at_the_given_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let http_port = Some(listener.local_addr().expect("an address").port());
    let dns = dns().await;
    let pebble = pebble(
        PebbleOptions {
            http_port,
            ..PebbleOptions::default()
        },
        &dns,
    )
    .await;
    let account = plain_account(&pebble).await.expect("an account");
    // Answers every request with the key authorization, and tells the paths.
    let (set_key, key) = tokio::sync::watch::channel(String::new());
    let (paths, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a request");
            let key = key.borrow().clone();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{key}",
                key.len()
            );
            stream.write_all(answer.as_bytes()).await.expect("an answer");
            let _ = paths.send(line);
        }
    });
    let chain = issue(
        &account,
        ChallengeType::Http01,
        &["shop.example.com"],
        async |_, key, _| {
            set_key.send_replace(key);
        },
    )
    .await
    .expect("a certificate");
    serving.abort();
    assert_eq!(certificates(&chain).len(), 2);
    let line = asked.recv().await.expect("a request");
    assert!(line.starts_with("GET /.well-known/acme-challenge/"), "{line}");
}

#[tokio::test]
async fn a_name_and_its_wildcard_are_validated_through_acme_dns() {
    let dns = dns().await;
    let options = PebbleOptions {
        authorization_reuse_percent: 0,
        ..PebbleOptions::default()
    };
    let pebble = pebble(options, &dns).await;
    let service = AcmeDns::start(Scheme::Http, "acme-dns.test", &dns).expect("a service");
    let owner = service.register();
    service.delegate("*.example.com", &owner).await.expect("an alias");
    let update = async |value: &str| {
        let address = service.url().trim_start_matches("http://").to_owned();
        let mut client = Client::open(address.parse().expect("an address"), Wire::Http1)
            .await
            .expect("a client");
        let request = Request::post("/update")
            .header("host", &address)
            .header("x-api-user", &owner.username)
            .header("x-api-key", &owner.password);
        let body = format!("{{\"subdomain\": \"{}\", \"txt\": \"{value}\"}}", owner.subdomain);
        client.send(request, body).await.expect("an answer").status
    };
    let account = plain_account(&pebble).await.expect("an account");
    let names = ["example.com", "*.example.com"];
    let chain = issue(&account, ChallengeType::Dns01, &names, async |_, _, value| {
        assert_eq!(update(&value).await, 200);
    })
    .await
    .expect("a certificate");
    let leaf = &certificates(&chain)[0];
    let leaf = leaf.parse_x509().expect("a certificate");
    let alternative = leaf
        .subject_alternative_name()
        .expect("an extension")
        .expect("names");
    assert_eq!(alternative.value.general_names.len(), 2);
    assert_eq!(service.values(&owner.subdomain).expect("an account").len(), 2);
}

#[tokio::test]
async fn a_record_at_cloudflare_is_seen_by_pebble() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let cloudflare = Cloudflare::start(Scheme::Https, "secret", &["example.com"], &dns).expect("a service");
    let url: http::Uri = cloudflare.url().parse().expect("a URL");
    let address: std::net::SocketAddr = url
        .authority()
        .expect("an authority")
        .as_str()
        .parse()
        .expect("an address");
    let tls = ClientTls::trusting(cloudflare.tls_root_pem().expect("a root")).expect("a root");
    let call = async |request: http::request::Builder, body: String| {
        let mut client = Client::open_tls(address, Wire::Http1, "127.0.0.1", &tls)
            .await
            .expect("a client");
        let request = request
            .header("host", address.to_string())
            .header("authorization", "Bearer secret");
        let answer = client.send(request, body).await.expect("an answer");
        serde_json::from_slice::<serde_json::Value>(&answer.body).expect("JSON")
    };
    let zones = call(Request::get("/client/v4/zones?name=example.com"), String::new()).await;
    let zone = zones["result"][0]["id"].as_str().expect("a zone");
    let records = format!("/client/v4/zones/{zone}/dns_records");
    let account = plain_account(&pebble).await.expect("an account");
    issue(
        &account,
        ChallengeType::Dns01,
        &["*.example.com"],
        async |_, _, value| {
            let body = format!(
                r#"{{"type": "TXT", "name": "_acme-challenge.example.com", "content": "\"{value}\""}}"#
            );
            assert_eq!(call(Request::post(&records), body).await["success"], true);
        },
    )
    .await
    .expect("a certificate");
    let record = &cloudflare.records()[0];
    let gone = call(Request::delete(format!("{records}/{}", record.id)), String::new()).await;
    assert_eq!(gone["result"]["id"], record.id.as_str());
    let left = dns.txt("_acme-challenge.example.com").await.expect("an answer");
    assert_eq!((cloudflare.records().len(), left.len()), (0, 0));
}

#[tokio::test]
async fn a_certificate_has_the_life_that_was_asked_for_and_chains_to_the_root() {
    let dns = dns().await;
    let certificate_lifetime = Duration::from_secs(3600);
    let pebble = pebble(
        PebbleOptions {
            certificate_lifetime,
            ..PebbleOptions::default()
        },
        &dns,
    )
    .await;
    let account = plain_account(&pebble).await.expect("an account");
    let chain = certificates(
        &issue_one(&account, &dns, "example.com")
            .await
            .expect("a certificate"),
    );
    let (leaf, above) = (
        chain[0].parse_x509().expect("a leaf"),
        chain[1].parse_x509().expect("an issuer"),
    );
    // Both ends count, as RFC 5280 has it.
    let life = leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp();
    assert_eq!(life + 1, 3600);
    let roots = certificates(&pebble.issuing_root_pem());
    let root = roots[0].parse_x509().expect("a root");
    leaf.verify_signature(Some(above.public_key()))
        .expect("signed by the intermediate");
    above
        .verify_signature(Some(root.public_key()))
        .expect("signed by the root");
}

#[tokio::test]
async fn a_certificate_is_known_as_valid_and_after_its_revocation_as_revoked() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let account = plain_account(&pebble).await.expect("an account");
    let chain = certificates(
        &issue_one(&account, &dns, "example.com")
            .await
            .expect("a certificate"),
    );
    let leaf = chain[0].parse_x509().expect("a leaf");
    let serial = leaf.tbs_certificate.raw_serial();
    let serial: String = serial.iter().map(|byte| format!("{byte:02x}")).collect();
    let before = pebble.certificate_status(&serial).await.expect("an answer");
    let revocation = instant_acme::RevocationRequest {
        certificate: &chain[0].contents.as_slice().into(),
        reason: None,
    };
    account.revoke(&revocation).await.expect("a revocation");
    let after = pebble.certificate_status(&serial).await.expect("an answer");
    assert_eq!(
        (before.as_deref(), after.as_deref()),
        (Some("Valid"), Some("Revoked"))
    );
    assert_eq!(pebble.certificate_status("00ff").await.expect("an answer"), None);
}

#[tokio::test]
async fn a_server_that_started_again_has_another_root_and_knows_nobody() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let (url, root) = (pebble.directory_url(), pebble.issuing_root_pem());
    let account = plain_account(&pebble).await.expect("an account");
    pebble.stop();
    let refused = get(&pebble, "/dir").await.expect_err("nobody");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    pebble.start_again().await.expect("the same ports");
    assert_eq!(pebble.directory_url(), url);
    assert_ne!(pebble.issuing_root_pem(), root);
    let error = issue_one(&account, &dns, "example.com")
        .await
        .expect_err("an unknown account");
    assert_eq!(problem(&error), "urn:ietf:params:acme:error:accountDoesNotExist");
}

#[tokio::test]
async fn a_paused_server_answers_when_it_goes_on() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    pebble.pause().expect("a process");
    TcpStream::connect(pebble.addr())
        .await
        .expect("the kernel accepts");
    let mut answer = std::pin::pin!(get(&pebble, "/dir"));
    // That nothing happens has no event; this is as long as it takes to be sure enough.
    tokio::time::timeout(Duration::from_millis(100), answer.as_mut())
        .await
        .expect_err("an answer while paused");
    pebble.resume().expect("a process");
    assert_eq!(answer.await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_dropped_server_is_gone() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let addresses = [pebble.addr(), dns.addr()];
    drop((pebble, dns));
    for address in addresses {
        let error = TcpStream::connect(address).await.expect_err("nobody");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn every_nonce_can_be_refused() {
    let dns = dns().await;
    let pebble = pebble(
        PebbleOptions {
            nonce_reject_percent: 100,
            ..PebbleOptions::default()
        },
        &dns,
    )
    .await;
    let Err(error) = plain_account(&pebble).await else {
        panic!("an account")
    };
    assert_eq!(problem(&error), "urn:ietf:params:acme:error:badNonce");
}

#[tokio::test]
async fn an_account_can_be_made_to_need_a_binding() {
    let dns = dns().await;
    // 32 bytes of 0x61, in base64url.
    let keys = [(
        "kid-1".to_owned(),
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE".to_owned(),
    )];
    let options = PebbleOptions {
        external_account_keys: keys.into(),
        ..PebbleOptions::default()
    };
    let pebble = pebble(options, &dns).await;
    let Err(error) = plain_account(&pebble).await else {
        panic!("an account without a binding")
    };
    assert_eq!(
        problem(&error),
        "urn:ietf:params:acme:error:externalAccountRequired"
    );
    let key = ExternalAccountKey::new("kid-1".to_owned(), &[b'a'; 32]);
    account(pebble.directory_url(), &pebble.tls_root_pem(), Some(&key))
        .await
        .expect("a bound account");
}

#[tokio::test]
async fn a_blocked_domain_is_refused() {
    let dns = dns().await;
    let blocked_domains = vec!["blocked.test".to_owned()];
    let pebble = pebble(
        PebbleOptions {
            blocked_domains,
            ..PebbleOptions::default()
        },
        &dns,
    )
    .await;
    let account = plain_account(&pebble).await.expect("an account");
    let error = issue_one(&account, &dns, "www.blocked.test")
        .await
        .expect_err("a refusal");
    assert_eq!(problem(&error), "urn:ietf:params:acme:error:rejectedIdentifier");
}
