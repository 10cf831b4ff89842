//! The folders that are watched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Which folder a path leads to: a folder that was removed and made again is another one.
type Identity = (u64, u64);

/// The folders that are watched.
#[derive(Debug)]
pub(super) struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeMap<PathBuf, Identity>,
    failure: Option<String>,
}

impl Folders {
    /// `on_event` is called for everything that may be a change.
    pub fn new(on_event: impl Fn() + Send + 'static) -> Self {
        let handler = move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| !may_be_a_change(&event)) {
                return;
            }
            on_event();
        };
        let (watcher, failure) = match notify::recommended_watcher(handler) {
            Ok(watcher) => (Some(watcher), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            watcher,
            watched: BTreeMap::new(),
            failure,
        }
    }

    /// As on a system that cannot watch.
    #[cfg(test)]
    pub fn unable(reason: &str) -> Self {
        Self {
            watcher: None,
            watched: BTreeMap::new(),
            failure: Some(reason.to_owned()),
        }
    }

    /// Why not everything is watched.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Watches these folders and no others. Whether one is new among them.
    pub fn watch<'a>(&mut self, folders: impl Iterator<Item = &'a Path>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let wanted: BTreeMap<PathBuf, Identity> = folders
            .filter_map(|folder| {
                let metadata = fs::metadata(folder).ok()?;
                Some((folder.to_owned(), (metadata.dev(), metadata.ino())))
            })
            .collect();
        self.watched.retain(|folder, identity| {
            let stays = wanted.get(folder) == Some(identity);
            if !stays {
                // It is gone, or never was watched: either way nothing is left to undo.
                let _ = watcher.unwatch(folder);
            }
            stays
        });
        self.failure = None;
        let mut any_new = false;
        for (folder, identity) in wanted {
            if self.watched.contains_key(&folder) {
                continue;
            }
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder, identity);
                    any_new = true;
                }
                // Removed a moment ago, which made an event in the folder above.
                Err(_) if !folder.is_dir() => {}
                Err(error) => self.failure = Some(error.to_string()),
            }
        }
        any_new
    }
}

/// Reading files makes events too, our own reading included.
fn may_be_a_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => event.need_rescan(),
        _ => true,
    }
}
