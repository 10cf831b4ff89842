//! Istio's dialect: Gateway and VirtualService, DestinationRule, and the rules that hold inside the cluster.

pub(crate) mod destination_rule;
pub(crate) mod gateway;
pub(crate) mod hosts;
pub(crate) mod mesh;
pub(crate) mod virtual_service;
