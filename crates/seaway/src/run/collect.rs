//! What the data plane counts outside of requests, added to every scrape.

use std::sync::{Arc, Weak};

use seaway_proxy::overload::Cause;
use seaway_proxy::{Proxy, pipeline};
use seaway_telemetry::catalog::{
    DOWNSTREAM_CONNECTIONS, DOWNSTREAM_CONNECTIONS_LIMIT, DOWNSTREAM_CONNECTIONS_TOTAL,
    DOWNSTREAM_DATAGRAMS_DROPPED, DOWNSTREAM_EVICTED, DOWNSTREAM_REFUSED, DOWNSTREAM_REQUESTS,
    DOWNSTREAM_SESSIONS, MIRROR_REQUESTS, OVERLOAD_DELAY, OVERLOAD_MEMORY_LIMIT, OVERLOAD_SHARE,
    OVERLOAD_SHED, UPSTREAM_CONNECTIONS,
};
use seaway_telemetry::{Exposition, Telemetry};

/// Adds the proxy's counts to every scrape. Holds the proxy weakly, so that it ends when its owner says.
pub fn register(telemetry: &Telemetry, proxy: &Arc<Proxy>) {
    let proxy = Arc::downgrade(proxy);
    telemetry.register(Box::new(move |exposition| {
        if let Some(proxy) = Weak::upgrade(&proxy) {
            collect(exposition, &proxy);
        }
    }));
}

fn collect(exposition: &mut Exposition, proxy: &Proxy) {
    let stats = proxy.stats();
    exposition
        .family(DOWNSTREAM_CONNECTIONS)
        .sample(&[], stats.connections as u64);
    exposition
        .family(DOWNSTREAM_CONNECTIONS_TOTAL)
        .sample(&[], stats.accepted);
    exposition
        .family(DOWNSTREAM_CONNECTIONS_LIMIT)
        .sample(&[], proxy.shared().connections.limit() as u64);
    exposition.family(DOWNSTREAM_EVICTED).sample(&[], stats.evicted);
    exposition
        .family(DOWNSTREAM_SESSIONS)
        .sample(&[], stats.open_sessions as u64);
    exposition
        .family(DOWNSTREAM_DATAGRAMS_DROPPED)
        .sample(&[], stats.datagrams_dropped);
    let mut refused = exposition.family(DOWNSTREAM_REFUSED);
    refused.sample(&["too_many_connections"], stats.over_limit);
    refused.sample(&["out_of_memory"], stats.over_memory);
    refused.sample(&["too_many_sessions"], stats.sessions_over_limit);
    refused.sample(&["proxy_header"], stats.proxy_headers_refused);
    refused.sample(&["handshake_failed"], stats.handshakes_failed);
    refused.sample(&["unknown_server_name"], stats.server_names_unknown);
    refused.sample(&["reset_flood"], stats.reset_floods);
    refused.sample(&["frame_flood"], stats.frame_floods);
    for (reason, count) in &stats.protocol_errors {
        refused.sample(&[reason], *count);
    }
    overload(exposition, proxy);
    let mut upstream = exposition.family(UPSTREAM_CONNECTIONS);
    for cluster in proxy.shared().registry.status() {
        let open: u64 = cluster
            .endpoints
            .iter()
            .map(|endpoint| endpoint.connections)
            .sum();
        upstream.sample(&[&cluster.name.0], open);
    }
    let mirrors = pipeline::mirror_counts();
    let mut copies = exposition.family(MIRROR_REQUESTS);
    copies.sample(&["success"], mirrors.answered);
    copies.sample(&["error"], mirrors.failed);
    copies.sample(&["dropped"], mirrors.dropped);
}

fn overload(exposition: &mut Exposition, proxy: &Proxy) {
    let status = proxy.shared().overload.status();
    exposition
        .family(DOWNSTREAM_REQUESTS)
        .sample(&[], status.requests);
    let mut shed = exposition.family(OVERLOAD_SHED);
    for (cause, count) in Cause::ALL.into_iter().zip(status.shed) {
        shed.sample(&[cause.word()], count);
    }
    exposition.family(OVERLOAD_SHARE).sample(&[], status.share);
    exposition.family(OVERLOAD_DELAY).sample(&[], status.delay);
    exposition
        .family(OVERLOAD_MEMORY_LIMIT)
        .sample(&[], status.memory_limit);
}
