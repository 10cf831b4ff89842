//! What the admin server asks the process.

use std::sync::Arc;

use seaway_model::Report;

use crate::proxy::ListenerStatus;
use crate::snapshot::Snapshot;
use crate::upstream::ClusterStatus;

/// Whether requests can be served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Everything that was waited for is there.
    pub ready: bool,
    /// What is not there yet, each in a few words.
    pub waiting_for: Vec<String>,
}

/// The process, as its operators see it. Called on the admin thread, for every request; must not block for long.
pub trait AdminState: Send + Sync {
    /// For `/ready`.
    fn ready(&self) -> Readiness;

    /// For `/live`: false asks to be restarted.
    fn live(&self) -> bool {
        true
    }

    /// For `/listeners`.
    fn listeners(&self) -> Vec<ListenerStatus>;

    /// The configuration that serves.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// For `/clusters`.
    fn clusters(&self) -> Vec<ClusterStatus>;

    /// For `/metrics`: in OpenMetrics, or in the Prometheus text format.
    fn metrics(&self, openmetrics: bool) -> String;

    /// For `/certs`: an array, an object for each certificate.
    fn certs(&self) -> serde_json::Value {
        serde_json::Value::Array(Vec::new())
    }

    /// For `/clients`: an array, an object for each data plane that is connected.
    fn clients(&self) -> serde_json::Value {
        serde_json::Value::Array(Vec::new())
    }

    /// What reading the newest configuration had to say.
    fn report(&self) -> Arc<Report>;
}
