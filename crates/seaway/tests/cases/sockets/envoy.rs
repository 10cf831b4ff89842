//! The same cases, served by a real Envoy that was told what `encode` makes of the model.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use seaway_model::Model;
use seaway_route::RouteTable;
use seaway_testkit::envoy::Envoy;
use seaway_xds::{Delivery, Options, encode, json, static_bootstrap};

use super::backends::with_backends;
use super::{Bound, Served};

impl Served {
    pub(super) async fn start_envoy(model: Model) -> io::Result<Self> {
        let (model, backends) = with_backends(model);
        let model = Arc::new(model);
        let options = Options {
            delivery: Delivery::Static,
            port_map: model.listeners.iter().map(|l| (l.port, 0)).collect(),
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        };
        let encoded = encode(&model, &options);
        let bootstrap =
            json::to_value(&static_bootstrap(&encoded.resources, None)).map_err(io::Error::other)?;
        let envoy = Envoy::start(&bootstrap).await?;
        let addresses = envoy.listeners().await?;
        let listeners = model.listeners.iter().filter_map(|listener| {
            Some(Bound {
                port: listener.port,
                protocol: listener.protocol,
                address: *addresses.get(&*listener.name)?,
            })
        });
        Ok(Self {
            table: RouteTable::build(&model),
            listeners: listeners.collect(),
            _engine: Box::new(envoy),
            backends,
        })
    }
}
