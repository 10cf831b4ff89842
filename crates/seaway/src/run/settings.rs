//! From flags to the settings of the rooms that serve.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use seaway_proxy::challenges::AcmeChallenges;
use seaway_proxy::options::{Limits, Options};
use seaway_telemetry::{AccessLog, LogFormat};

use crate::cli::{LimitArgs, Network, ServeArgs};

/// The data plane's settings.
pub fn proxy(
    args: &ServeArgs,
    inherited: Vec<(String, Arc<OwnedFd>)>,
    challenges: Arc<dyn AcmeChallenges>,
) -> Options {
    let defaults = Options::default();
    Options {
        workers: args.workers.map_or(defaults.workers, usize::from),
        address: args.bind.address,
        port_map: args
            .bind
            .map_port
            .iter()
            .map(|m| (m.configured, m.bound))
            .collect(),
        trusted_proxies: args
            .trusted_proxy
            .iter()
            .map(|Network(address, bits)| (*address, *bits))
            .collect(),
        limits: limits(&args.limits),
        inherited,
        challenges: Some(challenges),
    }
}

fn limits(args: &LimitArgs) -> Limits {
    Limits {
        head_bytes: args.max_head_bytes,
        head_fields: args.max_head_fields,
        head_timeout: args.head_timeout,
        idle_timeout: args.idle_timeout,
        stream_idle_timeout: args.stream_idle_timeout,
        rate: args.min_rate,
        connections: args.max_connections,
        requests: args.max_requests,
        delay: args.max_delay,
        memory: args.max_memory,
        sessions: args.max_sessions,
        concurrent_streams: args.max_concurrent_streams,
        reset_streams: args.max_reset_streams,
        replay_bytes: args.max_replay_bytes,
        ..Limits::default()
    }
}

/// The access log that was asked for.
///
/// # Errors
/// What is wrong with a format, as a sentence for the user.
pub fn access_log(text: &str) -> Result<Option<AccessLog>, String> {
    let format = LogFormat::parse_option(text).map_err(|error| format!("--access-log: {error}"))?;
    format
        .map(AccessLog::stdout)
        .transpose()
        .map_err(|error| format!("--access-log: its thread could not be started: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn the_defaults_of_the_flags_are_those_of_the_data_plane() {
        let cli = crate::cli::Cli::parse_from(["seaway", "run", "."]);
        let crate::cli::Command::Run(run) = cli.command else {
            panic!("run")
        };
        assert_eq!(
            format!("{:?}", limits(&run.serve.limits)),
            format!("{:?}", Limits::default())
        );
    }
}
