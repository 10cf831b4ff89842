//! Envoy → Model.

pub(crate) mod action;
pub(crate) mod filters;
pub(crate) mod limits;
pub(crate) mod matching;
