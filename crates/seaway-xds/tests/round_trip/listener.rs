//! Listeners, secrets and whole models.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;
use seaway_model::{
    Authorities, ClientValidation, HostMatch, KeyPair, Listener, ListenerTls, Material, Model, Origin, Pem,
    Pins, PrivateKey, Protocol, Route, Secret, SecretName, ServerCertificate, ServerNameRoute, Sha256,
    TlsMode, TlsParameters, TlsVersion, VirtualHost,
};

use crate::action::{CLUSTERS, l4_route, route};
use crate::cluster::cluster;
use crate::words::{origin, text};

pub const KEY_PAIR: &str = "shop/tls";
pub const OTHER: &str = "shop/other";
pub const FILES: &str = "shop/files";
pub const AUTHORITIES: &str = "shop/authorities";

/// Hosts of a listener, most specific first, each once.
fn hosts() -> BoxedStrategy<Vec<HostMatch>> {
    let all = [
        HostMatch::Exact("a.example".into()),
        HostMatch::Exact("10.0.0.1".into()),
        HostMatch::Exact("2001:db8::1".into()),
        HostMatch::OneLabel(".example".into()),
        HostMatch::Suffix(".example".into()),
        HostMatch::OneLabel(".b.example".into()),
        HostMatch::Suffix("-v2.example".into()),
        HostMatch::Any,
    ];
    prop::sample::subsequence(all.to_vec(), 0..8)
        .prop_map(|mut hosts| {
            hosts.sort();
            hosts
        })
        .boxed()
}

/// Server names that Envoy can tell apart.
fn server_names() -> BoxedStrategy<Vec<HostMatch>> {
    let all = [
        HostMatch::Exact("a.example".into()),
        HostMatch::OneLabel(".example".into()),
        HostMatch::Suffix(".b.example".into()),
        HostMatch::Any,
    ];
    prop::sample::subsequence(all.to_vec(), 1..4)
        .prop_map(|mut hosts| {
            hosts.sort();
            hosts
        })
        .boxed()
}

fn virtual_hosts() -> BoxedStrategy<Vec<VirtualHost>> {
    (
        hosts(),
        prop::collection::vec(prop::collection::vec(route().prop_map(Arc::new), 0..3), 8),
    )
        .prop_map(|(hosts, routes): (_, Vec<Vec<Arc<Route>>>)| {
            hosts
                .into_iter()
                .zip(routes)
                .map(|(host, routes)| VirtualHost { host, routes })
                .collect()
        })
        .boxed()
}

fn parameters() -> BoxedStrategy<TlsParameters> {
    let version = || prop::option::of(prop_oneof![Just(TlsVersion::V1_2), Just(TlsVersion::V1_3)]);
    let names = prop::collection::vec(text(&["spiffe://a/b", "client.example"]), 0..2);
    let hashes = || prop::collection::vec(any::<[u8; 32]>().prop_map(Sha256), 0..3);
    let pins = (hashes(), hashes()).prop_map(|(keys, certificates)| Pins { keys, certificates });
    let client =
        (any::<bool>(), names, pins).prop_map(|(required, subject_alt_names, pins)| ClientValidation {
            authorities: SecretName(AUTHORITIES.into()),
            required,
            subject_alt_names,
            pins,
        });
    let suites = prop::collection::vec(text(&["ECDHE-ECDSA-AES128-GCM-SHA256"]), 0..2);
    (prop::option::of(client), version(), version(), suites)
        .prop_map(|(client, minimum, maximum, cipher_suites)| TlsParameters {
            client,
            minimum,
            maximum,
            cipher_suites,
        })
        .boxed()
}

fn certificate() -> BoxedStrategy<(SecretName, Option<SecretName>, TlsParameters)> {
    let secret =
        || prop::sample::select(&[KEY_PAIR, OTHER, FILES][..]).prop_map(|name| SecretName(name.into()));
    (secret(), prop::option::of(secret()), parameters()).boxed()
}

