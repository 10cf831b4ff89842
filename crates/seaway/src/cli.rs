//! The command line: its words, its help, its exit codes. The contract is `docs/cli.md`; scripts rely on it.

mod compile;
mod limits;
mod values;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use compile::CompileArgs;
pub use limits::LimitArgs;
pub use values::{Admin, Network, PortMapping};
use values::{parse_duration, parse_log_format};

/// Traffic management for clusters: says which request goes where, and makes it so.
#[derive(Debug, Parser)]
#[command(name = "seaway", version, propagate_version = true, max_term_width = 110, after_help = EXAMPLES)]
pub struct Cli {
    /// How results are written.
    // After the flags of the command itself.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Text, value_name = "FORMAT",
        display_order = 900)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  seaway demo                                     a gateway with sample services, and what to try
  seaway run manifests/ --map-port 80:8080        serve what the manifests say, on port 8080
  seaway check manifests/                         find the mistakes before traffic does
  seaway explain manifests/ --request 'GET https://shop.example.com/cart'

Exit codes: 0 fine, 1 the configuration has errors, 2 wrong usage, 70 a fault of seaway's own.";

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    // For people. (Not a doc comment: clap would give each value a paragraph in every command's help.)
    Text,
    // For scripts.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The gateway: serves what the manifests say, watches them, applies changes without dropping a request
    #[command(after_help = "Example:\n  seaway run manifests/ --map-port 80:8080 --map-port 443:8443")]
    Run(Box<RunArgs>),
    /// The data plane alone, told by a control plane what to serve
    #[command(after_help = "Example:\n  seaway proxy --xds 127.0.0.1:18000 --cache /var/lib/seaway")]
    Proxy(Box<ProxyArgs>),
    /// Writes what an Envoy starts with, to be told by `seaway run --xds` what to serve
    #[command(
        after_help = "Example:\n  seaway envoy-bootstrap --xds 127.0.0.1:18000 > envoy.yaml && envoy -c envoy.yaml"
    )]
    EnvoyBootstrap(BootstrapArgs),
    /// A gateway with sample services and manifests inside, and the commands to try
    #[command(after_help = "Example:\n  seaway demo")]
    Demo(Box<DemoArgs>),
    /// Reports every error and warning, with file, line, column, and what to do
    #[command(after_help = "Example:\n  seaway check manifests/ && echo fine")]
    Check(PathArgs),
    /// Says why a request goes where it goes
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// How the certificates of a running gateway are, and what happens next
    #[command(after_help = "Example:\n  seaway certs --admin 127.0.0.1:9901\n\n\
        Exit code 1 when one has expired, is refused, or could not be had.")]
    Certs(CertsArgs),
    /// Writes the manifests in another form
    #[command(after_help = "Example:\n  seaway translate manifests/ --to model")]
    Translate(TranslateArgs),
    /// Writes the completion script for a shell
    #[command(after_help = "Example:\n  seaway completions bash > /etc/bash_completion.d/seaway")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Writes the manual page, in roff
    #[command(after_help = "Example:\n  seaway man | man -l -")]
    Man,
    /// Says which version this is
    #[command(after_help = "Example:\n  seaway version --output json")]
    Version,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  seaway explain manifests/ --request 'GET https://shop.example.com/cart' -H 'User-Agent: iPhone'
  seaway explain manifests/ --requests requests.jsonl > decisions.jsonl

  seaway explain manifests/ --request tcp://db.example.com:5432

A line of the file is {\"method\", \"url\", \"headers\": {}, \"port\", \"source\"}; one line is answered by one line, in order.
Besides http and https a URL may be tcp://host:port, udp://host:port, or tls://name:port with the name as server name.";

/// Where manifests are.
#[derive(Args, Clone, Debug)]
pub struct PathArgs {
    /// A file, a folder (searched for *.yaml, *.yml, *.json), or `-` for standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,
    /// What they do not say.
    #[command(flatten)]
    pub compile: CompileArgs,
}

/// `explain`
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Where manifests are.
    #[command(flatten)]
    pub manifests: PathArgs,
    /// The request: a method and a URL, or the URL of a connection.
    #[arg(
        long,
        value_name = "'METHOD URL'",
        required_unless_present = "requests",
        conflicts_with = "requests"
    )]
    pub request: Option<String>,
    /// A header of the request (repeatable). `Host` replaces the URL's host.
    #[arg(
        short = 'H',
        long = "header",
        value_name = "'NAME: VALUE'",
        conflicts_with = "requests"
    )]
    pub headers: Vec<String>,
    /// The port it arrives on, as configured; by default the URL's.
    #[arg(long, value_name = "N", conflicts_with = "requests")]
    pub port: Option<u16>,
    /// The client's address, for rules that are for certain pods.
    #[arg(long, value_name = "IP", conflicts_with = "requests")]
    pub source: Option<IpAddr>,
    /// Many requests, one JSON object a line; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub requests: Option<String>,
}

