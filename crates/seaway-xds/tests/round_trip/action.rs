//! Routes of any kind.

use proptest::prelude::*;
use seaway_model::{
    Abort, Action, ClusterName, Cors, Delay, Destination, DirectResponse, Failure, FailureReason, Fault,
    Forward, GeneratedCookie, HashOn, HostRewrite, L4Destination, L4Route, Mirror, OriginMatch, PathRewrite,
    Redirect, RedirectPath, RetryOn, RetryPolicy, Rewrite, Route, Target,
};

use crate::matching::matches;
use crate::words::{count, fraction, millis, mutation, origin, pattern, text, word, word_or_nothing};

pub const CLUSTERS: [&str; 3] = ["shop/shop:8080", "shop/shop:8080/v1", "a.example:443"];

pub fn cluster_name() -> BoxedStrategy<ClusterName> {
    prop::sample::select(&CLUSTERS[..])
        .prop_map(|name| ClusterName(name.into()))
        .boxed()
}

fn failure() -> BoxedStrategy<Failure> {
    let reason = prop::sample::select(
        &[
            FailureReason::ServiceNotFound,
            FailureReason::InvalidRule,
            FailureReason::SubsetNotFound,
        ][..],
    );
    (prop_oneof![Just(500), Just(503)], reason, word_or_nothing())
        .prop_map(|(status, reason, message)| Failure {
            status,
            reason,
            message,
        })
        .boxed()
}

fn target() -> BoxedStrategy<Target> {
    prop_oneof![3 => cluster_name().prop_map(Target::Cluster), 1 => failure().prop_map(Target::Fail)].boxed()
}

fn destinations() -> BoxedStrategy<Vec<Destination>> {
    let one = (target(), 0..9_u32, mutation(), mutation()).prop_map(
        |(target, weight, request_headers, response_headers)| Destination {
            target,
            weight,
            request_headers,
            response_headers,
        },
    );
    prop::collection::vec(one, 1..4)
        .prop_map(|mut all| {
            if let Some(first) = all.first_mut() {
                first.weight = first.weight.max(1);
            }
            all
        })
        .boxed()
}

fn path_rewrite() -> BoxedStrategy<PathRewrite> {
    let texts = || text(&["/", "/x", "/x/", "x", "", "/a b", "//e", "/a\\b"]);
    prop_oneof![
        texts().prop_map(PathRewrite::Prefix),
        texts().prop_map(PathRewrite::Full),
        (pattern(), text(&["/\\1", "\\x", "/y\\\\", "\\9"])).prop_map(|(pattern, substitution)| {
            PathRewrite::Regex {
                pattern,
                substitution,
            }
        }),
    ]
    .boxed()
}

fn retry() -> BoxedStrategy<RetryPolicy> {
    let on = prop::sample::subsequence(
        vec![
            RetryOn::ServerError,
            RetryOn::GatewayError,
            RetryOn::Reset,
            RetryOn::ResetBeforeRequest,
            RetryOn::ConnectFailure,
            RetryOn::RefusedStream,
            RetryOn::Retriable4xx,
            RetryOn::Cancelled,
            RetryOn::DeadlineExceeded,
            RetryOn::Internal,
            RetryOn::ResourceExhausted,
            RetryOn::Unavailable,
            RetryOn::Status(409),
            RetryOn::Status(503),
        ],
        0..14,
    );
    (
        0..4_u32,
        prop::option::of(millis()),
        on,
        prop::option::of(millis()),
    )
        .prop_map(|(attempts, per_try_timeout, on, backoff)| RetryPolicy {
            attempts,
            per_try_timeout,
            on,
            backoff,
        })
        .boxed()
}

fn hash_on() -> BoxedStrategy<HashOn> {
    let attributes = prop::collection::vec((word(), word_or_nothing()), 0..2);
    prop_oneof![
        text(&["x-a", "host"]).prop_map(HashOn::Header),
        word().prop_map(HashOn::Cookie),
        (
            word(),
            prop::option::of(word()),
            prop_oneof![Just(seaway_model::Millis(0)), millis()],
            attributes
        )
            .prop_map(|(name, path, ttl, attributes)| {
                HashOn::GeneratedCookie(GeneratedCookie {
                    name,
                    path,
                    ttl,
                    attributes,
                })
            }),
        word().prop_map(HashOn::Query),
        Just(HashOn::SourceIp),
    ]
    .boxed()
}

fn forward() -> BoxedStrategy<Forward> {
    (
        destinations(),
        prop::option::of(path_rewrite()),
        prop::option::of(word()),
        prop::option::of(millis()),
        prop::option::of(retry()),
        prop::collection::vec(hash_on(), 0..3),
    )
        .prop_map(|(destinations, path, host, timeout, retry, hash_on)| Forward {
            destinations,
            rewrite: Rewrite {
                path,
                host: host.map(HostRewrite::Literal),
            },
            timeout,
            retry: retry.map(Box::new),
            hash_on,
        })
        .boxed()
}

