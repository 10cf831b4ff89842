//! The proxies that are compared, each with a configuration for every job that it can do.
//!
//! All get the same: one worker on core 0, logs off, metrics as they come, connections to the upstream kept and never too
//! few, nothing that times out. Where a proxy announces the client to the upstream (`X-Forwarded-For`, `X-Forwarded-Proto`,
//! `X-Request-Id`) only when told to, it is told to, since ours does.

mod caddy;
mod envoy;
mod haproxy;
mod kernel;
mod nginx;
mod seaway;
mod start;
mod traefik;

use std::path::PathBuf;

use anyhow::{Result, bail};
use tempfile::TempDir;

use super::process::Process;
use super::scenario::Scenario;
use super::site::{Site, Target};

/// A proxy that can be started.
pub trait Peer {
    /// As in tables, and as it is chosen.
    fn name(&self) -> &'static str;

    /// What it says that it is.
    fn version(&self) -> Result<String>;

    /// Whether it has what the scenario takes.
    fn can_do(&self, scenario: &Scenario) -> bool {
        let _ = scenario;
        true
    }

    /// Starts it for a job. It listens, but may not yet have all of its routes.
    fn start(&self, site: &Site<'_>) -> Result<Running>;
}

/// A proxy that runs until it is dropped.
pub struct Running {
    pub process: Process,
    pub target: Target,
    /// Its configuration.
    pub _folder: TempDir,
}

/// The name of ours.
pub const OURS: &str = "seaway";
/// The name of another build of ours. It is no peer: no promise is about it.
pub const BEFORE: &str = "before";
/// The name of ours with one route, where there are many: what many cost is seen against it, in the same rounds.
pub const ONE_ROUTE: &str = "one route";
/// The name of the relay that only moves bytes. It is no peer either: what no proxy can go below is seen in it.
pub const KERNEL: &str = "kernel";

/// Ours first, then the build that it is compared with, and those others that are named; all when none is. Those that
/// lack are installed.
pub fn chosen(names: &[String], binary: PathBuf, before: Option<PathBuf>) -> Result<Vec<Box<dyn Peer>>> {
    let others: Vec<Box<dyn Peer>> = vec![
        Box::new(nginx::Nginx),
        Box::new(haproxy::HaProxy),
        Box::new(envoy::Envoy),
        Box::new(traefik::Traefik),
        Box::new(caddy::Caddy),
        Box::new(kernel::Kernel),
    ];
    let known: Vec<&str> = others.iter().map(|peer| peer.name()).collect();
    for name in names {
        if !known.contains(&name.as_str()) && name != OURS {
            bail!("there is no peer {name:?}; there are: {}", known.join(", "));
        }
    }
    let others = others
        .into_iter()
        .filter(|peer| names.is_empty() || names.iter().any(|name| name == peer.name()));
    let others: Vec<_> = others.collect();
    for peer in others.iter().filter(|peer| peer.name() != KERNEL) {
        crate::parts::install(&[peer.name()])?;
    }
    let builds = [Some((binary, OURS)), before.map(|binary| (binary, BEFORE))];
    let builds = builds.into_iter().flatten();
    let ours = builds.map(|(binary, name)| Box::new(seaway::Seaway { binary, name }) as Box<dyn Peer>);
    Ok(ours.chain(others).collect())
}
