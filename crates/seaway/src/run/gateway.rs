//! The rooms that serve, wired together: compile, certificates, proxy, telemetry, admin.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use seaway_api::Resources;
use seaway_certs::ProblemKind;
use seaway_certs::acme::Change;
use seaway_model::{Code, Diagnostic, Model, Report};
use seaway_proxy::admin::Admin;
use seaway_proxy::{ListenerStatus, Proxy};
use seaway_telemetry::{Config, Reload, Sinks, Telemetry};

use super::certificates::Certificates;
use super::control_plane::ControlPlane;
use super::garbage::Garbage;
use super::last_good::LastGood;
use super::state::State;
use super::upgrade::Inherited;
use super::{objects, open_files, settings};
use crate::cli::{self, CompileArgs, ServeArgs};
use crate::load;

/// Everything that runs.
pub struct Gateway {
    proxy: Arc<Proxy>,
    telemetry: Arc<Telemetry>,
    state: Arc<State>,
    admin: Option<Admin>,
    certificates: Certificates,
    last_good: LastGood,
    /// What the manifests do not say.
    compile: CompileArgs,
    compiled: Compiled,
    /// As it was at the start: once the file is replaced, the system no longer knows its name.
    executable: PathBuf,
    listeners: Vec<ListenerStatus>,
    control_plane: Option<ControlPlane>,
    garbage: Garbage,
}

/// What compiling gave the last time, without certificates.
#[derive(Default)]
struct Compiled {
    model: Model,
    /// Shared with who shows it: it has a status for every object.
    report: Arc<Report>,
    objects: BTreeMap<Arc<str>, u64>,
}

/// What a change of the configuration led to.
pub struct Outcome {
    /// The number of the configuration that serves now.
    pub version: u64,
    /// Everything that compiling said.
    pub report: Arc<Report>,
    /// A line for each listener that is new, moved, gone or in trouble.
    pub listener_changes: Vec<String>,
}

impl Gateway {
    /// Starts everything that needs no configuration. The inner error is the user's to mend.
    /// `on_certificate` is called, from another thread, when [`Self::apply_certificates`] has something to do, or
    /// [`Self::announce`] something to say.
    pub fn start(
        args: &ServeArgs,
        compile: &CompileArgs,
        handover: &Inherited,
        on_certificate: impl Fn(Change) + Send + Sync + 'static,
    ) -> anyhow::Result<Result<Self, String>> {
        open_files::raise();
        let access_log = match settings::access_log(&args.access_log) {
            Ok(log) => log,
            Err(message) => return Ok(Err(message)),
        };
        let telemetry = Telemetry::new(Config {
            version: env!("CARGO_PKG_VERSION").into(),
            access_log,
            ..Config::default()
        });
        let sinks: Arc<dyn Sinks> = telemetry.clone();
        let certificates = Certificates::start(args, on_certificate)?;
        let options = settings::proxy(args, handover.sockets(), certificates.challenges());
        let proxy = Arc::new(Proxy::start(options, sinks)?);
        certificates.register(&telemetry);
        super::collect::register(&telemetry, &proxy);
        let view = certificates.view();
        let state = Arc::new(State::new(Arc::clone(&proxy), Arc::clone(&telemetry), view));
        Ok(Ok(Self {
            proxy,
            telemetry,
            state,
            admin: None,
            certificates,
            last_good: LastGood::default(),
            compile: compile.clone(),
            compiled: Compiled::default(),
            executable: std::env::current_exe()?,
            listeners: Vec::new(),
            control_plane: None,
            garbage: Garbage::default(),
        }))
    }

    /// Compiles and serves. Never fails: what is wrong is in the report, and everything else serves.
    /// `before` is what was applied the last time.
    pub fn apply(&mut self, resources: &Resources, before: &Resources) -> Outcome {
        let args = &self.compile;
        let compile = |resources: &Resources| load::compile(resources, args);
        let (model, report) = self.last_good.compile(resources, before, compile);
        self.certificates.want(&model, &report, resources);
        self.compiled = Compiled {
            model,
            report: Arc::new(report),
            objects: objects::count(resources),
        };
        self.apply_certificates()
    }

    /// Serves what was compiled the last time, with the certificates that are there now.
    pub fn apply_certificates(&mut self) -> Outcome {
        let (model, problems) = self.certificates.fulfil(&self.compiled.model);
        let mut report = Arc::clone(&self.compiled.report);
        if !problems.is_empty() {
            not_issued(Arc::make_mut(&mut report), problems);
        }
        let model = Arc::new(model);
        let before = std::mem::replace(&mut self.listeners, self.proxy.apply(&model));
        self.publish(&model);
        let version = self.proxy.snapshot().version;
        self.telemetry.reloaded(Reload::of(
            version,
            SystemTime::now(),
            &report,
            self.compiled.objects.clone(),
        ));
        self.state.set_report(Arc::clone(&report));
        self.garbage.note(Instant::now());
        Outcome {
            version,
            report,
            listener_changes: changes(&before, &self.listeners),
        }
    }

    /// Serves a model that somebody else has compiled.
    pub fn apply_model(&mut self, model: Model) -> Outcome {
        self.compiled = Compiled {
            model,
            ..Compiled::default()
        };
        self.apply_certificates()
    }

    /// From now on data planes are told what is served.
    pub fn serve_data_planes(&mut self, control_plane: ControlPlane) {
        control_plane.register(&self.telemetry);
        self.state.set_data_planes(control_plane.server().clone());
        self.control_plane = Some(control_plane);
    }

