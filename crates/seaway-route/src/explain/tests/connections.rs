//! What is told of connections that are relayed.

use super::*;

fn relay(name: &str, destinations: Vec<L4Destination>) -> Arc<L4Route> {
    Arc::new(L4Route {
        origin: origin(name),
        rule: 3,
        destinations,
        idle_timeout: None,
        hash_source_ip: true,
    })
}

fn share(cluster: &str, weight: u32) -> L4Destination {
    L4Destination {
        target: to(cluster, weight).target,
        weight,
    }
}

fn by_bytes(name: &str, port: u16, protocol: Protocol, l4: Option<Arc<L4Route>>) -> Arc<Listener> {
    Arc::new(Listener {
        protocol,
        l4,
        ..(*listener(name, port, None, Vec::new())).clone()
    })
}

/// TCP on 5432 and 53, UDP on 53, HTTP on 80, and TLS on 443 with a host of each kind.
fn all() -> RouteTable {
    let ring = Arc::new(Cluster {
        balancing: Balancing::RingHash,
        tls: Some(UpstreamTls {
            server_name: Some("db.internal".into()),
            ..UpstreamTls::default()
        }),
        ..(*cluster(
            "shop/db:5432",
            None,
            EndpointSource::Static(vec![endpoint("10.0.0.5:5432")]),
        ))
        .clone()
    });
    let plain = cluster("shop/db:5432/v2", Some("v2"), EndpointSource::Static(vec![]));
    let db = relay("db", vec![share("shop/db:5432", 3), share("shop/db:5432/v2", 1)]);
    let nowhere = L4Destination {
        target: nowhere(1).target,
        weight: 1,
    };
    let server_name = |host, mode, route: &Arc<L4Route>| ServerNameRoute {
        host: HostMatch::parse(host).unwrap(),
        mode,
        route: Arc::clone(route),
    };
    let web = Arc::new(route(
        "web",
        Conditions::default(),
        Action::Forward(forward(vec![to("shop/db:5432/v2", 1)])),
    ));
    let hosts = vec![VirtualHost {
        host: HostMatch::Any,
        routes: vec![web],
    }];
    let certificate =
        |host| ServerCertificate::new(HostMatch::parse(host).unwrap(), SecretName("a/b".into()));
    let tls = ListenerTls {
        certificates: vec![certificate("ended.example.com"), certificate("www.example.com")],
        routes: vec![
            server_name("ended.example.com", TlsMode::Terminate, &db),
            server_name("through.example.com", TlsMode::Passthrough, &db),
        ],
    };
    RouteTable::build(&Arc::new(Model {
        listeners: vec![
            listener("http-80", 80, None, hosts.clone()),
            listener("https-443", 443, Some(tls), hosts),
            by_bytes("tcp-53", 53, Protocol::Tcp, Some(relay("lost", vec![nowhere]))),
            by_bytes("tcp-5432", 5432, Protocol::Tcp, Some(db.clone())),
            by_bytes("tcp-9000", 9000, Protocol::Tcp, None),
            by_bytes("udp-53", 53, Protocol::Udp, Some(db)),
        ],
        clusters: [ring, plain].into_iter().map(|c| (c.name.clone(), c)).collect(),
        ..Model::default()
    }))
}

#[test]
fn a_tcp_connection_is_told_with_its_shares() {
    let told = get(&all(), "tcp://db.example.com:5432");
    let expected = json!({
        "listener": "tcp-5432", "virtualHost": null,
        "route": {"apiVersion": "seaway.dev/v1alpha1", "kind": "HttpRoute", "namespace": "shop", "name": "db", "rule": 3,
            "file": "shop.yaml", "line": 7},
        "action": "forward", "mode": "tcp",
        "destinations": [
            {"cluster": "shop/db:5432", "service": "shop", "namespace": "shop", "port": 8080, "subset": null, "weight": 3,
             "share": 0.75, "endpoints": ["10.0.0.5:5432"], "fail": null,
             "policies": {"balancing": "ringHash", "connectTimeoutMs": 5000, "outlierDetection": null,
                "tls": {"serverName": "db.internal", "trust": "system"}}},
            {"cluster": "shop/db:5432/v2", "service": "shop", "namespace": "shop", "port": 8080, "subset": "v2", "weight": 1,
             "share": 0.25, "endpoints": [], "fail": null,
             "policies": {"balancing": "leastRequest", "connectTimeoutMs": 5000, "outlierDetection": null}},
        ],
        "upstreamRequest": null, "redirect": null, "respond": null, "mirrors": [], "timeoutMs": null,
        "idleTimeoutMs": 3_600_000, "retries": null, "hashOn": ["sourceIp"], "fault": null,
        "considered": [], "consideredMore": 0, "because": null,
    });
    assert_eq!(told, expected);
}

