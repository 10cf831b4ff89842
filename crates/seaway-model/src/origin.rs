//! Where a node of the model was written: the object, the field and the place in a file.
//!
//! Status, logs, metric labels, `explain` and error messages all come from an `Origin`, so every node carries one and
//! equality uses all of it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A place in a file. Lines and columns count from 1, as editors do; 0 means that the place is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The file as it was named on the command line, or `-` for standard input.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// The object and field that a node of the model came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// `group/version` as written, `v1` for the core group.
    pub api_version: Arc<str>,
    /// Kind as written.
    pub kind: Arc<str>,
    /// Namespace; empty for a cluster-scoped object.
    #[serde(default, skip_serializing_if = "str_is_empty")]
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Path of the field inside the object, `spec.destinations[0].host`; empty for the object itself.
    #[serde(default, skip_serializing_if = "str_is_empty")]
    pub field: Arc<str>,
    /// Where that field was written; `None` when the object did not come from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

fn str_is_empty(text: &Arc<str>) -> bool {
    text.is_empty()
}

/// The kind of what nobody wrote.
const DEFAULT_GATEWAY: &str = "DefaultGateway";
const DEFAULT_NAME: &str = "default";

impl Origin {
    /// Of the gateway that nobody wrote, and that serves what names no other.
    #[must_use]
    pub fn default_gateway() -> Self {
        Self {
            api_version: "seaway.dev/v1alpha1".into(),
            kind: DEFAULT_GATEWAY.into(),
            name: DEFAULT_NAME.into(),
            ..Self::default()
        }
    }

    /// Whether it is that gateway's. The port for the mesh, of the same kind, somebody has asked for.
    #[must_use]
    pub fn is_default_gateway(&self) -> bool {
        (&*self.kind, &*self.name) == (DEFAULT_GATEWAY, DEFAULT_NAME)
    }

    /// The same object, at another field and place.
    #[must_use]
    pub fn at(&self, field: impl Into<Arc<str>>, position: Option<Position>) -> Self {
        Self {
            field: field.into(),
            position: position.or_else(|| self.position.clone()),
            ..self.clone()
        }
    }
}

/// `HttpRoute shop/shop` or `HttpRoute shop` for a cluster-scoped object.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// `shop.yaml:7:5`
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is about a whole file has no line.
        if self.line == 0 {
            return f.write_str(&self.file);
        }
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
