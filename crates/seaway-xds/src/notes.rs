//! What Envoy keeps for us and ignores: `filter_metadata["seaway"]`.
//!
//! Two things stand there: where a node was written, and what `decode` would read from Envoy's words differently than it
//! was said. The second is found out and not foreseen: a part is encoded, decoded again, and noted where the two differ.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::Metadata;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use seaway_model::Origin;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

const KEY: &str = "seaway";
/// The node was made up for Envoy and says nothing of its own.
const COPY: &str = "copy";
const ORIGIN: &str = "origin";

/// Notes about a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Map<String, Json>);

impl Notes {
    /// With where it was written.
    pub(crate) fn new(origin: &Origin) -> Self {
        let mut notes = Self::default();
        if *origin != Origin::default() {
            notes.set(ORIGIN, origin);
        }
        notes
    }

    /// Of a node that is made up.
    pub(crate) fn of_copy() -> Self {
        let mut notes = Self::default();
        notes.set(COPY, true);
        notes
    }

    /// Writes something down. What serde cannot write does not exist in the model.
    pub(crate) fn set(&mut self, key: &str, value: impl Serialize) {
        if let Ok(value) = serde_json::to_value(value) {
            self.0.insert(key.to_owned(), value);
        }
    }

    /// Writes down what would be read differently.
    pub(crate) fn unless_read<T: Serialize + PartialEq>(&mut self, key: &str, said: &T, read: Option<&T>) {
        if read != Some(said) {
            self.set(key, said);
        }
    }

    /// Writes down the notes of a part that has no place for its own.
    pub(crate) fn adopt(&mut self, key: &str, part: Self) {
        if !part.0.is_empty() {
            self.0.insert(key.to_owned(), Json::Object(part.0));
        }
    }

    /// The notes of such a part.
    pub(crate) fn of_part(&self, key: &str) -> Self {
        Self(
            self.0
                .get(key)
                .and_then(Json::as_object)
                .cloned()
                .unwrap_or_default(),
        )
    }

    pub(crate) fn into_metadata(self) -> Option<Metadata> {
        if self.0.is_empty() {
            return None;
        }
        Some(Metadata {
            filter_metadata: HashMap::from([(KEY.to_owned(), to_struct(self.0))]),
            ..Metadata::default()
        })
    }

    /// Those of a node; none where there are none.
    pub(crate) fn of(metadata: Option<&Metadata>) -> Self {
        let ours = metadata.and_then(|metadata| metadata.filter_metadata.get(KEY));
        Self(ours.map(|ours| from_struct(ours, 0)).unwrap_or_default())
    }

    pub(crate) fn is_copy(&self) -> bool {
        self.0.get(COPY).and_then(Json::as_bool).unwrap_or_default()
    }

    pub(crate) fn origin(&self) -> Origin {
        self.get(ORIGIN).unwrap_or_default()
    }

    /// What was written down, if it is of the right form.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        T::deserialize(self.0.get(key)?).ok()
    }
}

fn to_struct(map: Map<String, Json>) -> Struct {
    Struct {
        fields: map
            .into_iter()
            .map(|(key, value)| (key, to_value(value)))
            .collect(),
    }
}

fn to_value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(to_value).collect(),
        }),
        Json::Object(map) => Kind::StructValue(to_struct(map)),
    };
    Value { kind: Some(kind) }
}

/// Deeper than anything that is noted; what came from outside may be deeper.
const DEEPEST: usize = 16;

fn from_struct(fields: &Struct, depth: usize) -> Map<String, Json> {
    let fields = fields.fields.iter();
    fields
        .map(|(key, value)| (key.clone(), from_value(value, depth + 1)))
        .collect()
}

fn from_value(value: &Value, depth: usize) -> Json {
    if depth > DEEPEST {
        return Json::Null;
    }
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(*value),
        Some(Kind::NumberValue(number)) => from_number(*number),
        Some(Kind::StringValue(text)) => Json::String(text.clone()),
        Some(Kind::ListValue(list)) => list.values.iter().map(|v| from_value(v, depth + 1)).collect(),
        Some(Kind::StructValue(fields)) => Json::Object(from_struct(fields, depth)),
    }
}

/// All numbers are floating there, and all of ours are whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only where it is whole and fits"
)]
fn from_number(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if (0.0..=EXACT).contains(&number) && number.fract() == 0.0 {
        Json::from(number as u64)
    } else {
        Json::from(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_as_they_were_written() {
        let origin = Origin {
            kind: "HttpRoute".into(),
            name: "shop".into(),
            ..Origin::default()
        };
        let mut notes = Notes::new(&origin);
        notes.set("rule", 7_u32);
        let metadata = notes.into_metadata();
        let read = Notes::of(metadata.as_ref());
        assert_eq!((read.origin(), read.get::<u32>("rule")), (origin, Some(7)));
        assert!(!read.is_copy());
    }

    #[test]
    fn what_is_read_rightly_is_not_written_down() {
        let mut notes = Notes::default();
        notes.unless_read("a", &1, Some(&1));
        assert!(notes.into_metadata().is_none());
    }

    #[test]
    fn what_is_nested_too_deep_is_nothing() {
        let mut value = Value { kind: None };
        for _ in 0..1_000 {
            value = Value {
                kind: Some(Kind::ListValue(ListValue { values: vec![value] })),
            };
        }
        assert!(from_value(&value, 0).is_array());
    }
}
