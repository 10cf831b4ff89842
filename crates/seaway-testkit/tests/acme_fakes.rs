//! The DNS server, acme-dns and Cloudflare, asked as their clients ask.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::net::{Ipv4Addr, SocketAddr};

use http::{Request, request};
use seaway_testkit::acme::{AcmeDns, AcmeDnsAccount, ChallengeDns, Cloudflare, Scheme};
use seaway_testkit::client::{Answer, Client, Wire};
use serde_json::{Value, json};

async fn dns() -> ChallengeDns {
    ChallengeDns::start().await.expect("a DNS server")
}

/// Of a fake in the clear.
fn address(url: &str) -> SocketAddr {
    let rest = url.trim_start_matches("http://");
    rest.split('/')
        .next()
        .and_then(|rest| rest.parse().ok())
        .expect("an address")
}

async fn send(url: &str, request: request::Builder, body: &str) -> Answer {
    let mut client = Client::open(address(url), Wire::Http1)
        .await
        .expect("a connection");
    let request = request.header("host", address(url).to_string());
    client.send(request, body.to_owned()).await.expect("an answer")
}

fn value(letter: char) -> String {
    letter.to_string().repeat(43)
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).expect("JSON")
}

async fn update(service: &AcmeDns, account: &AcmeDnsAccount, txt: &str) -> (u16, Value) {
    let request = Request::post("/update")
        .header("x-api-user", &account.username)
        .header("x-api-key", &account.password);
    let asked = json!({ "subdomain": account.subdomain, "txt": txt });
    let answer = send(&service.url(), request, &asked.to_string()).await;
    (answer.status, body(&answer))
}

#[tokio::test]
async fn records_are_answered_by_dns_through_one_alias() {
    let dns = dns().await;
    dns.set_cname("_acme-challenge.Example.com", "other.test")
        .await
        .expect("an alias");
    dns.set_txt("other.test.", &["a", "b"]).await.expect("records");
    let found = dns.txt("_acme-challenge.example.com").await.expect("an answer");
    assert_eq!(found, ["a", "b"]);
    let alias = dns.cname("_acme-challenge.example.com").await.expect("an answer");
    assert_eq!(alias.as_deref(), Some("other.test"));
    dns.set_txt("other.test", &["c"]).await.expect("records");
    assert_eq!(dns.txt("other.test").await.expect("an answer"), ["c"]);
    dns.clear_cname("_acme-challenge.example.com")
        .await
        .expect("no alias");
    assert!(
        dns.txt("_acme-challenge.example.com")
            .await
            .expect("an answer")
            .is_empty()
    );
}

#[tokio::test]
async fn a_name_can_be_made_to_fail_and_questions_are_counted() {
    let dns = dns().await;
    dns.set_failing("a.test", true).await.expect("a change");
    let error = dns.txt("a.test").await.expect_err("SERVFAIL");
    assert!(error.to_string().contains("rcode 2"), "{error}");
    dns.set_failing("a.test", false).await.expect("a change");
    dns.txt("a.test").await.expect("an answer");
    assert_eq!(dns.questions("a.test").await.expect("a number"), 2);
    assert_eq!(dns.questions("b.test").await.expect("a number"), 0);
}

#[tokio::test]
async fn addresses_are_accepted_by_the_server() {
    let dns = dns().await;
    dns.set_default_ipv4(Some(Ipv4Addr::LOCALHOST))
        .await
        .expect("a change");
    dns.set_default_ipv6(None).await.expect("a change");
    let both = [[127, 0, 0, 2].into(), [0, 0, 0, 0, 0, 0, 0, 1].into()];
    dns.set_addresses("a.test", &both).await.expect("a change");
    dns.add_caa_issue("a.test", "pebble.letsencrypt.org")
        .await
        .expect("a change");
    for said in [
        "A queries to \"a.test.\" : 127.0.0.2",
        "AAAA queries to \"a.test.\" : ::1",
    ] {
        dns.log().wait_for(said, 1).await.expect("in its log");
    }
}

#[tokio::test]
async fn acme_dns_registers_and_keeps_the_last_two_values() {
    let dns = dns().await;
    let service = AcmeDns::start(Scheme::Http, "acme-dns.test", &dns).expect("a service");
    let answer = send(&service.url(), Request::post("/register"), "").await;
    assert_eq!(answer.status, 201);
    let account: AcmeDnsAccount = serde_json::from_slice(&answer.body).expect("an account");
    assert_eq!(account.fulldomain, format!("{}.acme-dns.test", account.subdomain));
    assert_eq!((account.username.len(), account.password.len()), (36, 40));
    for letter in ['a', 'b', 'c'] {
        let done = update(&service, &account, &value(letter)).await;
        assert_eq!(done, (200, json!({ "txt": value(letter) })));
    }
    let found = dns.txt(&account.fulldomain).await.expect("an answer");
    assert_eq!(found, [value('b'), value('c')]);
    assert_eq!(service.values(&account.subdomain), Some(found));
}

