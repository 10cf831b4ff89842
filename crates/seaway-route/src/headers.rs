//! Header changes, parsed once.

use http::{HeaderMap, HeaderName, HeaderValue};
use seaway_model::HeaderMutation;

/// Changes to headers, in the order remove, set, add. Nothing is allocated where nothing changes.
#[derive(Clone, Debug, Default)]
pub struct HeaderEdit(Option<Box<Edits>>);

#[derive(Clone, Debug)]
struct Edits {
    remove: Box<[HeaderName]>,
    set: Box<[(HeaderName, HeaderValue)]>,
    add: Box<[(HeaderName, HeaderValue)]>,
}

impl HeaderEdit {
    /// Parses the model's changes. Names and values that HTTP does not allow were refused when the configuration was
    /// compiled; one that slipped through is left out here, so that it cannot break the others.
    #[must_use]
    pub fn new(mutation: &HeaderMutation) -> Self {
        if mutation.is_empty() {
            return Self::default();
        }
        Self(Some(Box::new(Edits {
            remove: mutation
                .remove
                .iter()
                .filter_map(|n| HeaderName::from_bytes(n.as_bytes()).ok())
                .collect(),
            set: fields(&mutation.set),
            add: fields(&mutation.add),
        })))
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Changes the headers of a request or a response.
    pub fn apply(&self, headers: &mut HeaderMap) {
        let Some(edits) = &self.0 else { return };
        for name in &edits.remove {
            headers.remove(name);
        }
        for (name, value) in &edits.set {
            headers.insert(name.clone(), value.clone());
        }
        for (name, value) in &edits.add {
            headers.append(name.clone(), value.clone());
        }
    }
}

fn fields(pairs: &[(std::sync::Arc<str>, std::sync::Arc<str>)]) -> Box<[(HeaderName, HeaderValue)]> {
    pairs
        .iter()
        .filter_map(|(name, value)| {
            Some((
                HeaderName::from_bytes(name.as_bytes()).ok()?,
                HeaderValue::from_bytes(value.as_bytes()).ok()?,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use seaway_model::FieldChanges;

    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(std::sync::Arc<str>, std::sync::Arc<str>)> {
        list.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect()
    }

    fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
        headers
            .get_all(name)
            .iter()
            .map(|v| v.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn removing_comes_before_setting_and_setting_before_adding() {
        let edit = HeaderEdit::new(
            &FieldChanges {
                set: pairs(&[("x-a", "set"), ("x-b", "set")]),
                add: pairs(&[("x-b", "added"), ("x-c", "added")]),
                remove: vec!["x-a".into(), "x-c".into(), "x-d".into()],
            }
            .into(),
        );
        let mut headers = HeaderMap::new();
        for name in ["x-a", "x-b", "x-b", "x-c", "x-d"] {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_static("old"),
            );
        }
        edit.apply(&mut headers);
        assert_eq!(values(&headers, "x-a"), ["set"]);
        assert_eq!(values(&headers, "x-b"), ["set", "added"]);
        assert_eq!(values(&headers, "x-c"), ["added"]);
        assert!(values(&headers, "x-d").is_empty());
    }

    #[test]
    fn an_invalid_field_is_left_out_and_the_others_stay() {
        let edit = HeaderEdit::new(
            &FieldChanges {
                set: pairs(&[("bad name", "1"), ("x-a", "line\nbreak"), ("x-b", "2")]),
                ..FieldChanges::default()
            }
            .into(),
        );
        let mut headers = HeaderMap::new();
        edit.apply(&mut headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(values(&headers, "x-b"), ["2"]);
    }

    #[test]
    fn no_changes_take_no_memory() {
        assert!(HeaderEdit::new(&HeaderMutation::default()).is_empty());
        assert_eq!(size_of::<HeaderEdit>(), size_of::<usize>());
    }
}
