//! Manifests of any size, in a folder that vanishes.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use tempfile::TempDir;

/// Routes in one file: a change rewrites one of many, as it would be in life.
const PER_FILE: usize = 100;

/// A folder of manifests.
pub struct Manifests {
    dir: TempDir,
}

impl Manifests {
    /// So many routes on hosts of their own, ten paths each, forwarding to a loopback port.
    pub fn on_many_hosts(routes: usize, upstream: u16) -> Result<Self> {
        Self::write(routes, |route| {
            format!(
                "spec: {{hosts: [h{}.example.com], paths: [/p{route}], destinations: [{{host: \"127.0.0.1:{upstream}\"}}]}}\n",
                route / 10
            )
        })
    }

    /// So many routes on one host: the hardest case for an index.
    pub fn on_one_host(routes: usize) -> Result<Self> {
        Self::write(routes, |route| {
            format!(
                "spec: {{hosts: [one.example.com], paths: [/a/p{route}], destinations: [{{host: \"127.0.0.1:1\"}}]}}\n"
            )
        })
    }

    fn write(routes: usize, spec: impl Fn(usize) -> String) -> Result<Self> {
        let manifests = Self {
            dir: tempfile::tempdir()?,
        };
        let all: Vec<usize> = (0..routes).collect();
        for (file, routes) in all.chunks(PER_FILE).enumerate() {
            let mut text = String::new();
            for route in routes {
                // Writing to a String cannot fail.
                let _ = write!(
                    text,
                    "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: r{route}, namespace: bench}}\n{}",
                    spec(*route)
                );
            }
            fs::write(manifests.dir.path().join(format!("{file:05}.yaml")), text)?;
        }
        manifests.redirect("start")?;
        Ok(manifests)
    }

    /// Writes the one route that `change` watches: a redirect that says `version`.
    pub fn redirect(&self, version: &str) -> Result<()> {
        let text = format!(
            "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: watched, namespace: bench}}\n\
             spec: {{hosts: [watched.example.com], redirect: {{host: {version}.example.com, status: 302}}}}\n"
        );
        // Beside it and then renamed, as editors and volumes do it.
        let new = self.dir.path().join("watched.new");
        fs::write(&new, text)?;
        fs::rename(new, self.dir.path().join("watched.yaml"))?;
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }
}
