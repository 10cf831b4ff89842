use super::*;
use crate::Pos;

/// What was found, one line each: `kind namespace/name` for objects, `place field Kind: message (help)` for problems.
pub(crate) fn shown(text: &str) -> Vec<String> {
    let (resources, problems) = parse("test.yaml", text);
    let objects = resources.iter().map(|resource| {
        let meta = resource.meta();
        format!("{} {}/{}", meta.kind, meta.namespace, &*meta.name.value)
    });
    objects.chain(problems.iter().map(line)).collect()
}

/// `place field Kind: message (help)`
pub(crate) fn line(problem: &Problem) -> String {
    let Pos { line, column } = problem.pos;
    format!(
        "{line}:{column} {} {:?}: {} ({})",
        problem.field, problem.kind, problem.message, problem.help
    )
}

const ROUTE: &str = "apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata: {name: shop}
spec: {destinations: [{host: shop}]}
";

#[test]
fn a_namespaced_object_without_a_namespace_is_in_default() {
    assert_eq!(shown(ROUTE), ["HttpRoute default/shop"]);
}

#[test]
fn a_kalm_object_belongs_to_the_whole_cluster() {
    let text = "apiVersion: core.kalm.dev/v1alpha1
kind: HttpRoute
metadata:
  name: shop
  namespace: kalm
spec: {destinations: [{host: shop}]}
";
    assert_eq!(
        shown(text),
        [
            "HttpRoute /shop",
            "5:3 metadata.namespace IgnoredField: \"namespace\" does nothing on a kind that belongs to the whole \
             cluster (remove it)"
        ]
    );
}

#[test]
fn every_document_is_read_although_one_is_broken() {
    let text = format!("{ROUTE}---\nkind: [\n---\n{}", ROUTE.replace("shop}", "two}"));
    let shown = shown(&text);
    assert_eq!(shown[..2], ["HttpRoute default/shop", "HttpRoute default/two"]);
    assert!(shown[2].contains("Syntax"), "{shown:?}");
}

#[test]
fn an_object_with_an_error_is_left_out_and_one_with_a_warning_is_kept() {
    let error = ROUTE.replace("host: shop", "host: 1");
    assert_eq!(
        shown(&error),
        ["4:30 spec.destinations[0].host WrongType: expected text, found a number (put the value in quotes)"]
    );
    let warning = ROUTE.replace("host: shop", "host: shop, wieght: 2");
    assert_eq!(
        shown(&warning),
        [
            "HttpRoute default/shop",
            "4:36 spec.destinations[0].wieght UnknownField: unknown field \"wieght\" (did you mean \"weight\"?)"
        ]
    );
}

#[test]
fn a_list_is_opened_and_each_item_has_its_place() {
    let text = "apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Namespace, metadata: {name: a}}
  - apiVersion: v1
    kind: Namespace
    metadata: {name: B}
  - {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Namespace, metadata: {name: c}}]}
";
    assert_eq!(
        shown(text),
        [
            "Namespace /a",
            "Namespace /c",
            "7:22 metadata.name InvalidValue: \"B\" is not a name (use lower case letters, digits, hyphens and dots, \
             at most 253)"
        ]
    );
}

#[test]
fn the_items_of_a_typed_list_need_not_say_what_they_are() {
    let text = r#"{"kind":"SecretList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"a"}}]}"#;
    assert_eq!(shown(text), ["Secret default/a"]);
}

#[test]
fn a_document_that_is_no_object_says_what_is_missing() {
    for (text, expected) in [
        ("hello\n", "1:1  NotAnObject: expected an object, found text"),
        (
            "kind: Pod\n",
            "1:1 apiVersion NotAnObject: \"apiVersion\" is missing",
        ),
        ("apiVersion: v1\n", "1:1 kind NotAnObject: \"kind\" is missing"),
        (
            "apiVersion: v1\nkind: Pod\n",
            "1:1 metadata NotAnObject: \"metadata\" is missing",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {}\n",
            "3:11 metadata.name NotAnObject: \"name\" is missing",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 1\n",
            "4:9 metadata.name WrongType: expected text, found a number",
        ),
        (
            "apiVersion: v1\nkind: 7\n",
            "2:7 kind WrongType: expected text, found a number",
        ),
    ] {
        let shown = shown(text);
        assert_eq!(shown.len(), 1, "{text}: {shown:?}");
        assert!(shown[0].starts_with(expected), "{text}: {shown:?}");
    }
}

#[test]
fn an_unknown_kind_is_a_note_that_helps() {
    for (api_version, kind, expected) in [
        (
            "apps/v1",
            "Deployment",
            "2:7 kind UnknownKind: Seaway does not know Deployment in apps/v1 (it is passed over)",
        ),
        (
            "seaway.dev/v2",
            "HttpRoute",
            "1:13 apiVersion UnknownKind: Seaway does not know HttpRoute in seaway.dev/v2 (it is passed over; if it was \
             meant for Seaway, write \"apiVersion: seaway.dev/v1alpha1\")",
        ),
        (
            "seaway.dev/v1alpha1",
            "HTTPRoute",
            "2:7 kind UnknownKind: Seaway does not know HTTPRoute in seaway.dev/v1alpha1 (it is passed over; if it was \
             meant for Seaway, write \"kind: HttpRoute\")",
        ),
        (
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            "2:7 kind UnknownKind: Seaway does not know HTTPRoute in gateway.networking.k8s.io/v1 (it is passed over)",
        ),
    ] {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x}}\n");
        assert_eq!(shown(&text), [expected]);
    }
}

