//! Ours, with its metrics on and its admin interface up.

mod manifests;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::start::said;
use super::{Peer, Running};
use crate::bench::gateway::Binary;
use crate::bench::site::{Site, Target};

/// The program, and what it is called in tables.
pub struct Seaway {
    pub binary: PathBuf,
    pub name: &'static str,
}

impl Peer for Seaway {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> Result<String> {
        let line = said(Command::new(&self.binary).arg("version"), "seaway")?;
        Ok(line.split_whitespace().nth(1).unwrap_or_default().to_owned())
    }

    fn start(&self, site: &Site<'_>) -> Result<Running> {
        let folder = tempfile::tempdir()?;
        manifests::write(site, folder.path())?;
        let flags = ["--admin", "127.0.0.1:0", "--map-port", "9000:0"];
        let gateway = Binary(self.binary.clone()).run_with(folder.path(), &flags)?;
        let listener = |kind: &str| {
            let found = gateway.listeners.iter().find(|(name, _)| name.starts_with(kind));
            found.map(|(_, address)| *address)
        };
        let plain = listener("tcp").or_else(|| listener("http-"));
        let plain = plain.context("the gateway has no listener in the clear")?;
        let target = Target {
            plain,
            tls: listener("https-").unwrap_or(plain),
        };
        Ok(Running {
            process: gateway.process,
            target,
            _folder: folder,
        })
    }
}
