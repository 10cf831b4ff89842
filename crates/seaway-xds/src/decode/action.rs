//! What a route does, from Envoy's words.

use std::sync::Arc;

use envoy_types::pb::envoy::config::route::v3::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use envoy_types::pb::envoy::config::route::v3::route_action::hash_policy::PolicySpecifier;
use envoy_types::pb::envoy::config::route::v3::route_action::{
    ClusterSpecifier, HashPolicy, HostRewriteSpecifier, RequestMirrorPolicy,
};
use envoy_types::pb::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use envoy_types::pb::envoy::config::route::v3::{RedirectAction, RetryPolicy as XdsRetryPolicy, RouteAction};
use seaway_model::{
    ClusterName, Destination, Failure, Forward, Fraction, GeneratedCookie, HashOn, HeaderMutation,
    HostRewrite, Mirror, PathRewrite, Redirect, RedirectPath, RetryOn, RetryPolicy, Rewrite, Target,
};

use super::matching::pattern;
use crate::encode::rewrite::{WHOLE, unliteral};
use crate::notes::Notes;
use crate::words::{fraction, millis, mutation};

/// Reads where requests are sent.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn forward(said: &RouteAction, notes: &Notes) -> Result<Forward, String> {
    Ok(Forward {
        destinations: destinations(said, notes)?,
        rewrite: Rewrite {
            path: match notes.get::<Option<PathRewrite>>("pathRewrite") {
                Some(noted) => noted,
                None => path_rewrite(said)?,
            },
            host: match &said.host_rewrite_specifier {
                None => None,
                Some(HostRewriteSpecifier::HostRewriteLiteral(host)) => {
                    Some(HostRewrite::Literal(host.as_str().into()))
                }
                Some(HostRewriteSpecifier::AutoHostRewrite(on)) if !on.value => None,
                Some(_) => return Err("a host rewrite that depends on the request or the endpoint".into()),
            },
        },
        timeout: timeout(said),
        retry: match notes.get::<Option<RetryPolicy>>("retry") {
            Some(noted) => noted,
            None => retry(said.retry_policy.as_ref()),
        }
        .map(Box::new),
        hash_on: said.hash_policy.iter().filter_map(hash).collect(),
    })
}

/// Nothing said is Envoy's own limit; zero is none.
fn timeout(said: &RouteAction) -> Option<seaway_model::Millis> {
    const ENVOYS: u64 = 15_000;
    match millis(said.timeout.as_ref()) {
        None => Some(seaway_model::Millis(ENVOYS)),
        Some(seaway_model::Millis(0)) => None,
        limit => limit,
    }
}

fn destinations(said: &RouteAction, notes: &Notes) -> Result<Vec<Destination>, String> {
    let mut failures = notes
        .get::<Vec<Option<Failure>>>("failures")
        .unwrap_or_default()
        .into_iter();
    let mut target = |name: &str| match failures.next().flatten() {
        Some(failure) => Target::Fail(failure),
        None => Target::Cluster(ClusterName(name.into())),
    };
    match &said.cluster_specifier {
        Some(ClusterSpecifier::Cluster(name)) => Ok(vec![Destination {
            target: target(name),
            weight: notes.get("weight").unwrap_or(1),
            request_headers: HeaderMutation::default(),
            response_headers: HeaderMutation::default(),
        }]),
        Some(ClusterSpecifier::WeightedClusters(weighted)) => {
            let noted = |key| notes.get::<Vec<HeaderMutation>>(key).unwrap_or_default();
            let requests = noted("destinationRequestHeaders");
            let answers = noted("destinationResponseHeaders");
            let mut all = Vec::new();
            for (index, cluster) in weighted.clusters.iter().enumerate() {
                all.push(weighted_destination(
                    cluster,
                    target(&cluster.name),
                    [requests.get(index), answers.get(index)],
                )?);
            }
            if all.iter().all(|destination| destination.weight == 0) {
                return Err("a split in which every weight is zero".into());
            }
            Ok(all)
        }
        _ => Err("a destination that is not the name of a cluster".into()),
    }
}

fn weighted_destination(
    said: &ClusterWeight,
    target: Target,
    noted: [Option<&HeaderMutation>; 2],
) -> Result<Destination, String> {
    if said.name.is_empty() {
        return Err("a destination that is not the name of a cluster".into());
    }
    let [requests, answers] = noted;
    let requests_read = || mutation(&said.request_headers_to_add, &said.request_headers_to_remove);
    let answers_read = || mutation(&said.response_headers_to_add, &said.response_headers_to_remove);
    Ok(Destination {
        target,
        weight: said.weight.as_ref().map_or(0, |weight| weight.value),
        request_headers: requests.cloned().unwrap_or_else(requests_read),
        response_headers: answers.cloned().unwrap_or_else(answers_read),
    })
}

