use std::sync::mpsc::{Sender, SyncSender, sync_channel};

use super::*;
use crate::{RequestRecord, fixture};

const WAIT: Duration = Duration::from_secs(20);

/// Sends what is written.
struct Tap(Sender<Vec<u8>>);

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says when a write begins, and lets it go on only when it is told to.
struct Gate {
    begun: SyncSender<()>,
    go: Receiver<()>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.begun.send(());
        let _ = self.go.recv();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn format() -> LogFormat {
    "%REQ(:PATH)%".parse().unwrap()
}

#[test]
fn a_line_is_written_without_being_asked_for() {
    let (tap, written) = channel();
    let log = AccessLog::start(format(), Box::new(Tap(tap))).unwrap();
    log.lane().write(&fixture::record());
    assert_eq!(written.recv_timeout(WAIT).unwrap(), b"/cart?x=1\n");
    drop(log);
}

#[test]
fn what_is_left_is_written_at_the_end_in_order() {
    let (tap, written) = channel();
    let log = AccessLog::start(format(), Box::new(Tap(tap))).unwrap();
    let lane = log.lane();
    let paths: Vec<String> = (0..1000).map(|i| format!("/{i}")).collect();
    for path in &paths {
        lane.write(&RequestRecord {
            path,
            ..fixture::record()
        });
    }
    drop(log);
    let all: Vec<u8> = written.try_iter().flatten().collect();
    let all = String::from_utf8(all).unwrap();
    assert_eq!(all.lines().collect::<Vec<_>>(), paths);
}

#[test]
fn an_output_that_stands_still_stops_no_worker_and_every_lost_line_is_counted() {
    let (begun, has_begun) = sync_channel(1);
    let (go_on, go) = channel();
    let log = AccessLog::start(format(), Box::new(Gate { begun, go })).unwrap();
    let lane = log.lane();
    lane.write(&fixture::record());
    has_begun.recv_timeout(WAIT).unwrap();
    // The thread now stands in `write`, holding none of the buffers.
    let path = "x".repeat(BUFFER_BYTES / 4 - 1);
    let record = RequestRecord {
        path: &path,
        ..fixture::record()
    };
    for _ in 0..11 {
        lane.write(&record);
    }
    assert_eq!(log.dropped(), (3, 0));
    drop(go_on);
    drop(has_begun);
}

#[test]
fn lines_that_could_not_be_written_are_counted() {
    let log = AccessLog::start(format(), Box::new(Broken)).unwrap();
    let lane = log.lane();
    lane.write(&fixture::record());
    lane.write(&fixture::record());
    log.shutdown();
    assert_eq!(log.dropped(), (0, 2));
}

#[test]
fn a_line_after_the_end_is_counted_as_lost() {
    let (tap, _written) = channel();
    let log = AccessLog::start(format(), Box::new(Tap(tap))).unwrap();
    let lane = log.lane();
    log.shutdown();
    lane.write(&fixture::record());
    assert_eq!(log.dropped(), (1, 0));
}

#[test]
fn the_lane_of_a_worker_that_is_gone_is_forgotten_after_its_lines_are_written() {
    let (tap, written) = channel();
    let log = AccessLog::start(format(), Box::new(Tap(tap))).unwrap();
    let lane = log.lane();
    lane.write(&fixture::record());
    drop(lane);
    assert_eq!(written.recv_timeout(WAIT).unwrap(), b"/cart?x=1\n");
    log.flush();
    assert!(lock(&log.shared.lanes).is_empty());
}
