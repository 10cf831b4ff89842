//! `loadBalancer`.

use seaway_api::Spanned;
use seaway_api::istio::{ConsistentHash, HashAlgorithm, HashKey, HttpCookie, LoadBalancer, SimpleBalancing};
use seaway_model::{Balancing, BalancingSettings, Code, Fraction, GeneratedCookie, HashOn, Millis, Warmup};

use super::Translator;
use crate::resolve::policy::LoadBalancing;

impl Translator<'_, '_> {
    pub(super) fn balancing(&mut self, balancer: &Spanned<LoadBalancer>, field: &str) -> LoadBalancing {
        let warmup = balancer.slow_start().map(|warmup| Warmup {
            duration: Millis(warmup.duration.value),
            minimum: Fraction::from_millionths(warmup.minimum_percent.value),
            aggression: warmup.aggression.value,
        });
        let mut made = match &balancer.consistent_hash {
            Some(hash) => hashing(hash),
            None => LoadBalancing {
                balancing: self.simple(balancer.simple.as_ref(), &format!("{field}.simple")),
                ..LoadBalancing::default()
            },
        };
        made.settings.warmup = warmup;
        if let Some(settings) = &balancer.locality {
            let field = format!("{field}.localityLbSetting");
            made.localities = self.localities(settings, &field);
            made.localities_at = Some(self.at(&field, settings.pos));
        }
        made
    }

    fn simple(&mut self, simple: Option<&Spanned<SimpleBalancing>>, field: &str) -> Balancing {
        let Some(simple) = simple else {
            return Balancing::LeastRequest;
        };
        match simple.value {
            SimpleBalancing::Unspecified | SimpleBalancing::LeastRequest => Balancing::LeastRequest,
            SimpleBalancing::RoundRobin => Balancing::RoundRobin,
            SimpleBalancing::Random => Balancing::Random,
            SimpleBalancing::Passthrough => {
                self.reporter.report(
                    Code::IgnoredField,
                    field,
                    simple.pos,
                    "PASSTHROUGH is treated as LEAST_REQUEST: what comes to a gateway was addressed to the gateway, so \
                     that there is no address of the client's to pass on to",
                    "write the balancing that is meant, or remove the field",
                );
                Balancing::LeastRequest
            }
        }
    }
}

fn hashing(hash: &ConsistentHash) -> LoadBalancing {
    let (balancing, settings) = match &hash.algorithm {
        HashAlgorithm::Ring(size) => (
            Balancing::RingHash,
            BalancingSettings {
                // Zero is what protobuf writes for nothing.
                minimum_ring_size: size.as_ref().map(|size| size.value).filter(|size| *size > 0),
                ..BalancingSettings::default()
            },
        ),
        HashAlgorithm::Maglev(size) => (
            Balancing::Maglev,
            BalancingSettings {
                maglev_table_size: size.as_ref().map(|size| size.value),
                ..BalancingSettings::default()
            },
        ),
    };
    let hash_on = match &hash.key {
        HashKey::Header(name) => HashOn::Header(name.to_ascii_lowercase().into()),
        HashKey::Cookie(cookie) => on_cookie(cookie),
        HashKey::SourceIp => HashOn::SourceIp,
        HashKey::Query(name) => HashOn::Query(name.value.clone()),
    };
    LoadBalancing {
        balancing,
        settings,
        hash_on: vec![hash_on],
        ..LoadBalancing::default()
    }
}

/// A cookie is made only where a lifetime is written, and zero is one: that of the session.
fn on_cookie(cookie: &HttpCookie) -> HashOn {
    let name = cookie.name.value.clone();
    match &cookie.ttl {
        None => HashOn::Cookie(name),
        Some(ttl) => HashOn::GeneratedCookie(GeneratedCookie {
            name,
            path: cookie
                .path
                .as_ref()
                .map(|path| path.value.clone())
                .filter(|path| !path.is_empty()),
            ttl: Millis(ttl.value),
            attributes: (cookie.attributes.iter())
                .map(|attribute| (attribute.name.value.clone(), attribute.value.clone()))
                .collect(),
        }),
    }
}
