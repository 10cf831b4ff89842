//! `seaway demo`: a gateway with something behind it, so that a newcomer has something to send requests to.

mod examples;
mod guide;

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use anyhow::Context as _;
use seaway_proxy::ListenerStatus;
use seaway_testkit::sample::Shop;
use tempfile::TempDir;

use crate::Exit;
use crate::cli::{CompileArgs, DemoArgs, PathArgs, PortMapping, ServeArgs};
use crate::run::{self, Gateway};
use examples::EXAMPLES;
use guide::Guide;

/// The ports that the examples give the pods of the shop. Where they are taken, the manifests are written with others.
const PODS: [(&str, u16); 2] = [("v1", 7001), ("v2", 7002)];
/// Where the default gateway listens in the demonstration, which should not need to be root.
const PORTS: [PortMapping; 2] = [
    PortMapping {
        configured: 80,
        bound: 8080,
    },
    PortMapping {
        configured: 443,
        bound: 8443,
    },
];

/// Where the examples are written.
enum Place {
    Given(PathBuf),
    /// Removed when the demonstration is over.
    Temporary(TempDir),
}

impl Place {
    fn of(given: Option<&Path>) -> io::Result<Self> {
        match given {
            Some(given) => Ok(Self::Given(given.to_owned())),
            None => tempfile::Builder::new()
                .prefix("seaway-demo-")
                .tempdir()
                .map(Self::Temporary),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// Runs the command.
pub fn demo(args: &DemoArgs) -> anyhow::Result<Exit> {
    let place = Place::of(args.dir.as_deref())?;
    let root = place.path();
    let pods = start_pods()?;
    let manifests = write_manifests(root, &pods)?;
    let mut serve = args.serve.clone();
    if serve.data == Path::new(crate::cli::DEFAULT_DATA) {
        serve.data = root.join("data");
    }
    map_ports(&mut serve);
    let authority = serve.data.join("test-ca").join("ca.crt");
    let next = pods.last().map_or(0, |(_, address)| address.port());
    let paths = PathArgs {
        paths: vec![manifests.to_string_lossy().into_owned()],
        compile: CompileArgs::default(),
    };
    run::serve(&paths, &serve, None, |gateway| {
        let guide = Guide {
            http: port(gateway, 80).unwrap_or_default(),
            https: port(gateway, 443),
            authority: &authority,
            manifests: &manifests,
            next,
            admin: gateway.admin(),
        };
        write!(io::stdout(), "\n{guide}")?;
        Ok(io::stdout().flush()?)
    })
}

fn port(gateway: &Gateway, configured: u16) -> Option<u16> {
    let is_it = |status: &&ListenerStatus| status.configured_port == configured;
    gateway
        .listeners()
        .iter()
        .find(is_it)?
        .bound
        .map(|bound| bound.port())
}

/// Starts the pods on a thread of their own, where they stay until the process ends.
fn start_pods() -> anyhow::Result<Vec<(u16, SocketAddr)>> {
    let (sender, started) = mpsc::channel();
    std::thread::Builder::new()
        .name("sample-shop".to_owned())
        .spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(sender.send(Err(error))),
            };
            runtime.block_on(async {
                let pods: io::Result<Vec<_>> = PODS
                    .iter()
                    .map(|(version, port)| start_pod(version, *port))
                    .collect();
                let pods = match pods {
                    Ok(pods) => pods,
                    Err(error) => return drop(sender.send(Err(error))),
                };
                let addresses = pods.iter().map(|(port, pod)| (*port, pod.addr())).collect();
                let _ = sender.send(Ok(addresses));
                std::future::pending::<()>().await;
                drop(pods);
            });
        })?;
    started
        .recv()
        .context("the sample shop did not start")?
        .context("the sample shop could not start")
}

/// On the port that the examples name, or on any other.
fn start_pod(version: &str, port: u16) -> io::Result<(u16, Shop)> {
    let name = format!("shop-{version}");
    let on = |port| Shop::start(version, name.clone(), (Ipv4Addr::LOCALHOST, port).into());
    Ok((port, on(port).or_else(|_| on(0))?))
}

/// Writes the examples, with the ports that the pods really have.
fn write_manifests(root: &Path, pods: &[(u16, SocketAddr)]) -> anyhow::Result<PathBuf> {
    let folder = root.join("examples");
    for example in EXAMPLES {
        let path = folder.join(example.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        let mut text = example.text.to_owned();
        for (written, address) in pods {
            text = text.replace(
                &format!("port: {written}}}"),
                &format!("port: {}}}", address.port()),
            );
        }
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(folder)
}

/// Listens on 8080 and 8443, or on any port where these are taken, unless the user said where.
fn map_ports(serve: &mut ServeArgs) {
    for mapping in PORTS {
        if serve
            .bind
            .map_port
            .iter()
            .any(|m| m.configured == mapping.configured)
        {
            continue;
        }
        let address = serve.bind.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let free = TcpListener::bind((address, mapping.bound)).is_ok();
        serve.bind.map_port.push(PortMapping {
            bound: if free { mapping.bound } else { 0 },
            ..mapping
        });
    }
}
