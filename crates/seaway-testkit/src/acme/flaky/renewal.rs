//! Renewal information (RFC 9773), which Pebble does not have: added to its directory, answered here, and the `replaces`
//! of new orders read, since Pebble passes it over.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};

use super::Place;
use crate::acme::web;
use crate::client::Answer;

/// Where it is answered.
pub(super) const PATH: &str = "/renewal-info";

/// When the authority suggests to renew any certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuggestedRenewal {
    /// Begin of the window, in RFC 3339.
    pub start: String,
    /// Its end.
    pub end: String,
    /// Seconds after which it shall be asked again.
    pub retry_after: u64,
}

#[derive(Debug, Default)]
pub(super) struct Renewals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    suggested: Option<SuggestedRenewal>,
    replaced: Vec<Option<String>>,
}

impl Renewals {
    pub(super) fn suggest(&self, renewal: SuggestedRenewal) {
        self.lock().suggested = Some(renewal);
    }

    pub(super) fn replaced(&self) -> Vec<Option<String>> {
        self.lock().replaced.clone()
    }

    /// To a request for renewal information, if there is such a thing.
    pub(super) fn answer(&self, path: &str) -> Option<Response<Full<Bytes>>> {
        let certificate = path.strip_prefix(PATH)?.strip_prefix('/')?;
        let state = self.lock();
        let renewal = state.suggested.as_ref()?;
        if !certificate.contains('.') {
            let problem =
                json!({ "type": "urn:ietf:params:acme:error:malformed", "detail": "no identifier" });
            return Some(web::respond(400, "application/problem+json", problem.to_string()));
        }
        let window = json!({ "start": renewal.start, "end": renewal.end });
        let mut response = web::json(200, &json!({ "suggestedWindow": window }));
        web::retry_after(&mut response, Some(&renewal.retry_after.to_string()));
        Some(response)
    }

    /// What a new order says that it replaces.
    pub(super) fn read_order(&self, path: &str, body: &[u8]) -> Option<String> {
        if path != Place::NewOrder.path() {
            return None;
        }
        let replaces = payload(body).and_then(|order| Some(order.get("replaces")?.as_str()?.to_owned()));
        let mut state = self.lock();
        state.replaced.push(replaces.clone());
        // An authority without renewal information does not know the field.
        replaces.filter(|_| state.suggested.is_some())
    }

    /// Adds to Pebble's answer what an authority with renewal information says besides.
    pub(super) fn complete(&self, base: &str, path: &str, replaces: Option<String>, answer: &mut Answer) {
        if path == Place::Directory.path() && self.lock().suggested.is_some() {
            add(answer, "renewalInfo", format!("{base}{PATH}"));
        }
        if let Some(replaces) = replaces.filter(|_| answer.status == 201) {
            add(answer, "replaces", replaces);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a JWS in flattened form (RFC 7515, section 7.2.2).
fn payload(body: &[u8]) -> Option<Value> {
    let jws: Value = serde_json::from_slice(body).ok()?;
    let bytes = URL_SAFE_NO_PAD.decode(jws.get("payload")?.as_str()?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A member of an answer that is a JSON object.
fn add(answer: &mut Answer, name: &str, value: String) {
    if let Ok(Value::Object(mut object)) = serde_json::from_slice(&answer.body) {
        object.insert(name.to_owned(), Value::String(value));
        answer.body = Value::Object(object).to_string().into();
    }
}
