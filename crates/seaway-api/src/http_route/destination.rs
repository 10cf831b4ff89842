//! Where requests go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Text;
use crate::Spanned;
use crate::decode::{Parsed, TEXT, TextMap, Uint, at, object, syntax};

object! {
    /// A place that requests go to, and its share of them.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Destination {
        /// `service[.namespace[.svc.cluster.local]][:port]`, a DNS name, or an address.
        host: Text = "host", required, at(Parsed("host, with or without a port", syntax::destination_host));
        /// Its share of the requests: this divided by the sum of all weights, exactly.
        weight: Spanned<u32> = "weight", default(Spanned::unwritten(1u32), "`1`"), at(Uint(0, u32::MAX as i64));
        /// Labels that a pod must have to get requests.
        subset: BTreeMap<Arc<str>, Text> = "subset", default(BTreeMap::new(), "every pod"),
            TextMap("mapping of label to value", syntax::any_key, TEXT);
    }
}
