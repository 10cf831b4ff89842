//! What the upstream is told of a client that has proved who it is: `x-forwarded-client-cert`, in Envoy's form.
//!
//! One element is `Hash=…;Subject="…";URI=…;DNS=…`, elements are joined by commas, ours last. `By` is left out: the
//! gateway has no mesh identity. Whoever reads the field believes it, so it must not be possible to write one in it that
//! says something else: a subject is quoted, and so is a name that has one of the field's own signs in it.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

use crate::context::Connection;
use crate::tls::ClientCertificate;

pub(crate) const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// Says who the client of a connection is, after whatever a trusted peer has said. What a peer that is not trusted had
/// to say of it is gone already.
pub(crate) fn vouch(connection: &Connection, headers: &mut HeaderMap) {
    let Some(ours) = connection.client_text() else {
        return;
    };
    if !headers.contains_key(X_FORWARDED_CLIENT_CERT) {
        headers.insert(X_FORWARDED_CLIENT_CERT, ours.clone());
        return;
    }
    let mut text = Vec::new();
    for theirs in headers.get_all(X_FORWARDED_CLIENT_CERT) {
        text.extend_from_slice(theirs.as_bytes());
        text.push(b',');
    }
    text.extend_from_slice(ours.as_bytes());
    if let Ok(joined) = HeaderValue::from_bytes(&text) {
        headers.insert(X_FORWARDED_CLIENT_CERT, joined);
    }
}

/// The element for a certificate.
pub(crate) fn element(client: &ClientCertificate) -> Option<HeaderValue> {
    let mut text = format!("Hash={}", client.hash);
    if !client.subject.is_empty() {
        text.push_str(";Subject=");
        quote(&client.subject, &mut text);
    }
    let uris = client.uris.iter().map(|uri| (";URI=", uri));
    let names = client.dns_names.iter().map(|name| (";DNS=", name));
    for (key, value) in uris.chain(names) {
        text.push_str(key);
        if value.contains([',', ';', '=', '"', '\\', ' ']) {
            quote(value, &mut text);
        } else {
            text.push_str(value);
        }
    }
    // Control characters, which no field can carry, say nothing of anybody.
    text.retain(|c| !c.is_control());
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

/// Between double quotes. RFC 2253 escapes quotes by a backslash; one that is not escaped is, and a backslash at the end
/// cannot take the closing quote away.
fn quote(value: &str, text: &mut String) {
    text.push('"');
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                text.push('\\');
                text.push(characters.next().unwrap_or('\\'));
            }
            '"' => text.push_str("\\\""),
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(subject: &str, uris: &[&str], dns_names: &[&str]) -> ClientCertificate {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        ClientCertificate {
            subject: subject.to_owned(),
            uris: owned(uris),
            dns_names: owned(dns_names),
            hash: "0a1b".to_owned(),
        }
    }

    fn text(client: &ClientCertificate) -> String {
        element(client).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn an_element_has_hash_subject_and_names() {
        let client = client(
            "CN=client,O=Example",
            &["spiffe://example.com/ns/shop/sa/cart"],
            &["a.example.com", "b.example.com"],
        );
        assert_eq!(
            text(&client),
            "Hash=0a1b;Subject=\"CN=client,O=Example\";URI=spiffe://example.com/ns/shop/sa/cart;\
             DNS=a.example.com;DNS=b.example.com"
        );
    }

    #[test]
    fn what_a_certificate_lacks_is_left_out() {
        assert_eq!(text(&client("", &[], &[])), "Hash=0a1b");
    }

    #[test]
    fn no_name_can_say_more_than_a_name() {
        let sly = client("CN=a\";URI=admin,O=\\", &["x;DNS=admin", "y,Hash=1"], &["a\r\nb"]);
        assert_eq!(
            text(&sly),
            "Hash=0a1b;Subject=\"CN=a\\\";URI=admin,O=\\\\\";URI=\"x;DNS=admin\";URI=\"y,Hash=1\";DNS=ab"
        );
        let escaped = client("CN=a\\\"b", &[], &[]);
        assert_eq!(text(&escaped), "Hash=0a1b;Subject=\"CN=a\\\"b\"");
    }
}
