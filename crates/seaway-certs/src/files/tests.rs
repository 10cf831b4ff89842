//! Against a real folder.

use std::path::PathBuf;
use std::time::SystemTime;

use tempfile::TempDir;

use super::*;
use crate::TestCa;

/// A folder with a key pair for a name.
struct Bench {
    folder: TempDir,
    authority: TestCa,
    files: Files,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            authority: TestCa::ephemeral(SystemTime::now()).unwrap(),
            files: Files::default(),
        };
        bench.write(&bench.pair("a.example.com"));
        bench
    }

    fn pair(&self, name: &str) -> KeyPair {
        self.authority.issue(&[name.into()], SystemTime::now()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, pair: &KeyPair) {
        std::fs::write(self.path("tls.crt"), &*pair.certificate_chain).unwrap();
        std::fs::write(self.path("tls.key"), pair.private_key.reveal()).unwrap();
    }

    fn source(&self) -> Source {
        let text = |name| Arc::from(self.path(name).to_str().unwrap());
        Source::KeyPair {
            certificate: text("tls.crt"),
            private_key: text("tls.key"),
        }
    }

    fn read(&self) -> Reading {
        self.files.read(&self.source())
    }

    fn trouble(&self) -> String {
        self.read().trouble.expect("trouble")
    }
}

#[test]
fn a_pair_is_read_from_its_files() {
    let bench = Bench::new();
    assert_eq!(
        bench.read().material,
        Some(Material::KeyPair(bench.pair("a.example.com")))
    );
    assert_eq!(bench.read().trouble, None);
    assert!(!bench.files.changed());
}

#[test]
fn files_that_changed_are_seen_and_read_again() {
    let bench = Bench::new();
    bench.read();
    let new = bench.pair("b.example.com");
    bench.write(&new);
    assert!(bench.files.changed());
    assert_eq!(bench.read().material, Some(Material::KeyPair(new)));
    assert!(!bench.files.changed());
}

#[test]
fn a_link_that_is_swapped_is_seen() {
    let bench = Bench::new();
    let (old, link) = (bench.path("old.crt"), bench.path("tls.crt"));
    std::fs::rename(&link, &old).unwrap();
    std::os::unix::fs::symlink(&old, &link).unwrap();
    bench.read();
    let new = bench.path("new.crt");
    std::fs::copy(&old, &new).unwrap();
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&new, &link).unwrap();
    assert!(bench.files.changed());
}

#[test]
fn a_pair_that_is_half_renewed_is_told_and_the_last_good_one_serves() {
    let bench = Bench::new();
    let good = bench.read().material;
    let new = bench.pair("b.example.com");
    std::fs::write(bench.path("tls.crt"), &*new.certificate_chain).unwrap();
    let trouble = bench.trouble();
    assert!(
        trouble.contains("tls.key") && trouble.contains("tls.crt") && trouble.contains("keeps serving"),
        "{trouble}"
    );
    assert_eq!(bench.read().material, good);
    bench.write(&new);
    assert_eq!(
        bench.read(),
        Reading {
            material: Some(Material::KeyPair(new)),
            trouble: None
        }
    );
}

#[test]
fn a_file_that_is_not_there_is_told_with_its_path_and_found_later() {
    let bench = Bench::new();
    let (here, away) = (bench.path("tls.key"), bench.path("away"));
    std::fs::rename(&here, &away).unwrap();
    let reading = bench.read();
    let trouble = reading.trouble.expect("trouble");
    assert!(
        trouble.starts_with(here.to_str().unwrap()) && trouble.contains("put the file there"),
        "{trouble}"
    );
    assert_eq!(reading.material, None);
    std::fs::rename(&away, &here).unwrap();
    assert!(bench.files.changed());
    assert_eq!(bench.read().trouble, None);
}

#[test]
fn what_a_file_holds_is_never_told() {
    let bench = Bench::new();
    let secret = "hunter2-is-the-password";
    for name in ["tls.key", "tls.crt"] {
        std::fs::write(
            bench.path(name),
            format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n"),
        )
        .unwrap();
        let trouble = bench.trouble();
        assert!(trouble.contains(name) && !trouble.contains(secret), "{trouble}");
    }
    assert!(!format!("{:?}", bench.files).contains("PRIVATE KEY"));
}

#[test]
fn a_folder_and_a_file_without_end_are_not_read() {
    let bench = Bench::new();
    std::fs::remove_file(bench.path("tls.crt")).unwrap();
    std::fs::create_dir(bench.path("tls.crt")).unwrap();
    assert!(bench.trouble().contains("is not a file"));
    let endless = bench
        .files
        .read(&Source::Authorities(Pem::File("/dev/zero".into()).into()));
    assert!(endless.trouble.expect("trouble").contains("is not a file"));
}

#[test]
fn a_reload_reads_also_what_seems_to_be_as_it_was() {
    let bench = Bench::new();
    bench.read();
    assert!(!bench.files.changed());
    bench.files.read_again();
    assert!(bench.files.changed());
    assert_eq!(bench.read().trouble, None);
}

#[test]
fn authorities_are_read_and_a_file_without_any_is_told() {
    let bench = Bench::new();
    let path = bench.path("ca.crt");
    let source = Source::Authorities(Pem::File(path.to_str().unwrap().into()).into());
    std::fs::write(&path, bench.authority.certificate()).unwrap();
    let reading = bench.files.read(&source);
    assert_eq!(
        reading.material,
        Some(Material::Authorities(
            Pem::from(bench.authority.certificate()).into()
        ))
    );
    std::fs::write(&path, "nothing of that kind").unwrap();
    let reading = bench.files.read(&source);
    assert!(reading.material.is_some());
    assert!(reading.trouble.expect("trouble").contains("BEGIN CERTIFICATE"));
}

#[test]
fn lists_of_revoked_certificates_are_read_beside_authorities_and_a_file_without_any_is_told() {
    let bench = Bench::new();
    let path = bench.path("ca.crl");
    let authorities = |revoked| Authorities {
        certificates: bench.authority.certificate().into(),
        revoked: Some(revoked),
    };
    let source = Source::Authorities(authorities(Pem::File(path.to_str().unwrap().into())));
    assert!(
        bench
            .files
            .read(&source)
            .trouble
            .expect("trouble")
            .contains("ca.crl")
    );
    let mut params = rcgen::CertificateParams::default();
    params.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
    let issuer = rcgen::Issuer::new(params, rcgen::KeyPair::generate().unwrap());
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2020, 1, 1),
        next_update: rcgen::date_time_ymd(2020, 2, 1),
        crl_number: 1u64.into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&issuer).unwrap().pem().unwrap();
    std::fs::write(&path, &list).unwrap();
    let reading = bench.files.read(&source);
    let read = Material::Authorities(authorities(list.into()));
    assert_eq!((reading.material, reading.trouble), (Some(read.clone()), None));
    std::fs::write(&path, bench.authority.certificate()).unwrap();
    let reading = bench.files.read(&source);
    assert_eq!(reading.material, Some(read));
    assert!(reading.trouble.expect("trouble").contains("BEGIN X509 CRL"));
}

#[test]
fn what_nobody_names_any_more_is_forgotten() {
    let bench = Bench::new();
    bench.read();
    bench.files.keep_only(&BTreeSet::new());
    assert!(bench.files.is_empty() && !bench.files.changed());
}
