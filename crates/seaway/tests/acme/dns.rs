//! Proofs by DNS: acme-dns and Cloudflare, each with a certificate of a private root as inside a company.

use seaway_testkit::acme::{AcmeDns, Cloudflare, Place, Scheme};

use crate::HOST;
use crate::world::{World, root};

#[tokio::test]
async fn an_alias_that_must_be_made_is_told_and_once_it_is_there_the_certificate_comes() {
    let world = World::new().await;
    let service = AcmeDns::start(Scheme::Https, "acme-dns.test", &world.dns).expect("a service");
    let fields = format!(
        "acmeDNSServer: \"{}\", apiRootSecretName: api-root,",
        service.url()
    );
    let api_root = root("api-root", service.tls_root_pem().expect("a root"));
    world.want_all("dns01", &fields, &[HOST], &api_root);
    world
        .told("the alias is missing", |cert| {
            cert["aliases"][0]["there"] == false
        })
        .await;
    let error = world.told_everywhere().await;
    let cert = world.cert().await.expect("it was there");
    let (name, target) = (&cert["aliases"][0]["name"], &cert["aliases"][0]["target"]);
    let (name, target) = (name.as_str().expect("a name"), target.as_str().expect("a target"));
    assert_eq!(name, format!("_acme-challenge.{HOST}"));
    assert!(error.contains(&format!("{name} CNAME {target}")), "{error}");
    let done = world.certs();
    assert!(
        done.out
            .contains(&format!("CNAME {name} -> {target}: missing, create it")),
        "{done:?}"
    );
    world.dns.set_cname(name, target).await.expect("an alias");
    world.reload();
    world.served().await;
    world
        .gateway
        .process
        .line(&format!("certificate for {HOST} (issuer pebble): it came"))
        .await;
    world
        .told("the alias is there", |cert| cert["aliases"][0]["there"] == true)
        .await;
    assert_eq!(world.flaky.count(Place::NewOrder), 1);
}

#[tokio::test]
async fn a_name_and_its_wildcard_come_by_cloudflare_and_nothing_is_left_there() {
    let world = World::new().await;
    let service =
        Cloudflare::start(Scheme::Https, "the-token", &["example.com"], &world.dns).expect("a service");
    let fields = format!(
        "apiTokenSecretName: token, apiServer: \"{}\", apiRootSecretName: api-root,",
        service.url()
    );
    let token = "apiVersion: v1\nkind: Secret\nmetadata: {name: token, namespace: test}\n\
                 stringData: {api-token: the-token}\n";
    let secrets = [
        root("api-root", service.tls_root_pem().expect("a root")),
        token.to_owned(),
    ]
    .join("---\n");
    let wildcard = format!("*.{HOST}");
    world.want_all("acmeCloudFlare", &fields, &[HOST, &wildcard], &secrets);
    world.served().await;
    world.served_for(&format!("www.{HOST}")).await;
    assert!(service.records().is_empty(), "{:?}", service.records());
}
