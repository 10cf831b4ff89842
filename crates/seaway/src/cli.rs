//! The command line: its words, its help, its exit codes. The contract is `docs/cli.md`; scripts rely on it.

mod compile;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use compile::CompileArgs;

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

/// `80:8080`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// In the manifests.
    pub configured: u16,
    /// On the machine.
    pub bound: u16,
}

impl FromStr for PortMapping {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |part: &str| {
            part.parse()
                .map_err(|_| format!("\"{part}\" is not a port number"))
        };
        let (configured, bound) = text
            .split_once(':')
            .ok_or("write it as CONFIGURED:BOUND, for example 80:8080")?;
        Ok(Self {
            configured: parse(configured)?,
            bound: parse(bound)?,
        })
    }
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

/// `--admin`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// Nowhere.
    Off,
    /// Here.
    On(SocketAddr),
}

impl FromStr for Admin {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse()
            .map(Self::On)
            .map_err(|_| "write ADDR:PORT, for example 127.0.0.1:9901, or off".to_owned())
    }
}

/// `10.0.0.0/8`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub IpAddr, pub u8);

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("\"{address}\" is not an IP address"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|b| *b <= most)
                .ok_or_else(|| format!("\"/{bits}\" is not between /0 and /{most}"))?,
        };
        Ok(Self(address, bits))
    }
}

/// Limits. Their defaults suit a gateway that faces the Internet.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Bytes of a request head; 431 above, or 414 for the target alone.
    #[arg(long, value_name = "BYTES", default_value = "65536")]
    pub max_head_bytes: usize,
    /// Fields of a request head; 431 above.
    #[arg(long, value_name = "N", default_value = "100")]
    pub max_head_fields: usize,
    /// Time for a request head to arrive.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    pub head_timeout: Duration,
    /// Time a connection may wait for its next request.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "75s")]
    pub idle_timeout: Duration,
    /// Time a stream may stand still.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "300s")]
    pub stream_idle_timeout: Duration,
    /// Bytes a second a client must take or give while only it is waited for, over the time a stream may stand still.
    #[arg(long, value_name = "BYTES", default_value = "240")]
    pub min_rate: u64,
    /// Connections from clients, all together.
    #[arg(long, value_name = "N", default_value = "50000")]
    pub max_connections: usize,
    /// Requests under way, all together; 503 above.
    #[arg(long, value_name = "N", default_value = "100000")]
    pub max_requests: usize,
    /// How late a worker may be for long before it sheds new requests with 503; 0 for as late as it is.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "50ms")]
    pub max_delay: Duration,
    /// Memory the process may hold before it sheds new requests with 503 [default: 9/10 of what there is].
    #[arg(long, value_name = "BYTES")]
    pub max_memory: Option<u64>,
    /// Sessions of datagrams, all together.
    #[arg(long, value_name = "N", default_value = "10000")]
    pub max_sessions: usize,
    /// HTTP/2 streams a connection may have open.
    #[arg(long, value_name = "N", default_value = "128")]
    pub max_concurrent_streams: u32,
    /// HTTP/2 streams a client may reset unanswered before its connection is closed.
    #[arg(long, value_name = "N", default_value = "50")]
    pub max_reset_streams: usize,
    /// Bytes of a request body that are kept for a retry.
    #[arg(long, value_name = "BYTES", default_value = "65536")]
    pub max_replay_bytes: usize,
}

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

/// Any format of the access log, as it was written; whether it can be used is known before anything is started.
fn parse_log_format(text: &str) -> Result<String, String> {
    seaway_telemetry::LogFormat::parse_option(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

/// `15s`, `200ms`, `1m30s`, `2h`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "write a time as 15s, 200ms, 1m30s or 2h";
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    if text.is_empty() {
        return Err(HELP.to_owned());
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(HELP)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: f64 = number.parse().map_err(|_| HELP)?;
        let seconds = match unit {
            "ms" => number / 1000.0,
            "s" => number,
            "m" => number * 60.0,
            "h" => number * 3600.0,
            _ => return Err(HELP.to_owned()),
        };
        total += Duration::try_from_secs_f64(seconds).map_err(|_| HELP)?;
        rest = tail;
    }
    Ok(total)
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

    #[test]
    fn times_are_read_with_their_units() {
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(parse_duration("15"), Ok(Duration::from_secs(15)));
        assert!(parse_duration("15 parsecs").is_err());
        assert!(parse_duration("").is_err());
    }

    #[test]
    fn a_port_mapping_needs_both_ports() {
        assert_eq!(
            "80:0".parse(),
            Ok(PortMapping {
                configured: 80,
                bound: 0
            })
        );
        assert!("80".parse::<PortMapping>().is_err());
        assert!("80:70000".parse::<PortMapping>().is_err());
    }

    #[test]
    fn a_network_has_no_more_bits_than_its_address() {
        assert_eq!("10.0.0.0/8".parse(), Ok(Network(IpAddr::from([10, 0, 0, 0]), 8)));
        assert!("10.0.0.0/33".parse::<Network>().is_err());
    }
}
