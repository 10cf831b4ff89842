//! The immutable form of a model's routes that requests are decided against.

use std::sync::Arc;

use seaway_model::{Listener, Model, Route, ServerCertificate};

use crate::{Decision, RequestHead};

/// All listeners' routes, indexed. Built off the data path, published by one pointer swap, never changed.
#[derive(Debug)]
pub struct RouteTable {
    model: Arc<Model>,
    listeners: Vec<ListenerTable>,
}

/// The routes of one listener, indexed.
#[derive(Debug)]
pub struct ListenerTable {
    listener: Arc<Listener>,
}

/// A route by number: dense from 0, only meaningful together with the table it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u32);

/// A route made ready: regular expressions compiled, header names and values parsed.
#[derive(Debug)]
pub struct CompiledRoute {
    /// As the model has it.
    pub route: Arc<Route>,
    /// Its number.
    pub id: RouteId,
}

impl RouteTable {
    /// Builds the table. Cannot fail: what could is refused when the model is made.
    #[must_use]
    pub fn build(model: &Arc<Model>) -> Self {
        let listeners = model
            .listeners
            .iter()
            .map(|l| ListenerTable {
                listener: Arc::clone(l),
            })
            .collect();
        Self {
            model: Arc::clone(model),
            listeners,
        }
    }

    /// The model that this is the table of.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// In the model's order.
    #[must_use]
    pub fn listeners(&self) -> &[ListenerTable] {
        &self.listeners
    }

    /// By name.
    #[must_use]
    pub fn listener(&self, name: &str) -> Option<&ListenerTable> {
        self.listeners.iter().find(|l| *l.listener.name == *name)
    }
}

impl ListenerTable {
    /// The listener that this is the table of.
    #[must_use]
    pub fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }

    /// The certificate for a server name (lower case; an IP address in text where the client sent none).
    #[must_use]
    pub fn certificate(&self, server_name: &str) -> Option<&ServerCertificate> {
        self.listener
            .tls
            .as_ref()?
            .certificates
            .iter()
            .find(|c| c.host.matches(server_name))
    }

    /// Decides a request.
    #[must_use]
    pub fn decide<'t>(&'t self, _request: &RequestHead<'_>) -> Decision<'t> {
        Decision::NoRoute { virtual_host: None }
    }
}
