//! Caddy. It relays no TCP without a plugin.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::{Value, json};

use super::start::{Place, said};
use super::{Peer, Running};
use crate::bench::certificate::HOST;
use crate::bench::scenario::Scenario;
use crate::bench::site::{Job, Routes, Site};
use crate::parts;

pub struct Caddy;

impl Peer for Caddy {
    fn name(&self) -> &'static str {
        "caddy"
    }

    fn version(&self) -> Result<String> {
        let line = said(parts::command("caddy", "caddy").arg("version"), "v2.")?;
        Ok(line
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .trim_start_matches('v')
            .to_owned())
    }

    fn can_do(&self, scenario: &Scenario) -> bool {
        scenario.job != Job::Tcp
    }

    fn start(&self, site: &Site<'_>) -> Result<Running> {
        let place = Place::new()?;
        let file = place.write("caddy.json", &configuration(site, &place).to_string())?;
        let mut command = parts::command("caddy", "caddy");
        command
            .args(["run", "--config"])
            .arg(&file)
            .env("GOMAXPROCS", "1")
            .env("XDG_DATA_HOME", place.folder.path())
            .env("XDG_CONFIG_HOME", place.folder.path());
        place.run(&command)
    }
}

fn configuration(site: &Site<'_>, place: &Place) -> Value {
    let routes = routes(site);
    let server = |port: u16, protocols: &[&str]| {
        json!({
            "listen": [format!("127.0.0.1:{port}")],
            "protocols": protocols,
            "automatic_https": {"disable": true},
            "idle_timeout": "600s",
            "routes": routes,
        })
    };
    let mut tls = server(place.tls, &["h1", "h2"]);
    if let Some(server) = tls.as_object_mut() {
        server.insert(
            "tls_connection_policies".to_owned(),
            json!([{"protocol_min": "tls1.3"}]),
        );
    }
    let file =
        json!({"certificate": site.certificate.certificate_file(), "key": site.certificate.key_file()});
    json!({
        "admin": {"disabled": true, "config": {"persist": false}},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {
            "http": {"servers": {"plain": server(place.plain, &["h1", "h2c"]), "tls": tls}},
            "tls": {"certificates": {"load_files": [file]}},
        },
    })
}

fn routes(site: &Site<'_>) -> Vec<Value> {
    let v1 = || forward(&[site.upstreams.http], "1.1");
    let v2 = || forward(&[site.upstreams.http_v2], "1.1");
    let route =
        |conditions: Value, to: Value| json!({"match": [conditions], "handle": [to], "terminal": true});
    match site.job {
        Job::Tcp => Vec::new(),
        Job::Grpc => vec![route(
            json!({"host": [HOST]}),
            forward(&[site.upstreams.grpc], "h2c"),
        )],
        Job::Web(Routes::One) => vec![route(json!({"host": [HOST]}), v1())],
        Job::Web(Routes::Paths(count)) => (0..count)
            .map(|number| route(json!({"host": [HOST], "path": [format!("/p{number}/*")]}), v1()))
            .collect(),
        Job::Web(Routes::Hosts(count)) => (0..count)
            .map(|number| route(json!({"host": [format!("h{number}.{HOST}")]}), v1()))
            .collect(),
        Job::Web(Routes::Rules) => {
            let agent = json!({"User-Agent": {"pattern": "iPhone"}});
            let mut both = forward(&[site.upstreams.http, site.upstreams.http_v2], "1.1");
            if let Some(both) = both.as_object_mut() {
                let shares = json!({"policy": "weighted_round_robin", "weights": [90, 10]});
                both.insert(
                    "load_balancing".to_owned(),
                    json!({"selection_policy": shares, "retries": 2}),
                );
            }
            vec![
                route(json!({"host": [HOST], "header": {"X-Canary": ["yes"]}}), v2()),
                route(json!({"host": [HOST], "header_regexp": agent}), v2()),
                route(json!({"host": [HOST]}), both),
            ]
        }
    }
}

fn forward(addresses: &[SocketAddr], version: &str) -> Value {
    let dials: Vec<Value> = addresses
        .iter()
        .map(|address| json!({"dial": address.to_string()}))
        .collect();
    json!({
        "handler": "reverse_proxy",
        "upstreams": dials,
        "transport": {
            "protocol": "http",
            "versions": [version],
            "keep_alive": {"max_idle_conns_per_host": 512, "idle_timeout": "600s"},
        },
    })
}
