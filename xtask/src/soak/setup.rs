//! The command lines of the processes.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::gateway::Launch;

/// The ports that the manifests name.
const PORTS: [&str; 3] = ["80:0", "443:0", "9000:0"];

/// What all of them have in common.
pub struct Setup<'a> {
    pub binary: &'a Path,
    /// Each process gets a folder of its own in it.
    pub folder: &'a Path,
    pub manifests: &'a Path,
    pub workers: u16,
    pub drain: Duration,
    /// Where gateways are told what to serve; otherwise they read the manifests themselves.
    pub control_plane: Option<SocketAddr>,
}

impl<'a> Setup<'a> {
    /// A gateway.
    pub fn launch(&self, name: &'static str) -> Launch<'a> {
        let mut arguments: Vec<OsString> = match self.control_plane {
            Some(address) => ["proxy", "--xds", &address.to_string(), "--node", name]
                .map(OsString::from)
                .to_vec(),
            None => vec!["run".into(), self.manifests.into()],
        };
        for port in PORTS {
            arguments.extend(["--map-port".into(), port.into()]);
        }
        self.finish(name, arguments)
    }

    /// A process that tells gateways what to serve. It serves nothing that anybody asks it.
    pub fn control_plane(&self) -> Launch<'a> {
        let mut arguments: Vec<OsString> = vec!["run".into(), self.manifests.into()];
        arguments.extend(["--xds", "127.0.0.1:0"].map(OsString::from));
        for port in PORTS {
            for flag in ["--map-port", "--xds-map-port"] {
                arguments.extend([flag.into(), port.into()]);
            }
        }
        self.finish("control", arguments)
    }

    fn finish(&self, name: &'static str, mut arguments: Vec<OsString>) -> Launch<'a> {
        let (workers, drain) = (self.workers.to_string(), format!("{}s", self.drain.as_secs()));
        let common = [
            ["--address", "127.0.0.1"],
            ["--admin", "127.0.0.1:0"],
            ["--data", "data"],
            ["--workers", &workers],
            ["--drain-timeout", &drain],
            // The load is steady and far from too much: only a machine that others use would be late, and that is no failure.
            ["--max-delay", "2s"],
        ];
        arguments.extend(common.into_iter().flatten().map(OsString::from));
        Launch {
            name,
            binary: self.binary,
            folder: self.folder.join(name),
            arguments,
        }
    }
}
