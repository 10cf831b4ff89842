//! Files: reading them, and remembering what they said.
//!
//! A file is parsed again only when its bytes differ. Length and time of modification are not asked: two writes within
//! one tick of the clock may leave both as they were.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::hash::BuildHasher as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use seaway_api::{Pos, Problem, ProblemKind, Resources};

use crate::discover::{Broken, Found, FoundFile, discover};
use crate::state::{FileState, Outline, Parsed, Policy, Reading, file_problem};

/// The resources of some files and folders.
#[derive(Debug)]
pub struct Files {
    paths: Vec<String>,
    policy: Policy,
    known: BTreeMap<PathBuf, Known>,
    /// Folders that could not be read.
    problems: Vec<Problem>,
    found: Found,
    generation: u64,
    fingerprints: [RandomState; 2],
}

/// A file that was read before.
#[derive(Debug, Default)]
struct Known {
    name: String,
    is_named: bool,
    seen: Seen,
    state: FileState,
}

/// What the newest reading of a file was, to tell whether the next one differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Seen {
    #[default]
    Nothing,
    Text([u64; 2]),
    Gone,
    Unreadable(String),
    /// Can be read only once: standard input, a pipe.
    Once,
}

impl Files {
    /// Files, folders, or `-` for standard input. Nothing is read yet.
    #[must_use]
    pub fn new(paths: Vec<String>) -> Self {
        Self::with_policy(paths, Policy::default())
    }

    /// The same with patience of one's own.
    #[must_use]
    pub fn with_policy(paths: Vec<String>, policy: Policy) -> Self {
        Self {
            paths,
            policy,
            known: BTreeMap::new(),
            problems: Vec::new(),
            found: Found::default(),
            generation: 0,
            fingerprints: [RandomState::new(), RandomState::new()],
        }
    }

    /// Reads everything, and gives what serves at this time: for a file that is broken or half written, its last good
    /// state. Never fails; what could not be read is among the problems.
    pub fn load(&mut self, now: Instant) -> Resources {
        self.found = discover(&self.paths);
        let mut changed = self.read_standard_input(now);
        for file in self.found.files.clone() {
            changed |= self.read(&file, now);
        }
        changed |= self.miss_others(now);
        changed |= self.report_broken();
        for known in self.known.values_mut() {
            if known.state.due().is_some_and(|due| due <= now) {
                known.state.tick(now);
                changed = true;
            }
        }
        changed |= self.forget();
        self.generation += u64::from(changed);
        self.resources()
    }

