//! A model whose names begin with something, so that it can stand beside others.

use std::sync::Arc;

use seaway_model::{Action, ClusterName, Model, SecretName, Target};

pub fn scoped(model: &Model, prefix: &str) -> Model {
    let mut scoped = Model::default();
    for (name, secret) in &model.secrets {
        let name = SecretName(format!("{prefix}{name}").into());
        let mut secret = secret.as_ref().clone();
        secret.name = name.clone();
        scoped.secrets.insert(name, Arc::new(secret));
    }
    for (name, cluster) in &model.clusters {
        let name = in_scope(name, prefix);
        let mut cluster = cluster.as_ref().clone();
        cluster.name = name.clone();
        scoped.clusters.insert(name, Arc::new(cluster));
    }
    for listener in &model.listeners {
        let mut listener = listener.as_ref().clone();
        listener.name = format!("{prefix}{}", listener.name).into();
        for certificate in listener.tls.iter_mut().flat_map(|tls| &mut tls.certificates) {
            certificate.secret = SecretName(format!("{prefix}{}", certificate.secret).into());
        }
        for route in listener
            .virtual_hosts
            .iter_mut()
            .flat_map(|host| &mut host.routes)
        {
            let route = Arc::make_mut(route);
            for mirror in &mut route.mirrors {
                mirror.cluster = in_scope(&mirror.cluster, prefix);
            }
            if let Action::Forward(forward) = &mut route.action {
                for destination in &mut forward.destinations {
                    if let Target::Cluster(name) = &mut destination.target {
                        *name = in_scope(name, prefix);
                    }
                }
            }
        }
        scoped.listeners.push(Arc::new(listener));
    }
    scoped
}

fn in_scope(name: &ClusterName, prefix: &str) -> ClusterName {
    ClusterName(format!("{prefix}{name}").into())
}
