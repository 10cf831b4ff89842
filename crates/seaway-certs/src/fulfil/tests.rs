use std::path::Path;

use seaway_model::{AcmeIssuer, HostMatch, ListenerTls, Pem, Protocol, ServerCertificate};

use super::*;
use crate::TestCa;

fn awaited(name: &str, issuer: IssuerKind, domains: &[&str]) -> (SecretName, Arc<Secret>) {
    let name = SecretName(name.into());
    let secret = Secret {
        name: name.clone(),
        origin: Origin {
            kind: "HttpsCert".into(),
            name: "shop".into(),
            ..Origin::default()
        },
        material: Material::Awaited {
            domains: domains.iter().map(|d| Arc::from(*d)).collect(),
            issuer,
        },
    };
    (name, Arc::new(secret))
}

fn model(secrets: impl IntoIterator<Item = (SecretName, Arc<Secret>)>) -> Model {
    Model {
        secrets: secrets.into_iter().collect(),
        ..Model::default()
    }
}

fn acme(method: AcmeMethod) -> IssuerKind {
    IssuerKind::Acme(Arc::new(AcmeIssuer::new("letsencrypt", method)))
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000)
}

#[test]
fn an_awaited_secret_gets_a_key_pair_and_the_same_again() {
    let store = CertStore::ephemeral();
    let model = model([awaited("a", IssuerKind::TestCa, &["a.example.com"])]);
    let (first, problems) = fulfil(&model, &store, None, now());
    assert_eq!(problems, []);
    assert!(matches!(
        first.secrets.values().next().unwrap().material,
        Material::KeyPair(_)
    ));
    assert_eq!(fulfil(&model, &store, None, now()).0, first);
}

#[test]
fn after_the_time_to_renew_there_is_a_new_one() {
    let store = CertStore::ephemeral();
    let model = model([awaited("a", IssuerKind::TestCa, &["a.example.com"])]);
    let (first, _) = fulfil(&model, &store, None, now());
    let renew_at = store.renew_at().unwrap();
    assert_ne!(fulfil(&model, &store, None, renew_at).0, first);
    assert!(store.renew_at().unwrap() > renew_at);
}

#[test]
fn without_a_manager_acme_stays_awaited_and_is_told() {
    let (name, secret) = awaited("b", acme(AcmeMethod::Http01), &["b.example.com"]);
    let model = model([(name.clone(), secret)]);
    let (same, problems) = fulfil(&model, &CertStore::ephemeral(), None, now());
    assert_eq!(same, model);
    assert_eq!(problems[0].secret, name);
    let text = problems[0].to_string();
    assert!(
        text.starts_with("HttpsCert shop: ") && text.contains("letsencrypt"),
        "{text}"
    );
}

#[test]
fn one_that_cannot_be_had_does_not_stop_another() {
    let model = model([
        awaited("bad", IssuerKind::TestCa, &["a.*.com"]),
        awaited("good", IssuerKind::TestCa, &["good.example.com"]),
    ]);
    let (fulfilled, problems) = fulfil(&model, &CertStore::ephemeral(), None, now());
    assert_eq!(problems.len(), 1);
    let good = &fulfilled.secrets[&SecretName("good".into())];
    assert!(matches!(good.material, Material::KeyPair(_)));
}

#[test]
fn what_is_not_awaited_is_shared_and_needs_no_data_folder() {
    let (name, secret) = awaited("a", IssuerKind::TestCa, &["a.example.com"]);
    let (with_key, _) = fulfil(
        &model([(name.clone(), secret)]),
        &CertStore::ephemeral(),
        None,
        now(),
    );
    let nowhere = CertStore::open("/proc/nowhere".as_ref());
    let (same, problems) = fulfil(&with_key, &nowhere, None, now());
    assert_eq!(problems, []);
    assert!(Arc::ptr_eq(&same.secrets[&name], &with_key.secrets[&name]));
}

#[test]
fn a_data_folder_that_cannot_be_used_is_a_problem_that_says_what_to_do() {
    let model = model([awaited("a", IssuerKind::TestCa, &["a.example.com"])]);
    let store = CertStore::open("/proc/nowhere".as_ref());
    let (same, problems) = fulfil(&model, &store, None, now());
    assert_eq!(same, model);
    assert!(problems[0].message.contains("--data"), "{}", problems[0]);
}

/// The model with an HTTPS listener that presents these secrets.
fn listening(mut model: Model) -> Model {
    let certificates = model
        .secrets
        .keys()
        .map(|secret| ServerCertificate {
            host: HostMatch::Any,
            secret: secret.clone(),
            alternative: None,
            parameters: Default::default(),
        })
        .collect();
    model.listeners.push(Arc::new(Listener {
        name: "https-443".into(),
        origin: Origin::default(),
        address: None,
        port: 443,
        protocol: Protocol::Https,
        tls: Some(ListenerTls {
            certificates,
            routes: Vec::new(),
        }),
        virtual_hosts: Vec::new(),
        proxy_protocol: false,
        l4: None,
    }));
    model
}