    /// Counts up with every [`Self::load`] that may have changed what it gives.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When to load again although no file may have changed: a reading that is held back will then be believed.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.known.values().filter_map(|known| known.state.due()).min()
    }

    /// How patient it is.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Folders in which a change may change the resources.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.found.directories.iter().map(PathBuf::as_path)
    }

    fn resources(&self) -> Resources {
        let mut resources = Resources::default();
        for known in self.known.values() {
            resources.extend(known.state.resources().iter().cloned());
            resources.problems.extend_from_slice(known.state.problems());
        }
        resources.problems.extend_from_slice(&self.problems);
        resources
    }

    fn read_standard_input(&mut self, now: Instant) -> bool {
        let path = PathBuf::from("-");
        if !self.paths.iter().any(|name| name == "-") || self.known.contains_key(&path) {
            return false;
        }
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes);
        let mut known = Known {
            name: "-".to_owned(),
            is_named: true,
            seen: Seen::Once,
            state: FileState::default(),
        };
        known.state.observe(reading(&known.name, read), now, self.policy);
        self.known.insert(path, known);
        true
    }

    /// Reads a file, and says whether it said anything new.
    fn read(&mut self, file: &FoundFile, now: Instant) -> bool {
        let known = self.known.entry(file.path.clone()).or_default();
        if known.seen == Seen::Once {
            return false;
        }
        known.name.clone_from(&file.name);
        known.is_named = file.is_named;
        let read = fs::read(&file.path);
        let seen = match &read {
            _ if !can_be_read_again(&file.path) => Seen::Once,
            Ok(bytes) => Seen::Text(self.fingerprints.each_ref().map(|state| state.hash_one(bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Seen::Gone,
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        if seen == known.seen {
            return false;
        }
        known.seen = seen;
        let reading = match &known.seen {
            Seen::Gone => gone(known),
            _ => reading(&known.name, read),
        };
        known.state.observe(reading, now, self.policy);
        true
    }

    /// Notes the files that were there and are not any more.
    fn miss_others(&mut self, now: Instant) -> bool {
        let mut changed = false;
        let there: HashSet<&Path> = self.found.files.iter().map(|file| file.path.as_path()).collect();
        for (path, known) in &mut self.known {
            if known.seen == Seen::Once || there.contains(path.as_path()) {
                continue;
            }
            let broken = self
                .found
                .broken
                .iter()
                .find(|broken| path.starts_with(&broken.path));
            let (seen, reading) = match broken {
                Some(Broken { path, error, .. }) if error.kind() != io::ErrorKind::NotFound => (
                    Seen::Unreadable(error.to_string()),
                    Reading::Unreadable(unreadable(&path.display().to_string(), error)),
                ),
                _ => (Seen::Gone, gone(known)),
            };
            if known.seen != seen {
                known.seen = seen;
                known.state.observe(reading, now, self.policy);
                changed = true;
            }
        }
        changed
    }

    /// Forgets the files that are not looked for any more and serve nothing: those that a folder has lost, and a path
    /// that was missing and has become a folder.
    fn forget(&mut self) -> bool {
        let there: HashSet<&Path> = self.found.files.iter().map(|file| file.path.as_path()).collect();
        let mut changed = false;
        self.known.retain(|path, known| {
            let stays =
                known.seen == Seen::Once || there.contains(path.as_path()) || known.state.is_serving();
            changed |= !stays && !known.state.problems().is_empty();
            stays
        });
        changed
    }

    /// Reports folders that cannot be read. One that is gone is reported only if it was named itself.
    fn report_broken(&mut self) -> bool {
        let problems = self.found.broken.iter().filter_map(|broken| {
            let is_gone = broken.error.kind() == io::ErrorKind::NotFound;
            (broken.is_named || !is_gone)
                .then(|| unreadable(&broken.path.display().to_string(), &broken.error))
        });
        let problems: Vec<Problem> = problems.collect();
        let changed = problems != self.problems;
        self.problems = problems;
        changed
    }
}

/// Whether a path can be read twice: a pipe, as a shell makes it for `<(...)`, cannot.
fn can_be_read_again(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |metadata| metadata.is_file() || metadata.is_dir())
}

fn gone(known: &Known) -> Reading {
    Reading::Gone(known.is_named.then(|| {
        let error = io::Error::from(io::ErrorKind::NotFound);
        unreadable(&known.name, &error)
    }))
}

/// What the bytes of a file say.
fn reading(name: &str, read: io::Result<Vec<u8>>) -> Reading {
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => return Reading::Unreadable(unreadable(name, &error)),
    };
    let (resources, problems, outline) = match str::from_utf8(&bytes) {
        Ok(text) => {
            let (resources, problems) = seaway_api::parse(name, text);
            (resources, problems, Outline::of(text))
        }
        Err(error) => {
            let problem = not_text(name, &bytes, error.valid_up_to());
            (Vec::new(), vec![problem], Outline::default())
        }
    };
    Reading::Text(Parsed {
        resources,
        problems,
        outline,
    })
}

fn unreadable(name: &str, error: &io::Error) -> Problem {
    let help = match error.kind() {
        io::ErrorKind::NotFound => "check the path; a running gateway reads it as soon as it is there",
        io::ErrorKind::PermissionDenied => "give Seaway the permission to read it",
        _ => "check that it is a file, a folder, or \"-\"",
    };
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file or folder \"{name}\""),
        io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    file_problem(ProblemKind::Unreadable, name, Pos::default(), message, help)
}

/// A file that is not UTF-8, placed at the first byte that is not.
fn not_text(name: &str, bytes: &[u8], valid_up_to: usize) -> Problem {
    let before = String::from_utf8_lossy(bytes.get(..valid_up_to).unwrap_or_default());
    let line = before.split('\n').next_back().unwrap_or_default();
    let clamp = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let pos = Pos {
        line: clamp(before.matches('\n').count() + 1),
        column: clamp(line.chars().count() + 1),
    };
    let message = "not UTF-8 text".to_owned();
    file_problem(ProblemKind::Syntax, name, pos, message, "save the file as UTF-8")
}

#[cfg(test)]
mod tests;
