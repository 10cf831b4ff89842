//! Istio's kinds.

pub(crate) mod destination_rule;
