//! `seaway envoy-bootstrap`: what an Envoy starts with.

use std::io::{self, Write as _};

use seaway_xds::AdsBootstrap;

use crate::Exit;
use crate::cli::{Admin, BootstrapArgs, Output};
use crate::data_plane::node_name;

/// Runs the command.
pub fn write(args: &BootstrapArgs, output: Output) -> anyhow::Result<Exit> {
    let (host, port) = match args
        .xds
        .rsplit_once(':')
        .map(|(host, port)| (host, port.parse::<u16>()))
    {
        Some((host, Ok(port))) if !host.is_empty() => (host.trim_matches(['[', ']']), port),
        _ => {
            writeln!(
                io::stderr(),
                "seaway: --xds: write ADDR:PORT, for example 127.0.0.1:18000"
            )?;
            return Ok(Exit::WrongUsage);
        }
    };
    let bootstrap = seaway_xds::ads_bootstrap(&AdsBootstrap {
        host,
        port,
        node: &args.node.clone().unwrap_or_else(node_name),
        cluster: &args.node_cluster,
        admin: match args.admin {
            Admin::On(address) => Some(address),
            Admin::Off => None,
        },
    });
    let json = seaway_xds::json::to_value(&bootstrap)?;
    let mut out = io::stdout().lock();
    match output {
        Output::Json => writeln!(out, "{json:#}")?,
        Output::Text => write!(out, "{}", serde_saphyr::to_string(&json)?)?,
    }
    Ok(Exit::Fine)
}
