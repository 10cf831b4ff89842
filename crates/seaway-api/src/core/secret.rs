//! `Secret`.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::decode::{Cx, Decode, ObjectShape, Quoted, Shape, Str, TextMap, at, object, syntax};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

/// A Secret. Values are decoded from base64; `stringData` wins over `data`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// `type`
    pub kind: Arc<str>,
    /// By key, with the place of each.
    pub data: BTreeMap<Arc<str>, Spanned<Arc<[u8]>>>,
}

/// Keys only: values never show.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret")
            .field("kind", &self.kind)
            .field("keys", &self.data.keys())
            .finish()
    }
}

object! {
    /// A Secret, as written.
    #[derive(Clone)]
    pub(crate) struct SecretFields {
        /// What it is for.
        kind: Arc<str> = "type", default("Opaque".into(), "`Opaque`"), Quoted;
        /// Values in base64.
        data: BTreeMap<Arc<str>, Spanned<Arc<[u8]>>> = "data", default(BTreeMap::new(), "none"),
            TextMap("mapping of key to base64", syntax::any_key, at(Base64));
        /// Values as they are.
        string_data: BTreeMap<Arc<str>, Spanned<Arc<str>>> = "stringData", default(BTreeMap::new(), "none"),
            TextMap("mapping of key to text", syntax::any_key, at(Str));
    }
    known ["apiVersion", "kind", "metadata", "immutable"];
}

impl Decode for Secret {
    fn decode(cx: &mut Cx, node: &Node<'_>) -> Option<Self> {
        let fields = SecretFields::decode(cx, node)?;
        let mut data = fields.data;
        for (key, value) in fields.string_data {
            data.insert(key, Spanned::new(value.value.as_bytes().into(), value.pos));
        }
        Some(Self {
            kind: fields.kind,
            data,
        })
    }
    fn describe() -> ObjectShape {
        SecretFields::describe()
    }
}

/// Bytes in base64 (RFC 4648, 4), where line breaks do not count, as Kubernetes reads it.
struct Base64;

impl Shape for Base64 {
    type Out = Arc<[u8]>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Arc<[u8]>> {
        let Some(text) = node.as_str() else {
            if node.is_null() {
                return Some(Arc::default());
            }
            cx.wrong_type(node, "text");
            return None;
        };
        let joined: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        match STANDARD.decode(joined.as_bytes()) {
            Ok(bytes) => Some(bytes.into()),
            Err(error) => {
                // The value is a secret: neither it nor a part of it may show.
                let message = format!("not base64: {}", describe(&error));
                let help = match joined.starts_with("-----BEGIN") {
                    true => "this is PEM as it is: write it into stringData",
                    false => "encode the value with base64, or write it as it is into stringData",
                };
                cx.report(ProblemKind::InvalidValue, node.pos, message, help);
                None
            }
        }
    }
    fn words(&self) -> String {
        "base64".to_owned()
    }
}

fn describe(error: &base64::DecodeError) -> String {
    match error {
        base64::DecodeError::InvalidByte(at, _)
        | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => {
            format!("character {} does not belong there", at + 1)
        }
        _ => "its end is missing".to_owned(),
    }
}
