//! `localityLbSetting`.

use seaway_api::Spanned;
use seaway_api::istio::LocalityBalancing;
use seaway_model::Code;

use super::Translator;
use crate::findings::Findings;
use crate::resolve::Rule;
use crate::resolve::locality::{Distribution, Plan};
use crate::resolve::policy::{Localities, Policy};

impl Translator<'_, '_> {
    pub(super) fn localities(&mut self, settings: &Spanned<LocalityBalancing>, field: &str) -> Localities {
        if settings.enabled.as_ref().is_some_and(|enabled| !enabled.value) {
            return Localities::Off;
        }
        let plan = plan(settings);
        self.check_own_place(settings, &plan, field);
        Localities::Planned(plan)
    }

    /// Everything is relative to our own place.
    fn check_own_place(&mut self, settings: &Spanned<LocalityBalancing>, plan: &Plan, field: &str) {
        let here = self.here;
        if let Plan::Failover { labels, .. } = plan {
            for (index, label) in settings.failover_priority.iter().enumerate() {
                if here.locality.is_none() && !label.contains('=') && !here.labels.contains_key(&label.value)
                {
                    self.reporter.report(
                        Code::OwnLocalityUnknown,
                        &format!("{field}.failoverPriority[{index}]"),
                        label.pos,
                        format!("nothing says which \"{}\" the gateway itself has", label.value),
                        format!(
                            "start it with --locality REGION/ZONE/SUBZONE or --locality-label {}=VALUE; until then \
                             endpoints without this label come first",
                            label.value
                        ),
                    );
                }
            }
            if !labels.is_empty() && settings.failover.is_empty() {
                return;
            }
        }
        if here.locality.is_none() {
            self.reporter.report(
                Code::OwnLocalityUnknown,
                field,
                settings.pos,
                "these settings have no effect: nothing says where the gateway itself stands",
                "start it with --locality REGION/ZONE/SUBZONE",
            );
        }
    }
}

fn plan(settings: &LocalityBalancing) -> Plan {
    if !settings.distribute.is_empty() {
        let distributions = settings.distribute.iter().map(|distribution| Distribution {
            from: distribution.from.value.clone(),
            to: distribution
                .to
                .iter()
                .map(|(place, share)| (place.clone(), share.value))
                .collect(),
        });
        return Plan::Distribute(distributions.collect());
    }
    Plan::Failover {
        regions: (settings.failover.iter())
            .map(|failover| (failover.from.value.clone(), failover.to.value.clone()))
            .collect(),
        labels: settings
            .failover_priority
            .iter()
            .map(|label| label.value.clone())
            .collect(),
    }
}

/// Says so where a failover is written and nothing would ever notice a failure.
pub(super) fn check_failover(rule: &Rule, findings: &mut Findings) {
    for policy in effective(rule) {
        let Some(load_balancing) = &policy.load_balancing else {
            continue;
        };
        let (Localities::Planned(Plan::Failover { .. }), None) =
            (&load_balancing.localities, &policy.outlier_detection)
        else {
            continue;
        };
        if let Some(origin) = &load_balancing.localities_at {
            findings.report(
                Code::FailoverWithoutDetection,
                origin.clone(),
                "there is no failover without outlier detection: nothing else would notice that endpoints fail",
                "add outlierDetection to the same trafficPolicy",
            );
        }
    }
}

/// The policies that clusters of the host can have.
fn effective(rule: &Rule) -> Vec<Policy> {
    let mut all = Vec::new();
    for subset in std::iter::once(None).chain(rule.subsets.iter().map(|subset| Some(&subset.policy))) {
        // Port 0 stands for every port that nothing is said of.
        let ports = rule
            .policy
            .port_numbers()
            .chain(subset.into_iter().flat_map(|s| s.port_numbers()));
        let ports: std::collections::BTreeSet<u16> = ports.chain([0]).collect();
        all.extend(
            ports
                .into_iter()
                .map(|port| rule.policy.with_subset(port, subset)),
        );
    }
    all
}
