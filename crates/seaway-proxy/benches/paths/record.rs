//! Counting a request that is over.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use seaway_model::Endpoint;
use seaway_telemetry::{Config, RequestRecord, RequestSink, Sinks as _, Telemetry};

use super::{Walk, model};

pub fn metrics() -> Walk {
    let address = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 8080));
    let cluster = Arc::new(model::cluster(vec![Endpoint::new(address)]));
    let route = Arc::new(model::route());
    let telemetry = Telemetry::new(Config::default());
    let sink: Box<dyn RequestSink> = telemetry.sink(0);
    Box::new(move |times| {
        let _whole = &telemetry;
        for _ in 0..times {
            sink.record(black_box(&RequestRecord {
                start: None,
                duration: Duration::from_micros(300),
                upstream_duration: Some(Duration::from_micros(200)),
                listener: "http-80",
                protocol: "HTTP/1.1",
                tls: false,
                server_name: None,
                method: "GET",
                host: "shop.example.com",
                path: "/cart/items?page=2",
                status: 200,
                grpc_status: None,
                is_grpc: false,
                flags: &[],
                reason: None,
                message: None,
                request_bytes: 0,
                response_bytes: 1000,
                downstream: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
                request_id: Some("8d3f0c52-6a51-4c1c-9d6c-6f4a4f0c9a11"),
                user_agent: None,
                forwarded_for: Some("192.0.2.1"),
                route: Some(&route),
                cluster: Some(&cluster),
                upstream: Some(address),
                retries: 0,
            }));
        }
    })
}
