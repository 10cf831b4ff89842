//! Every case of `testdata/cases` through every hop: compiled and compared with its goldens, explained, and served over
//! real sockets. Equal answers everywhere are what proves that the hops agree.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod sockets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use seaway_api::Resources;
use seaway_compile::{Options, compile};
use seaway_model::{Authorities, Code, KeyPair, Locality, Material, Model, PrivateKey, Report};
use seaway_route::{ExplainRequest, RouteTable, explain};
use seaway_testkit::cases::{Bless, Case, CaseOptions, Probe, check_goldens, list};
use serde_json::Value;

/// In seconds since 1970.
const THE_YEAR_2030: i64 = 1_893_456_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cases")
}

fn cases() -> Vec<Case> {
    list(&root()).expect("testdata/cases").0
}

/// Messages name the file without its folder, so that goldens are the same everywhere.
fn compiled(case: &Case) -> (Model, Report) {
    let text = std::fs::read(case.input()).expect("input.yaml");
    let mut resources = Resources::default();
    resources.parse_into("input.yaml", &String::from_utf8_lossy(&text));
    compile(&resources, &options(case))
}

fn options(case: &Case) -> Options {
    // Destructured, so that no flag is forgotten.
    let CaseOptions {
        locality,
        locality_label,
        cluster_domain,
        gateway_label,
        mesh_port,
    } = case.options().expect("options.yaml");
    let defaults = Options::default();
    Options {
        // So that what has expired has expired for everybody, and goldens do not age.
        now: Some(THE_YEAR_2030),
        locality: locality.map(|text| {
            let mut parts = text.split('/').map(Arc::from);
            Locality {
                region: parts.next().unwrap_or_default(),
                zone: parts.next().unwrap_or_default(),
                subzone: parts.next().unwrap_or_default(),
            }
        }),
        locality_labels: labels(&locality_label),
        gateway_labels: (!gateway_label.is_empty()).then(|| labels(&gateway_label)),
        mesh_port,
        cluster_domain: cluster_domain.map_or(defaults.cluster_domain.clone(), Into::into),
        ..defaults
    }
}

fn labels(labels: &BTreeMap<String, String>) -> BTreeMap<Arc<str>, Arc<str>> {
    (labels.iter())
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect()
}

fn headers(probe: &Probe) -> HeaderMap {
    probe
        .header_pairs()
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("the name of a header");
            (name, HeaderValue::from_str(value).expect("the value of a header"))
        })
        .collect()
}

/// What `explain` says, as its JSON has it.
fn explained(table: &RouteTable, probe: &Probe) -> Value {
    let (method, url) = probe.method_and_url();
    let request = ExplainRequest::new(method, url, headers(probe), probe.port);
    let request = request.unwrap_or_else(|error| panic!("{}: {error}", probe.title()));
    serde_json::to_value(explain(table, &request.from_source(probe.source))).expect("JSON")
}

/// Fails with everything that is wrong, not only the first.
fn assert_none(wrong: &[String]) {
    if !wrong.is_empty() {
        let mut text = format!("{} failures\n", wrong.len());
        for one in wrong {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n{one}");
        }
        panic!("{text}");
    }
}

#[test]
fn compiling_every_case_gives_its_goldens() {
    assert_none(&check_goldens(&root(), Bless::from_env(), compiled).expect("testdata/cases"));
}

#[test]
fn every_probe_is_explained_as_expected() {
    let mut wrong = Vec::new();
    for case in cases() {
        let table = RouteTable::build(&Arc::new(compiled(&case).0));
        for probe in case.probes().expect("probes.yaml") {
            let differences = probe.check_explanation(&explained(&table, &probe));
            wrong.extend(
                differences
                    .iter()
                    .map(|d| format!("{}: {}: {d}", case.id, probe.title())),
            );
        }
    }
    assert_none(&wrong);
}

#[tokio::test]
async fn every_probe_is_served_as_it_is_explained() {
    let mut wrong = Vec::new();
    for case in cases() {
        let probes = case.probes().expect("probes.yaml");
        if !probes.is_empty() {
            wrong.extend(sockets::run(&case.id, compiled(&case).0, &probes).await);
        }
    }
    assert_none(&wrong);
}

