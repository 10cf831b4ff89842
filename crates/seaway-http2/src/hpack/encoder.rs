//! From a message to a header block, without a table (see [`crate::hpack`]).

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};

use super::static_table::index;

/// One direction of a connection.
///
/// Its only state is what it owes to a peer that wants a smaller table than the one each connection begins with: the
/// next block must begin with a change of size (RFC 7541, 4.2). It then changes to zero, below which no later wish can
/// be, so that it owes it once in a connection's life.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    table: PeerTable,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum PeerTable {
    #[default]
    Initial,
    OwesUpdate,
    Zero,
}

/// The table size before any SETTINGS.
const INITIAL: u32 = 4096;

/// The first bits of a field, and how many are left for the index.
#[derive(Clone, Copy)]
struct Form(u8, u32);

const INDEXED: Form = Form(0x80, 7);
const UPDATE: Form = Form(0x20, 5);
const PLAIN: Form = Form(0x00, 4);
const NEVER: Form = Form(0x10, 4);

impl Encoder {
    /// The peer announced SETTINGS_HEADER_TABLE_SIZE.
    pub(crate) fn table_size(&mut self, new: u32) {
        if self.table == PeerTable::Initial && new < INITIAL {
            self.table = PeerTable::OwesUpdate;
        }
    }

    /// Appends the header block of a request. `protocol` makes a CONNECT an extended one (RFC 8441). A request without
    /// a scheme is sent with `http`. Connection-specific fields must be gone already.
    pub(crate) fn request<B>(&mut self, head: &Request<B>, protocol: Option<&str>, dst: &mut BytesMut) {
        self.begin(dst);
        control_data(head.method(), head.uri(), protocol, dst);
        fields(head.headers(), dst);
    }

    /// Appends the header block of a response, informational ones included.
    pub(crate) fn response(&mut self, status: StatusCode, headers: &HeaderMap, dst: &mut BytesMut) {
        self.begin(dst);
        match index::status(status) {
            Some(index) => integer(INDEXED, index.into(), dst),
            None => named(PLAIN, index::STATUS, status.as_str().as_bytes(), dst),
        }
        fields(headers, dst);
    }

    pub(crate) fn trailers(&mut self, trailers: &HeaderMap, dst: &mut BytesMut) {
        self.begin(dst);
        fields(trailers, dst);
    }

    fn begin(&mut self, dst: &mut BytesMut) {
        if self.table == PeerTable::OwesUpdate {
            integer(UPDATE, 0, dst);
            self.table = PeerTable::Zero;
        }
    }
}

fn control_data(method: &Method, uri: &Uri, protocol: Option<&str>, dst: &mut BytesMut) {
    match index::method(method) {
        Some(index) => integer(INDEXED, index.into(), dst),
        None => named(PLAIN, index::METHOD, method.as_str().as_bytes(), dst),
    }
    if let Some(protocol) = protocol {
        new_name(PLAIN, b":protocol", protocol.as_bytes(), dst);
    }
    if method != Method::CONNECT || protocol.is_some() {
        let scheme = uri.scheme_str().unwrap_or("http");
        match index::scheme(scheme) {
            Some(index) => integer(INDEXED, index.into(), dst),
            None => named(PLAIN, index::SCHEME, scheme.as_bytes(), dst),
        }
        path(uri.path_and_query().map_or("/", |path| path.as_str()), dst);
    }
    if let Some(authority) = uri.authority() {
        named(PLAIN, index::AUTHORITY, authority.as_str().as_bytes(), dst);
    }
}

fn path(path: &str, dst: &mut BytesMut) {
    match index::path(path) {
        Some(index) => integer(INDEXED, index.into(), dst),
        None if path.starts_with('/') || path == "*" => named(PLAIN, index::PATH, path.as_bytes(), dst),
        // A URI may have a query and no path.
        None => named(PLAIN, index::PATH, format!("/{path}").as_bytes(), dst),
    }
}

fn fields(headers: &HeaderMap, dst: &mut BytesMut) {
    for (name, value) in headers {
        field(name, value, dst);
    }
}

fn field(name: &HeaderName, value: &HeaderValue, dst: &mut BytesMut) {
    let form = if value.is_sensitive() { NEVER } else { PLAIN };
    match index::name(name.as_str()) {
        Some(index::ACCEPT_ENCODING) if value == "gzip, deflate" && !value.is_sensitive() => {
            integer(INDEXED, index::ACCEPT_ENCODING.into(), dst);
        }
        Some(index) => named(form, index, value.as_bytes(), dst),
        None => new_name(form, name.as_str().as_bytes(), value.as_bytes(), dst),
    }
}

/// A literal with the name at `index`.
fn named(form: Form, index: u8, value: &[u8], dst: &mut BytesMut) {
    integer(form, index.into(), dst);
    string(value, dst);
}

/// A literal with a name that has no index.
fn new_name(form: Form, name: &[u8], value: &[u8], dst: &mut BytesMut) {
    dst.put_u8(form.0);
    string(name, dst);
    string(value, dst);
}

fn string(text: &[u8], dst: &mut BytesMut) {
    integer(Form(0, 7), text.len(), dst);
    dst.extend_from_slice(text);
}

fn integer(Form(first, bits): Form, value: usize, dst: &mut BytesMut) {
    let mask = u8::MAX >> (8 - bits);
    match u8::try_from(value) {
        Ok(value) if value < mask => dst.put_u8(first | value),
        _ => {
            dst.put_u8(first | mask);
            long_integer(value - usize::from(mask), dst);
        }
    }
}

fn long_integer(mut value: usize, dst: &mut BytesMut) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        dst.put_u8(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    dst.put_u8(low);
}
