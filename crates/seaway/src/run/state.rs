//! What the admin port asks of this process.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use seaway_model::Report;
use seaway_proxy::admin::{AdminState, Readiness};
use seaway_proxy::snapshot::Snapshot;
use seaway_proxy::upstream::ClusterStatus;
use seaway_proxy::{ListenerStatus, Proxy};
use seaway_telemetry::{Format, Telemetry};
use seaway_xds::server::Server;

use super::certificates::View;

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

/// The process, as its operators see it.
pub struct State {
    proxy: Arc<Proxy>,
    telemetry: Arc<Telemetry>,
    report: Mutex<Arc<Report>>,
    phase: AtomicU8,
    certificates: View,
    data_planes: OnceLock<Server>,
}

impl State {
    /// Of a process that starts.
    pub fn new(proxy: Arc<Proxy>, telemetry: Arc<Telemetry>, certificates: View) -> Self {
        Self {
            proxy,
            telemetry,
            report: Mutex::default(),
            phase: AtomicU8::new(STARTING),
            certificates,
            data_planes: OnceLock::new(),
        }
    }

    /// Data planes are served, too.
    pub fn set_data_planes(&self, server: Server) {
        // There is only one.
        let _: Result<(), Server> = self.data_planes.set(server);
    }

    /// What the newest configuration had to say.
    pub fn set_report(&self, report: Arc<Report>) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }

    /// The listeners serve.
    pub fn set_ready(&self) {
        self.phase.store(READY, Ordering::SeqCst);
    }

    /// Balancers in front should look elsewhere.
    pub fn set_draining(&self) {
        self.phase.store(DRAINING, Ordering::SeqCst);
    }
}

impl AdminState for State {
    fn ready(&self) -> Readiness {
        let waiting = |what: &str| Readiness {
            ready: false,
            waiting_for: vec![what.to_owned()],
        };
        match self.phase.load(Ordering::SeqCst) {
            READY => Readiness {
                ready: true,
                waiting_for: Vec::new(),
            },
            DRAINING => waiting("nothing: the process is draining and will end"),
            _ => waiting("the first configuration"),
        }
    }

    fn listeners(&self) -> Vec<ListenerStatus> {
        self.proxy.listeners()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.proxy.snapshot()
    }

    fn clusters(&self) -> Vec<ClusterStatus> {
        self.proxy.shared().registry.status()
    }

    fn metrics(&self, openmetrics: bool) -> String {
        self.telemetry.render(if openmetrics {
            Format::OpenMetrics
        } else {
            Format::Prometheus
        })
    }

    fn certs(&self) -> serde_json::Value {
        self.certificates.status()
    }

    fn clients(&self) -> serde_json::Value {
        let clients = self.data_planes.get().map(|server| server.clients().list());
        serde_json::to_value(clients.unwrap_or_default()).unwrap_or_default()
    }

    fn report(&self) -> Arc<Report> {
        Arc::clone(&self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