/// Our data plane behind the wire (`seaway proxy`) serves what it decodes, so where that is the model, it answers as the
/// proxy inside does.
#[test]
fn the_model_of_every_case_comes_back_over_the_wire() {
    let mut wrong = Vec::new();
    for case in cases() {
        let mut model = compiled(&case).0;
        for secret in model.secrets.values_mut() {
            let had = had(&secret.material);
            Arc::make_mut(secret).material = had;
        }
        let encoded = seaway_xds::encode(&model, &seaway_xds::Options::default());
        let decoded = seaway_xds::decode(&encoded.resources);
        if decoded.model != model || !decoded.rejected.is_empty() {
            wrong.push(format!("{}: {}", case.id, difference(&model, &decoded.model)));
            wrong.extend(
                decoded
                    .rejected
                    .iter()
                    .map(|rejected| format!("{}: {rejected:?}", case.id)),
            );
        }
    }
    assert_none(&wrong);
}

/// What is told to a data plane: by then whoever runs the model has got it.
fn had(material: &Material) -> Material {
    match material {
        Material::Authorities(authorities) => Material::Authorities(Authorities {
            certificates: "authorities".into(),
            revoked: authorities.revoked.as_ref().map(|_| "lists".into()),
        }),
        Material::KeyPair(_) => material.clone(),
        Material::KeyPairFiles { .. } | Material::Awaited { .. } => Material::KeyPair(KeyPair {
            certificate_chain: "chain".into(),
            private_key: PrivateKey::new("key"),
        }),
    }
}

/// The first lines that are not the same.
fn difference(one: &Model, other: &Model) -> String {
    let text = |model: &Model| serde_json::to_string_pretty(model).expect("JSON");
    let (one, other) = (text(one), text(other));
    let differing = one.lines().zip(other.lines()).find(|(a, b)| a != b);
    format!("{differing:?}")
}

/// What Envoy does otherwise, each with its heading in `docs/parity.md`: this case, this probe, and what is told of it.
const OTHERWISE_IN_ENVOY: &[(&str, &str)] = &[(
    "https_cert/wildcard: GET https://a.b.shop.example.com/: ",
    "expected no connection, got status 421",
)];

#[tokio::test]
async fn every_probe_is_answered_by_envoy_as_it_is_explained() {
    let mut wrong = Vec::new();
    for case in cases() {
        let probes = case.probes().expect("probes.yaml");
        if !probes.is_empty() {
            wrong.extend(sockets::run_envoy(&case.id, compiled(&case).0, &probes).await);
        }
    }
    // A difference that is gone must be taken from the list, and from the page.
    for (probe, told) in OTHERWISE_IN_ENVOY {
        let expected = format!("{probe}{told}");
        let before = wrong.len();
        wrong.retain(|one| *one != expected);
        if wrong.len() == before {
            wrong.push(format!("this is not otherwise in Envoy: {expected}"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn there_are_cases_for_every_diagnostic_that_manifests_can_cause() {
    // These are about files on a disk, and have tests where they are said.
    let elsewhere = [Code::Unreadable, Code::NotWatched, Code::CertificateFile];
    // A code never changes its meaning, so one that has lost its cause stays in the table.
    let retired = [Code::IssuerUnsupported];
    let said: BTreeSet<Code> = cases()
        .iter()
        .flat_map(|case| compiled(case).1.diagnostics)
        .map(|diagnostic| diagnostic.code)
        .collect();
    let missing: Vec<_> = Code::ALL
        .iter()
        .filter(|code| !said.contains(code) && !elsewhere.contains(code) && !retired.contains(code))
        .collect();
    assert!(missing.is_empty(), "no case has {missing:?}");
}

#[test]
fn there_are_at_least_sixty_cases_and_of_istio_a_hundred_and_fifty() {
    let cases = cases();
    let of_istio = cases.iter().filter(|case| case.id.starts_with("istio/")).count();
    assert!(cases.len() >= 60 + of_istio, "{}", cases.len());
    assert!(of_istio >= 150, "{of_istio}");
}
