//! What a data plane that is told over xDS what to serve needs to know of itself.

/// What the control plane calls this process where nobody says: the host's name.
pub fn node_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() {
        "seaway".to_owned()
    } else {
        name
    }
}
