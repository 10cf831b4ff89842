//! From PATHs to files.
//!
//! A folder is searched for `*.yaml`, `*.yml` and `*.json`, in the order of names, through symbolic links. What is
//! hidden is passed over, unless it was named itself: a ConfigMap is mounted as `route.yaml -> ..data/route.yaml`
//! beside `..data -> ..2026_01_01_00_00_00.1/`, and its objects have to be found once.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What there is to read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Each file once, in the order of the PATHs, then of names.
    pub files: Vec<FoundFile>,
    /// Folders whose changes matter.
    pub directories: BTreeSet<PathBuf>,
    /// Folders that could not be read.
    pub broken: Vec<Broken>,
}

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundFile {
    /// As messages call it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was named itself, and not found in a folder.
    pub is_named: bool,
}

/// A folder that could not be read.
#[derive(Debug)]
pub(crate) struct Broken {
    /// The folder.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
    /// Whether it was named itself.
    pub is_named: bool,
}

/// Looks at every PATH. `-` is not a file, and passed over.
pub(crate) fn discover(paths: &[String]) -> Found {
    let mut search = Search::default();
    for name in paths.iter().filter(|name| *name != "-") {
        search.root(Path::new(name));
    }
    search.found
}

#[derive(Default)]
struct Search {
    found: Found,
    /// Where the files and folders so far really are. Keeps links from leading in circles.
    seen: BTreeSet<PathBuf>,
}

impl Search {
    fn root(&mut self, path: &Path) {
        self.watch_around(path);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path, true),
            // A file that is not there is a file that cannot be read, which its reader reports.
            _ => self.file(path, true),
        }
    }

    /// Notes the folder in which a root appears, disappears and is replaced, or the nearest one that exists.
    fn watch_around(&mut self, path: &Path) {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let nearest = absolute.ancestors().skip(1).find(|ancestor| ancestor.is_dir());
        // A link on the way may be made to lead elsewhere, which happens in the folder that the link is in.
        let around_links = absolute
            .ancestors()
            .filter(|a| a.is_symlink())
            .filter_map(Path::parent);
        let folders = nearest.into_iter().chain(around_links);
        self.found
            .directories
            .extend(folders.filter_map(|folder| fs::canonicalize(folder).ok()));
    }

    fn folder(&mut self, path: &Path, is_named: bool) {
        let entries = match self.entries(path) {
            Ok(Some(entries)) => entries,
            Ok(None) => return,
            Err(error) => {
                self.found.broken.push(Broken {
                    path: path.to_owned(),
                    error,
                    is_named,
                });
                return;
            }
        };
        for entry in entries {
            // A link that leads nowhere is as good as a file that vanished.
            let Ok(metadata) = fs::metadata(&entry) else {
                continue;
            };
            if metadata.is_dir() {
                self.folder(&entry, false);
            } else if metadata.is_file() && is_manifest(&entry) {
                self.file(&entry, false);
            }
        }
    }

    /// What is in a folder, in the order of names; `None` if it was searched already.
    fn entries(&mut self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        let real = fs::canonicalize(path)?;
        if !self.seen.insert(real.clone()) {
            return Ok(None);
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                entries.push(entry.path());
            }
        }
        entries.sort();
        self.found.directories.insert(real);
        Ok(Some(entries))
    }

    fn file(&mut self, path: &Path, is_named: bool) {
        if let Ok(real) = fs::canonicalize(path) {
            // A linked file changes in the folder that it is in.
            self.found.directories.extend(real.parent().map(Path::to_owned));
            if !self.seen.insert(real) {
                return;
            }
        }
        self.found.files.push(FoundFile {
            name: path.display().to_string(),
            path: path.to_owned(),
            is_named,
        });
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests;
