//! What the configuration's metrics say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use seaway_model::{Report, Severity};

use crate::catalog::{
    CONFIG_ERRORS, CONFIG_LAST_RELOAD, CONFIG_LAST_SUCCESS, CONFIG_OBJECTS, CONFIG_RELOADS, CONFIG_VERSION,
    CONFIG_WARNINGS,
};
use crate::exposition::Exposition;

/// How a reading of the configuration went.
#[derive(Clone, Debug)]
pub struct Reload {
    /// Of the configuration that serves now.
    pub version: u64,
    /// When.
    pub at: SystemTime,
    /// Errors found.
    pub errors: u64,
    /// Warnings found.
    pub warnings: u64,
    /// Objects by kind.
    pub objects: BTreeMap<Arc<str>, u64>,
}

impl Reload {
    /// Counts what a report says.
    #[must_use]
    pub fn of(version: u64, at: SystemTime, report: &Report, objects: BTreeMap<Arc<str>, u64>) -> Self {
        let count = |severity| {
            report
                .diagnostics
                .iter()
                .filter(|d| d.severity() == severity)
                .count() as u64
        };
        Self {
            version,
            at,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            objects,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct ConfigStatus(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Reload>,
    succeeded: u64,
    failed: u64,
}

impl ConfigStatus {
    pub(crate) fn set(&self, reload: Reload) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reload.errors == 0 {
            state.succeeded += 1;
        } else {
            state.failed += 1;
        }
        state.last = Some(reload);
    }

    pub(crate) fn collect(&self, exposition: &mut Exposition) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reloads = exposition.family(CONFIG_RELOADS);
        reloads.sample(&["success"], state.succeeded);
        reloads.sample(&["error"], state.failed);
        let Some(last) = &state.last else {
            exposition.family(CONFIG_VERSION).sample(&[], 0_u64);
            return;
        };
        let at = last.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        exposition.family(CONFIG_VERSION).sample(&[], last.version);
        exposition
            .family(CONFIG_LAST_RELOAD)
            .sample(&[], at.as_secs_f64());
        exposition
            .family(CONFIG_LAST_SUCCESS)
            .sample(&[], u64::from(last.errors == 0));
        exposition.family(CONFIG_ERRORS).sample(&[], last.errors);
        exposition.family(CONFIG_WARNINGS).sample(&[], last.warnings);
        let mut objects = exposition.family(CONFIG_OBJECTS);
        for (kind, count) in &last.objects {
            objects.sample(&[kind], *count);
        }
    }
}
