//! The reference as a page.

use std::fmt::Write as _;

use super::{FieldReference, KindReference, ObjectReference, istio_reference, reference};

const HEAD: &str = "\
# Reference: HttpRoute, HttpsCert, HttpsCertIssuer

This page is made from the types that decode the manifests; `cargo xtask` writes it.

All three kinds are read in two groups. In `seaway.dev/v1alpha1` they are namespaced. In `core.kalm.dev/v1alpha1` they
belong to the whole cluster, a plain path is a prefix of characters instead of path elements, and conditions have the
operators `equal`, `withPrefix` and `matchRegexp` only.

A field that is null counts as left out, and so does an empty list that has a default. An unknown field is a warning; a
value that is not allowed is an error, and the object is left out.
";

/// The reference as Markdown, for `docs/http-route.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let mut page = HEAD.to_owned();
    for kind in reference() {
        write_kind(&mut page, &kind);
    }
    page
}

const ISTIO_HEAD: &str = "\
# Reference: Gateway, VirtualService, DestinationRule, ServiceEntry, WorkloadEntry

This page is made from the types that decode the manifests; `cargo xtask` writes it.

The kinds of `networking.istio.io`, of which Seaway reads the versions v1, v1beta1 and v1alpha3 alike. A field may be
written by its name in protobuf too: `route_config` for `routeConfig`. Objects are checked as Istio's admission webhook
checks them, with three differences. A rule of a VirtualService (an item of `http`, `tls` or `tcp`) that is wrong answers
500, and a server of a Gateway or a subset of a DestinationRule that is wrong is left out; the others are used. A field
that Seaway does not implement is a warning, which names it. And two ports of a Gateway with one name are a warning.

A field that is null or an empty text counts as left out. An unknown field is a warning; a value that is not allowed is an error, and
the object, the rule, the server or the subset is left out.

What is sent upstream differs from Istio in four small ways. Joining a rewritten prefix and the rest of a path never
makes `//`. A mirrored request keeps its `Host` as it is, without `-shadow`. Headers that belong to a connection, such
as `connection` and `content-length`, cannot be changed, which is a warning. Envoy's commands in header values
(`%DOWNSTREAM_REMOTE_ADDRESS%`) are sent as they are written, which is a warning too; `%%` is sent as `%`.

[examples/bookinfo](../examples/bookinfo/README.md) goes through the steps of Istio's tutorials.
";

/// The reference of Istio's kinds as Markdown, for `docs/istio.md`.
#[must_use]
pub fn istio_markdown() -> String {
    let mut page = ISTIO_HEAD.to_owned();
    for kind in istio_reference() {
        write_kind(&mut page, &kind);
    }
    page
}

fn write_kind(page: &mut String, kind: &KindReference) {
    let versions: Vec<String> = kind.api_versions.iter().map(|v| format!("`{v}`")).collect();
    let versions = match versions.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => versions.concat(),
    };
    let _ = write!(page, "\n## {}\n\nIn {versions}.\n", kind.kind);
    for object in &kind.objects {
        write_object(page, object);
    }
}

fn write_object(page: &mut String, object: &ObjectReference) {
    let ObjectReference {
        paths,
        doc,
        fields,
        unimplemented,
    } = object;
    let places: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    let _ = write!(page, "\n### {}\n\n{doc}\n", places.join(", "));
    if fields.is_empty() {
        return;
    }
    page.push_str("\n| field | type | default | meaning |\n|---|---|---|---|\n");
    for field in fields {
        write_field(page, field);
    }
    if !unimplemented.is_empty() {
        let names: Vec<String> = unimplemented.iter().map(|name| format!("`{name}`")).collect();
        let _ = write!(page, "\nKnown, and not implemented: {}.\n", names.join(", "));
    }
}

fn write_field(page: &mut String, field: &FieldReference) {
    let default = match (field.is_required, field.default) {
        (true, _) => "**required**",
        (false, Some(default)) => default,
        (false, None) => "",
    };
    let mut doc = field.doc.clone();
    if !field.also.is_empty() {
        let also: Vec<String> = field.also.iter().map(|name| format!("`{name}`")).collect();
        let _ = write!(doc, " Also read as {}.", also.join(", "));
    }
    let _ = writeln!(
        page,
        "| `{}` | {} | {} | {} |",
        field.name,
        cell(&field.type_in_words),
        cell(default),
        cell(&doc)
    );
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
