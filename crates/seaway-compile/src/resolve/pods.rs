//! Pods by name, by address and by label, so that no Service has to look at all of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use seaway_api::Object;
use seaway_api::core::{Pod, PodRef};

/// Labels of an object.
pub(super) type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// All Pods.
pub(super) struct Pods<'a> {
    by_name: HashMap<(&'a str, &'a str), &'a Object<Pod>>,
    by_address: HashMap<&'a str, &'a Object<Pod>>,
    by_label: HashMap<(&'a str, &'a str, &'a str), Vec<&'a Object<Pod>>>,
}

impl<'a> Pods<'a> {
    pub(super) fn new(pods: &[&'a Object<Pod>]) -> Self {
        let mut index = Self {
            by_name: HashMap::new(),
            by_address: HashMap::new(),
            by_label: HashMap::new(),
        };
        for pod in pods {
            let namespace = &*pod.meta.namespace;
            index.by_name.insert((namespace, &pod.meta.name), pod);
            for address in &pod.spec.ips {
                index.by_address.entry(&address.value).or_insert(pod);
            }
            for (key, value) in &pod.meta.labels {
                index
                    .by_label
                    .entry((namespace, key, value))
                    .or_default()
                    .push(pod);
            }
        }
        index
    }

    /// The Pod behind an endpoint: the one it names, or else the one that has its address.
    pub(super) fn behind(
        &self,
        target: Option<&PodRef>,
        namespace: &str,
        address: &str,
    ) -> Option<&'a Object<Pod>> {
        let named = target.and_then(|target| {
            let namespace = if target.namespace.is_empty() {
                namespace
            } else {
                &target.namespace
            };
            self.by_name.get(&(namespace, &*target.name))
        });
        named.or_else(|| self.by_address.get(address)).copied()
    }

    /// The Pods that a selector selects; an empty selector selects none.
    pub(super) fn selected(&self, namespace: &str, selector: &Labels) -> Vec<&'a Object<Pod>> {
        let candidates = selector.iter().map(|(key, value)| {
            self.by_label
                .get(&(namespace, &**key, &**value))
                .map_or(&[][..], Vec::as_slice)
        });
        // The rarest label leaves the fewest to look at.
        candidates
            .min_by_key(|list| list.len())
            .unwrap_or_default()
            .iter()
            .filter(|pod| {
                selector
                    .iter()
                    .all(|(key, value)| pod.meta.labels.get(key) == Some(value))
            })
            .copied()
            .collect()
    }
}
