use std::os::unix::fs::PermissionsExt;

use x509_parser::extensions::ParsedExtension;
use x509_parser::pem::Pem;

use super::*;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_750)
}

fn names(list: &[&str]) -> Vec<Arc<str>> {
    list.iter().map(|n| Arc::from(*n)).collect()
}

fn chain(pair: &KeyPair) -> Vec<Pem> {
    Pem::iter_from_buffer(pair.certificate_chain.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_leaf_is_signed_by_the_authority_that_comes_with_it() {
    let authority = TestCa::ephemeral(now()).unwrap();
    let pair = authority.issue(&names(&["shop.example.com"]), now()).unwrap();
    let pems = chain(&pair);
    let [leaf, ca] = pems.as_slice() else {
        panic!("not two certificates: {}", pems.len());
    };
    let (leaf, ca) = (leaf.parse_x509().unwrap(), ca.parse_x509().unwrap());
    leaf.verify_signature(Some(ca.public_key())).unwrap();
    ca.verify_signature(None).unwrap();
    assert_eq!(leaf.issuer(), ca.subject());
    assert!(ca.is_ca() && !leaf.is_ca());
    assert!(ca.subject().to_string().starts_with("CN=Seaway test CA "));
    let key = rcgen::KeyPair::from_pem(pair.private_key.reveal()).unwrap();
    assert_eq!(leaf.public_key().subject_public_key.data, key.public_key_raw());
}

#[test]
fn a_leaf_is_for_its_names_for_servers_and_for_ninety_days() {
    let authority = TestCa::ephemeral(now()).unwrap();
    let list = names(&["Shop.example.com", "*.shop.example.com", "127.0.0.1", "::1"]);
    let pair = authority.issue(&list, now()).unwrap();
    let pem = &chain(&pair)[0];
    let leaf = pem.parse_x509().unwrap();
    assert!(
        leaf::renewal(
            &pair,
            &authority.certificate.der,
            &Names::new(&list).unwrap(),
            now()
        )
        .is_some()
    );
    let (not_before, not_after) = leaf::validity(&leaf).unwrap();
    assert!(not_before < now());
    assert_eq!(not_after, whole_seconds(now() + LEAF_LIFE));
    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth);
    let has_authority_key = leaf
        .extensions()
        .iter()
        .any(|e| matches!(e.parsed_extension(), ParsedExtension::AuthorityKeyIdentifier(_)));
    assert!(has_authority_key);
}

#[test]
fn an_authority_lasts_ten_years() {
    let authority = TestCa::ephemeral(now()).unwrap();
    assert_eq!(authority.certificate.not_after, whole_seconds(now() + DAY * 3650));
}

#[test]
fn the_authority_and_its_certificates_survive_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let first = TestCa::open(data.path(), now()).unwrap();
    let pair = first.issue(&names(&["a.example.com"]), now()).unwrap();
    let second = TestCa::open(data.path(), now() + DAY).unwrap();
    assert_eq!(second.certificate(), first.certificate());
    assert_eq!(
        second.issue(&names(&["a.example.com"]), now() + DAY).unwrap(),
        pair
    );
}

#[test]
fn a_reopened_authority_signs_what_its_certificate_verifies() {
    let data = tempfile::tempdir().unwrap();
    drop(TestCa::open(data.path(), now()).unwrap());
    let authority = TestCa::open(data.path(), now()).unwrap();
    let pair = authority.issue(&names(&["b.example.com"]), now()).unwrap();
    let pems = chain(&pair);
    let (leaf, ca) = (pems[0].parse_x509().unwrap(), pems[1].parse_x509().unwrap());
    leaf.verify_signature(Some(ca.public_key())).unwrap();
    assert_eq!(leaf.issuer(), ca.subject());
}

#[test]
fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
    let data = tempfile::tempdir().unwrap();
    let list = names(&["a.example.com"]);
    let pair = TestCa::open(data.path(), now())
        .unwrap()
        .issue(&list, now())
        .unwrap();
    let before = now() + DAY * 59;
    let after = now() + DAY * 61;
    assert_eq!(
        TestCa::open(data.path(), before)
            .unwrap()
            .issue(&list, before)
            .unwrap(),
        pair
    );
    assert_ne!(
        TestCa::open(data.path(), after)
            .unwrap()
            .issue(&list, after)
            .unwrap(),
        pair
    );
}

#[test]
fn keys_are_for_this_user_only() {
    let data = tempfile::tempdir().unwrap();
    let authority = TestCa::open(data.path(), now()).unwrap();
    authority.issue(&names(&["a.example.com"]), now()).unwrap();
    let folder = data.path().join("test-ca");
    let issued = folder.join("issued");
    let leaf = issued.join(Names::new(&names(&["a.example.com"])).unwrap().file_name());
    assert_eq!([&folder, &issued].map(|f| mode(f)), [0o700; 2]);
    assert_eq!(
        [&folder.join(CERTIFICATE), &folder.join(KEY), &leaf].map(|f| mode(f)),
        [0o600; 3]
    );
}

