//! How an endpoint is chosen.

use std::sync::Arc;

use super::Text;
use crate::decode::{At, Cx, OneOf, Parsed, TRUE_FALSE, Via, at, object, syntax};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

object! {
    /// How an endpoint of the destination is chosen.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LoadBalancing {
        /// The way of choosing.
        policy: Spanned<Policy> =
            "policy", default(Spanned::unwritten(Policy::LeastRequest), "`leastRequest`"), at(POLICY);
        /// What decides in `consistentHash`: exactly one of its fields. Does nothing otherwise.
        hash_on: Option<Spanned<HashOn>> = "hashOn", optional, at(Via(hash_on));
    }
    finish check_hash;
}

/// `loadBalancing.policy`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum Policy {
    LeastRequest,
    RoundRobin,
    Random,
    ConsistentHash,
}

const POLICY: OneOf<Policy> = OneOf(&[
    ("leastRequest", Policy::LeastRequest),
    ("roundRobin", Policy::RoundRobin),
    ("random", Policy::Random),
    ("consistentHash", Policy::ConsistentHash),
]);

/// `loadBalancing.hashOn`: `{header: name}`, `{cookie: name}`, `{query: name}` or `{sourceIP: true}`; exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum HashOn {
    Header(Text),
    Cookie(Text),
    Query(Text),
    SourceIp,
}

const NAME: At<Parsed<Arc<str>>> = at(Parsed("name", syntax::header_name));

object! {
    /// What is hashed: exactly one of these.
    #[derive(Clone, Debug)]
    pub(crate) struct HashOnFields {
        /// The value of this header.
        header: Option<Text> = "header", optional, NAME;
        /// The value of this cookie.
        cookie: Option<Text> = "cookie", optional, NAME;
        /// The value of this query parameter.
        query: Option<Text> = "query", optional, at(Parsed("name", syntax::not_empty));
        /// The client's address.
        source_ip: bool = "sourceIP", default(false, "`false`"), TRUE_FALSE;
    }
}

fn hash_on(fields: HashOnFields, cx: &mut Cx, node: &Node<'_>) -> Option<HashOn> {
    let HashOnFields {
        header,
        cookie,
        query,
        source_ip,
    } = fields;
    let mut choices = [
        header.map(HashOn::Header),
        cookie.map(HashOn::Cookie),
        query.map(HashOn::Query),
        source_ip.then_some(HashOn::SourceIp),
    ]
    .into_iter()
    .flatten();
    let help = "write one of {header: name}, {cookie: name}, {query: name} and {sourceIP: true}";
    let first = choices.next();
    if first.is_none() {
        cx.report(
            ProblemKind::MissingField,
            node.pos,
            "nothing to hash is named",
            help,
        );
    } else if choices.next().is_some() {
        let message = "header, cookie, query and sourceIP exclude each other";
        cx.report(ProblemKind::ConflictingFields, node.pos, message, help);
    }
    first
}

fn check_hash(balancing: LoadBalancing, cx: &mut Cx, node: &Node<'_>) -> Option<LoadBalancing> {
    if *balancing.policy != Policy::ConsistentHash {
        cx.ignored(node, "hashOn", "without the policy consistentHash");
    } else if balancing.hash_on.is_none() {
        cx.missing(
            node,
            "hashOn",
            "add what to hash, for example \"hashOn: {header: x-user}\"",
        );
    }
    Some(balancing)
}