/// `certs`
#[derive(Args, Debug)]
pub struct CertsArgs {
    /// The admin port of the gateway.
    #[arg(long, value_name = "ADDR:PORT", default_value = DEFAULT_ADMIN)]
    pub admin: SocketAddr,
}

/// `translate`
#[derive(Args, Debug)]
pub struct TranslateArgs {
    /// Where manifests are.
    #[command(flatten)]
    pub manifests: PathArgs,
    /// Into what.
    #[arg(long, value_enum)]
    pub to: Target,
    /// Where listeners are bound.
    #[command(flatten)]
    pub bind: BindArgs,
}

/// What `translate` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    // Seaway's own model.
    Model,
    // A static configuration of Envoy, private keys included.
    Envoy,
}

/// Where listeners are bound.
#[derive(Args, Clone, Debug, Default)]
pub struct BindArgs {
    /// Listen on BOUND wherever the configuration says CONFIGURED (repeatable); 0 lets the system pick.
    #[arg(long = "map-port", value_name = "CONFIGURED:BOUND")]
    pub map_port: Vec<PortMapping>,
    /// Bind here instead of all addresses.
    #[arg(long, value_name = "ADDR")]
    pub address: Option<IpAddr>,
}

/// `run`
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Where manifests are.
    #[command(flatten)]
    pub manifests: PathArgs,
    /// Where data planes (Envoy, `seaway proxy`) are told what to serve, over xDS.
    #[arg(long, value_name = "ADDR:PORT")]
    pub xds: Option<SocketAddr>,
    /// Data planes listen on BOUND wherever the configuration says CONFIGURED (repeatable).
    #[arg(long = "xds-map-port", value_name = "CONFIGURED:BOUND", requires = "xds")]
    pub xds_map_port: Vec<PortMapping>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// `proxy`
#[derive(Args, Clone, Debug)]
pub struct ProxyArgs {
    /// The control plane.
    #[arg(long, value_name = "ADDR:PORT")]
    pub xds: String,
    /// What the control plane calls this process; by default the host's name.
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// What processes that do the same are called together.
    #[arg(long, value_name = "NAME", default_value = "seaway")]
    pub node_cluster: String,
    /// Where the configuration is kept, so that a restart without the control plane serves it.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// `envoy-bootstrap`
#[derive(Args, Clone, Debug)]
pub struct BootstrapArgs {
    /// The control plane.
    #[arg(long, value_name = "ADDR:PORT")]
    pub xds: String,
    /// What the control plane calls this Envoy; by default the host's name.
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// What Envoys that do the same are called together.
    #[arg(long, value_name = "NAME", default_value = "seaway")]
    pub node_cluster: String,
    /// Where Envoy's own admin interface is bound; `off` for nowhere.
    #[arg(long, value_name = "ADDR:PORT|off", default_value = "127.0.0.1:9902")]
    pub admin: Admin,
}

/// What `run` and `demo` have in common.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Where listeners are bound.
    #[command(flatten)]
    pub bind: BindArgs,
    /// Where operators ask: /ready /live /metrics /listeners /config /explain /clusters /certs and a dashboard; `off` for nowhere.
    #[arg(long, value_name = "ADDR:PORT|off", default_value = DEFAULT_ADMIN)]
    pub admin: Admin,
    /// Where certificates that Seaway makes are kept.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    pub data: PathBuf,
    /// Which DNS server is asked whether a record for dns-01 can be seen; by default those of the system.
    #[arg(long, value_name = "ADDR:PORT")]
    pub dns_server: Option<SocketAddr>,
    /// Cares for certificates as if it were so much later. For tests, which cannot wait for two months; said at the start.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration, hide = true)]
    pub clock_offset: Duration,
    /// Worker threads; by default one per core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// The access log, on standard output: off, text, json, or a format of your own.
    #[arg(long, value_name = "off|text|json|FORMAT", default_value = "off",
        value_parser = parse_log_format)]
    pub access_log: String,
    /// How long running requests may take to finish when stopping.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    pub drain_timeout: Duration,
    /// A proxy in front, as address or network; its X-Forwarded-* and X-Request-Id are believed (repeatable).
    #[arg(long, value_name = "ADDR[/BITS]")]
    pub trusted_proxy: Vec<Network>,
    /// What a client may cost.
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// The default of `--data`.
pub const DEFAULT_DATA: &str = "seaway-data";
/// The default of `--admin`.
pub const DEFAULT_ADMIN: &str = "127.0.0.1:9901";

/// `demo`
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Where the example manifests are written, to be edited while it runs; by default a folder that goes away.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_in_its_help() {
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains(&format!("seaway {}", command.get_name())),
                "{}",
                command.get_name()
            );
        }
    }
}
