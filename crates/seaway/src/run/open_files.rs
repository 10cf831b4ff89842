//! How many files the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes as many as the system lets it. The lower limit that processes begin with (often 1024) is for programs that use
/// `select`, which this one does not; a gateway that keeps to it is out of connections before it has anything to do.
pub fn raise() {
    let limit = getrlimit(Resource::Nofile);
    // Never refused: it is not above the limit that is there for it. If it were, the gateway would serve fewer.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}
