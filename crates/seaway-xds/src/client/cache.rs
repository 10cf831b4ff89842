//! What is held, on disk, so that a data plane that starts without its control plane serves what it knew.
//!
//! One file of length-delimited `DeltaDiscoveryResponse`s, replaced as a whole: a crash leaves the old one or the new one.
//! It holds private keys, so nobody else may read it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryResponse;
use prost::Message;

const FILE: &str = "xds-cache.binpb";

/// What was kept; empty where nothing was.
pub(super) fn load(folder: &Path) -> Result<Vec<DeltaDiscoveryResponse>, String> {
    let path = folder.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(format!(
                "{} cannot be read ({error}); check its permissions",
                path.display()
            ));
        }
    };
    let (mut rest, mut responses) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        let response = DeltaDiscoveryResponse::decode_length_delimited(&mut rest);
        let broken = |error| format!("{} is broken ({error}); remove it", path.display());
        responses.push(response.map_err(broken)?);
    }
    Ok(responses)
}

/// Keeps these.
pub(super) fn save(folder: &Path, responses: &[DeltaDiscoveryResponse]) -> Result<(), String> {
    let bytes: Vec<u8> = responses
        .iter()
        .flat_map(Message::encode_length_delimited_to_vec)
        .collect();
    let result = replace(folder, &bytes);
    result.map_err(|error| {
        format!(
            "the configuration cannot be kept in {} ({error}); check that it can be written",
            folder.display()
        )
    })
}

fn replace(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = folder.join(format!("{FILE}.new"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}
