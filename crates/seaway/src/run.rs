//! `seaway run`: the gateway.
//!
//! The main thread waits for events (a manifest changed, a signal came) and acts on one at a time. Everything that
//! serves runs on threads of the proxy, so a slow reload delays nothing but the next reload.

mod certificates;
mod collect;
mod control_plane;
mod events;
mod garbage;
mod gateway;
mod last_good;
pub mod objects;
mod open_files;
mod settings;
mod state;
mod upgrade;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Instant;

use seaway_api::Resources;
use seaway_certs::acme::Change;
use seaway_model::{Diagnostic, Report, Severity};
use seaway_source::Files;

use crate::cli::{PathArgs, PortMapping, RunArgs, ServeArgs};
use crate::{Exit, render};

use control_plane::ControlPlane;
use events::Events;
pub use events::{Event, signals};
pub use gateway::{Gateway, Outcome, not_issued};
pub use upgrade::{Inherited, hand_over};

/// Runs the command.
pub fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    serve(
        &args.manifests,
        &args.serve,
        args.xds.map(|address| (address, &*args.xds_map_port)),
        |_| Ok(()),
    )
}

/// Serves until it is told to stop. `started` is called once, after the listeners serve.
pub fn serve(
    manifests: &PathArgs,
    args: &ServeArgs,
    xds: Option<(SocketAddr, &[PortMapping])>,
    started: impl FnOnce(&Gateway) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let handover = Inherited::take();
    let channel = channel();
    let certificate = channel.0.clone();
    // Nobody receives any more only when the process is about to end.
    let on_certificate = move |change| {
        let _ = certificate.send(match change {
            Change::Certificate => Event::Certificates,
            Change::Trouble => Event::Announce,
        });
    };
    if !args.clock_offset.is_zero() {
        writeln!(
            io::stderr(),
            "warning: certificates are cared for as if it were {:?} later (--clock-offset), which is for tests only",
            args.clock_offset
        )?;
    }
    let mut gateway = match Gateway::start(args, &manifests.compile, &handover, on_certificate)? {
        Ok(gateway) => gateway,
        Err(message) => return refuse(&message),
    };
    if let Some((_, port_map)) = xds {
        gateway.serve_data_planes(ControlPlane::new(port_map));
    }
    let mut files = Files::new(manifests.paths.clone());
    let resources = files.load(Instant::now());
    let outcome = gateway.apply(&resources, &Resources::default());
    report(&outcome.report.diagnostics)?;
    for line in gateway.listener_lines() {
        writeln!(io::stderr(), "{line}")?;
    }
    if !gateway.serves() {
        return refuse("no listener could be bound, so there is nothing to serve");
    }
    let events = Events::start(files, channel)?;
    handover.finish();
    if let Err(message) = gateway.start_admin(args) {
        return refuse(&message);
    }
    if let Some((address, _)) = xds
        && let Err(message) = gateway.open_to_data_planes(address)
    {
        return refuse(&message);
    }
    gateway.announce();
    gateway.ready();
    gateway.give_back();
    writeln!(io::stderr(), "ready")?;
    started(&gateway)?;
    wait(&events, &mut gateway, resources, outcome.report)?;
    drop(events);
    gateway.drain(args.drain_timeout);
    Ok(Exit::Fine)
}

/// Acts on events until one says stop.
fn wait(
    events: &Events,
    gateway: &mut Gateway,
    mut resources: Resources,
    mut shown: Arc<Report>,
) -> anyhow::Result<()> {
    loop {
        let event = match events.receiver.recv_timeout(gateway.patience()) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) if gateway.certificates_are_due() => Event::Certificates,
            Err(RecvTimeoutError::Timeout) => Event::Announce,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        match event {
            Event::Resources(changed) => {
                let outcome = gateway.apply(&changed, &resources);
                resources = *changed;
                shown = tell(outcome, &shown)?;
            }
            Event::Certificates => shown = tell(gateway.apply_certificates(), &shown)?,
            Event::Announce | Event::ControlPlane => {}
            Event::NotWatched(reason) => {
                writeln!(
                    io::stderr(),
                    "warning[SW0501]: changes of the manifests cannot be watched ({reason}); they are read every other \
                     second, and at once on SIGHUP"
                )?;
            }
            Event::Reload => {
                gateway.reload_certificates();
                events.reload();
            }
            Event::Upgrade => match hand_over(gateway) {
                Ok(()) => return Ok(()),
                Err(error) => writeln!(
                    io::stderr(),
                    "seaway: the upgrade failed, still serving: {error:#}"
                )?,
            },
            Event::Stop => return Ok(()),
        }
        gateway.announce();
        gateway.give_back_if_due();
    }
}

/// Says what a change led to. What was said before need not be said again with every change. Gives back what is said now.
fn tell(outcome: Outcome, shown: &Report) -> io::Result<Arc<Report>> {
    let (found, shown) = (&outcome.report.diagnostics, &shown.diagnostics);
    let news: Vec<_> = found.iter().filter(|d| !shown.contains(*d)).cloned().collect();
    report(&news)?;
    for line in outcome.listener_changes {
        writeln!(io::stderr(), "{line}")?;
    }
    let summary = render::summary(found);
    writeln!(
        io::stderr(),
        "configuration {} serves, {summary}",
        outcome.version
    )?;
    Ok(outcome.report)
}

fn report(diagnostics: &[Diagnostic]) -> io::Result<()> {
    let shown: Vec<_> = diagnostics
        .iter()
        .filter(|d| d.severity() != Severity::Info)
        .cloned()
        .collect();
    render::text(&mut anstream::AutoStream::auto(io::stderr().lock()), &shown)
}

fn refuse(message: &str) -> anyhow::Result<Exit> {
    writeln!(io::stderr(), "seaway: {message}")?;
    Ok(Exit::BadConfiguration)
}
