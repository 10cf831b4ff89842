//! An edit that breaks a route leaves the route as it was.
//!
//! What cannot be read as an object is caught where files are read, which keeps the last good version. A pattern that is
//! no regular expression, or weights that are all zero, show only when the object is compiled; without this the route
//! would vanish, and a slip of the finger would take a site down. The compiler cannot do it: it knows nothing of before.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::{Object, Resources, http_route::HttpRoute};
use seaway_model::{Code, Model, Report};

/// API version, namespace and name.
type Key = (Arc<str>, Arc<str>, Arc<str>);

/// The last good versions of routes that are broken now.
#[derive(Debug, Default)]
pub struct LastGood(BTreeMap<Key, Arc<Object<HttpRoute>>>);

impl LastGood {
    /// Compiles, with the last good version of whatever is broken. `before` is what was compiled the last time. The
    /// report is of what is written now; it says where an older version serves.
    pub fn compile(
        &mut self,
        resources: &Resources,
        before: &Resources,
        compile: impl Fn(&Resources) -> (Model, Report),
    ) -> (Model, Report) {
        let (model, mut report) = compile(resources);
        let mut older = self.versions(&report, before);
        if older.is_empty() {
            return (model, report);
        }
        let mut patched = resources.clone();
        for route in &mut patched.http_routes {
            if let Some(good) = older.get(&key(route)) {
                *route = Arc::clone(good);
            }
        }
        let (model, held) = compile(&patched);
        // One that never was good is left out, as it is without a version from before.
        for broken in broken(&held) {
            older.remove(&broken);
        }
        self.0 = older;
        self.say(&mut report);
        (model, report)
    }

    /// Takes what there is of the objects that the report calls broken; what is mended or gone is forgotten.
    fn versions(&mut self, report: &Report, before: &Resources) -> BTreeMap<Key, Arc<Object<HttpRoute>>> {
        let mut kept = std::mem::take(&mut self.0);
        broken(report)
            .filter_map(|wanted| {
                let earlier = || {
                    before
                        .http_routes
                        .iter()
                        .find(|route| key(route) == wanted)
                        .cloned()
                };
                let good = kept.remove(&wanted).or_else(earlier)?;
                Some((wanted, good))
            })
            .collect()
    }

    fn say(&self, report: &mut Report) {
        for diagnostic in &mut report.diagnostics {
            let origin = &diagnostic.origin;
            let key = (
                origin.api_version.clone(),
                origin.namespace.clone(),
                origin.name.clone(),
            );
            if is_fatal(diagnostic.code) && self.0.contains_key(&key) {
                diagnostic.help = format!(
                    "{}; until then the last good version of the object keeps serving",
                    diagnostic.help
                );
            }
        }
    }
}

/// What only compiling finds, and for which it leaves the route out.
fn is_fatal(code: Code) -> bool {
    matches!(code, Code::InvalidRegex | Code::ZeroWeights)
}

fn broken(report: &Report) -> impl Iterator<Item = Key> {
    let fatal = report
        .diagnostics
        .iter()
        .filter(|d| is_fatal(d.code) && &*d.origin.kind == "HttpRoute");
    fatal.map(|d| {
        (
            d.origin.api_version.clone(),
            d.origin.namespace.clone(),
            d.origin.name.clone(),
        )
    })
}

fn key(route: &Object<HttpRoute>) -> Key {
    (
        route.meta.api_version.clone(),
        route.meta.namespace.clone(),
        route.meta.name.value.clone(),
    )
}
