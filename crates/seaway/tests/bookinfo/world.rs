//! A gateway that serves one step, with real pods behind it.

use std::net::SocketAddr;

use http::Request;
use http::request::Builder;
use seaway_testkit::client::{Answer, Client, Wire};

use super::example;
use super::support::files::Folder;
use super::support::gateway::Gateway;

/// The mesh port, as configured; the system picks the one that is bound.
pub const MESH: u16 = 15080;

/// A gateway that serves one step.
pub struct World {
    /// The gateway.
    pub gateway: Gateway,
    mesh: SocketAddr,
    folder: Folder,
    ports: Vec<(u16, SocketAddr)>,
}

impl World {
    /// Serves these files. `ports` says where the pods really are, by the port that the example has for each. `more`
    /// are flags.
    pub async fn start(files: &[&str], ports: Vec<(u16, SocketAddr)>, more: &[&str]) -> Self {
        let folder = Folder::new();
        for file in files {
            folder.write(&flat(file), &text(file, &ports));
        }
        let mesh_port = MESH.to_string();
        let map = format!("{MESH}:0");
        let flags = [&["--mesh-port", &mesh_port, "--map-port", &map], more].concat();
        let gateway = Gateway::start_with(folder.path(), &flags).await;
        let mesh = gateway.bound(MESH).await;
        Self {
            gateway,
            mesh,
            folder,
            ports,
        }
    }

    /// Takes one file instead of another, as somebody does who goes on to the next step.
    pub fn replace(&self, old: &str, new: &str) {
        self.folder.replace(&flat(old), &text(new, &self.ports));
    }

    /// Where the mesh port is bound.
    pub fn mesh(&self) -> SocketAddr {
        self.mesh
    }

    /// Asks a service as a workload does: through the mesh port, by its name.
    pub async fn call(&self, request: Builder) -> Answer {
        let asked = async {
            Client::open(self.mesh, Wire::Http1)
                .await?
                .send(request, "")
                .await
        };
        match asked.await {
            Ok(answer) => answer,
            Err(error) => self
                .gateway
                .process
                .fail(&format!("the mesh does not answer: {error}")),
        }
    }

    /// `GET http://host/`, through the mesh port.
    pub async fn get(&self, host: &str) -> Answer {
        self.call(Request::get("/").header("host", host)).await
    }
}

/// One folder holds them all.
fn flat(file: &str) -> String {
    file.replace('/', "-")
}

fn text(file: &str, ports: &[(u16, SocketAddr)]) -> String {
    let path = example().join(file);
    let mut text = std::fs::read_to_string(&path).expect("a manifest");
    for (written, really) in ports {
        // Ports of pods are the only numbers of this form.
        text = text.replace(&format!(": {written}}}"), &format!(": {}}}", really.port()));
    }
    text
}
