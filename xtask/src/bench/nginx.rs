//! nginx, to be compared with: the one that is installed, or else Debian's package unpacked into `.cache/`. Nothing is
//! installed and no service is started.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::gateway::Process;
use crate::project;

/// A running nginx with one worker.
pub struct Nginx {
    pub process: Process,
    pub address: SocketAddr,
    pub version: String,
    _dir: TempDir,
}

/// Starts one on core 0 that forwards everything to `upstream`.
pub fn start(upstream: SocketAddr) -> Result<Nginx> {
    let program = find()?;
    let dir = tempfile::tempdir()?;
    // nginx cannot tell which port the system picked, so one is picked for it; a clash would show as an error.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let file = dir.path().join("nginx.conf");
    fs::write(&file, configuration(dir.path(), port, upstream))?;
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", "0"])
        .arg(&program)
        .arg("-p")
        .arg(dir.path())
        .arg("-c")
        .arg(&file);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut process = Process(child);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        ensure!(
            process.0.try_wait()?.is_none(),
            "nginx ended at once; try: {} -t -c FILE",
            program.display()
        );
        ensure!(began.elapsed() < Duration::from_secs(10), "nginx does not listen");
        std::thread::yield_now();
    }
    let said = Command::new(&program).arg("-v").output()?;
    let version = String::from_utf8_lossy(&said.stderr)
        .trim()
        .replace("nginx version: ", "");
    Ok(Nginx {
        process,
        address,
        version,
        _dir: dir,
    })
}

/// One process that does the work itself, logs off, connections kept on both sides, buffers as our peers have them.
fn configuration(dir: &Path, port: u16, upstream: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log /dev/null crit;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
         access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;\n\
         fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;\n\
         keepalive_requests 100000000; keepalive_timeout 600s;\n\
         upstream up {{ server {upstream}; keepalive 512; keepalive_requests 100000000; }}\n\
         server {{ listen 127.0.0.1:{port}; location / {{\n\
         proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;\n\
         proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Request-Id $request_id;\n\
         proxy_buffers 16 16k; proxy_max_temp_file_size 0; }} }}\n\
         }}\n"
    )
}

fn find() -> Result<PathBuf> {
    let cached = project::path(".cache/nginx/usr/sbin/nginx");
    for candidate in [
        PathBuf::from("/usr/sbin/nginx"),
        PathBuf::from("/usr/bin/nginx"),
        cached.clone(),
    ] {
        if candidate.exists() {
            return Ok(candidate);
        }
    }
    unpack().context("nginx is neither installed nor to be had as a Debian package")?;
    ensure!(cached.exists(), "Debian's nginx package has no usr/sbin/nginx");
    Ok(cached)
}

fn unpack() -> Result<()> {
    let cache = project::path(".cache/nginx");
    fs::create_dir_all(&cache)?;
    succeed(
        Command::new("apt-get")
            .args(["download", "nginx"])
            .current_dir(&cache),
    )?;
    for entry in fs::read_dir(&cache)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            succeed(Command::new("dpkg").arg("-x").arg(&path).arg(&cache))?;
        }
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.stdout(Stdio::null()).status()?;
    if !status.success() {
        bail!("{:?} said {status}", command.get_program());
    }
    Ok(())
}
