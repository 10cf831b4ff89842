//! How fast requests are decided.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use http::HeaderMap;
use seaway_api::Resources;
use seaway_compile::compile;
use seaway_route::{Decision, RequestHead, RouteTable};

use super::figure::{Figure, Promise, median, spread};
use super::gateway::Binary;
use super::manifests::Manifests;

const REQUESTS: u32 = 400_000;
const ROUTES: u32 = 1_000;
const RUNS: usize = 3;

/// `explain --requests` with 1,000 routes on one core. Loading the manifests is taken off: it happens once.
pub fn rate(binary: &Binary) -> Result<Vec<Figure>> {
    let manifests = Manifests::on_many_hosts(ROUTES as usize, 1)?;
    let questions = tempfile::tempdir()?;
    let (one, many) = (questions.path().join("one"), questions.path().join("many"));
    write_questions(&one, 1)?;
    write_questions(&many, REQUESTS)?;
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        let load = time(binary, &manifests.path(), &one)?;
        let all = time(binary, &manifests.path(), &many)?;
        rates.push(f64::from(REQUESTS) / (all - load));
    }
    Ok(vec![Figure {
        name: format!("explain --requests, {ROUTES} routes, one core"),
        note: spread(&rates),
        value: median(rates),
        unit: "req/s",
        promise: Some(Promise::AtLeast(200_000.0)),
    }])
}

fn write_questions(path: &Path, count: u32) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..count {
        let route = number % ROUTES;
        writeln!(
            file,
            r#"{{"method":"GET","url":"http://h{}.example.com/p{route}/x?y=z","headers":{{"user-agent":"curl"}}}}"#,
            route / 10
        )?;
    }
    file.flush()?;
    Ok(())
}

/// Seconds for a whole run.
fn time(binary: &Binary, manifests: &Path, questions: &Path) -> Result<f64> {
    let mut command = binary.command();
    command
        .arg("explain")
        .arg(manifests)
        .arg("--requests")
        .arg(questions);
    let began = Instant::now();
    let status = command
        .stdout(Stdio::null())
        .status()
        .context("the gateway could not be started")?;
    if !status.success() {
        bail!("explain said {status}");
    }
    Ok(began.elapsed().as_secs_f64())
}

/// A decision among 10,000 routes against one among ten, all on one host. In this process: a process of its own would
/// measure the reading of requests too, and hide the difference.
pub fn decision_cost(_: &Binary) -> Result<Vec<Figure>> {
    const SMALL: u32 = 10;
    const LARGE: u32 = 10_000;
    let (small, large) = (table(SMALL)?, table(LARGE)?);
    let (mut few, mut many, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let (a, b) = (nanoseconds(&small, SMALL), nanoseconds(&large, LARGE));
        few.push(a);
        many.push(b);
        ratios.push(b / a);
    }
    let figure = |name: &str, values: Vec<f64>, unit, promise| Figure {
        name: name.to_owned(),
        note: spread(&values),
        value: median(values),
        unit,
        promise,
    };
    Ok(vec![
        figure("decision among 10 routes on one host", few, "ns", None),
        figure("decision among 10,000 routes on one host", many, "ns", None),
        figure(
            "decision, 10,000 routes against 10",
            ratios,
            "times",
            Some(Promise::AtMost(2.0)),
        ),
    ])
}

fn table(routes: u32) -> Result<RouteTable> {
    let manifests = Manifests::on_one_host(routes as usize)?;
    let mut resources = Resources::default();
    for entry in std::fs::read_dir(manifests.path())? {
        let path = entry?.path();
        resources.parse_into(&path.to_string_lossy(), &std::fs::read_to_string(&path)?);
    }
    let (model, _) = compile(&resources, &seaway_compile::Options::default());
    Ok(RouteTable::build(&Arc::new(model)))
}

/// For one decision, over paths that meet every route alike. A request that arrives was just read, so its path is warm;
/// ten thousand paths that lie about are not, and what fetching them costs is measured by itself and taken off.
fn nanoseconds(table: &RouteTable, routes: u32) -> f64 {
    let paths: Vec<String> = (0..routes).map(|route| format!("/a/p{route}/x")).collect();
    let headers = HeaderMap::new();
    let Some(listener) = table.listeners().first() else {
        return f64::NAN;
    };
    let (fetching, _) = per_path(&paths, |path| !path.is_empty());
    let (deciding, all) = per_path(&paths, |path| {
        let head = RequestHead {
            method: "GET",
            host: "one.example.com",
            path,
            query: None,
            headers: &headers,
            server_name: None,
            source: None,
        };
        matches!(black_box(listener.decide(black_box(&head))), Decision::Route(_))
    });
    if all { deciding - fetching } else { f64::NAN }
}

/// Nanoseconds for one path, copied to where it is warm, and whether all were good.
fn per_path(paths: &[String], mut good: impl FnMut(&str) -> bool) -> (f64, bool) {
    const TIMES: u32 = 1_000_000;
    let (mut all, mut at, mut warm) = (true, 0, String::with_capacity(64));
    let began = Instant::now();
    for _ in 0..TIMES {
        // A stride that is prime to both numbers of routes, so that neighbours in memory do not help. Counted by hand:
        // skipping in an iterator costs more than a decision.
        at = (at + 7919) % paths.len().max(1);
        let Some(path) = paths.get(at) else { break };
        warm.clear();
        warm.push_str(path);
        all &= good(black_box(&warm));
    }
    (began.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES), all)
}
