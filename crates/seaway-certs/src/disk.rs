//! Files that hold keys: written whole or not at all, for this user only, by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::CertError;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Makes a folder for this user only. One that is there is closed to others.
pub(crate) fn private_folder(path: &Path) -> Result<(), CertError> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .map_err(CertError::io("make the folder", path))?;
    std::fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
        .map_err(CertError::io("set the permissions of", path))
}

/// Held while files of the folder are looked for and made, so that two processes agree on one authority. Not held
/// longer: during a hand-over two processes serve from one data folder.
pub(crate) fn lock(folder: &Path) -> Result<File, CertError> {
    let (path, file) = lock_file(folder)?;
    file.lock().map_err(CertError::io("lock", &path))?;
    Ok(file)
}

/// `None` if another process holds it.
pub(crate) fn try_lock(folder: &Path) -> Result<Option<File>, CertError> {
    let (path, file) = lock_file(folder)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(CertError::io("lock", &path)(error)),
    }
}

fn lock_file(folder: &Path) -> Result<(PathBuf, File), CertError> {
    let path = folder.join(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(CertError::io("open", &path))?;
    Ok((path, file))
}

/// `None` if the file is not there.
pub(crate) fn read(path: &Path) -> Result<Option<String>, CertError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CertError::io("read", path)(error)),
    }
}

/// Writes beside the file, then renames: a reader, also after a crash, sees the old text or the new.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> Result<(), CertError> {
    let path = folder.join(name);
    // A temporary file is made for this user only, and renaming keeps that.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(CertError::io("write", &path))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().set_permissions(Permissions::from_mode(FILE_MODE)))
        .and_then(|()| file.as_file().sync_all())
        .map_err(CertError::io("write", &path))?;
    file.persist(&path)
        .map_err(|error| CertError::io("write", &path)(error.error))?;
    // The rename itself is kept by the folder.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(CertError::io("write", folder))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn who_reads_while_it_is_written_sees_the_old_text_or_the_new() {
        let folder = tempfile::tempdir().unwrap();
        let texts = ["a", "b"].map(|letter| letter.repeat(200_000));
        write(folder.path(), "file", &texts[0]).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 0..40 {
                    write(folder.path(), "file", &texts[turn % 2]).unwrap();
                }
                done.store(true, Ordering::SeqCst);
            });
            while !done.load(Ordering::SeqCst) {
                let text = read(&folder.path().join("file")).unwrap();
                assert!(text.is_some_and(|text| texts.contains(&text)));
            }
        });
    }

    #[test]
    fn a_text_that_cannot_be_written_leaves_the_old_one_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "file", "old").unwrap();
        // A folder cannot be replaced by a file.
        std::fs::create_dir(folder.path().join("taken")).unwrap();
        let error = write(folder.path(), "taken", "new").unwrap_err().to_string();
        assert!(error.contains("taken") && error.contains("--data"), "{error}");
        assert_eq!(read(&folder.path().join("file")).unwrap().as_deref(), Some("old"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
