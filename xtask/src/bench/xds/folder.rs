//! Manifests with endpoints of their own: Services, their slices, and routes to them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use tempfile::TempDir;

/// Endpoints of one Service.
const PER_SERVICE: usize = 10;
/// Objects in one file.
const PER_FILE: usize = 100;

/// A folder that vanishes.
pub struct Folder(TempDir);

impl Folder {
    /// So many routes over so many endpoints, ten to a Service.
    pub fn new(routes: usize, endpoints: usize) -> Result<Self> {
        let folder = Self(tempfile::tempdir()?);
        let services = endpoints.div_ceil(PER_SERVICE);
        for first in (0..services).step_by(PER_FILE) {
            let mut text = String::new();
            for service in first..services.min(first + PER_FILE) {
                write!(
                    text,
                    "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{service}, namespace: bench}}\n\
                     spec: {{ports: [{{name: http, port: 80}}]}}\n"
                )?;
                if service > 0 {
                    text.push_str(&slice(service, 0));
                }
            }
            fs::write(folder.path().join(format!("services-{first:05}.yaml")), text)?;
        }
        folder.change_one_endpoint(usize::MAX)?;
        for first in (0..routes).step_by(PER_FILE) {
            let mut text = String::new();
            for route in first..routes.min(first + PER_FILE) {
                write!(
                    text,
                    "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: r{route}, namespace: bench}}\n\
                     spec: {{hosts: [h{}.example.com], paths: [/p{route}], destinations: [{{host: \"s{}:80\"}}]}}\n",
                    route / 10,
                    route % services
                )?;
            }
            fs::write(folder.path().join(format!("routes-{first:05}.yaml")), text)?;
        }
        Ok(folder)
    }

    /// The last endpoint of the first Service gets another address with every number.
    pub fn change_one_endpoint(&self, number: usize) -> Result<()> {
        let last = number.checked_add(1).unwrap_or(0) % 200;
        let new = self.path().join("changing.new");
        fs::write(&new, slice(0, last))?;
        fs::rename(new, self.path().join("changing.yaml"))?;
        Ok(())
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

fn slice(service: usize, last: usize) -> String {
    let address = |number: usize| {
        let host = if number == PER_SERVICE - 1 {
            50 + last
        } else {
            number + 1
        };
        format!("{{addresses: [10.{}.{}.{host}]}}", service / 250, service % 250)
    };
    let endpoints: Vec<String> = (0..PER_SERVICE).map(address).collect();
    format!(
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: s{service}-1, namespace: bench, labels: {{kubernetes.io/service-name: s{service}}}}}\n\
         addressType: IPv4\nports: [{{name: http, port: 8080}}]\nendpoints: [{}]\n",
        endpoints.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_of_one_address() {
        let (one, other) = (slice(0, 1), slice(0, 2));
        let changed = one
            .split(' ')
            .zip(other.split(' '))
            .filter(|(a, b)| a != b)
            .count();
        assert_eq!(changed, 1);
    }
}
