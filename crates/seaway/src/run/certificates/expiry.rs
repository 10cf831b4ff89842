//! Until when what serves is valid, wherever it came from.

use std::collections::BTreeMap;

use seaway_model::{KeyPair, Material, Model};
use x509_parser::pem::Pem;

/// Seconds since 1970 by host.
#[derive(Debug, Default)]
pub struct Expiries(BTreeMap<String, f64>);

impl Expiries {
    /// Of the hosts that listeners have certificates for. Of two certificates for a host, the earlier end counts.
    pub fn of(model: &Model) -> Self {
        let mut all = BTreeMap::new();
        let listeners = model
            .listeners
            .iter()
            .filter_map(|listener| listener.tls.as_ref());
        for certificate in listeners.flat_map(|tls| &tls.certificates) {
            let secret = model.secrets.get(&certificate.secret);
            let Some(Material::KeyPair(pair)) = secret.map(|secret| &secret.material) else {
                continue;
            };
            // What cannot be parsed cannot be presented either, and the listener says so.
            let Some(at) = not_after(pair) else { continue };
            let earliest = all.entry(certificate.host.to_string()).or_insert(at);
            *earliest = earliest.min(at);
        }
        Self(all)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(host, at)| (host.as_str(), *at))
    }
}

/// The end of the first certificate of the chain. An `f64` holds every second of this age.
#[expect(
    clippy::cast_precision_loss,
    reason = "below 2^53 for the next 285 million years"
)]
fn not_after(pair: &KeyPair) -> Option<f64> {
    let leaf = Pem::iter_from_buffer(pair.certificate_chain.as_bytes())
        .next()?
        .ok()?;
    let certificate = leaf.parse_x509().ok()?;
    Some(certificate.validity().not_after.timestamp() as f64)
}