#[test]
fn a_kept_certificate_that_does_not_fit_is_made_anew() {
    let data = tempfile::tempdir().unwrap();
    let list = names(&["a.example.com"]);
    let issued = data.path().join("test-ca/issued");
    let file = issued.join(Names::new(&list).unwrap().file_name());
    let open = || TestCa::open(data.path(), now()).unwrap();
    let pair = open().issue(&list, now()).unwrap();
    let other = open().issue(&names(&["other.example.com"]), now()).unwrap();
    let stranger = TestCa::ephemeral(now()).unwrap().issue(&list, now()).unwrap();
    let joined =
        |chain: &KeyPair, key: &KeyPair| format!("{}{}", chain.certificate_chain, key.private_key.reveal());
    for text in [
        "nonsense".to_owned(),
        joined(&other, &other),
        joined(&stranger, &stranger),
        joined(&pair, &other),
    ] {
        std::fs::write(&file, &text).unwrap();
        let fresh = open().issue(&list, now()).unwrap();
        assert_ne!(joined(&fresh, &fresh), text);
        assert_eq!(open().issue(&list, now()).unwrap(), fresh);
    }
}

#[test]
fn a_broken_authority_is_told_and_not_replaced() {
    let data = tempfile::tempdir().unwrap();
    drop(TestCa::open(data.path(), now()).unwrap());
    let folder = data.path().join("test-ca");
    let certificate = std::fs::read_to_string(folder.join(CERTIFICATE)).unwrap();
    let strange = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(folder.join(KEY), strange).unwrap();
    let error = TestCa::open(data.path(), now()).unwrap_err();
    assert!(
        error.to_string().contains("ca.key does not belong to ca.crt"),
        "{error}"
    );
    std::fs::remove_file(folder.join(KEY)).unwrap();
    let error = TestCa::open(data.path(), now()).unwrap_err();
    assert!(error.to_string().contains("ca.key is missing"), "{error}");
    assert_eq!(
        std::fs::read_to_string(folder.join(CERTIFICATE)).unwrap(),
        certificate
    );
}

#[test]
fn an_authority_that_was_half_written_is_made_again() {
    let data = tempfile::tempdir().unwrap();
    drop(TestCa::open(data.path(), now()).unwrap());
    std::fs::remove_file(data.path().join("test-ca").join(CERTIFICATE)).unwrap();
    assert!(TestCa::open(data.path(), now()).is_ok());
}

#[test]
fn an_expired_authority_says_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    drop(TestCa::open(data.path(), now()).unwrap());
    let error = TestCa::open(data.path(), now() + AUTHORITY_LIFE).unwrap_err();
    assert!(matches!(error, CertError::Expired));
    assert!(error.to_string().contains("remove the folder"));
}

#[test]
fn a_leaf_never_outlives_its_authority() {
    let authority = TestCa::ephemeral(now()).unwrap();
    let late = now() + AUTHORITY_LIFE - DAY;
    let pair = authority.issue(&names(&["a.example.com"]), late).unwrap();
    let pem = &chain(&pair)[0];
    let (_, not_after) = leaf::validity(&pem.parse_x509().unwrap()).unwrap();
    assert_eq!(not_after, authority.certificate.not_after);
}

#[test]
fn two_that_open_at_once_get_one_authority() {
    let data = tempfile::tempdir().unwrap();
    let open = || TestCa::open(data.path(), now()).unwrap().certificate().to_owned();
    let all: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(all.iter().all(|certificate| *certificate == all[0]));
}

#[test]
fn the_default_certificate_is_for_localhost() {
    let authority = TestCa::ephemeral(now()).unwrap();
    assert!(authority.issue(&names(&["*"]), now()).is_ok());
}

#[test]
fn names_that_no_certificate_can_have_are_refused() {
    let authority = TestCa::ephemeral(now()).unwrap();
    for list in [
        &[][..],
        &["a.*.com"],
        &["a b"],
        &["a:80"],
        &["ok.example.com", ""],
    ] {
        assert!(authority.issue(&names(list), now()).is_err(), "{list:?}");
    }
}

#[test]
fn a_file_name_cannot_leave_its_folder() {
    for list in [
        &["*.example.com"][..],
        &["::1"],
        &["example.com", "a.example.com"],
    ] {
        let file = Names::new(&names(list)).unwrap().file_name();
        assert!(!file.contains('/') && !file.starts_with('.'), "{file}");
    }
}
