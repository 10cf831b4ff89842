//! `DestinationRule`: what it asks of the clusters of a host, part by part.
//!
//! A rule is translated once, whoever uses it, so that what is wrong with it is said even while nobody does. Which rule
//! holds for whom is decided in `resolve`, as is everything that needs the endpoints.

mod balancing;
mod locality;
mod outlier;
mod pool;
mod tls;

use std::rc::Rc;
use std::sync::Arc;

use seaway_api::istio::{
    ClientTls, ConnectionPool, DestinationRule, LoadBalancer, OutlierDetection, ProxyProtocolVersion,
    TrafficPolicy,
};
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{Code, Fraction, Origin, ProxyProtocolVersion as Version, RetryBudget};

use crate::credential::Credentials;
use crate::findings::{Reporter, place};
use crate::resolve::locality::Here;
use crate::resolve::policy::{Policy, PortedPolicy};
use crate::resolve::{Rule, Subset};

/// What translating needs to know besides the rule.
pub(crate) struct Translator<'t, 'a> {
    pub(crate) here: &'t Here,
    pub(crate) credentials: &'t mut Credentials<'a>,
    pub(crate) reporter: Reporter<'t>,
}

/// The parts of a policy as they are written, for a host or for one of its ports.
struct Parts<'r> {
    load_balancer: Option<&'r Spanned<LoadBalancer>>,
    connection_pool: Option<&'r Spanned<ConnectionPool>>,
    outlier_detection: Option<&'r Spanned<OutlierDetection>>,
    tls: Option<&'r Spanned<ClientTls>>,
}

/// Translates a rule for `host`, its full name.
pub(crate) fn compile(
    object: &Object<DestinationRule>,
    host: Arc<str>,
    mut translator: Translator<'_, '_>,
) -> Rule {
    let spec = &object.spec;
    let origin = translator.reporter.origin.clone();
    let policy = translator.policy(spec.traffic_policy.as_ref(), "spec.trafficPolicy");
    let subsets: Vec<Subset> = spec
        .sound_subsets()
        .map(|(index, subset)| {
            let field = format!("spec.subsets[{index}]");
            Subset {
                name: subset.name.value.clone(),
                labels: subset
                    .labels
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
                policy: translator.policy(subset.traffic_policy.as_ref(), &format!("{field}.trafficPolicy")),
                origin: place(&origin, &field, subset.pos),
            }
        })
        .collect();
    if let Some(selector) = &spec.workload_selector {
        translator.reporter.report(
            Code::IgnoredField,
            "spec.workloadSelector",
            selector.pos,
            "the workload selector is ignored: the rule holds for everything that goes through the gateway",
            "remove the selector, or keep the rule from this gateway with exportTo",
        );
    }
    let rule = Rule::new(object, host, policy, subsets);
    locality::check_failover(&rule, translator.reporter.findings);
    rule
}

impl Translator<'_, '_> {
    fn policy(&mut self, policy: Option<&Spanned<TrafficPolicy>>, field: &str) -> PortedPolicy {
        let Some(policy) = policy else {
            return PortedPolicy::default();
        };
        let all = Parts {
            load_balancer: policy.load_balancer.as_ref(),
            connection_pool: policy.connection_pool.as_ref(),
            outlier_detection: policy.outlier_detection.as_ref(),
            tls: policy.tls.as_ref(),
        };
        let ports = policy.sound_port_settings();
        PortedPolicy {
            all: Policy {
                proxy_protocol: policy.proxy_protocol.as_ref().map(|version| match version.value {
                    ProxyProtocolVersion::V1 => Version::V1,
                    ProxyProtocolVersion::V2 => Version::V2,
                }),
                retry_budget: policy.retry_budget.as_ref().map(|budget| RetryBudget {
                    budget: Fraction::from_millionths(budget.percent.value),
                    min_concurrency: budget.min_retry_concurrency.value,
                }),
                ..self.parts(&all, field)
            },
            ports: ports
                .map(|(index, settings)| {
                    let parts = Parts {
                        load_balancer: settings.load_balancer.as_ref(),
                        connection_pool: settings.connection_pool.as_ref(),
                        outlier_detection: settings.outlier_detection.as_ref(),
                        tls: settings.tls.as_ref(),
                    };
                    let field = format!("{field}.portLevelSettings[{index}]");
                    (settings.port.value, self.parts(&parts, &field))
                })
                .collect(),
        }
    }

    fn parts(&mut self, parts: &Parts<'_>, field: &str) -> Policy {
        Policy {
            load_balancing: parts
                .load_balancer
                .map(|balancer| Rc::new(self.balancing(balancer, &format!("{field}.loadBalancer")))),
            pool: parts.connection_pool.map(|pool| Rc::new(pool::pool(pool))),
            outlier_detection: parts
                .outlier_detection
                .map(|detection| Rc::new(outlier::detection(detection))),
            tls: parts
                .tls
                .map(|tls| Rc::new(self.tls(tls, &format!("{field}.tls")))),
            ..Policy::default()
        }
    }

    fn at(&self, field: &str, pos: Pos) -> Origin {
        place(self.reporter.origin, field, pos)
    }
}
