//! Starting, idling, and changing.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::figure::{Figure, Promise, median, spread};
use super::gateway::Binary;
use super::manifests::Manifests;

/// From the start of the process to `ready`, with 100 routes.
pub fn ready(binary: &Binary) -> Result<Vec<Figure>> {
    let manifests = Manifests::on_many_hosts(100, 1)?;
    let mut times = Vec::new();
    for _ in 0..11 {
        times.push(binary.run(&manifests.path())?.until_ready.as_secs_f64() * 1000.0);
    }
    Ok(vec![Figure {
        name: "start to ready, 100 routes".to_owned(),
        note: spread(&times),
        value: median(times),
        unit: "ms",
        promise: Some(Promise::AtMost(100.0)),
    }])
}

/// Resident memory of an idle gateway that has answered once.
pub fn memory(binary: &Binary) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (routes, most) in [(100, 16.0), (10_000, 48.0)] {
        let manifests = Manifests::on_many_hosts(routes, 1)?;
        let gateway = binary.run(&manifests.path())?;
        location(gateway.address)?;
        figures.push(Figure {
            name: format!("resident memory idle, {routes} routes"),
            value: gateway.process.memory("VmRSS")?,
            unit: "MiB",
            promise: Some(Promise::AtMost(most)),
            note: format!(
                "one worker; {:.1} of it is not the program file",
                gateway.process.memory("RssAnon")?
            ),
        });
    }
    Ok(figures)
}

/// From the change of a file to the first answer by it, with 10,000 routes. Asked again and again, never slept.
pub fn change(binary: &Binary) -> Result<Vec<Figure>> {
    let manifests = Manifests::on_many_hosts(10_000, 1)?;
    let gateway = binary.run(&manifests.path())?;
    let mut times = Vec::new();
    for version in 0..7 {
        let name = format!("v{version}");
        let began = Instant::now();
        manifests.redirect(&name)?;
        while !location(gateway.address)?.contains(&format!("//{name}.")) {
            if began.elapsed() > Duration::from_secs(30) {
                bail!("the change was not served in half a minute");
            }
        }
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(vec![Figure {
        name: "change of one of 10,000 routes, until served".to_owned(),
        note: spread(&times),
        value: median(times),
        unit: "ms",
        promise: Some(Promise::AtMost(500.0)),
    }])
}

/// The answer of the route that is watched.
fn location(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: watched.example.com\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 302") {
        bail!("expected a redirect, got {answer:?}");
    }
    Ok(answer)
}
