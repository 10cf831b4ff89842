//! Against a real folder.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::SystemTime;

use super::*;
use crate::TestCa;

fn names() -> Names {
    Names::new(&[Arc::from("a.example.com")]).unwrap()
}

fn pair() -> KeyPair {
    let now = SystemTime::now();
    TestCa::ephemeral(now)
        .unwrap()
        .issue(&["a.example.com".into()], now)
        .unwrap()
}

fn modes_of(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut modes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        modes.push((
            path.clone(),
            path.metadata().unwrap().permissions().mode() & 0o777,
        ));
        if path.is_dir() {
            modes.extend(modes_of(&path));
        }
    }
    modes
}

#[test]
fn files_and_folders_are_for_this_user_only() {
    let data = tempfile::tempdir().unwrap();
    let storage = Storage::new(data.path());
    let _lock = storage.try_lock().unwrap();
    storage.write_pair(&names(), &pair()).unwrap();
    storage.order_key(&names()).unwrap();
    storage
        .write_ledger("https://ca.test/dir", &Ledger::default())
        .unwrap();
    let modes = modes_of(data.path());
    assert!(modes.len() >= 6, "{modes:?}");
    for (path, mode) in modes {
        assert_eq!(
            mode,
            if path.is_dir() { 0o700 } else { 0o600 },
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_pair_is_read_as_it_was_written_and_only_for_its_names() {
    let data = tempfile::tempdir().unwrap();
    let (storage, pair) = (Storage::new(data.path()), pair());
    storage.write_pair(&names(), &pair).unwrap();
    let read = storage.pair(&names()).unwrap().unwrap();
    assert_eq!(read.private_key, pair.private_key);
    let other = Names::new(&[Arc::from("b.example.com")]).unwrap();
    storage.write_pair(&other, &pair).unwrap();
    assert_eq!(storage.pair(&other).unwrap(), None);
}

#[test]
fn the_right_to_order_is_one_processs_until_it_gives_it_back() {
    let data = tempfile::tempdir().unwrap();
    let storage = Storage::new(data.path());
    let held = storage.try_lock().unwrap();
    assert!(held.is_some());
    assert!(storage.try_lock().unwrap().is_none());
    drop(held);
    assert!(storage.try_lock().unwrap().is_some());
}

#[test]
fn the_key_of_an_order_is_the_same_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let key = Storage::new(data.path()).order_key(&names()).unwrap();
    let again = Storage::new(data.path()).order_key(&names()).unwrap();
    assert_eq!(key.serialize_der(), again.serialize_der());
}

#[test]
fn a_broken_state_is_as_good_as_none() {
    let data = tempfile::tempdir().unwrap();
    let storage = Storage::new(data.path());
    storage
        .put(Shelf::Certificates, &format!("{}.state", stem(&names())), "{")
        .unwrap();
    let (record, pair) = storage.certificate(&names()).unwrap();
    assert_eq!((record.names, pair), (vec!["a.example.com".to_owned()], None));
}
