use std::time::Duration;

use super::*;

fn route(name: &str) -> String {
    format!(
        "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: {name}}}\n\
         spec: {{destinations: [{{host: a}}]}}\n"
    )
}

fn names(resources: &Resources) -> Vec<&str> {
    let mut names: Vec<&str> = resources
        .http_routes
        .iter()
        .map(|route| &**route.meta.name)
        .collect();
    names.sort_unstable();
    names
}

struct Folder {
    root: tempfile::TempDir,
    files: Files,
    now: Instant,
}

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().display().to_string();
        let folder = Self {
            root,
            files: Files::new(vec![path]),
            now: Instant::now(),
        };
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root.path().join(name), text).unwrap();
    }

    fn load(&mut self) -> Resources {
        self.files.load(self.now)
    }
}

#[test]
fn all_files_are_read_and_those_that_are_broken_are_reported() {
    let mut folder = Folder::with(&[("a.yaml", &route("a")), ("b.json", "{"), ("c.yml", &route("c"))]);
    let resources = folder.load();
    assert_eq!(names(&resources), ["a", "c"]);
    assert_eq!(resources.problems.len(), 1);
    assert!(resources.problems[0].file.ends_with("b.json"));
}

#[test]
fn nothing_changes_while_no_file_does() {
    let mut folder = Folder::with(&[("a.yaml", &route("a"))]);
    let first = folder.load();
    let generation = folder.files.generation();
    assert_eq!(folder.load(), first);
    assert_eq!(folder.files.generation(), generation);
}

#[test]
fn a_change_to_one_file_leaves_the_objects_of_the_others_as_they_are() {
    let mut folder = Folder::with(&[("a.yaml", &route("a")), ("b.yaml", &route("b"))]);
    let first = folder.load();
    folder.write("b.yaml", &route("b").replace("host: a", "host: b"));
    let second = folder.load();
    assert!(std::sync::Arc::ptr_eq(
        &first.http_routes[0],
        &second.http_routes[0]
    ));
    assert!(!std::sync::Arc::ptr_eq(
        &first.http_routes[1],
        &second.http_routes[1]
    ));
}

#[test]
fn a_change_of_the_same_length_is_seen() {
    let mut folder = Folder::with(&[("a.yaml", &route("a"))]);
    let path = folder.root.path().join("a.yaml");
    folder.load();
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    folder.write("a.yaml", &route("a").replace("host: a", "host: b"));
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert_eq!(&**folder.load().http_routes[0].spec.destinations[0].host, "b");
}

#[test]
fn a_file_that_vanishes_is_given_time_to_come_back() {
    let mut folder = Folder::with(&[("a.yaml", &route("a")), ("b.yaml", &route("b"))]);
    folder.load();
    fs::remove_file(folder.root.path().join("a.yaml")).unwrap();
    assert_eq!(names(&folder.load()), ["a", "b"]);
    let due = folder.files.due().expect("a time to look again");
    assert_eq!(due, folder.now + Policy::default().vanish);
    folder.now = due;
    let resources = folder.load();
    assert_eq!((names(&resources), resources.problems.len()), (vec!["b"], 0));
    assert_eq!(folder.files.due(), None);
}

#[test]
fn a_folder_that_vanishes_is_given_time_and_then_missed() {
    let mut folder = Folder::with(&[("a.yaml", &route("a"))]);
    folder.load();
    fs::remove_dir_all(folder.root.path()).unwrap();
    assert_eq!(names(&folder.load()), ["a"]);
    folder.now += Duration::from_secs(10);
    let resources = folder.load();
    assert_eq!(names(&resources), [""; 0]);
    assert_eq!(resources.problems[0].kind, ProblemKind::Unreadable);
    fs::create_dir(folder.root.path()).unwrap();
    folder.write("a.yaml", &route("a"));
    let resources = folder.load();
    assert_eq!((names(&resources), resources.problems.len()), (vec!["a"], 0));
}

#[test]
fn a_broken_file_serves_its_last_good_state() {
    let mut folder = Folder::with(&[("a.yaml", &route("a"))]);
    folder.load();
    folder.write("a.yaml", "kind: [");
    let resources = folder.load();
    assert_eq!(names(&resources), ["a"]);
    assert_eq!(resources.problems[0].kind, ProblemKind::Syntax);
}

#[test]
fn a_path_that_is_not_there_is_reported() {
    let mut files = Files::new(vec!["not-there.yaml".to_owned()]);
    let resources = files.load(Instant::now());
    assert_eq!(resources.problems.len(), 1);
    assert_eq!(
        (resources.problems[0].kind, &*resources.problems[0].file),
        (ProblemKind::Unreadable, "not-there.yaml")
    );
}

#[test]
fn a_file_that_is_not_utf_8_is_placed_at_the_byte_that_is_not() {
    let folder = Folder::with(&[]);
    let path = folder.root.path().join("a.yaml");
    fs::write(&path, b"a: 1\n\xc3\xa4: \xff\n").unwrap();
    let problems = Files::new(vec![path.display().to_string()])
        .load(folder.now)
        .problems;
    assert_eq!(
        (problems[0].kind, problems[0].pos),
        (ProblemKind::Syntax, Pos { line: 2, column: 4 })
    );
}