fn fulfilled_by_manager(model: &Model, data: &Path) -> (Model, Vec<Problem>) {
    let manager = Manager::start(data, Arc::new(now), |_| ()).expect("a thread");
    // Not told what is wanted, it has nothing and asks nobody.
    fulfil(model, &CertStore::ephemeral(), Some(&manager), now())
}

#[test]
fn one_that_is_still_being_made_is_no_problem_and_opens_no_listener() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = listening(model([awaited(
        "a",
        acme(AcmeMethod::Http01),
        &["a.example.com"],
    )]));
    let (fulfilled, problems) = fulfilled_by_manager(&model, folder.path());
    assert_eq!(problems, []);
    assert_eq!(fulfilled.secrets, model.secrets);
    assert_eq!(fulfilled.listeners, []);
}

#[test]
fn an_authority_that_looks_at_the_listener_finds_it_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = awaited("a", acme(AcmeMethod::TlsAlpn01), &["a.example.com"]);
    let model = listening(model([secret]));
    assert_eq!(fulfilled_by_manager(&model, folder.path()).0, model);
}

#[test]
fn one_certificate_opens_the_listener_for_the_others_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = listening(model([
        awaited("a", acme(AcmeMethod::Http01), &["a.example.com"]),
        awaited("b", IssuerKind::TestCa, &["b.example.com"]),
    ]));
    let (fulfilled, _) = fulfilled_by_manager(&model, folder.path());
    assert_eq!(fulfilled.listeners, model.listeners);
}

#[test]
fn what_is_wanted_are_the_certificates_of_acme_only() {
    let (name, secret) = awaited("a", acme(AcmeMethod::Http01), &["a.example.com"]);
    let model = model([
        (name.clone(), secret),
        awaited("b", IssuerKind::TestCa, &["b.example.com"]),
    ]);
    let wanted = crate::acme::wanted(&model);
    assert_eq!(wanted.len(), 1);
    assert_eq!((&wanted[0].name, &*wanted[0].issuer.name), (&name, "letsencrypt"));
}

/// A secret as the compiler leaves one that is not in a Secret or an HttpsCert.
fn of(name: &str, material: Material) -> (SecretName, Arc<Secret>) {
    let (name, secret) = awaited(name, IssuerKind::TestCa, &[]);
    let secret = Secret {
        material,
        ..Secret::clone(&secret)
    };
    (name, Arc::new(secret))
}

#[test]
fn authorities_of_a_secret_stay_as_they_are_and_open_no_listener_alone() {
    let authorities =
        Material::Authorities(Pem::from(TestCa::ephemeral(now()).unwrap().certificate()).into());
    let model = listening(model([of("ca", authorities)]));
    let (same, problems) = fulfil(&model, &CertStore::ephemeral(), None, now());
    assert_eq!((same.secrets, problems), (model.secrets, vec![]));
    assert_eq!(same.listeners, []);
}

#[test]
fn files_are_filled_in_and_one_that_is_missing_is_told_at_its_object() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| Arc::from(folder.path().join(name).to_str().unwrap());
    let authority = TestCa::ephemeral(now()).unwrap();
    let pair = authority.issue(&["a.example.com".into()], now()).unwrap();
    std::fs::write(&*path("tls.crt"), &*pair.certificate_chain).unwrap();
    std::fs::write(&*path("tls.key"), pair.private_key.reveal()).unwrap();
    let files = |certificate: &str| Material::KeyPairFiles {
        certificate: path(certificate),
        private_key: path("tls.key"),
    };
    let model = listening(model([
        of("good", files("tls.crt")),
        of("missing", files("other.crt")),
        of("ca", Material::Authorities(Pem::File(path("tls.crt")).into())),
    ]));
    let store = CertStore::ephemeral();
    let (fulfilled, problems) = fulfil(&model, &store, None, now());
    let material = |name: &str| &fulfilled.secrets[&SecretName(name.into())].material;
    assert_eq!(*material("good"), Material::KeyPair(pair.clone()));
    assert_eq!(
        *material("ca"),
        Material::Authorities(Pem::Text(pair.certificate_chain).into())
    );
    assert_eq!(*material("missing"), files("other.crt"));
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].kind, &*problems[0].secret.0),
        (ProblemKind::File, "missing")
    );
    assert!(problems[0].message.contains("other.crt"), "{}", problems[0]);
    assert_eq!(fulfilled.listeners, model.listeners);
    assert!(store.has_files() && !store.files_changed());
    std::fs::copy(&*path("tls.crt"), &*path("other.crt")).unwrap();
    assert!(store.files_changed());
    assert_eq!(fulfil(&model, &store, None, now()).1, []);
}
