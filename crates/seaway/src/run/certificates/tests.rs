//! What the main loop asks, with files as somebody else writes them.

use std::path::Path;

use clap::Parser as _;
use seaway_certs::acme::CertState;
use seaway_model::{Material, Origin, Secret, SecretName};
use seaway_testkit::certs::{Ca, Leaf};

use super::*;

fn certificates(data: &Path) -> Certificates {
    let data = data.to_str().expect("UTF-8");
    let cli = crate::cli::Cli::parse_from(["seaway", "run", ".", "--data", data]);
    let crate::cli::Command::Run(run) = cli.command else {
        panic!("run")
    };
    Certificates::start(&run.serve, |_| ()).expect("a thread")
}

/// A model that names two files of a folder.
fn model(folder: &Path) -> Model {
    let path = |name: &str| Arc::from(folder.join(name).to_str().expect("UTF-8"));
    let name = SecretName("files".into());
    let secret = Secret {
        name: name.clone(),
        origin: Origin::default(),
        material: Material::KeyPairFiles {
            certificate: path("tls.crt"),
            private_key: path("tls.key"),
        },
    };
    Model {
        secrets: [(name, Arc::new(secret))].into(),
        ..Model::default()
    }
}

fn write(folder: &Path, leaf: &Leaf) {
    std::fs::write(folder.join("tls.crt"), &leaf.certificate).expect("a file");
    std::fs::write(folder.join("tls.key"), &leaf.key).expect("a file");
}

#[test]
fn files_that_others_renew_are_looked_at_and_applied_and_nothing_else_is_due() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = certificates(&folder.path().join("data"));
    assert_eq!(certificates.patience(), LONG);
    let (model, ca) = (model(folder.path()), Ca::new("test"));
    write(folder.path(), &ca.leaf(&["a.example.com"]));
    let (first, problems) = certificates.fulfil(&model);
    assert_eq!(problems, []);
    assert_eq!(certificates.patience(), LOOK);
    assert!(!certificates.are_due());
    write(folder.path(), &ca.leaf(&["b.example.com"]));
    assert!(certificates.are_due());
    assert_ne!(certificates.fulfil(&model).0, first);
    assert!(!certificates.are_due());
    certificates.reload();
    assert!(certificates.are_due(), "a reload reads them in any case");
    assert_eq!(certificates.fulfil(&Model::default()).1, []);
    assert_eq!(certificates.patience(), LONG, "nobody names them any more");
}

#[test]
fn a_certificate_in_a_file_that_has_expired_is_said_aloud_and_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut certificates = certificates(&folder.path().join("data"));
    let ca = Ca::new("test");
    write(folder.path(), &ca.expired_leaf(&["a.example.com"]));
    certificates.fulfil(&model(folder.path()));
    let news = certificates.news();
    assert_eq!(news.len(), 1);
    assert!(
        news[0].contains("a.example.com") && news[0].contains("tls.crt) HAS EXPIRED on 2001-12-31"),
        "{news:?}"
    );
    assert_eq!(certificates.news(), [""; 0]);
    assert_eq!(certificates.view().list()[0].state, CertState::Expired);
}
