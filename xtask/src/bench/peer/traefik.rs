//! Traefik, with a file for a provider.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::start::{Place, said};
use super::{Peer, Running};
use crate::bench::certificate::HOST;
use crate::bench::site::{Job, Routes, Site};
use crate::parts;

pub struct Traefik;

impl Peer for Traefik {
    fn name(&self) -> &'static str {
        "traefik"
    }

    fn version(&self) -> Result<String> {
        let line = said(parts::command("traefik", "traefik").arg("version"), "Version:")?;
        Ok(line.rsplit(' ').next().unwrap_or_default().to_owned())
    }

    fn start(&self, site: &Site<'_>) -> Result<Running> {
        let place = Place::new()?;
        // JSON is YAML.
        let routes = place.write("dynamic.yml", &dynamic(site).to_string())?;
        let timeouts =
            json!({"respondingTimeouts": {"readTimeout": "0s", "writeTimeout": "0s", "idleTimeout": "600s"}});
        let entry = |port: u16| json!({"address": format!("127.0.0.1:{port}"), "transport": timeouts, "http2": {"maxConcurrentStreams": 1000}});
        let fixed = json!({
            "global": {"checkNewVersion": false, "sendAnonymousUsage": false},
            "log": {"level": "ERROR"},
            "entryPoints": {"plain": entry(place.plain), "tls": entry(place.tls)},
            "serversTransport": {"maxIdleConnsPerHost": 512},
            "providers": {"file": {"filename": routes}},
        });
        let file = place.write("traefik.yml", &fixed.to_string())?;
        let mut command = parts::command("traefik", "traefik");
        command
            .arg(format!("--configFile={}", file.display()))
            .env("GOMAXPROCS", "1");
        place.run(&command)
    }
}

fn dynamic(site: &Site<'_>) -> Value {
    let server = |scheme: &str, address: std::net::SocketAddr| json!({"loadBalancer": {"servers": [{"url": format!("{scheme}://{address}")}]}});
    let routes = match site.job {
        Job::Tcp => {
            return json!({"tcp": {
                "routers": {"all": {"entryPoints": ["plain"], "rule": "HostSNI(`*`)", "service": "echo"}},
                "services": {"echo": {"loadBalancer": {"servers": [{"address": site.upstreams.echo.to_string()}]}}},
            }});
        }
        Job::Grpc => {
            return json!({"http": {
                "routers": {"all": {"entryPoints": ["plain"], "rule": format!("Host(`{HOST}`)"), "service": "calls"}},
                "services": {"calls": server("h2c", site.upstreams.grpc)},
            }});
        }
        Job::Web(routes) => routes,
    };
    let mut services = Map::new();
    services.insert("v1".to_owned(), server("http", site.upstreams.http));
    let mut http = Map::new();
    if routes == Routes::Rules {
        services.insert("v2".to_owned(), server("http", site.upstreams.http_v2));
        let shares = json!([{"name": "v1", "weight": 90}, {"name": "v2", "weight": 10}]);
        services.insert("both".to_owned(), json!({"weighted": {"services": shares}}));
        let retry = json!({"again": {"retry": {"attempts": 3}}});
        http.insert("middlewares".to_owned(), retry);
    }
    http.insert("routers".to_owned(), Value::Object(routers(routes)));
    http.insert("services".to_owned(), Value::Object(services));
    json!({
        "http": http,
        "tls": {
            "certificates": [{"certFile": site.certificate.certificate_file(), "keyFile": site.certificate.key_file()}],
            "options": {"default": {"minVersion": "VersionTLS13"}},
        },
    })
}

/// A router is for entry points with TLS or for those without, so each route is there twice where both are asked.
fn routers(routes: Routes) -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |name: String, rule: String, service: &str, again: bool| {
        let mut router = json!({"entryPoints": ["plain"], "rule": rule, "service": service});
        if let Some(router) = router.as_object_mut()
            && again
        {
            router.insert("middlewares".to_owned(), json!(["again"]));
        }
        all.insert(name, router);
    };
    match routes {
        Routes::One => {
            add("plain".to_owned(), format!("Host(`{HOST}`)"), "v1", false);
            let tls = json!({"entryPoints": ["tls"], "rule": format!("Host(`{HOST}`)"), "service": "v1", "tls": {}});
            all.insert("tls".to_owned(), tls);
        }
        Routes::Paths(count) => {
            for number in 0..count {
                let rule = format!("Host(`{HOST}`) && PathPrefix(`/p{number}/`)");
                add(format!("r{number}"), rule, "v1", false);
            }
        }
        Routes::Hosts(count) => {
            for number in 0..count {
                add(
                    format!("r{number}"),
                    format!("Host(`h{number}.{HOST}`)"),
                    "v1",
                    false,
                );
            }
        }
        Routes::Rules => {
            let host = format!("Host(`{HOST}`)");
            add(
                "canary".to_owned(),
                format!("{host} && Header(`X-Canary`, `yes`)"),
                "v2",
                true,
            );
            let agent = format!("{host} && HeaderRegexp(`User-Agent`, `iPhone`)");
            add("agent".to_owned(), agent, "v2", true);
            add("all".to_owned(), host, "both", true);
        }
    }
    all
}