#[tokio::test]
async fn acme_dns_refuses_who_may_not_and_what_cannot_be() {
    let dns = dns().await;
    let service = AcmeDns::start(Scheme::Http, "acme-dns.test", &dns).expect("a service");
    let (mine, other) = (service.register(), service.register());
    let stolen = AcmeDnsAccount {
        subdomain: other.subdomain.clone(),
        ..mine.clone()
    };
    let wrong = AcmeDnsAccount {
        password: other.password.clone(),
        ..mine.clone()
    };
    let forbidden = (401, json!({ "error": "forbidden" }));
    assert_eq!(update(&service, &stolen, &value('a')).await, forbidden);
    assert_eq!(update(&service, &wrong, &value('a')).await, forbidden);
    assert_eq!(
        update(&service, &mine, "short").await,
        (400, json!({ "error": "bad_txt" }))
    );
    assert_eq!(update(&service, &mine, &value('!')).await.0, 400);
    assert_eq!(service.values(&mine.subdomain), Some(Vec::new()));
    service.forget(&mine);
    assert_eq!(update(&service, &mine, &value('a')).await, forbidden);
}

#[tokio::test]
async fn acme_dns_minds_from_where_an_update_may_come() {
    let dns = dns().await;
    let service = AcmeDns::start(Scheme::Http, "acme-dns.test", &dns).expect("a service");
    for (ranges, status) in [(["10.0.0.0/8"], 401), (["127.0.0.0/8"], 200)] {
        let asked = json!({ "allowfrom": ranges }).to_string();
        let answer = send(&service.url(), Request::post("/register"), &asked).await;
        let account = serde_json::from_slice(&answer.body).expect("an account");
        assert_eq!(
            update(&service, &account, &value('a')).await.0,
            status,
            "{ranges:?}"
        );
    }
    let answer = send(
        &service.url(),
        Request::post("/register"),
        r#"{"allowfrom": ["everywhere"]}"#,
    )
    .await;
    assert_eq!(
        (answer.status, body(&answer)),
        (400, json!({ "error": "invalid_allowfrom_cidr" }))
    );
}

#[tokio::test]
async fn acme_dns_fails_as_ordered_counts_and_comes_back() {
    let dns = dns().await;
    let service = AcmeDns::start(Scheme::Http, "acme-dns.test", &dns).expect("a service");
    let account = service.register();
    service.fail_next(1, 503, Some("7"));
    let failed = send(&service.url(), Request::get("/health"), "").await;
    assert_eq!((failed.status, failed.header("retry-after")), (503, Some("7")));
    service.down().await;
    Client::open(address(&service.url()), Wire::Http1)
        .await
        .expect_err("nobody");
    service.up().expect("the same port");
    assert_eq!(
        send(&service.url(), Request::get("/health"), "").await.status,
        200
    );
    assert_eq!(update(&service, &account, &value('a')).await.0, 200);
    assert_eq!(service.calls().count("GET", "/health"), 2);
    assert_eq!(service.calls().all()[0].status, Some(503));
}

const TOKEN: &str = "a-token";

async fn cloudflare(dns: &ChallengeDns) -> Cloudflare {
    let zones = ["example.com", "example.org"];
    Cloudflare::with_visible(Scheme::Http, TOKEN, &zones, &["seen.test"], dns).expect("a service")
}

/// The status, and the body.
async fn call(service: &Cloudflare, method: &str, path: &str, asked: Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/client/v4{path}"))
        .header("authorization", format!("Bearer {TOKEN}"));
    let asked = if asked.is_null() {
        String::new()
    } else {
        asked.to_string()
    };
    let answer = send(&service.url(), request, &asked).await;
    (answer.status, body(&answer))
}

async fn zone(service: &Cloudflare, name: &str) -> String {
    let (_, found) = call(service, "GET", &format!("/zones?name={name}"), Value::Null).await;
    found["result"][0]["id"].as_str().expect("a zone").to_owned()
}

fn code(answer: &(u16, Value)) -> (u16, u64) {
    assert_eq!(
        (&answer.1["success"], &answer.1["result"]),
        (&json!(false), &Value::Null)
    );
    (answer.0, answer.1["errors"][0]["code"].as_u64().expect("a code"))
}

