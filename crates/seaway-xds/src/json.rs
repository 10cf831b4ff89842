//! Envoy's messages as JSON, by reflection.
//!
//! The descriptors are those of the very files that `envoy-types` is made from, without comments and options, and only
//! of what is used here; `tests/descriptors.rs` takes them from there and fails when they are no longer the same.

use std::sync::LazyLock;

use prost::Name;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

const DESCRIPTORS: &[u8] = include_bytes!("json/descriptors.binpb");

static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).ok());

/// Why a message could not be written or read as JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// A message that is not among the descriptors, or is not what its `Any` says.
    #[error("the message cannot be written as JSON: {0}")]
    Write(String),
    /// Text that is not this message.
    #[error("not such a message: {0}")]
    Read(String),
}

/// A message as JSON, with the names of fields as Envoy's documentation has them.
///
/// # Errors
/// For a message, or an `Any`, whose type is not known here.
pub fn to_value<M: Name>(message: &M) -> Result<serde_json::Value, JsonError> {
    let dynamic = dynamic(message)?;
    let options = SerializeOptions::new().use_proto_field_name(true);
    dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| JsonError::Write(error.to_string()))
}

/// A message from JSON, with either form of the names of fields.
///
/// # Errors
/// For what is not such a message.
pub fn from_value<M: Name + Default>(value: &serde_json::Value) -> Result<M, JsonError> {
    let descriptor = descriptor::<M>().ok_or_else(|| JsonError::Read(unknown::<M>()))?;
    let dynamic =
        DynamicMessage::deserialize(descriptor, value).map_err(|error| JsonError::Read(error.to_string()))?;
    dynamic
        .transcode_to::<M>()
        .map_err(|error| JsonError::Read(error.to_string()))
}

fn dynamic<M: Name>(message: &M) -> Result<DynamicMessage, JsonError> {
    let descriptor = descriptor::<M>().ok_or_else(|| JsonError::Write(unknown::<M>()))?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|error| JsonError::Write(error.to_string()))
}

fn descriptor<M: Name>() -> Option<prost_reflect::MessageDescriptor> {
    POOL.as_ref()?.get_message_by_name(&M::full_name())
}

fn unknown<M: Name>() -> String {
    format!("{} is not among the descriptors", M::full_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::envoy::config::cluster::v3::Cluster;

    #[test]
    fn a_message_is_the_same_after_json() {
        let cluster = Cluster {
            name: "shop/shop:8080".into(),
            ..Cluster::default()
        };
        let json = to_value(&cluster).unwrap();
        assert_eq!(json, serde_json::json!({"name": "shop/shop:8080"}));
        assert_eq!(from_value::<Cluster>(&json).unwrap(), cluster);
    }

    #[test]
    fn what_is_no_such_message_is_said() {
        let error = from_value::<Cluster>(&serde_json::json!({"nome": 1})).unwrap_err();
        assert!(error.to_string().contains("nome"), "{error}");
    }
}
