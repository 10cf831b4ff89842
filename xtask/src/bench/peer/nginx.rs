//! nginx of Debian, with its module for TCP.
//!
//! One process without a master does the work. Request bodies are passed on as they come, buffers hold 256 KiB of an
//! answer, and no answer goes to a file.

use std::fmt::Write as _;

use anyhow::Result;

use super::start::{Place, said};
use super::{Peer, Running};
use crate::bench::certificate::HOST;
use crate::bench::site::{Job, PATIENCE, Routes, Site};
use crate::parts;

pub struct Nginx;

impl Peer for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn version(&self) -> Result<String> {
        let line = said(parts::command("nginx", "nginx").arg("-v"), "nginx version")?;
        Ok(line.rsplit('/').next().unwrap_or_default().to_owned())
    }

    fn start(&self, site: &Site<'_>) -> Result<Running> {
        let place = Place::new()?;
        let file = place.write("nginx.conf", &configuration(site, &place))?;
        let mut command = parts::command("nginx", "nginx");
        command.arg("-p").arg(place.folder.path()).arg("-c").arg(&file);
        place.run(&command)
    }
}

fn configuration(site: &Site<'_>, place: &Place) -> String {
    let folder = place.folder.path().display();
    let mut text = format!(
        "daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr crit;\n\
         worker_rlimit_nofile 20000;\n"
    );
    // Packages that are installed have the module where the program looks for it.
    if let Some(module) = parts::file("nginx", "usr/lib/nginx/modules/ngx_stream_module.so")
        && site.job == Job::Tcp
    {
        let _ = writeln!(text, "load_module {};", module.display());
    }
    text.push_str("events { worker_connections 9000; }\n");
    match site.job {
        Job::Tcp => text.push_str(&stream(site, place)),
        Job::Grpc => text.push_str(&http(site, place, &grpc(site, place))),
        Job::Web(routes) => text.push_str(&http(site, place, &web(site, place, routes))),
    }
    text
}

fn stream(site: &Site<'_>, place: &Place) -> String {
    format!(
        "stream {{ server {{ listen 127.0.0.1:{}; proxy_pass {}; proxy_timeout {}s; tcp_nodelay on; }} }}\n",
        place.plain,
        site.upstreams.echo,
        PATIENCE.as_secs()
    )
}

/// What all servers share, around them.
fn http(site: &Site<'_>, place: &Place, servers: &str) -> String {
    let folder = place.folder.path().display();
    let seconds = PATIENCE.as_secs();
    format!(
        "http {{\n\
         access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
         fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
         keepalive_requests 100000000; keepalive_timeout {seconds}s; client_max_body_size 0;\n\
         server_names_hash_max_size 65536; server_names_hash_bucket_size 128;\n\
         ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3;\n\
         upstream v1 {{ server {}; {POOL} }}\n\
         upstream v2 {{ server {}; {POOL} }}\n\
         upstream calls {{ server {}; {POOL} }}\n\
         map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}\n\
         proxy_http_version 1.1; proxy_set_header Connection $connection_upgrade;\n\
         proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $host;\n\
         proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;\n\
         proxy_set_header X-Request-Id $request_id;\n\
         proxy_read_timeout {seconds}s; proxy_send_timeout {seconds}s; proxy_request_buffering off;\n\
         proxy_buffers 16 16k; proxy_max_temp_file_size 0;\n\
         {servers}}}\n",
        site.certificate.certificate_file().display(),
        site.certificate.key_file().display(),
        site.upstreams.http,
        site.upstreams.http_v2,
        site.upstreams.grpc,
    )
}

const POOL: &str = "keepalive 512; keepalive_requests 100000000; keepalive_timeout 600s;";

fn grpc(site: &Site<'_>, place: &Place) -> String {
    let _ = site;
    format!(
        "server {{ listen 127.0.0.1:{} http2; server_name {HOST}; http2_max_concurrent_streams 1000;\n\
         location / {{ grpc_pass grpc://calls; grpc_set_header X-Forwarded-For $remote_addr;\n\
         grpc_set_header X-Forwarded-Proto $scheme; grpc_set_header X-Request-Id $request_id; }} }}\n",
        place.plain
    )
}

fn web(site: &Site<'_>, place: &Place, routes: Routes) -> String {
    let _ = site;
    let (plain, tls) = (place.plain, place.tls);
    let mut text = String::new();
    let mut server = |name: &str, locations: &str| {
        let _ = writeln!(
            text,
            "server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl http2; server_name {name}; {locations} }}"
        );
    };
    match routes {
        Routes::One => server(HOST, "location / { proxy_pass http://v1; }"),
        Routes::Paths(count) => {
            let mut locations = String::new();
            for number in 0..count {
                let _ = writeln!(locations, "location /p{number}/ {{ proxy_pass http://v1; }}");
            }
            server(HOST, &locations);
        }
        Routes::Hosts(count) => {
            for number in 0..count {
                let _ = writeln!(
                    text,
                    "server {{ listen 127.0.0.1:{plain}; server_name h{number}.{HOST};\n\
                     location / {{ proxy_pass http://v1; }} }}"
                );
            }
        }
        Routes::Rules => {
            server(
                HOST,
                "location / { proxy_pass http://$version; proxy_next_upstream error timeout http_502 http_503 http_504;\n\
                 proxy_next_upstream_tries 3; }",
            );
            text.insert_str(
                0,
                "split_clients $request_id $share { 90% v1; * v2; }\n\
                 map $http_user_agent $by_agent { default $share; ~iPhone v2; }\n\
                 map $http_x_canary $version { default $by_agent; yes v2; }\n",
            );
        }
    }
    text
}