#[tokio::test]
async fn cloudflare_tells_a_missing_a_malformed_and_a_wrong_token_apart() {
    let dns = dns().await;
    let service = cloudflare(&dns).await;
    let with = async |token: Option<&str>| {
        let request = Request::get("/client/v4/zones");
        let request = token
            .into_iter()
            .fold(request, |r, token| r.header("authorization", token));
        let answer = send(&service.url(), request, "").await;
        code(&(answer.status, body(&answer)))
    };
    assert_eq!(with(None).await, (400, 9106));
    assert_eq!(with(Some("Bearer ")).await, (400, 6003));
    assert_eq!(with(Some("Bearer another")).await, (403, 9109));
    assert_eq!(
        call(&service, "GET", "/user/tokens/verify", Value::Null).await.0,
        200
    );
}

#[tokio::test]
async fn cloudflare_lists_zones_by_name_and_in_pages() {
    let dns = dns().await;
    let service = cloudflare(&dns).await;
    let (_, named) = call(&service, "GET", "/zones?name=example%2Eorg", Value::Null).await;
    assert_eq!(named["result"][0]["name"], "example.org");
    assert_eq!(named["result_info"]["total_count"], 1);
    let (_, none) = call(&service, "GET", "/zones?name=www.example.org", Value::Null).await;
    assert_eq!(none["result"], json!([]));
    let (_, second) = call(&service, "GET", "/zones?per_page=2&page=2", Value::Null).await;
    assert_eq!(second["result"][0]["name"], "seen.test");
    let info = json!({ "page": 2, "per_page": 2, "count": 1, "total_count": 3, "total_pages": 2 });
    assert_eq!(second["result_info"], info);
}

#[tokio::test]
async fn cloudflare_puts_txt_records_into_the_dns_and_takes_them_out() {
    let dns = dns().await;
    let service = cloudflare(&dns).await;
    let records = format!("/zones/{}/dns_records", zone(&service, "example.com").await);
    let name = "_acme-challenge.example.com";
    let first = json!({ "type": "TXT", "name": "_acme-challenge", "content": "one", "ttl": 60 });
    let second = json!({ "type": "TXT", "name": name, "content": "\"two\"" });
    let (status, made) = call(&service, "POST", &records, first).await;
    assert_eq!((status, &made["result"]["name"]), (200, &json!(name)));
    call(&service, "POST", &records, second.clone()).await;
    assert_eq!(dns.txt(name).await.expect("an answer"), ["one", "two"]);
    assert_eq!(
        code(&call(&service, "POST", &records, second).await),
        (400, 81058)
    );
    let (_, listed) = call(
        &service,
        "GET",
        &format!("{records}?type=TXT&name={name}&content=one"),
        Value::Null,
    )
    .await;
    assert_eq!(listed["result"].as_array().map(Vec::len), Some(1));
    let record = format!("{records}/{}", listed["result"][0]["id"].as_str().expect("an id"));
    assert_eq!(call(&service, "DELETE", &record, Value::Null).await.0, 200);
    assert_eq!(dns.txt(name).await.expect("an answer"), ["two"]);
    assert_eq!(
        code(&call(&service, "DELETE", &record, Value::Null).await),
        (404, 81044)
    );
}

#[tokio::test]
async fn cloudflare_refuses_zones_that_are_not_there_or_not_the_tokens() {
    let dns = dns().await;
    let service = cloudflare(&dns).await;
    let new = json!({ "type": "TXT", "name": "a", "content": "b" });
    let unknown = call(&service, "POST", "/zones/0123/dns_records", new.clone()).await;
    assert_eq!(code(&unknown), (404, 7003));
    let seen = format!("/zones/{}/dns_records", zone(&service, "seen.test").await);
    assert_eq!(code(&call(&service, "POST", &seen, new).await), (403, 10000));
    let mine = format!("/zones/{}/dns_records", zone(&service, "example.com").await);
    assert_eq!(
        code(&call(&service, "POST", &mine, json!({ "type": "TXT" })).await),
        (400, 9207)
    );
    let short = json!({ "type": "TXT", "name": "a", "content": "b", "ttl": 5 });
    assert_eq!(code(&call(&service, "POST", &mine, short).await), (400, 1004));
    assert!(service.records().is_empty());
}

#[tokio::test]
async fn cloudflare_limits_the_rate_when_it_is_told_to() {
    let dns = dns().await;
    let service = cloudflare(&dns).await;
    service.fail_next(1, 429, Some("300"));
    let request = Request::get("/client/v4/zones").header("authorization", format!("Bearer {TOKEN}"));
    let answer = send(&service.url(), request, "").await;
    assert_eq!(answer.header("retry-after"), Some("300"));
    assert_eq!(code(&(answer.status, body(&answer))), (429, 971));
    assert_eq!(call(&service, "GET", "/zones", Value::Null).await.0, 200);
    assert_eq!(service.calls().count("GET", "/client/v4/zones"), 2);
}
