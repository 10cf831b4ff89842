//! `seaway proxy`: the data plane alone, told by a control plane what to serve.
//!
//! The same proxy as that of `run`, with the same admin port, drain and upgrade. It is ready once it has been told what to
//! serve, or has found that in its cache. What it refuses of what it is told is said, and everything else serves.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};

use seaway_xds::Resources;
use seaway_xds::client::{self, Fault, State};
use tokio::sync::watch;

use crate::Exit;
use crate::cli::{CompileArgs, ProxyArgs};
use crate::run::{Event, Gateway, Inherited, Outcome, hand_over, signals};

/// Runs the command.
pub fn proxy(args: &ProxyArgs) -> anyhow::Result<Exit> {
    let handover = Inherited::take();
    let (sender, receiver) = channel();
    let compile = CompileArgs::default();
    let gateway = match Gateway::start(&args.serve, &compile, &handover, |_| {})? {
        Ok(gateway) => gateway,
        Err(message) => return refuse(&message),
    };
    let mut proxy = Proxy {
        args,
        gateway,
        states: follow(args, sender.clone())?,
        // A process that takes over says so when it serves; the admin port is the old one's until then.
        handover: Some(handover).filter(|handover| !handover.is_first()),
        said: Said::default(),
        applied: None,
    };
    if proxy.handover.is_none()
        && let Err(message) = proxy.gateway.start_admin(&args.serve)
    {
        return refuse(&message);
    }
    let signals = signals(sender)?;
    writeln!(io::stderr(), "waiting for the control plane at {}", args.xds)?;
    loop {
        let event = match receiver.recv_timeout(proxy.gateway.patience()) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => Event::Announce,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match event {
            Event::ControlPlane => {
                if let Err(message) = proxy.hear()? {
                    return refuse(&message);
                }
            }
            Event::Upgrade => match hand_over(&mut proxy.gateway) {
                Ok(()) => break,
                Err(error) => writeln!(
                    io::stderr(),
                    "seaway: the upgrade failed, still serving: {error:#}"
                )?,
            },
            Event::Stop => break,
            _ => {}
        }
        proxy.gateway.give_back_if_due();
    }
    signals.close();
    proxy.gateway.drain(args.serve.drain_timeout);
    Ok(Exit::Fine)
}

/// What the control plane calls this process where nobody says: the host's name.
pub fn node_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() {
        "seaway".to_owned()
    } else {
        name
    }
}

struct Proxy<'a> {
    args: &'a ProxyArgs,
    gateway: Gateway,
    states: watch::Receiver<State>,
    handover: Option<Inherited>,
    said: Said,
    applied: Option<Arc<Resources>>,
}

impl Proxy<'_> {
    /// Acts on what the control plane said. The inner error is the user's to mend.
    fn hear(&mut self) -> anyhow::Result<Result<(), String>> {
        let state = self.states.borrow_and_update().clone();
        self.said.tell(&state)?;
        let is_new = |resources: &Arc<Resources>| {
            self.applied
                .as_ref()
                .is_none_or(|applied| !Arc::ptr_eq(applied, resources))
        };
        let Some(resources) = state.resources.filter(is_new) else {
            return Ok(Ok(()));
        };
        let outcome = self.gateway.apply_model(seaway_xds::decode(&resources).model);
        let is_first = self.applied.replace(resources).is_none();
        self.tell(&outcome, is_first)?;
        if let Some(handover) = self.handover.take() {
            handover.finish();
            if let Err(message) = self.gateway.start_admin(&self.args.serve) {
                return Ok(Err(message));
            }
        }
        if is_first {
            self.gateway.ready();
            writeln!(io::stderr(), "ready")?;
        }
        Ok(Ok(()))
    }

    fn tell(&self, outcome: &Outcome, is_first: bool) -> io::Result<()> {
        let lines = if is_first {
            self.gateway.listener_lines()
        } else {
            outcome.listener_changes.clone()
        };
        for line in lines {
            writeln!(io::stderr(), "{line}")?;
        }
        writeln!(io::stderr(), "configuration {} serves", outcome.version)
    }
}

/// What was said aloud, so that it is said once.
#[derive(Default)]
struct Said {
    trouble: Option<String>,
    refused: Vec<Fault>,
    connected: bool,
}

impl Said {
    fn tell(&mut self, state: &State) -> io::Result<()> {
        let mut err = io::stderr().lock();
        if state.connected && !self.connected {
            writeln!(err, "told by the control plane")?;
        }
        if let Some(trouble) = state
            .trouble
            .as_ref()
            .filter(|trouble| self.trouble.as_ref() != Some(trouble))
        {
            writeln!(err, "warning: {trouble}")?;
        }
        for fault in state.refused.iter().filter(|fault| !self.refused.contains(fault)) {
            writeln!(err, "warning: refused: {fault}")?;
        }
        self.connected = state.connected;
        self.trouble.clone_from(&state.trouble);
        self.refused.clone_from(&state.refused);
        Ok(())
    }
}

/// Talks to the control plane on a thread of its own; every change is an event.
fn follow(args: &ProxyArgs, events: Sender<Event>) -> anyhow::Result<watch::Receiver<State>> {
    let options = client::Options {
        server: args.xds.clone(),
        node: args.node.clone().unwrap_or_else(node_name),
        cluster: args.node_cluster.clone(),
        cache: args.cache.clone(),
    };
    let (sender, receiver) = watch::channel(State::default());
    let mut changes = receiver.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("xds".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                let tell = async move {
                    while changes.changed().await.is_ok() && events.send(Event::ControlPlane).is_ok() {}
                };
                tokio::select! {
                    () = client::run(options, Arc::new(judge), sender) => {}
                    () = tell => {}
                }
            });
        })?;
    Ok(receiver)
}

/// What cannot be read of what the control plane sends.
fn judge(resources: &Resources) -> Vec<Fault> {
    let rejected = seaway_xds::decode(resources).rejected;
    let fault = |rejected: seaway_xds::Rejected| Fault {
        kind: rejected.kind,
        name: rejected.name,
        reason: rejected.why,
    };
    rejected.into_iter().map(fault).collect()
}

fn refuse(message: &str) -> anyhow::Result<Exit> {
    writeln!(io::stderr(), "seaway: {message}")?;
    Ok(Exit::BadConfiguration)
}
