//! HAProxy of Debian. Many routes are a map, which is how it is told to do that.

use std::fmt::Write as _;

use anyhow::Result;

use super::start::{Place, said};
use super::{Peer, Running};
use crate::bench::certificate::HOST;
use crate::bench::site::{Job, PATIENCE, Routes, Site};
use crate::parts;

pub struct HaProxy;

impl Peer for HaProxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn version(&self) -> Result<String> {
        let line = said(parts::command("haproxy", "haproxy").arg("-v"), "HAProxy version")?;
        let word = line.split_whitespace().nth(2).unwrap_or_default();
        Ok(word.split('-').next().unwrap_or_default().to_owned())
    }

    fn start(&self, site: &Site<'_>) -> Result<Running> {
        let place = Place::new()?;
        let text = configuration(site, &place)?;
        let file = place.write("haproxy.cfg", &text)?;
        let mut command = parts::command("haproxy", "haproxy");
        command.arg("-db").arg("-f").arg(&file);
        place.run(&command)
    }
}

fn configuration(site: &Site<'_>, place: &Place) -> Result<String> {
    let seconds = PATIENCE.as_secs();
    let mode = if site.job == Job::Tcp { "tcp" } else { "http" };
    let common = format!(
        "global\n\
         \x20 nbthread 1\n\
         \x20 maxconn 9000\n\
         \x20 ssl-default-bind-options ssl-min-ver TLSv1.3\n\
         \x20 tune.h2.max-concurrent-streams 1000\n\
         defaults\n\
         \x20 mode {mode}\n\
         \x20 timeout connect 5s\n\
         \x20 timeout client {seconds}s\n\
         \x20 timeout server {seconds}s\n\
         \x20 timeout http-keep-alive {seconds}s\n\
         \x20 timeout tunnel {seconds}s\n"
    );
    let specific = match site.job {
        Job::Tcp => format!(
            "listen relay\n  bind 127.0.0.1:{}\n  server s {}\n",
            place.plain, site.upstreams.echo
        ),
        Job::Grpc => format!(
            "frontend calls\n  bind 127.0.0.1:{} proto h2\n{ANNOUNCE}  default_backend grpc\n\
             backend grpc\n  http-reuse always\n  server s {} proto h2\n",
            place.plain, site.upstreams.grpc
        ),
        Job::Web(routes) => web(site, place, routes)?,
    };
    Ok(common + &specific)
}

const ANNOUNCE: &str = "  option forwardfor\n\
                        \x20 http-request set-header X-Forwarded-Proto https if { ssl_fc }\n\
                        \x20 http-request set-header X-Forwarded-Proto http if !{ ssl_fc }\n\
                        \x20 unique-id-format %[uuid()]\n\
                        \x20 unique-id-header X-Request-Id\n";

fn web(site: &Site<'_>, place: &Place, routes: Routes) -> Result<String> {
    let mut text = format!(
        "frontend web\n  bind 127.0.0.1:{}\n  bind 127.0.0.1:{} ssl crt {} alpn h2,http/1.1\n{ANNOUNCE}",
        place.plain,
        place.tls,
        site.certificate.both_file().display()
    );
    match routes {
        Routes::One => text.push_str("  default_backend v1\n"),
        Routes::Paths(count) => {
            let lines = (0..count).map(|number| format!("/p{number}/ v1\n"));
            let map = place.write("paths.map", &lines.collect::<String>())?;
            let _ = writeln!(text, "  use_backend %[path,map_beg({})]", map.display());
        }
        Routes::Hosts(count) => {
            let lines = (0..count).map(|number| format!("h{number}.{HOST} v1\n"));
            let map = place.write("hosts.map", &lines.collect::<String>())?;
            let _ = writeln!(
                text,
                "  use_backend %[req.hdr(host),lower,map_str({})]",
                map.display()
            );
        }
        Routes::Rules => text.push_str(
            "  use_backend v2 if { req.hdr(x-canary) yes }\n\
             \x20 use_backend v2 if { req.hdr(user-agent) -m reg iPhone }\n\
             \x20 use_backend v2 if { rand(100) ge 90 }\n\
             \x20 default_backend v1\n",
        ),
    }
    let retries = if routes == Routes::Rules {
        "  retries 2\n  retry-on conn-failure empty-response 502 503 504\n"
    } else {
        ""
    };
    for (name, address) in [("v1", site.upstreams.http), ("v2", site.upstreams.http_v2)] {
        let _ = write!(
            text,
            "backend {name}\n  http-reuse always\n{retries}  server s {address} pool-purge-delay 600s\n"
        );
    }
    Ok(text)
}
