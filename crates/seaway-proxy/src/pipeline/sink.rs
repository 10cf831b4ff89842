//! Where finished requests go: the sink of the thread they finished on. Workers install theirs when they start; so do
//! tests.

use std::cell::{Cell, RefCell};

use seaway_telemetry::{RequestRecord, RequestSink};

thread_local! {
    static SINK: RefCell<Option<Box<dyn RequestSink>>> = const { RefCell::new(None) };
    static LOGS: Cell<bool> = const { Cell::new(false) };
}

/// Sets this thread's sink; without one, finished requests leave no trace.
pub fn install(sink: Box<dyn RequestSink>) {
    LOGS.set(sink.logs());
    SINK.with_borrow_mut(|slot| *slot = Some(sink));
}

/// Whether this thread's sink does anything with what only a log has; see [`RequestSink::logs`].
pub(crate) fn logs() -> bool {
    LOGS.get()
}

/// Hands a finished request over. A thread that is being torn down has no sink any more.
pub(crate) fn record(record: &RequestRecord<'_>) {
    let _torn_down = SINK.try_with(|slot| {
        if let Ok(slot) = slot.try_borrow()
            && let Some(sink) = slot.as_deref()
        {
            sink.record(record);
        }
    });
}
