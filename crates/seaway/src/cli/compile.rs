//! What the manifests cannot say of the gateway, and what they mean depends on.

use std::sync::Arc;

use clap::Args;
use seaway_model::Locality;

/// Where and what the gateway is.
#[derive(Args, Clone, Debug, Default)]
pub struct CompileArgs {
    /// Where the gateway stands: DestinationRules prefer what is near. The later parts may be left out.
    #[arg(long, value_name = "REGION/ZONE/SUBZONE", value_parser = parse_locality)]
    pub locality: Option<Locality>,
    /// A label of the gateway (repeatable), for failoverPriority of DestinationRules.
    #[arg(long = "locality-label", value_name = "KEY=VALUE", value_parser = parse_label)]
    pub locality_labels: Vec<(Arc<str>, Arc<str>)>,
    /// The DNS suffix of the cluster's Services.
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: Option<String>,
    /// A label of the gateway (repeatable): only Istio Gateways whose selector finds it are served; by default all.
    #[arg(long = "gateway-label", value_name = "KEY=VALUE", value_parser = parse_label)]
    pub gateway_labels: Vec<(Arc<str>, Arc<str>)>,
    /// Listen here for requests from inside the cluster, which name a service by its host.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub mesh_port: Option<u16>,
}

impl CompileArgs {
    /// For the compiler, at a time in seconds since 1970.
    pub fn options(&self, now: i64) -> seaway_compile::Options {
        let defaults = seaway_compile::Options::default();
        seaway_compile::Options {
            now: Some(now),
            locality: self.locality.clone(),
            locality_labels: self.locality_labels.iter().cloned().collect(),
            cluster_domain: match &self.cluster_domain {
                Some(domain) => domain.trim_matches('.').to_ascii_lowercase().into(),
                None => defaults.cluster_domain.clone(),
            },
            gateway_labels: (!self.gateway_labels.is_empty())
                .then(|| self.gateway_labels.iter().cloned().collect()),
            mesh_port: self.mesh_port,
            ..defaults
        }
    }
}

fn parse_locality(text: &str) -> Result<Locality, String> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [region, rest @ ..] if !region.is_empty() && rest.len() <= 2 => Ok(Locality {
            region: (*region).into(),
            zone: rest.first().copied().unwrap_or_default().into(),
            subzone: rest.get(1).copied().unwrap_or_default().into(),
        }),
        _ => Err("write REGION, REGION/ZONE or REGION/ZONE/SUBZONE".to_owned()),
    }
}

fn parse_label(text: &str) -> Result<(Arc<str>, Arc<str>), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locality_has_one_to_three_parts() {
        let zone = parse_locality("eu/eu-1").map(|locality| locality.to_string());
        assert_eq!(zone, Ok("eu/eu-1".to_owned()));
        assert!(parse_locality("").is_err());
        assert!(parse_locality("a/b/c/d").is_err());
    }

    #[test]
    fn a_label_has_a_key() {
        assert_eq!(parse_label("rack=7"), Ok(("rack".into(), "7".into())));
        assert!(parse_label("=7").is_err());
        assert!(parse_label("rack").is_err());
    }
}
