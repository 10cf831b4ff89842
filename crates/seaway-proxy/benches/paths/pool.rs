//! Taking an idle connection, and giving it back.

use std::sync::Arc;

use seaway_model::{Endpoint, Model};
use seaway_proxy::bench::Checkout;
use seaway_proxy::upstream::Registry;
use tokio::runtime::Builder;

use super::{Walk, model, request};

pub fn checkout() -> Walk {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = model::cluster(vec![Endpoint::new(request::upstream())]);
    let name = cluster.name.clone();
    let mut model = Model::default();
    model.clusters.insert(name.clone(), Arc::new(cluster));
    let clusters = Registry::new().apply(&model);
    let checkout = runtime
        .block_on(Checkout::new(clusters.get(&name).unwrap()))
        .unwrap();
    Box::new(move |times| {
        // Connections to an address that no cluster lists are closed.
        let _listed = &clusters;
        runtime.block_on(async {
            for _ in 0..times {
                assert!(checkout.once().await);
            }
        });
    })
}
