//! Names of hosts, made full: a short name is that of a Service of the namespace that writes it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::objects::Objects;

/// What is needed to make names full.
pub(super) struct Names {
    domain: Arc<str>,
    /// `name.namespace`
    services: HashSet<String>,
}

impl Names {
    pub(super) fn new(objects: &Objects<'_>, domain: &Arc<str>) -> Self {
        let services = objects.services.iter();
        Self {
            domain: domain.clone(),
            services: services
                .map(|service| format!("{}.{}", service.meta.name.value, service.meta.namespace))
                .collect(),
        }
    }

    /// `NAME.NAMESPACE.svc.cluster.local`
    pub(super) fn of_service(&self, name: &str, namespace: &str) -> Arc<str> {
        format!("{name}.{namespace}.svc.{}", self.domain).into()
    }

    /// The full name that `host` means in a namespace, in lower case: `reviews`, `reviews.prod` where there is such a
    /// Service, `reviews.prod.svc`; anything else is full already.
    pub(super) fn full(&self, host: &str, namespace: &str) -> Arc<str> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if !host.contains('.') && !host.contains('*') {
            return self.of_service(&host, namespace);
        }
        if self.services.contains(&host) {
            return format!("{host}.svc.{}", self.domain).into();
        }
        match host.strip_suffix(".svc") {
            Some(stem) => format!("{stem}.svc.{}", self.domain).into(),
            None => host.into(),
        }
    }

    /// The name and namespace in the full name of a Service.
    pub(super) fn parts<'h>(&self, host: &'h str) -> Option<(&'h str, &'h str)> {
        let stem = host.strip_suffix(&*self.domain)?.strip_suffix(".svc.")?;
        let (name, namespace) = stem.split_once('.')?;
        (!namespace.contains('.')).then_some((name, namespace))
    }
}
