//! SIGUSR2: the binary is started anew and takes over the very sockets that this process listens on.
//!
//! Both processes have the same sockets for a while, so the kernel refuses no connection. They talk over a socket pair:
//!
//! ```text
//! old: starts new ──────────────▶ new: binds nothing, serves on what it was given
//! old: stops its admin port ◀──── new: one byte, "I serve"
//! old: closes the pair ─────────▶ new: binds the admin port, says ready
//! old: drains, exits
//! ```
//!
//! A new process that fails closes the pair without the byte, and the old one goes on as if nothing had happened. The
//! alternative, passing descriptors in messages over a named socket, needs a path that both can write.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::Gateway;

/// What the new process is told: the pair's descriptor, then `key=descriptor` for each socket, all separated by `;`.
const VARIABLE: &str = "SEAWAY_HANDOVER";
/// A start that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What this process took over from the one before it; nothing in a first start.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<(String, Arc<OwnedFd>)>,
    parent: Option<UnixStream>,
}

impl Inherited {
    /// Takes what was handed over. Call it once, before anything opens descriptors.
    pub fn take() -> Self {
        let Ok(text) = std::env::var(VARIABLE) else {
            return Self::default();
        };
        let mut parts = text.split(';');
        let parent = parts
            .next()
            .and_then(|fd| adopt(fd.parse().ok()?))
            .map(UnixStream::from);
        if parent.is_none() {
            return Self::default();
        }
        let sockets = parts
            .filter_map(|part| {
                let (key, fd) = part.rsplit_once('=')?;
                Some((key.to_owned(), Arc::new(adopt(fd.parse().ok()?)?)))
            })
            .collect();
        Self { sockets, parent }
    }

    /// Whether there was none before: nobody holds the admin port.
    pub fn is_first(&self) -> bool {
        self.parent.is_none()
    }

    /// The listening sockets, with their keys.
    pub fn sockets(&self) -> Vec<(String, Arc<OwnedFd>)> {
        self.sockets.clone()
    }

    /// Tells the old process that this one serves, and waits until the admin port is free.
    pub fn finish(self) {
        let Some(mut parent) = self.parent else { return };
        let told = parent
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| parent.write_all(b"1"));
        if told.is_ok() {
            // The end of the stream is the answer; a time-out means that the old process is stuck, and waiting no longer
            // is then right too.
            let _ = parent.read(&mut [0]);
        }
    }
}

/// Makes a descriptor that was inherited ours.
fn adopt(fd: RawFd) -> Option<OwnedFd> {
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    if !link.to_string_lossy().starts_with("socket:") {
        return None;
    }
    #[expect(
        unsafe_code,
        reason = "a descriptor from another process can only arrive as a number"
    )]
    // SAFETY: it is open and a socket (just looked at), it was duplicated for this process alone (`hand_over`), each is
    // named once in the variable, and this runs before any other code opens descriptors.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Starts the new process and returns once it serves; this one has only to drain.
///
/// # Errors
/// When the new process does not serve in time. This one is then as it was.
pub fn hand_over(gateway: &mut Gateway) -> anyhow::Result<()> {
    let (mut ours, theirs) = UnixStream::pair().context("no socket pair")?;
    let theirs = inheritable(theirs.as_raw_fd())?;
    let mut sockets = Vec::new();
    for (key, fd) in gateway.listener_fds() {
        sockets.push((key, inheritable(fd)?));
    }
    let mut value = theirs.as_raw_fd().to_string();
    for (key, fd) in &sockets {
        value.push_str(&format!(";{key}={}", fd.as_raw_fd()));
    }
    let mut child = Command::new(gateway.executable())
        .args(std::env::args_os().skip(1))
        .env(VARIABLE, value)
        .spawn()
        .with_context(|| format!("{} could not be started", gateway.executable().display()))?;
    drop(theirs);
    drop(sockets);
    ours.set_read_timeout(Some(PATIENCE))?;
    let mut answer = [0];
    match ours.read(&mut answer) {
        Ok(1) => {
            gateway.stop_admin();
            Ok(())
        }
        outcome => {
            let _ = child.kill();
            let status = child.wait()?;
            match outcome {
                Ok(_) => bail!("the new process ended ({status}) before it served"),
                Err(error) => bail!(
                    "the new process did not serve within {} s: {error}",
                    PATIENCE.as_secs()
                ),
            }
        }
    }
}

/// A duplicate that survives the start of another program.
fn inheritable(fd: RawFd) -> anyhow::Result<OwnedFd> {
    #[expect(
        unsafe_code,
        reason = "the sockets are owned by the workers and only borrowed here"
    )]
    // SAFETY: `fd` comes from an owner that lives through `hand_over`: the pair above, or the proxy, which neither applies
    // a model nor drains meanwhile because both happen on this thread.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(rustix::io::dup(borrowed)?)
}
