//! Without an authority: what the folder and a dead address can show.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::TestCa;
use crate::acme::status::CertState;
use crate::leaf::Names;
use seaway_model::{AcmeIssuer, AcmeMethod};

/// Nobody listens there: the port was the system's, and was given back.
fn dead_directory() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/dir", listener.local_addr().unwrap())
}

fn wanted(domain: &str, directory: &str) -> Wanted {
    let mut issuer = AcmeIssuer::new("le", AcmeMethod::Http01);
    issuer.directory = directory.into();
    issuer.directory_roots = Some(TestCa::ephemeral(SystemTime::now()).unwrap().certificate().into());
    Wanted {
        name: SecretName(format!("httpscert:{domain}").into()),
        domains: vec![domain.into()],
        issuer: Arc::new(issuer),
    }
}

fn manager(data: &Path) -> (Manager, mpsc::Receiver<()>) {
    let (sender, changes) = mpsc::channel();
    let clock: Clock = Arc::new(SystemTime::now);
    let manager = Manager::start(data, clock, move |_| sender.send(()).unwrap_or_default()).unwrap();
    (manager, changes)
}

/// Asks until it is so; the thread does its part meanwhile.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(std::time::Instant::now() < end, "it never came");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn nothing_wanted_touches_no_folder() {
    let data = tempfile::tempdir().unwrap();
    let (manager, _changes) = manager(data.path());
    manager.want(Vec::new());
    drop(manager);
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn an_authority_that_cannot_be_reached_is_told_in_words() {
    let data = tempfile::tempdir().unwrap();
    let (manager, _changes) = manager(data.path());
    manager.want(vec![wanted("a.example.com", &dead_directory())]);
    let status = until(|| {
        manager
            .status()
            .pop()
            .filter(|status| status.last_error.is_some())
    });
    assert_eq!(
        (status.state, status.last_error_kind),
        (
            CertState::Missing,
            Some(crate::acme::core::FailureKind::Unreachable)
        )
    );
    assert!(status.last_error.unwrap().contains("cannot be reached"));
    assert!(status.next_at.is_some());
}

#[test]
fn a_wildcard_by_http_is_refused_with_its_remedy() {
    let data = tempfile::tempdir().unwrap();
    let (manager, _changes) = manager(data.path());
    manager.want(vec![wanted("*.example.com", &dead_directory())]);
    let status = manager.status().pop().unwrap();
    assert_eq!(status.state, CertState::Refused);
    assert!(status.last_error.unwrap().contains("dns01"));
}

#[test]
fn a_folder_that_cannot_be_written_is_told_with_its_remedy() {
    let (manager, _changes) = manager(Path::new("/proc/nowhere"));
    manager.want(vec![wanted("a.example.com", &dead_directory())]);
    let status = until(|| {
        manager
            .status()
            .pop()
            .filter(|status| status.last_error.is_some())
    });
    assert!(status.last_error.unwrap().contains("--data"));
}

#[test]
fn what_is_on_disk_serves_at_once_and_a_second_process_takes_over_what_the_first_writes() {
    let data = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let authority = TestCa::ephemeral(now).unwrap();
    let names = |domain: &str| Names::new(&[Arc::from(domain)]).unwrap();
    let pair = |domain: &str| authority.issue(&[Arc::from(domain)], now).unwrap();
    let storage = Storage::new(data.path());
    storage
        .write_pair(&names("a.example.com"), &pair("a.example.com"))
        .unwrap();

    let directory = dead_directory();
    let both = vec![
        wanted("a.example.com", &directory),
        wanted("b.example.com", &directory),
    ];
    // The first process.
    let right = storage.try_lock().unwrap().unwrap();
    let (manager, changes) = manager(data.path());
    manager.want(both.clone());
    assert!(manager.current(&both[0].name).is_some());
    assert_eq!(manager.current(&both[1].name), None);
    storage
        .write_pair(&names("b.example.com"), &pair("b.example.com"))
        .unwrap();
    changes.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(manager.current(&both[1].name).is_some());
    assert_eq!(manager.counters().orders, 0);
    assert!(manager.status()[0].next_step.contains("other process"));
    drop(right);
    until(|| (!manager.status()[0].next_step.contains("other process")).then_some(()));
}

#[test]
fn while_names_change_a_certificate_that_covers_some_of_them_serves() {
    let data = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let pair = TestCa::ephemeral(now)
        .unwrap()
        .issue(&["a.example.com".into()], now)
        .unwrap();
    let storage = Storage::new(data.path());
    storage
        .write_pair(&Names::new(&["a.example.com".into()]).unwrap(), &pair)
        .unwrap();
    let (manager, _changes) = manager(data.path());
    let directory = dead_directory();
    manager.want(vec![wanted("a.example.com", &directory)]);
    let mut more = wanted("a.example.com", &directory);
    more.domains.push("b.example.com".into());
    let name = more.name.clone();
    manager.want(vec![more]);
    assert!(manager.current(&name).is_some());
    let status = manager.status().remove(0);
    assert_eq!(status.state, CertState::Renewing);
    assert!(status.expires.is_some());
}
