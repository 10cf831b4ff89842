//! Where finished requests go: the sink of the thread they finished on. Workers install theirs when they start; so do
//! tests.

use std::cell::RefCell;

use seaway_telemetry::{RequestRecord, RequestSink};

thread_local! {
    static SINK: RefCell<Option<Box<dyn RequestSink>>> = const { RefCell::new(None) };
}

/// Sets this thread's sink; without one, finished requests leave no trace.
pub fn install(sink: Box<dyn RequestSink>) {
    SINK.with_borrow_mut(|slot| *slot = Some(sink));
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