/// Listener, action and mode.
fn fate(url: &str) -> (Value, Value, Value) {
    let told = get(&all(), url);
    (
        told["listener"].clone(),
        told["action"].clone(),
        told["mode"].clone(),
    )
}

#[test]
fn a_server_name_is_served_passed_through_or_ended() {
    let https = json!("https-443");
    let forward = json!("forward");
    for scheme in ["https", "tls"] {
        assert_eq!(
            fate(&format!("{scheme}://through.example.com")),
            (https.clone(), forward.clone(), json!("passthrough"))
        );
        assert_eq!(
            fate(&format!("{scheme}://ended.example.com:443")),
            (https.clone(), forward.clone(), json!("terminate"))
        );
        assert_eq!(
            fate(&format!("{scheme}://nobody.example.com")),
            (https.clone(), json!("none"), Value::Null)
        );
    }
    assert_eq!(
        fate("https://www.example.com/"),
        (https.clone(), forward, Value::Null)
    );
    assert_eq!(fate("tls://www.example.com"), (https, json!("none"), Value::Null));
    let through = get(&all(), "https://through.example.com/a");
    assert_eq!(
        (&through["virtualHost"], &through["upstreamRequest"]),
        (&json!("through.example.com"), &Value::Null)
    );
}

#[test]
fn datagrams_and_connections_of_one_port_are_told_apart() {
    assert_eq!(
        fate("udp://1.2.3.4:53"),
        (json!("udp-53"), json!("forward"), json!("udp"))
    );
    assert_eq!(get(&all(), "udp://1.2.3.4:53")["idleTimeoutMs"], 60_000);
    assert_eq!(
        fate("udp://1.2.3.4:80"),
        (Value::Null, json!("none"), Value::Null)
    );
}

#[test]
fn a_connection_that_leads_nowhere_fails_and_says_why() {
    let told = get(&all(), "tcp://1.2.3.4:53");
    assert_eq!(
        (&told["action"], &told["respond"]),
        (&json!("fail"), &Value::Null)
    );
    assert_eq!(told["because"], "there is no Service shop/x");
    assert_eq!(fate("tcp://1.2.3.4:9000").1, "none");
}

#[test]
fn what_is_relayed_as_bytes_may_be_anything() {
    for url in ["http://a:5432/", "https://a:5432/", "tls://a:5432"] {
        assert_eq!(
            fate(url),
            (json!("tcp-5432"), json!("forward"), json!("tcp")),
            "{url}"
        );
    }
    assert_eq!(fate("tcp://a:80").1, "none");
}

#[test]
fn a_url_of_bytes_needs_a_port() {
    let parse = |url| ExplainRequest::parse("GET", url, [("", ""); 0], None).map(|_| ());
    assert_eq!(parse("tcp://a"), Err(UnusableRequest::Port));
    assert_eq!(parse("udp://a/"), Err(UnusableRequest::Port));
    assert!(parse("tls://a").is_ok());
    assert_eq!(parse("ftp://a:1"), Err(UnusableRequest::Scheme));
}

#[test]
fn people_are_told_in_lines() {
    let table = all();
    let request = ExplainRequest::parse("GET", "tls://through.example.com", [("", ""); 0], None).unwrap();
    assert_eq!(
        explain(&table, &request).to_string(),
        "action        forward, TLS untouched\n\
         listener      https-443\n\
         virtual host  through.example.com\n\
         route         HttpRoute shop/db, rule 3 (shop.yaml:7)\n\
         destination   75% to shop/db:5432 (10.0.0.5:5432)\n  \
         with        ring hash, TLS to db.internal\n\
         destination   25% to shop/db:5432/v2 (no endpoints)\n\
         hash on       the client's address\n\
         idle timeout  3600000 ms"
    );
}