/// Reads a rewrite of the path.
///
/// # Errors
/// An expression that is none.
pub(crate) fn path_rewrite(said: &RouteAction) -> Result<Option<PathRewrite>, String> {
    if !said.prefix_rewrite.is_empty() {
        return Ok(Some(PathRewrite::Prefix(said.prefix_rewrite.as_str().into())));
    }
    let Some(regex) = &said.regex_rewrite else {
        return Ok(None);
    };
    let source = regex.pattern.as_ref().map_or("", |pattern| &pattern.regex);
    if source == WHOLE
        && let Some(full) = unliteral(&regex.substitution)
    {
        return Ok(Some(PathRewrite::Full(full.into())));
    }
    Ok(Some(PathRewrite::Regex {
        pattern: pattern(source)?,
        substitution: regex.substitution.as_str().into(),
    }))
}

/// Reads a redirect.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn redirect(said: &RedirectAction) -> Result<Redirect, String> {
    let text = |text: &str| (!text.is_empty()).then(|| Arc::<str>::from(text));
    if said.strip_query {
        return Err("a redirect that drops the query".into());
    }
    Ok(Redirect {
        status: match said.response_code() {
            RedirectResponseCode::MovedPermanently => 301,
            RedirectResponseCode::Found => 302,
            RedirectResponseCode::SeeOther => 303,
            RedirectResponseCode::TemporaryRedirect => 307,
            RedirectResponseCode::PermanentRedirect => 308,
        },
        scheme: match &said.scheme_rewrite_specifier {
            Some(SchemeRewriteSpecifier::HttpsRedirect(true)) => Some("https".into()),
            Some(SchemeRewriteSpecifier::SchemeRedirect(scheme)) => text(scheme),
            _ => None,
        },
        host: text(&said.host_redirect),
        port: match said.port_redirect {
            0 => None,
            port => Some(u16::try_from(port).map_err(|_| "a port above 65535")?),
        },
        path: match &said.path_rewrite_specifier {
            None => None,
            Some(PathRewriteSpecifier::PathRedirect(path)) => Some(RedirectPath::Full(path.as_str().into())),
            Some(PathRewriteSpecifier::PrefixRewrite(prefix)) => {
                Some(RedirectPath::Prefix(prefix.as_str().into()))
            }
            Some(_) => return Err("a redirect by an expression".into()),
        },
    })
}

/// Reads when to try again. What the model has no word for is not tried again.
pub(crate) fn retry(said: Option<&XdsRetryPolicy>) -> Option<RetryPolicy> {
    let said = said?;
    let words = said
        .retry_on
        .split(',')
        .map(str::trim)
        .filter_map(RetryOn::of_word);
    let codes = said
        .retriable_status_codes
        .iter()
        .filter_map(|code| u16::try_from(*code).ok());
    let mut on: Vec<RetryOn> = words.chain(codes.map(RetryOn::Status)).collect();
    on.sort_unstable();
    on.dedup();
    Some(RetryPolicy {
        attempts: said.num_retries.as_ref().map_or(1, |number| number.value),
        per_try_timeout: millis(said.per_try_timeout.as_ref()).filter(|limit| limit.0 > 0),
        on,
        backoff: said
            .retry_back_off
            .as_ref()
            .and_then(|backoff| millis(backoff.base_interval.as_ref())),
    })
}

fn hash(said: &HashPolicy) -> Option<HashOn> {
    Some(match said.policy_specifier.as_ref()? {
        PolicySpecifier::Header(header) => HashOn::Header(header.header_name.to_ascii_lowercase().into()),
        PolicySpecifier::Cookie(cookie) => match millis(cookie.ttl.as_ref()) {
            None => HashOn::Cookie(cookie.name.as_str().into()),
            Some(ttl) => HashOn::GeneratedCookie(GeneratedCookie {
                name: cookie.name.as_str().into(),
                path: (!cookie.path.is_empty()).then(|| cookie.path.as_str().into()),
                ttl,
                attributes: cookie
                    .attributes
                    .iter()
                    .map(|a| (a.name.as_str().into(), a.value.as_str().into()))
                    .collect(),
            }),
        },
        PolicySpecifier::QueryParameter(query) => HashOn::Query(query.name.as_str().into()),
        PolicySpecifier::ConnectionProperties(properties) if properties.source_ip => HashOn::SourceIp,
        PolicySpecifier::ConnectionProperties(_) | PolicySpecifier::FilterState(_) => return None,
    })
}

/// Reads where copies go.
pub(crate) fn mirror(said: &RequestMirrorPolicy) -> Result<Mirror, String> {
    if said.cluster.is_empty() {
        return Err("copies to a cluster that the request names".into());
    }
    Ok(Mirror {
        cluster: ClusterName(said.cluster.as_str().into()),
        fraction: said
            .runtime_fraction
            .as_ref()
            .map_or(Fraction::ALL, |share| fraction(share.default_value.as_ref())),
    })
}
