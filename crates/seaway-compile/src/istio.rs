//! Istio's dialect: Gateway and VirtualService.

pub(crate) mod hosts;
