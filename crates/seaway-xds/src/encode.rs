//! Model → Envoy.
//!
//! The rule for every node: Envoy's own words where they mean the same, other words of Envoy's where they can be made to,
//! and a loss on the list where they cannot. What a reader would understand differently is noted beside it
//! ([`crate::notes`]).

pub(crate) mod action;
pub(crate) mod cluster;
mod endpoints;
pub(crate) mod expression;
pub(crate) mod filters;
pub(crate) mod hcm;
pub(crate) mod headers;
pub(crate) mod hosts;
pub(crate) mod l4;
mod limits;
mod listener;
pub(crate) mod matching;
pub(crate) mod redirect;
pub(crate) mod rewrite;
mod route;
pub(crate) mod tls;

pub(crate) use cluster::HTTP;
pub(crate) use limits::UNLIMITED;

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use envoy_types::pb::envoy::config::core::v3::{
    AggregatedConfigSource, ApiVersion, ConfigSource, config_source::ConfigSourceSpecifier,
};
use seaway_model::{HostMatch, Listener, Model, Origin, Protocol};

use crate::{Resources, Unsupported};

/// How resources that are referred to reach Envoy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Over the stream that everything comes over (ADS).
    #[default]
    Ads,
    /// In the file that Envoy starts with: routes and endpoints stand inside of listeners and clusters.
    Static,
}

impl Delivery {
    fn config_source(self) -> Option<ConfigSource> {
        (self == Self::Ads).then(|| ConfigSource {
            resource_api_version: ApiVersion::V3.into(),
            config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
            ..ConfigSource::default()
        })
    }
}

/// What can be chosen.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How resources reach Envoy.
    pub delivery: Delivery,
    /// Where listeners are bound instead of where the configuration says: configured port to bound port.
    pub port_map: BTreeMap<u16, u16>,
    /// Binds all listeners here.
    pub address: Option<IpAddr>,
}

/// A model in Envoy's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// What Envoy is told.
    pub resources: Resources,
    /// What the model says and Envoy cannot do.
    pub unsupported: Vec<Unsupported>,
}

/// Says a model in Envoy's words.
#[must_use]
pub fn encode(model: &Model, options: &Options) -> Encoded {
    let mut encoder = Encoder {
        model,
        options,
        resources: Resources::default(),
        losses: Losses::default(),
    };
    for secret in model.secrets.values() {
        if let Some(secret) = tls::secret(secret) {
            encoder
                .resources
                .secrets
                .insert(secret.name.clone(), secret.into());
        }
    }
    for cluster in model.clusters.values() {
        encoder.cluster(cluster);
    }
    for listener in &model.listeners {
        encoder.listener(listener);
    }
    Encoded {
        resources: encoder.resources,
        unsupported: encoder.losses.all,
    }
}

struct Encoder<'m> {
    model: &'m Model,
    options: &'m Options,
    resources: Resources,
    losses: Losses,
}

/// What could not be carried over; each once.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    all: Vec<Unsupported>,
    /// A route stands under several hosts and listeners.
    known: HashSet<Unsupported>,
}

impl Losses {
    fn add(&mut self, origin: &Origin, all: Vec<(&'static str, String)>) {
        for (what, why) in all {
            self.add_text(origin, what, &why);
        }
    }

    fn add_text(&mut self, origin: &Origin, what: &str, why: &str) {
        let loss = Unsupported {
            origin: origin.clone(),
            what: what.into(),
            why: why.into(),
        };
        if self.known.insert(loss.clone()) {
            self.all.push(loss);
        }
    }
}

/// Where a route stands, as far as its words depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'m> {
    /// What the listener speaks.
    pub(crate) scheme: &'static str,
    /// The host, where there is only one.
    pub(crate) host: Option<&'m str>,
}

impl<'m> Place<'m> {
    fn new(listener: &Listener, host: &'m HostMatch) -> Self {
        Self {
            scheme: if listener.protocol == Protocol::Https {
                "https"
            } else {
                "http"
            },
            host: match host {
                HostMatch::Exact(host) => Some(host),
                HostMatch::OneLabel(_) | HostMatch::Suffix(_) | HostMatch::Any => None,
            },
        }
    }
}
