//! The dashboard: one page with its style and script inside, so that it needs nothing else to load.
//!
//! The content policy allows exactly this style and this script, by a nonce that differs in every answer. The page is a
//! constant: what comes from the configuration is fetched as JSON and set as text, never as markup.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

const HTML: &str = include_str!("dashboard.html");
const CSS: &str = include_str!("dashboard.css");
const JS: &str = include_str!("dashboard.js");

/// The page.
pub(super) struct Page {
    /// HTML.
    pub(super) body: String,
    /// For the `Content-Security-Policy` header.
    pub(super) policy: String,
}

/// Makes the page.
pub(super) fn page() -> Page {
    let nonce = nonce();
    let body = HTML
        .replace("{{nonce}}", &nonce)
        .replace("{{style}}", CSS)
        .replace("{{script}}", JS);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Page { body, policy }
}

/// 128 bits from the keyed hash that the standard library seeds from the system's random source. No secret depends on
/// it: nothing in the page comes from anyone who could use a guessed one.
fn nonce() -> String {
    let half = || RandomState::new().hash_one(0_u8);
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing_from_anywhere() {
        let page = page().body;
        for word in ["http://", "https://", "src=", "@import", "url(", "<link"] {
            let found = page
                .match_indices(word)
                .map(|(at, _)| &page[at..(at + 60).min(page.len())]);
            // The form's placeholder shows what a URL looks like.
            let outside: Vec<&str> = found
                .filter(|t| !t.starts_with("http://shop.example.com"))
                .collect();
            assert!(outside.is_empty(), "{outside:?}");
        }
    }

    #[test]
    fn no_markup_is_ever_made_from_data() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!JS.contains(way), "{way}");
        }
    }

    #[test]
    fn the_policy_names_the_nonce_of_the_page_and_no_other_page_has_it() {
        let (one, two) = (page(), page());
        let nonce = one
            .policy
            .split("'nonce-")
            .nth(1)
            .and_then(|t| t.split('\'').next())
            .unwrap();
        assert_eq!(one.body.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        assert!(!two.body.contains(nonce));
        assert!(!one.body.contains("{{"));
    }
}
