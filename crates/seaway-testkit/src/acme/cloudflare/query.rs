//! Filters and pages of the lists.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};

use super::super::web;

/// Entries of a page, unless the query says otherwise.
const PER_PAGE: usize = 20;

/// The query of a list, decoded.
#[derive(Debug)]
pub(super) struct Query {
    fields: BTreeMap<String, String>,
}

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        };
        let fields = text
            .split('&')
            .filter(|part| !part.is_empty())
            .map(pair)
            .collect();
        Self { fields }
    }

    /// Whether a filter of this name is absent or met. `name.exact` and `content.exact` are its newer names.
    pub(super) fn allows(&self, name: &str, value: &str) -> bool {
        let exact = format!("{name}.exact");
        let wanted = [name, &exact]
            .into_iter()
            .filter_map(|name| self.fields.get(name));
        wanted
            .into_iter()
            .all(|wanted| wanted.eq_ignore_ascii_case(value))
    }

    /// The page that was asked for, with what there is in all.
    pub(super) fn page(&self, all: Vec<Value>) -> Response<Full<Bytes>> {
        let number = |name, otherwise: usize| {
            let value: Option<usize> = self.fields.get(name).and_then(|value| value.parse().ok());
            value.unwrap_or(otherwise).max(1)
        };
        let (page, per_page, total) = (number("page", 1), number("per_page", PER_PAGE), all.len());
        let skipped = per_page.saturating_mul(page - 1);
        let result: Vec<Value> = all.into_iter().skip(skipped).take(per_page).collect();
        let info = json!({
            "page": page,
            "per_page": per_page,
            "count": result.len(),
            "total_count": total,
            "total_pages": total.div_ceil(per_page),
        });
        let body = json!({
            "success": true, "errors": [], "messages": [], "result": result, "result_info": info,
        });
        web::json(200, &body)
    }
}

/// Percent-decoding; a plus is a space, as in forms.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                // What is not a number stays away; no client under test sends it.
                out.extend(u8::from_str_radix(&digits, 16));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
