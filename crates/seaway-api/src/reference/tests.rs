use super::*;

#[test]
fn every_field_of_every_kind_has_a_meaning() {
    for kind in reference() {
        assert!(!kind.objects.is_empty(), "{}", kind.kind);
        for object in kind.objects {
            assert!(!object.doc.is_empty(), "{:?}", object.paths);
            for field in object.fields {
                assert!(
                    !field.doc.is_empty() && !field.type_in_words.is_empty(),
                    "{:?}.{}",
                    object.paths,
                    field.name
                );
            }
        }
    }
}

#[test]
fn a_type_in_two_places_is_described_once() {
    let reference = reference();
    let destination = reference[0]
        .objects
        .iter()
        .find(|object| object.paths[0] == "spec.destinations[]")
        .unwrap();
    assert_eq!(
        destination.paths,
        ["spec.destinations[]", "spec.mirror.destination"]
    );
}

#[test]
fn the_page_has_a_row_for_every_field() {
    let page = reference_markdown();
    for row in [
        "## HttpRoute",
        "### `spec.destinations[]`, `spec.mirror.destination`",
        "| `weight` | a whole number from 0 | `1` | Its share",
        "| `host` | host, with or without a port | **required** |",
        "Also read as `perTryTimeoutSeconds`, `perTtyTimeoutSeconds`.",
        "## HttpsCertIssuer",
        "### `spec.dns01.configs.*`",
    ] {
        assert!(page.contains(row), "{row} is not in\n{page}");
    }
}
