//! `cargo xtask soak`: whether anything is ever dropped.
//!
//! Real gateways serve a steady mix of load for minutes while everything changes under it: the rules ten times a second,
//! the certificate every second, the backends every other second, and every minute the binary itself. Two of them run side
//! by side with the same configuration and the same load. One is upgraded in place; the other never is, so that memory can
//! be watched in a process that lives as long as the run. Clients count every failed request and every stream that they
//! did not end themselves.

mod backends;
mod changes;
mod gateway;
mod load;
mod manifests;
mod memory;
mod process;
mod report;
mod setup;
mod stop;
mod tally;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use seaway_testkit::certs::Ca;
use seaway_testkit::client::ClientTls;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::project;
use backends::Backends;
use changes::{Certificates, Rules, Seen};
use gateway::Gateway;
use report::Report;
use setup::Setup;
use stop::Stop;
use tally::Tally;
use watch::watch;

/// The gateway that is upgraded, and the one that never is.
const UPGRADED: &str = "upgraded";
const STEADY: &str = "steady";
/// Streams are shorter than a drain may last, so nobody has to cut them off.
const LONGEST_STREAM: Duration = Duration::from_secs(40);
const DRAIN: Duration = Duration::from_secs(55);
/// How long the clients' last exchanges may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long.
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    minutes: f64,
    /// Worker threads of each gateway.
    #[arg(long, default_value_t = 2, value_name = "N")]
    workers: u16,
    /// The gateways are data planes (`seaway proxy`) that a control plane tells over xDS what to serve.
    #[arg(long)]
    xds: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// The profile that the gateway is built with.
    #[arg(long, default_value = "release", value_name = "NAME")]
    profile: String,
    /// Runs this gateway instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

impl Options {
    /// What CI has time for: a minute, with the binary that the tests run.
    pub fn short() -> Self {
        Self {
            minutes: 1.0,
            workers: 2,
            xds: false,
            output: Output::Text,
            profile: "dev".to_owned(),
            binary: None,
        }
    }
}

/// The task.
pub fn run(options: &Options) -> Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary
            .canonicalize()
            .with_context(|| binary.display().to_string())?,
        None => build(&options.profile)?,
    };
    process::adopt_orphans(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let report = runtime.block_on(soak(options, &binary));
    process::adopt_orphans(false)?;
    let report = report?;
    match options.output {
        Output::Text => print!("{}", report.text()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    let broken = report.broken();
    if !broken.is_empty() {
        bail!("the soak found faults:\n  {}", broken.join("\n  "));
    }
    Ok(())
}

fn build(profile: &str) -> Result<PathBuf> {
    let mut build = project::cargo();
    build.args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "seaway",
        "--profile",
        profile,
    ]);
    if !build.status().context("cargo could not be started")?.success() {
        bail!("the build failed");
    }
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(project::path("target").join(folder).join("seaway"))
}

/// What runs besides the load.
struct World {
    _folder: TempDir,
    manifests: PathBuf,
    ca: Arc<Ca>,
    tally: Tally,
    backends: Backends,
    upgraded: Gateway,
    steady: Gateway,
    control_plane: Option<Gateway>,
}

async fn soak(options: &Options, binary: &Path) -> Result<Report> {
    let world = World::start(options, binary).await?;
    let time = Duration::from_secs_f64(options.minutes * 60.0);
    eprintln!(
        "soak: {} minutes, {} workers, {}",
        options.minutes,
        options.workers,
        binary.display()
    );
    let World {
        _folder,
        manifests,
        ca,
        tally,
        backends,
        upgraded,
        steady,
        control_plane,
    } = world;
    let (end, stop) = Stop::channel();
    let gateways = [&upgraded, &steady];
    let seen = gateways.map(|gateway| Seen::new(gateway.name));
    let mut clients = JoinSet::new();
    for (gateway, seen) in gateways.iter().zip(&seen) {
        let target = load::Target {
            ports: gateway.ports,
            trust: ClientTls::trusting(&ca.pem())?,
            seen: seen.clone(),
            longest: LONGEST_STREAM.min(time / 3),
        };
        load::start(&target, &tally, &stop, &mut clients);
    }
    let rules = Rules::new(&manifests, seen.to_vec(), tally.faults());
    let certificates = Certificates {
        folder: manifests,
        ca,
        gateways: gateways.map(|gateway| (gateway.name, gateway.ports)).to_vec(),
        faults: Arc::clone(tally.faults()),
    };
    let backends = tokio::spawn(backends.roll(rules.served(), stop.clone()));
    // The last changes must still be seen, so the clients go on until nothing changes any more.
    let (end_of_changes, still) = Stop::channel();
    let rules = tokio::spawn(rules.change(still.clone()));
    let certificates = tokio::spawn(certificates.change(still));
    let watched = watch(&upgraded, &steady, &tally, time).await;
    end_of_changes.send_replace(true);
    let (changes, certificates) = (rules.await?, certificates.await?);
    end.send_replace(true);
    let (backends, backends_replaced) = backends.await?;
    wait_for(clients, &tally).await;
    for gateway in [Some(upgraded), Some(steady), control_plane]
        .into_iter()
        .flatten()
    {
        gateway.stop(DRAIN).await;
    }
    backends.stop().await;
    Ok(Report {
        minutes: options.minutes,
        workers: options.workers,
        load: Report::lines(&tally),
        changes: changes.into(),
        certificates: certificates.into(),
        backends_replaced,
        upgrades: watched.upgrades,
        memory: watched.memory(),
        compared: watched.compared(),
        other_faults: tally.faults().others(),
        faults: tally.faults().kept(),
    })
}

/// Every client ends its last exchange.
async fn wait_for(mut clients: JoinSet<()>, tally: &Tally) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match timeout_at(deadline, clients.join_next()).await {
            Ok(None) => return,
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err(error))) => tally.faults().other("", "a client", error.to_string()),
            Err(_) => return tally.faults().other("", "a client", "does not come to an end"),
        }
    }
}

impl World {
    async fn start(options: &Options, binary: &Path) -> Result<Self> {
        let tally = Tally::new(&[UPGRADED, STEADY]);
        let folder = tempfile::tempdir()?;
        let manifests = folder.path().join("manifests");
        fs::create_dir(&manifests)?;
        let ca = Arc::new(Ca::new("soak"));
        fs::write(manifests.join("fixed.yaml"), manifests::FIXED)?;
        fs::write(manifests.join("rules.yaml"), manifests::rules(0))?;
        let leaf = ca.leaf(&[manifests::HOST]);
        fs::write(manifests.join("certificate.yaml"), manifests::certificate(&leaf))?;
        let backends = Backends::start(manifests.clone(), tally.faults()).await?;
        let mut setup = Setup {
            binary,
            folder: folder.path(),
            manifests: &manifests,
            workers: options.workers,
            drain: DRAIN,
            control_plane: None,
        };
        let mut control_plane = None;
        if options.xds {
            let (gateway, address) = Gateway::control_plane(setup.control_plane(), tally.faults()).await?;
            setup.control_plane = Some(address);
            control_plane = Some(gateway);
        }
        let upgraded = Gateway::start(setup.launch(UPGRADED), tally.faults()).await?;
        let steady = Gateway::start(setup.launch(STEADY), tally.faults()).await?;
        Ok(Self {
            _folder: folder,
            manifests,
            ca,
            tally,
            backends,
            upgraded,
            steady,
            control_plane,
        })
    }
}
