//! Choosing an endpoint.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use seaway_model::{Balancing, Endpoint, EndpointSource, Locality, LocalityWeight, Model};
use seaway_proxy::bench;
use seaway_proxy::upstream::Registry;

use super::{Walk, model, numbers};

/// One of ten of equal weight.
pub fn by(policy: Balancing) -> Walk {
    let mut cluster = model::cluster(endpoints(|_| None));
    cluster.balancing = policy;
    choose(cluster)
}

/// One of ten in three zones, which have weights.
pub fn localities() -> Walk {
    let zone = |n: u8| Locality {
        region: "r".into(),
        zone: format!("z{}", n % 3).into(),
        subzone: "".into(),
    };
    let mut cluster = model::cluster(endpoints(|n| Some(zone(n))));
    cluster.balancing = Balancing::LeastRequest;
    cluster.balancing_settings.locality_weights = (0..3)
        .map(|n| LocalityWeight {
            locality: zone(n),
            weight: u32::from(n) + 1,
        })
        .collect();
    choose(cluster)
}

fn endpoints(locality: impl Fn(u8) -> Option<Locality>) -> Vec<Endpoint> {
    let endpoint = |n| Endpoint {
        locality: locality(n),
        ..Endpoint::new(SocketAddr::from((Ipv4Addr::new(10, 0, 0, n), 8080)))
    };
    (0..10).map(endpoint).collect()
}

fn choose(cluster: seaway_model::Cluster) -> Walk {
    assert!(matches!(&cluster.endpoints, EndpointSource::Static(all) if all.len() == 10));
    let name = cluster.name.clone();
    let mut model = Model::default();
    model.clusters.insert(name.clone(), Arc::new(cluster));
    let registry = Registry::new();
    let clusters = registry.apply(&model);
    let (mut hash, mut rng) = (numbers(), numbers());
    Box::new(move |times| {
        let cluster = clusters.get(&name).unwrap();
        for _ in 0..times {
            black_box(bench::choose(cluster, Some(hash()), &mut rng)).unwrap();
        }
    })
}
