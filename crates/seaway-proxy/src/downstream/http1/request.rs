//! A head that was read, as the request that handlers know.

use bytes::Bytes;
use http::header::{HeaderName, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use super::super::guard::{FieldSpan, Fields, Framing, Whole};
use crate::body::Body;

/// Room for what a proxy adds, so that the map does not have to grow for it.
const ADDED_FIELDS: usize = 6;

/// What of a request its answer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) is_http10: bool,
    pub(super) is_head: bool,
    pub(super) is_connect: bool,
    /// The client wants to go on with this connection after the answer.
    pub(super) keeps_alive: bool,
    pub(super) takes_trailers: bool,
    pub(super) may_switch: bool,
    pub(super) expects_continue: bool,
    pub(super) body: Framing,
}

/// Makes the request of a head, in which `fields` says where the fields are. `None`: the target is no URI, which is
/// stricter than HTTP in a few characters.
///
/// Each value has memory of its own. As slices of one head they would share a count of who uses it, and to count up and
/// down, in a way that other threads could see, takes longer than to allocate a few bytes and give them back
/// (`docs/performance.md` has what it saved). For the same reason nobody clones a value on the way of every request; see
/// [`crate::text`].
pub(super) fn request(head: &[u8], whole: &Whole, fields: &Fields) -> Option<(Box<Request<Body>>, Asked)> {
    let method = Method::from_bytes(whole.method.of(head)).ok()?;
    let uri = uri(&method, Bytes::copy_from_slice(whole.target.of(head)))?;
    let mut request = Box::new(Request::new(Body::Empty));
    let headers = request.headers_mut();
    headers.reserve(fields.len() + ADDED_FIELDS);
    for field in fields {
        append(headers, head, *field)?;
    }
    let mut may_switch = whole.may_switch && !(whole.is_http10 && method != Method::CONNECT);
    if whole.has_upgrade && forget_h2c(headers) {
        may_switch = method == Method::CONNECT;
    }
    let is_connect = method == Method::CONNECT;
    let asked = Asked {
        is_http10: whole.is_http10,
        is_head: method == Method::HEAD,
        is_connect,
        // What a client sends behind a CONNECT that is refused may be meant for the tunnel, and is never a request.
        keeps_alive: !whole.says_close && (!whole.is_http10 || whole.says_keep_alive) && !is_connect,
        takes_trailers: whole.takes_trailers,
        may_switch,
        expects_continue: whole.expects_continue,
        body: whole.body,
    };
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = if whole.is_http10 {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    Some((request, asked))
}

/// Adds a field to others. `field` must be what the guard found in that very section.
pub(super) fn append(headers: &mut HeaderMap, section: &[u8], field: FieldSpan) -> Option<()> {
    let name = HeaderName::from_bytes(field.name.of(section)).ok()?;
    let value = Bytes::copy_from_slice(field.value.of(section));
    #[expect(
        unsafe_code,
        reason = "a second look at every byte costs a hundredth of a small request, and more with large heads"
    )]
    // SAFETY: the value of a field span consists of bytes that are `guard::bytes::is_value`, which are those that a
    // `HeaderValue` may have; a test of the guard compares all 256. Debug builds look again.
    let value = unsafe { HeaderValue::from_maybe_shared_unchecked(value) };
    headers.try_append(name, value).ok()?;
    Some(())
}

/// Most targets are a path, for which there is a shorter way.
fn uri(method: &Method, target: Bytes) -> Option<Uri> {
    if target.first() == Some(&b'/') {
        return PathAndQuery::from_maybe_shared(target).ok().map(Uri::from);
    }
    let is_of_the_server = *method == Method::OPTIONS && is_without_path(&target);
    let uri = Uri::from_maybe_shared(target).ok()?;
    if !is_of_the_server {
        return Some(uri);
    }
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static("*"));
    Uri::from_parts(parts).ok()
}

/// Whether an absolute target ends with its authority. OPTIONS of such a one is about the server (RFC 9112, 3.2.4); a
/// `Uri` would say that its path is the root.
fn is_without_path(target: &[u8]) -> bool {
    let authority = target.windows(3).position(|three| three == b"://");
    authority
        .and_then(|at| target.get(at + 3..))
        .is_some_and(|rest| !rest.contains(&b'/') && !rest.contains(&b'?'))
}

/// `Upgrade: h2c` is not offered (RFC 9113, 3.1 dropped it), and must not reach a backend that might accept it: what
/// follows would pass unseen. Says whether it was there.
fn forget_h2c(headers: &mut HeaderMap) -> bool {
    let asks = |value: &HeaderValue| {
        value
            .as_bytes()
            .split(|b| *b == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"h2c"))
    };
    let found = headers.get_all(UPGRADE).iter().any(asks);
    if found {
        headers.remove(UPGRADE);
        headers.remove("http2-settings");
    }
    found
}
