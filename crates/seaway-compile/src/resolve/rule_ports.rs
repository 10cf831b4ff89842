//! Settings of DestinationRules for ports that their host does not have.
//!
//! Said in the end, when it is known which ports routes have asked for: a DNS name that nobody has entered into the
//! registry has the ports that are asked for. Of a wildcard it is enough that one host below it has the port.

use std::collections::BTreeSet;

use seaway_api::core::Service;
use seaway_api::istio::{DestinationRule, PortTrafficPolicy};
use seaway_api::{Object, Spanned};
use seaway_model::Code;

use super::Resolver;
use super::ports::is_external;
use crate::findings::{Findings, Reporter, origin_of};

impl Resolver<'_> {
    /// Says of each port that is not there that what is written for it shapes nothing.
    pub(super) fn report_ports_of_rules(&self, findings: &mut Findings) {
        for object in &self.objects.destination_rules {
            let settings = settings(&object.spec);
            if settings.is_empty() {
                continue;
            }
            let host = self.names.full(&object.spec.host, &object.meta.namespace);
            let Some(ports) = self.registered_ports(&host) else {
                continue;
            };
            let origin = origin_of(&object.meta);
            let mut reporter = Reporter::new(&origin, findings);
            for (field, settings) in settings {
                let number = settings.port.value;
                if ports.contains(&number) || self.ports.is_asked_for(number, |other| is_below(other, &host))
                {
                    continue;
                }
                let there: Vec<String> = ports.iter().map(u16::to_string).collect();
                reporter.report(
                    Code::IgnoredField,
                    &format!("{field}.port"),
                    settings.port.pos,
                    format!(
                        "\"{host}\" has no port {number}, so these settings shape nothing; it has {}",
                        there.join(", ")
                    ),
                    "name the port of the Service or ServiceEntry, not the one that its pods listen on, or remove the \
                     settings",
                );
            }
        }
    }

    /// The ports that a host has, or all hosts below a wildcard have. `None` where it may have any, and where there is no
    /// such host, which is said elsewhere.
    fn registered_ports(&self, host: &str) -> Option<BTreeSet<u16>> {
        let mut ports: BTreeSet<u16> = self.entries.ports_below(host).collect();
        for service in self.services_below(host) {
            if service.spec.ports.is_empty() && is_external(service) {
                return None;
            }
            ports.extend(service.spec.ports.iter().map(|port| port.port.value));
        }
        (!ports.is_empty()).then_some(ports)
    }

    /// An exact host is looked up, since ten thousand rules may stand beside ten thousand Services.
    fn services_below(&self, host: &str) -> Vec<&Object<Service>> {
        if !host.starts_with('*') {
            let parts = self.names.parts(host);
            return parts
                .and_then(|(name, namespace)| self.services.get(namespace, name))
                .into_iter()
                .collect();
        }
        let all = self.objects.services.iter().copied();
        all.filter(|service| is_below(&self.full_name(&service.meta.name, &service.meta.namespace), host))
            .collect()
    }
}

/// Whether a host is this one, or lies below it where it is a wildcard.
fn is_below(host: &str, pattern: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix),
        None => *host == *pattern,
    }
}

/// What is written for single ports, with its field.
fn settings(rule: &DestinationRule) -> Vec<(String, &Spanned<PortTrafficPolicy>)> {
    let subsets = rule.sound_subsets().map(|(index, subset)| {
        let field = format!("spec.subsets[{index}].trafficPolicy");
        (field, subset.value.traffic_policy.as_ref())
    });
    let whole = ("spec.trafficPolicy".to_owned(), rule.traffic_policy.as_ref());
    let policies = std::iter::once(whole).chain(subsets);
    policies
        .filter_map(|(field, policy)| Some((field, policy?)))
        .flat_map(|(field, policy)| {
            let settings = policy.value.sound_port_settings();
            settings.map(move |(index, settings)| (format!("{field}.portLevelSettings[{index}]"), settings))
        })
        .collect()
}
