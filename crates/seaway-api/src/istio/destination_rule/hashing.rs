//! Balancing by a hash of something in the request.

use std::sync::Arc;

use super::super::Text;
use super::super::shapes::{DURATION_OR_ZERO, FILLED};
use crate::decode::{
    Cx, Decode, List, ObjectShape, Parsed, Quoted, TEXT, TRUE_FALSE, Uint, at, obj, object, syntax,
};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

/// Balancing by a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistentHash {
    /// What is hashed.
    pub key: HashKey,
    /// How an endpoint is found by the hash.
    pub algorithm: HashAlgorithm,
}

/// What is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The value of this header.
    Header(Text),
    /// The value of this cookie.
    Cookie(Spanned<HttpCookie>),
    /// The client's address.
    SourceIp,
    /// The value of this query parameter.
    Query(Text),
}

/// How an endpoint is found by a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// On a ring with at least so many points; `None`: 1,024.
    Ring(Option<Spanned<u32>>),
    /// In a table with so many entries, a prime; `None`: 65,537.
    Maglev(Option<Spanned<u32>>),
}

object! {
    /// Balancing by a hash of exactly one thing.
    #[derive(Clone, Debug)]
    pub(crate) struct HashFields {
        /// Hash the value of this header.
        header: Option<Text> = "httpHeaderName", optional, at(Parsed("header name", syntax::header_name));
        /// Hash the value of this cookie.
        cookie: Option<Spanned<HttpCookie>> = "httpCookie", optional, at(obj());
        /// Hash the client's address.
        source_ip: Option<bool> = "useSourceIp", optional, TRUE_FALSE;
        /// Hash the value of this query parameter.
        query: Option<Text> = "httpQueryParameterName", optional, FILLED;
        /// Find the endpoint on a ring, of which few places move when endpoints come and go.
        ring_hash: Option<RingHash> = "ringHash", optional, obj();
        /// Find the endpoint in a table, which spreads more evenly.
        maglev: Option<Maglev> = "maglev", optional, obj();
        /// The points of the ring, in the older form.
        minimum_ring_size: Option<Spanned<u32>> = "minimumRingSize", optional, RING_SIZE;
    }
}

const RING_SIZE: crate::decode::At<crate::decode::Int<u32>> = at(Uint(0, 8_388_608));

object! {
    /// A ring.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct RingHash {
        /// At least so many points on it.
        minimum_ring_size: Option<Spanned<u32>> = "minimumRingSize", optional, RING_SIZE;
    }
}

object! {
    /// A table.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Maglev {
        /// Its entries, a prime.
        table_size: Option<Spanned<u32>> = "tableSize", optional, at(Uint(2, 5_000_011));
    }
    finish check_prime;
}

fn check_prime(maglev: Maglev, cx: &mut Cx, _: &Node<'_>) -> Option<Maglev> {
    if let Some(size) = maglev.table_size.as_ref().filter(|size| !is_prime(size.value)) {
        let message = format!("{} is not a prime", size.value);
        cx.report_in(
            "tableSize",
            ProblemKind::InvalidValue,
            size.pos,
            message,
            "write a prime, for example 65537",
        );
    }
    Some(maglev)
}

/// At most five million, so that trying every divisor is quick.
fn is_prime(number: u32) -> bool {
    number >= 2
        && (2..)
            .take_while(|d| d * d <= number)
            .all(|d| !number.is_multiple_of(d))
}

impl Decode for ConsistentHash {
    fn decode(cx: &mut Cx, node: &Node<'_>) -> Option<Self> {
        let fields = HashFields::decode(cx, node)?;
        cx.refuse_both(node, "ringHash", "maglev", "keep one of the two");
        cx.refuse_both(node, "minimumRingSize", "ringHash", "keep \"ringHash\"");
        cx.refuse_both(node, "minimumRingSize", "maglev", "keep \"maglev\"");
        let algorithm = match (fields.maglev, fields.ring_hash) {
            (Some(maglev), _) => HashAlgorithm::Maglev(maglev.table_size),
            (None, ring) => {
                let size = ring.and_then(|ring| ring.minimum_ring_size);
                HashAlgorithm::Ring(size.or(fields.minimum_ring_size))
            }
        };
        let keys = [
            fields.header.map(HashKey::Header),
            fields.cookie.map(HashKey::Cookie),
            fields.source_ip.filter(|used| *used).map(|_| HashKey::SourceIp),
            fields.query.map(HashKey::Query),
        ];
        let key = one_key(cx, node, keys)?;
        Some(Self { key, algorithm })
    }
    fn describe() -> ObjectShape {
        HashFields::describe()
    }
}

fn one_key(cx: &mut Cx, node: &Node<'_>, keys: [Option<HashKey>; 4]) -> Option<HashKey> {
    let mut keys = keys.into_iter().flatten();
    let help = "write one of httpHeaderName, httpCookie, useSourceIp: true and httpQueryParameterName";
    let first = keys.next();
    if first.is_none() {
        cx.report(
            ProblemKind::MissingField,
            node.pos,
            "nothing to hash is named",
            help,
        );
    } else if keys.next().is_some() {
        let message = "httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName exclude each other";
        cx.report(ProblemKind::ConflictingFields, node.pos, message, help);
    }
    first
}

object! {
    /// A cookie that is hashed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct HttpCookie {
        /// Its name.
        name: Text = "name", required, at(Parsed("name", syntax::header_name));
        /// Its path, where it is made.
        path: Option<Text> = "path", optional, TEXT;
        /// A cookie is made where there is none, and lives for so long; 0: for the session. Without it none is made.
        ttl: Option<Spanned<u64>> = "ttl", optional, DURATION_OR_ZERO;
        /// Further attributes, where it is made.
        attributes: Vec<CookieAttribute> = "attributes", default(Vec::new(), "none"), List(obj());
    }
    finish check_attributes;
}

fn check_attributes(cookie: HttpCookie, cx: &mut Cx, _: &Node<'_>) -> Option<HttpCookie> {
    cx.within("attributes", |cx| {
        for (index, one) in cookie.attributes.iter().enumerate() {
            let name = &one.name;
            if cookie
                .attributes
                .iter()
                .take(index)
                .any(|known| known.name.value == name.value)
            {
                cx.within_item(index, |cx| {
                    let message = format!("the attribute {:?} is there twice", &*name.value);
                    cx.report_in(
                        "name",
                        ProblemKind::InvalidValue,
                        name.pos,
                        message,
                        "keep one of the two",
                    );
                });
            }
        }
    });
    Some(cookie)
}

object! {
    /// An attribute of a cookie.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CookieAttribute {
        /// Its name.
        name: Text = "name", required, at(Parsed("name", syntax::header_name));
        /// Its value.
        value: Arc<str> = "value", default(Arc::default(), "none"), Quoted;
    }
}

#[cfg(test)]
mod tests {
    use super::is_prime;

    #[test]
    fn a_prime_is_told_from_a_product() {
        for (number, expected) in [
            (0, false),
            (1, false),
            (2, true),
            (4, false),
            (65_537, true),
            (65_536, false),
            (5_000_011, true),
        ] {
            assert_eq!(is_prime(number), expected, "{number}");
        }
    }
}