/// For each server name a certificate, a route, or both.
fn tls() -> BoxedStrategy<ListenerTls> {
    let each = prop::collection::vec((certificate(), 0..3_u8, l4_route()), 4);
    (server_names(), each)
        .prop_map(|(names, each)| {
            let mut tls = ListenerTls::default();
            for (host, ((secret, alternative, parameters), kind, route)) in names.into_iter().zip(each) {
                if kind < 2 {
                    tls.certificates.push(ServerCertificate {
                        host: host.clone(),
                        secret,
                        alternative,
                        parameters,
                    });
                }
                if kind > 0 {
                    tls.routes.push(ServerNameRoute {
                        host,
                        mode: if kind == 1 {
                            TlsMode::Terminate
                        } else {
                            TlsMode::Passthrough
                        },
                        route: Arc::new(route),
                    });
                }
            }
            tls
        })
        .boxed()
}

fn listener(name: &'static str) -> BoxedStrategy<Listener> {
    let protocol = prop::sample::select(&[Protocol::Http, Protocol::Https, Protocol::Tcp, Protocol::Udp][..]);
    let address = prop::option::of(prop_oneof![
        Just(IpAddr::from([127, 0, 0, 1])),
        Just(IpAddr::from([0, 0, 0, 0])),
    ]);
    (
        origin(),
        address,
        1..u16::MAX,
        protocol,
        any::<bool>(),
        tls(),
        virtual_hosts(),
        prop::option::of(l4_route().prop_map(Arc::new)),
    )
        .prop_map(
            move |(origin, address, port, protocol, proxy_protocol, tls, virtual_hosts, l4)| Listener {
                name: name.into(),
                origin,
                address,
                port,
                protocol,
                proxy_protocol: proxy_protocol && protocol != Protocol::Udp,
                tls: (protocol == Protocol::Https).then_some(tls),
                virtual_hosts: if protocol.is_http() {
                    virtual_hosts
                } else {
                    Vec::new()
                },
                l4: if protocol.is_http() { None } else { l4 },
            },
        )
        .boxed()
}

fn secret(name: &str, origin: Origin, material: Material) -> (SecretName, Arc<Secret>) {
    let name = SecretName(name.into());
    let secret = Secret {
        name: name.clone(),
        origin,
        material,
    };
    (name, Arc::new(secret))
}

/// Where a secret was written is said by those who use it, so of one that nobody uses it is not known.
fn secrets(model: &Model) -> BTreeMap<SecretName, Arc<Secret>> {
    let used = format!("{model:?}");
    let of = |name: &str| {
        let is_used = used.contains(&format!("{name:?}"));
        if is_used {
            Origin {
                kind: "Secret".into(),
                name: name.into(),
                ..Origin::default()
            }
        } else {
            Origin::default()
        }
    };
    let pair = |text: &str| {
        Material::KeyPair(KeyPair {
            certificate_chain: text.into(),
            private_key: PrivateKey::new(text),
        })
    };
    BTreeMap::from([
        secret(KEY_PAIR, of(KEY_PAIR), pair("one")),
        secret(OTHER, of(OTHER), pair("two")),
        secret(
            FILES,
            of(FILES),
            Material::KeyPairFiles {
                certificate: "tls.crt".into(),
                private_key: "tls.key".into(),
            },
        ),
        secret(
            AUTHORITIES,
            of(AUTHORITIES),
            Material::Authorities(Authorities {
                certificates: "three".into(),
                revoked: Some(Pem::File("ca.crl".into())),
            }),
        ),
    ])
}

/// A whole model.
pub fn model() -> BoxedStrategy<Model> {
    let [one, two, three] = CLUSTERS;
    let clusters = (cluster(one), cluster(two), cluster(three));
    (prop::option::of(listener("a")), listener("b"), clusters)
        .prop_map(|(a, b, (one, two, three))| {
            let mut model = Model {
                listeners: a.into_iter().chain([b]).map(Arc::new).collect(),
                clusters: [one, two, three]
                    .into_iter()
                    .map(|cluster| (cluster.name.clone(), Arc::new(cluster)))
                    .collect(),
                secrets: BTreeMap::new(),
            };
            model.secrets = secrets(&model);
            model
        })
        .boxed()
}