    /// Opens the port for them. The error is the user's to mend.
    pub fn open_to_data_planes(&mut self, address: SocketAddr) -> Result<(), String> {
        let Some(control_plane) = &mut self.control_plane else {
            return Ok(());
        };
        let bound = control_plane.open(address)?;
        eprint_line(&format!("xds on {bound}"));
        Ok(())
    }

    fn publish(&mut self, model: &Model) {
        let Some(control_plane) = &mut self.control_plane else {
            return;
        };
        for loss in control_plane.publish(model) {
            eprint_line(&format!("warning: Envoy cannot do this: {loss}"));
        }
    }

    /// Opens the admin port, unless there shall be none. The error is the user's to mend.
    pub fn start_admin(&mut self, args: &ServeArgs) -> Result<(), String> {
        let cli::Admin::On(address) = args.admin else {
            return Ok(());
        };
        match Admin::start(address, self.state.clone()) {
            Ok(admin) => {
                eprint_line(&format!("admin on http://{}", admin.local_addr()));
                self.admin = Some(admin);
                Ok(())
            }
            // Nobody asked for this very port: serving matters more.
            Err(error) if address.to_string() == cli::DEFAULT_ADMIN => {
                eprint_line(&format!("warning: there is no admin port: {error}"));
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether [`Self::apply_certificates`] has something to do although nobody told.
    pub fn certificates_are_due(&self) -> bool {
        self.certificates.are_due()
    }

    /// How long until that may be so, or until there is something for [`Self::announce`] or [`Self::give_back_if_due`].
    pub fn patience(&self) -> Duration {
        let certificates = self.certificates.patience();
        let garbage = self.garbage.patience(Instant::now());
        garbage.map_or(certificates, |garbage| garbage.min(certificates))
    }

    /// Gives the system back what changes have freed, once it is time.
    pub fn give_back_if_due(&mut self) {
        self.garbage.give_back_if_due(Instant::now());
    }

    /// Gives the system back what starting has freed.
    pub fn give_back(&mut self) {
        self.garbage.give_back();
    }

    /// Says aloud what has happened to certificates since the last time.
    pub fn announce(&mut self) {
        for line in self.certificates.news() {
            eprint_line(&line);
        }
    }

    /// Somebody asked for a reload: certificates that could not be had are tried again.
    pub fn reload_certificates(&self) {
        self.certificates.reload();
    }

    /// Closes the admin port and that for data planes: whoever takes over opens them.
    pub fn stop_admin(&mut self) {
        self.admin = None;
        if let Some(control_plane) = &mut self.control_plane {
            control_plane.close();
        }
    }

    /// From now on `/ready` says so.
    pub fn ready(&self) {
        self.state.set_ready();
    }

    /// A line for each listener.
    pub fn listener_lines(&self) -> Vec<String> {
        self.listeners.iter().map(line).collect()
    }

    /// Whether any listener serves, or none was asked for.
    pub fn serves(&self) -> bool {
        self.listeners.is_empty() || self.listeners.iter().any(|l| l.bound.is_some())
    }

    /// The listeners as they are now.
    pub fn listeners(&self) -> &[ListenerStatus] {
        &self.listeners
    }

    /// Where operators ask.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::local_addr)
    }

    /// The sockets to hand over.
    pub fn listener_fds(&self) -> Vec<(String, RawFd)> {
        self.proxy.listener_fds()
    }

    /// The program that runs.
    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// Lets what is running finish, then stops everything.
    pub fn drain(mut self, timeout: Duration) {
        self.state.set_draining();
        drop(self.control_plane);
        // Nobody could see its proofs any more, and the process that takes over waits for its lock.
        drop(self.certificates);
        let drained = self.proxy.drain(timeout);
        match drained.cut_off {
            0 => {}
            1 => eprint_line(&format!("drained; 1 connection was cut off after {timeout:?}")),
            many => eprint_line(&format!(
                "drained; {many} connections were cut off after {timeout:?}"
            )),
        }
        self.admin = None;
        self.telemetry.shutdown();
    }
}

/// Adds the certificates that could not be had.
pub fn not_issued(report: &mut Report, problems: Vec<seaway_certs::Problem>) {
    let diagnostic = |problem: seaway_certs::Problem| {
        let (code, help) = match problem.kind {
            ProblemKind::NotIssued => (
                Code::CertificateNotIssued,
                "handshakes for its domains are refused until it works; everything else serves",
            ),
            ProblemKind::File => (
                Code::CertificateFile,
                "what the file held before keeps serving, if it held anything that could be used; otherwise handshakes that \
                 need it are refused; everything else serves",
            ),
        };
        Diagnostic {
            origin: problem.origin,
            code,
            message: problem.message,
            help: help.to_owned(),
        }
    };
    report.diagnostics.extend(problems.into_iter().map(diagnostic));
}

/// `http-80 on 0.0.0.0:8080 (configured 80)`
fn line(status: &ListenerStatus) -> String {
    match (&status.error, status.bound) {
        (Some(error), _) => format!("error: listener {} does not serve: {error}", status.name),
        (None, Some(bound)) if bound.port() == status.configured_port => {
            format!("{} on {bound}", status.name)
        }
        (None, Some(bound)) => format!(
            "{} on {bound} (configured {})",
            status.name, status.configured_port
        ),
        (None, None) => format!("{} does not serve", status.name),
    }
}

/// Lines for what is different.
fn changes(before: &[ListenerStatus], after: &[ListenerStatus]) -> Vec<String> {
    let news = after.iter().filter(|status| !before.contains(status)).map(line);
    let gone = before
        .iter()
        .filter(|old| !after.iter().any(|new| new.name == old.name))
        .map(|old| format!("{} is gone", old.name));
    news.chain(gone).collect()
}

fn eprint_line(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