fn redirect() -> BoxedStrategy<Redirect> {
    let path = prop_oneof![
        text(&["/", "/x/", "x"]).prop_map(RedirectPath::Full),
        text(&["/", "/x/", "/x"]).prop_map(RedirectPath::Prefix),
    ];
    (
        prop::sample::select(&[301_u16, 302, 303, 307, 308][..]),
        prop::option::of(text(&["http", "https"])),
        prop::option::of(text(&["new.example", "2001:db8::1"])),
        prop::option::of(prop_oneof![Just(80_u16), Just(443), Just(8443)]),
        prop::option::of(path),
    )
        .prop_map(|(status, scheme, host, port, path)| Redirect {
            status,
            scheme,
            host,
            port,
            path,
        })
        .boxed()
}

fn cors() -> BoxedStrategy<Cors> {
    let allowed = prop_oneof![
        Just(OriginMatch::Any),
        word().prop_map(OriginMatch::Exact),
        word_or_nothing().prop_map(OriginMatch::Prefix),
        Just(OriginMatch::Wildcard {
            before: "https://".into(),
            after: ".example.com".into()
        }),
        pattern().prop_map(OriginMatch::Regex),
    ];
    let names = || prop::collection::vec(text(&["GET", "x-a", "*"]), 0..3);
    (
        prop::collection::vec(allowed, 0..3),
        names(),
        names(),
        names(),
        any::<bool>(),
        any::<bool>(),
        prop::option::of(0..600_u64),
    )
        .prop_map(
            |(
                allow_origins,
                allow_methods,
                allow_headers,
                expose_headers,
                allow_credentials,
                forward_unmatched_preflights,
                max_age_seconds,
            )| Cors {
                allow_origins,
                allow_methods,
                allow_headers,
                expose_headers,
                allow_credentials,
                forward_unmatched_preflights,
                max_age_seconds,
            },
        )
        .boxed()
}

fn fault() -> BoxedStrategy<Fault> {
    let delay = (fraction(), millis()).prop_map(|(fraction, duration)| Delay { fraction, duration });
    let abort =
        (fraction(), 200..600_u16, prop::option::of(1..17_u8)).prop_map(|(fraction, status, grpc_status)| {
            Abort {
                fraction,
                status,
                grpc_status,
            }
        });
    (prop::option::of(delay), prop::option::of(abort))
        .prop_map(|(delay, abort)| Fault { delay, abort })
        .boxed()
}

fn act() -> BoxedStrategy<Action> {
    prop_oneof![
        4 => forward().prop_map(Action::Forward),
        1 => redirect().prop_map(Action::Redirect),
        1 => (200..600_u16, prop::option::of(word_or_nothing()))
            .prop_map(|(status, body)| Action::Respond(DirectResponse { status, body })),
        1 => failure().prop_map(Action::Fail),
    ]
    .boxed()
}

pub fn route() -> BoxedStrategy<Route> {
    let mirrors = prop::collection::vec(
        (cluster_name(), fraction()).prop_map(|(cluster, fraction)| Mirror { cluster, fraction }),
        0..2,
    );
    (
        (origin(), 0..3_u32, matches()),
        prop::option::of(cors()),
        prop::option::of(fault()),
        mutation(),
        mutation(),
        mirrors,
        act(),
    )
        .prop_map(
            |((origin, rule, matches), cors, fault, request_headers, response_headers, mirrors, action)| {
                Route {
                    origin,
                    rule,
                    matches,
                    cors: cors.map(Box::new),
                    fault: fault.map(Box::new),
                    request_headers,
                    response_headers,
                    mirrors: if matches!(action, Action::Forward(_)) {
                        mirrors
                    } else {
                        Vec::new()
                    },
                    action,
                }
            },
        )
        .boxed()
}

pub fn l4_route() -> BoxedStrategy<L4Route> {
    let one = (target(), 0..9_u32).prop_map(|(target, weight)| L4Destination { target, weight });
    (
        origin(),
        0..3_u32,
        prop::collection::vec(one, 1..4),
        count(),
        prop::option::of(millis()),
        any::<bool>(),
    )
        .prop_map(
            |(origin, rule, mut destinations, weight, idle_timeout, hash_source_ip)| {
                if let Some(first) = destinations.first_mut() {
                    first.weight = weight;
                }
                L4Route {
                    origin,
                    rule,
                    destinations,
                    idle_timeout,
                    hash_source_ip,
                }
            },
        )
        .boxed()
}