#[test]
fn an_old_ingress_is_told_what_to_change() {
    for version in ["extensions/v1beta1", "networking.k8s.io/v1beta1"] {
        let shown = shown(&format!(
            "apiVersion: {version}\nkind: Ingress\nmetadata: {{name: x}}\n"
        ));
        assert!(shown[0].contains("UnknownKind"), "{shown:?}");
        assert!(
            shown[0].contains("write apiVersion: networking.k8s.io/v1,"),
            "{shown:?}"
        );
    }
}

#[test]
fn a_key_that_is_written_twice_leaves_the_object_out() {
    let text = ROUTE.replace("[{host: shop}]", "[{host: a, host: b}]");
    assert_eq!(
        shown(&text),
        [
            "4:33 spec.destinations[0].host DuplicateKey: \"host\" is written twice, first on line 4 (keep one of the two)"
        ]
    );
}

#[test]
fn known_metadata_is_no_reason_to_warn() {
    let text = "apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata:
  name: shop
  namespace: web
  labels: {a: b}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}'}
  uid: 1b9f
  resourceVersion: '17'
  generation: 3
  creationTimestamp: '2021-04-05T06:07:08Z'
  managedFields: [{manager: x}]
  ownerReferences: []
  finalizers: []
spec: {destinations: [{host: shop}]}
status: {anything: [goes]}
";
    let (resources, problems) = parse("f", text);
    assert_eq!(problems, []);
    let meta = resources[0].meta();
    assert_eq!(meta.created, Some(1_617_602_828));
    assert_eq!(&*meta.labels["a"], "b");
    let annotation = &meta.annotations["kubectl.kubernetes.io/last-applied-configuration"];
    assert_eq!(
        (annotation.pos, &*annotation.value),
        (Pos { line: 7, column: 67 }, &*std::sync::Arc::from("{}"))
    );
}

#[test]
fn a_problem_names_its_object_and_file() {
    let (_, problems) = parse(
        "a/b.yaml",
        &ROUTE.replace("{name: shop}", "{name: shop, namespace: web, lables: {}}"),
    );
    let problem = &problems[0];
    assert_eq!(
        (
            &*problem.api_version,
            &*problem.object_kind,
            &*problem.namespace,
            &*problem.name,
            &*problem.file
        ),
        ("seaway.dev/v1alpha1", "HttpRoute", "web", "shop", "a/b.yaml")
    );
    assert_eq!(problem.help, "did you mean \"labels\"?");
}

#[test]
fn metadata_that_is_wrong_is_reported_where_it_stands() {
    let text = ROUTE.replace(
        "{name: shop}",
        "{name: shop, creationTimestamp: yesterday, labels: {version: 1}, annotations: {a.b/c: true}}",
    );
    assert_eq!(
        shown(&text),
        [
            "3:72 metadata.labels.version WrongType: expected text, found a number (put the value in quotes)",
            "3:97 metadata.annotations[a.b/c] WrongType: expected text, found true or false (put the value in quotes)",
            "3:43 metadata.creationTimestamp InvalidValue: \"yesterday\" is not a time (write it as \
             2026-01-31T12:00:00Z, or leave it out)",
        ]
    );
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Positions and problems of any text are within it.
    fn check(text: &str) {
        let (_, problems) = parse("f", text);
        let lines = u32::try_from(text.split(['\n', '\r']).count()).unwrap() + 1;
        for problem in problems {
            assert!(problem.pos.line <= lines, "{problem:?} in {text:?}");
            assert!(
                !problem.message.is_empty() && !problem.help.is_empty(),
                "{problem:?}"
            );
            // The last word may be the manifest's own, such as an apiVersion of `core.`.
            let own = problem.message.strip_suffix(&*problem.api_version);
            assert!(own.is_some() || !problem.message.ends_with('.'), "{problem:?}");
        }
    }

    const VALID: &str = include_str!("../../testdata/everything.yaml");

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            check(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn any_text_of_yaml_characters_can_be_read(text in "[-a-c:{}\\[\\],#&*!|>'\"%@`? \t\r\n~<0-1]{0,80}") {
            check(&text);
        }

        #[test]
        fn a_valid_manifest_with_mistakes_can_be_read(
            edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..4usize, "[-a:{}\\[\\],#&*'\" \n\t0]{1,3}"), 1..6)
        ) {
            let mut text: Vec<char> = VALID.chars().collect();
            for (at, remove, insert) in edits {
                let at = at.index(text.len());
                let end = (at + remove).min(text.len());
                text.splice(at..end, insert.chars());
            }
            check(&text.into_iter().collect::<String>());
        }
    }

    #[test]
    fn the_valid_manifest_is_valid() {
        let (resources, problems) = parse("f", VALID);
        assert_eq!(problems, []);
        assert_eq!(resources.len(), 14);
    }
}
