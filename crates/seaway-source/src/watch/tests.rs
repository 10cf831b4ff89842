use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::Policy;

/// Longer than anything takes; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn route(name: &str, host: &str) -> String {
    format!(
        "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: {name}}}\n\
         spec: {{hosts: [{host}], destinations: [{{host: a}}]}}\n"
    )
}

/// `name=host`, sorted.
fn shown(resources: &Resources) -> String {
    let mut routes: Vec<String> = resources
        .http_routes
        .iter()
        .map(|route| format!("{}={}", *route.meta.name, *route.spec.hosts[0]))
        .collect();
    routes.sort();
    routes.join(" ")
}

struct Watched {
    watcher: Watcher,
    updates: Receiver<Update>,
}

impl Watched {
    fn start(path: &Path) -> Self {
        let policy = Policy {
            settle: Duration::from_millis(50),
            vanish: Duration::from_millis(100),
            poll: PATIENCE,
        };
        let files = Files::with_policy(vec![path.display().to_string()], policy);
        let (sender, updates) = channel();
        let watcher = Watcher::start(files, move |update| {
            let _ = sender.send(update);
        })
        .unwrap();
        Self { watcher, updates }
    }

    /// Waits until this serves, and gives what served until then.
    fn wait_for(&self, expected: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            match self.updates.recv_timeout(PATIENCE) {
                Ok(Update::Resources(resources)) if shown(&resources) == expected => return before,
                Ok(Update::Resources(resources)) => before.push(shown(&resources)),
                Ok(Update::NotWatched(reason)) => panic!("not watched: {reason}"),
                Err(error) => panic!("{error} while waiting for {expected:?}; served {before:?}"),
            }
        }
    }
}

#[test]
fn a_change_in_place_serves() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a.yaml"), route("a", "a.com")).unwrap();
    let watched = Watched::start(root.path());
    watched.wait_for("a=a.com");
    fs::write(root.path().join("a.yaml"), route("a", "new.com")).unwrap();
    assert_eq!(
        watched
            .wait_for("a=new.com")
            .iter()
            .filter(|served| served.is_empty())
            .count(),
        0
    );
}

#[test]
fn a_named_file_that_is_replaced_by_renaming_serves_all_the_while() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.yaml");
    fs::write(&path, route("a", "0.com")).unwrap();
    let watched = Watched::start(&path);
    watched.wait_for("a=0.com");
    for round in 1..10 {
        fs::write(root.path().join("new"), route("a", &format!("{round}.com"))).unwrap();
        fs::rename(root.path().join("new"), &path).unwrap();
        let before = watched.wait_for(&format!("a={round}.com"));
        assert!(before.iter().all(|served| !served.is_empty()), "{before:?}");
    }
}

#[test]
fn a_config_map_that_is_swapped_serves() {
    let root = tempfile::tempdir().unwrap();
    let version = |number: u32, host: &str| {
        let folder = root.path().join(format!("..{number}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a.yaml"), route("a", host)).unwrap();
        symlink(format!("..{number}"), root.path().join("..tmp")).unwrap();
        fs::rename(root.path().join("..tmp"), root.path().join("..data")).unwrap();
    };
    version(1, "1.com");
    symlink("..data/a.yaml", root.path().join("a.yaml")).unwrap();
    let watched = Watched::start(root.path());
    watched.wait_for("a=1.com");
    version(2, "2.com");
    fs::remove_dir_all(root.path().join("..1")).unwrap();
    watched.wait_for("a=2.com");
    version(3, "3.com");
    watched.wait_for("a=3.com");
}

#[test]
fn folders_that_are_made_later_are_watched() {
    let root = tempfile::tempdir().unwrap();
    let watched = Watched::start(&root.path().join("not/yet"));
    fs::create_dir_all(root.path().join("not/yet/deep")).unwrap();
    fs::write(root.path().join("not/yet/deep/a.yaml"), route("a", "a.com")).unwrap();
    watched.wait_for("a=a.com");
    fs::write(root.path().join("not/yet/deep/a.yaml"), route("a", "b.com")).unwrap();
    watched.wait_for("a=b.com");
}

#[test]
fn a_folder_that_is_removed_and_made_again_is_watched_again() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("routes");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), route("a", "a.com")).unwrap();
    let watched = Watched::start(&folder);
    watched.wait_for("a=a.com");
    fs::remove_dir_all(&folder).unwrap();
    watched.wait_for("");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), route("a", "b.com")).unwrap();
    watched.wait_for("a=b.com");
    fs::write(folder.join("a.yaml"), route("a", "c.com")).unwrap();
    watched.wait_for("a=c.com");
}

#[test]
fn a_file_that_is_removed_stops_serving_without_a_further_event() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a.yaml"), route("a", "a.com")).unwrap();
    fs::write(root.path().join("b.yaml"), route("b", "b.com")).unwrap();
    let watched = Watched::start(root.path());
    watched.wait_for("a=a.com b=b.com");
    fs::remove_file(root.path().join("a.yaml")).unwrap();
    watched.wait_for("b=b.com");
}

#[test]
fn a_reload_passes_on_what_serves_although_nothing_changed() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a.yaml"), route("a", "a.com")).unwrap();
    let watched = Watched::start(root.path());
    watched.wait_for("a=a.com");
    watched.watcher.reload();
    watched.wait_for("a=a.com");
}

#[test]
fn dropping_the_watcher_ends_its_thread() {
    let root = tempfile::tempdir().unwrap();
    let watched = Watched::start(root.path());
    drop(watched.watcher);
    // The callback, and with it the sending half, went with the thread.
    let ended = loop {
        match watched.updates.recv_timeout(PATIENCE) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(ended, RecvTimeoutError::Disconnected);
}

#[test]
fn where_nothing_can_be_watched_files_are_read_again_and_again() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.yaml");
    fs::write(&path, route("a", "a.com")).unwrap();
    let policy = Policy {
        poll: Duration::from_millis(5),
        ..Policy::default()
    };
    let files = Files::with_policy(vec![path.display().to_string()], policy);
    let (commands, received) = channel();
    let mut shown_so_far = Vec::new();
    let on_update = |update| match update {
        Update::NotWatched(reason) => shown_so_far.push(reason),
        Update::Resources(resources) => {
            shown_so_far.push(shown(&resources));
            fs::write(&path, route("a", "b.com")).unwrap();
            if shown(&resources) == "a=b.com" {
                commands.send(Command::Stop).unwrap();
            }
        }
    };
    Loop::new(files, Folders::unable("no watches left"), on_update).run(&received);
    assert_eq!(shown_so_far, ["no watches left", "a=a.com", "a=b.com"]);
}
