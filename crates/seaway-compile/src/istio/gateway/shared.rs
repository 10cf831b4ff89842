//! Servers that claim the same host on the same port.

use std::collections::HashMap;

use seaway_model::{Code, HostMatch};

use super::{Server, ServerHost};
use crate::findings::{Findings, whereabouts};
use crate::site::Socket;

/// Warns of every host that an older server has already. Hosts for the VirtualServices of two namespaces are two claims
/// that do not meet.
pub(super) fn report(servers: &[Server], findings: &mut Findings) {
    let mut seen: HashMap<(Socket, &HostMatch), Vec<&ServerHost>> = HashMap::new();
    for server in servers {
        for own in &server.hosts {
            let others = seen.entry((server.socket, &own.host)).or_default();
            if let Some(first) = others.iter().find(|other| meet(other, own)) {
                report_pair(first, own, server, findings);
            } else {
                others.push(own);
            }
        }
    }
}

fn meet(one: &ServerHost, other: &ServerHost) -> bool {
    match (&one.namespace, &other.namespace) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

fn report_pair(first: &ServerHost, other: &ServerHost, server: &Server, findings: &mut Findings) {
    let message = format!(
        "host \"{}\" on port {} is claimed by {} and by {}{}",
        other.host,
        server.socket.port,
        other.origin,
        first.origin,
        whereabouts(&first.origin)
    );
    findings.report(
        Code::SharedHost,
        other.origin.clone(),
        message,
        "the VirtualServices of both are merged there; if that is not meant, give each a host or a port of its own",
    );
}
