//! The relay that does nothing with what it moves: this program, started once more.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use anyhow::{Context, Result};

use super::start::Place;
use super::{KERNEL, Peer, Running};
use crate::bench::scenario::{Measure, Scenario};
use crate::bench::site::{Job, Routes, Site};

pub struct Kernel;

impl Peer for Kernel {
    fn name(&self) -> &'static str {
        KERNEL
    }

    fn version(&self) -> Result<String> {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        Ok(release.trim().to_owned())
    }

    /// What needs no more than one upstream, since it looks at nothing, and nothing but sockets. What connections hold in
    /// memory says something of a program, and this is none.
    fn can_do(&self, scenario: &Scenario) -> bool {
        let asks = matches!(scenario.measure, Measure::Requests { .. });
        asks && !scenario.tls && scenario.job != Job::Web(Routes::Rules)
    }

    fn start(&self, site: &Site<'_>) -> Result<Running> {
        let place = Place::new()?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, place.plain));
        let to = match site.job {
            Job::Web(_) => site.upstreams.http,
            Job::Grpc => site.upstreams.grpc,
            Job::Tcp => site.upstreams.echo,
        };
        let mut command = Command::new(std::env::current_exe().context("the path of this program")?);
        command.args(["relay", "--listen", &listen.to_string(), "--to", &to.to_string()]);
        place.run(&command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::scenario::SCENARIOS;

    #[test]
    fn it_takes_part_in_what_is_in_the_clear_and_leads_to_one_upstream() {
        let able = SCENARIOS.iter().filter(|scenario| Kernel.can_do(scenario));
        let names: Vec<_> = able.map(|scenario| scenario.name).collect();
        let expected = "h1 grpc download-1m upload-1m websocket tcp tcp-1m routes-1 routes-100 routes-10000 \
                        routes-10000-hosts";
        assert_eq!(names.join(" "), expected);
    }
}
