//! Many explanations: one JSON object a line in, one a line out.
//!
//! A line is parsed in place, and its headers go straight into a header map; nothing is kept from one line to the next.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use http::HeaderMap;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::explain;
use super::request::{ExplainRequest, field};
use crate::RouteTable;

/// `{"method","url","headers":{},"port","source"}`; only the URL is needed. A header is a text or a list of texts.
#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(borrow, default = "get")]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(default)]
    headers: Fields,
    #[serde(default)]
    port: Option<u16>,
    /// The client's address.
    #[serde(default)]
    source: Option<IpAddr>,
}

fn get() -> Cow<'static, str> {
    Cow::Borrowed("GET")
}

/// Explains the request in a line of JSON and appends the answer, one line with its end. A line that is no request gives
/// `{"error": "…"}`, so that answers and questions stay in step. Says whether it was a request.
pub fn explain_json_line(table: &RouteTable, line: &str, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let result = answer(table, line, out);
    let fine = match result {
        Ok(()) => true,
        Err(error) => {
            out.truncate(start);
            let error = serde_json::json!({ "error": error });
            out.extend_from_slice(error.to_string().as_bytes());
            false
        }
    };
    out.push(b'\n');
    fine
}

fn answer(table: &RouteTable, line: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|e| format!("not a request: {e}"))?;
    let request =
        ExplainRequest::new(&line.method, &line.url, line.headers.0, line.port).map_err(|e| e.to_string())?;
    let request = request.from_source(line.source);
    serde_json::to_writer(out, &explain(table, &request)).map_err(|e| e.to_string())
}

/// Headers as an object, or as a list of pairs.
#[derive(Default)]
struct Fields(HeaderMap);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers as an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Fields, E> {
        Ok(Fields::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut headers = HeaderMap::new();
        while let Some((name, values)) = map.next_entry::<Text<'de>, Values<'de>>()? {
            match values {
                Values::One(value) => append(&mut headers, &name.0, &value.0)?,
                Values::Many(values) => {
                    for value in values {
                        append(&mut headers, &name.0, &value.0)?;
                    }
                }
            }
        }
        Ok(Fields(headers))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Fields, A::Error> {
        let mut headers = HeaderMap::new();
        while let Some((name, value)) = seq.next_element::<(Text<'de>, Text<'de>)>()? {
            append(&mut headers, &name.0, &value.0)?;
        }
        Ok(Fields(headers))
    }
}

fn append<E: de::Error>(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), E> {
    let (name, value) = field(name, value).map_err(E::custom)?;
    headers.append(name, value);
    Ok(())
}

/// A text, borrowed where the line has it without escapes.
struct Text<'a>(Cow<'a, str>);

/// One text or several.
enum Values<'a> {
    One(Text<'a>),
    Many(Vec<Text<'a>>),
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header's value: a text, or a list of texts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Values::One(Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Values::One(Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Values::Many(values))
    }
}

impl<'de> Deserialize<'de> for Values<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}
