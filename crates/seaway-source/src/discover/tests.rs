use std::os::unix::fs::symlink;

use super::*;

fn write(root: &Path, name: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

/// The names of what is found, without the folder that all are in.
fn names(root: &Path, paths: &[&str]) -> Vec<String> {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| root.join(path).display().to_string())
        .collect();
    let found = discover(&paths);
    let prefix = root.display().to_string();
    found
        .files
        .iter()
        .map(|file| file.name.replacen(&prefix, "", 1))
        .collect()
}

#[test]
fn a_folder_is_searched_in_the_order_of_names() {
    let root = tempfile::tempdir().unwrap();
    for name in [
        "b.yaml",
        "a/z.yml",
        "a/y.JSON",
        "c.txt",
        "README.md",
        "a.yaml",
        ".hidden.yaml",
        ".git/x.yaml",
    ] {
        write(root.path(), name);
    }
    assert_eq!(
        names(root.path(), &["."])
            .iter()
            .map(|n| n.replace("/./", "/"))
            .collect::<Vec<_>>(),
        ["/a/y.JSON", "/a/z.yml", "/a.yaml", "/b.yaml"]
    );
}

#[test]
fn a_file_that_is_named_is_read_whatever_its_name() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), ".routes.txt");
    assert_eq!(
        names(root.path(), &[".routes.txt", "missing.yaml"]),
        ["/.routes.txt", "/missing.yaml"]
    );
}

#[test]
fn a_file_is_found_once_although_two_paths_lead_to_it() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a/x.yaml");
    symlink(root.path().join("a"), root.path().join("b")).unwrap();
    symlink(root.path().join("a/x.yaml"), root.path().join("c.yaml")).unwrap();
    assert_eq!(
        names(root.path(), &["a/x.yaml", "a", "b", "c.yaml"]),
        ["/a/x.yaml"]
    );
}

#[test]
fn links_in_a_circle_are_followed_once() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a/x.yaml");
    symlink(root.path(), root.path().join("a/up")).unwrap();
    symlink("nowhere", root.path().join("dead.yaml")).unwrap();
    assert_eq!(names(root.path(), &[""]).len(), 1);
}

#[test]
fn a_mounted_config_map_is_read_once_and_its_real_folder_watched() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "..2026_1/route.yaml");
    symlink("..2026_1", root.path().join("..data")).unwrap();
    symlink("..data/route.yaml", root.path().join("route.yaml")).unwrap();
    let found = discover(&[root.path().display().to_string()]);
    assert_eq!(found.files.len(), 1);
    let real = fs::canonicalize(root.path()).unwrap();
    assert!(found.directories.contains(&real) && found.directories.contains(&real.join("..2026_1")));
}

#[test]
fn a_folder_that_does_not_exist_yet_is_waited_for_in_the_nearest_one_that_does() {
    let root = tempfile::tempdir().unwrap();
    let found = discover(&[root.path().join("not/yet/there").display().to_string()]);
    assert!(
        found
            .directories
            .contains(&fs::canonicalize(root.path()).unwrap())
    );
}
