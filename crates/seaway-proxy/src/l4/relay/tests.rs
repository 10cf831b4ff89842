use std::task::Waker;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::half::Phase;
use super::*;

impl Side for DuplexStream {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}

const READ: usize = 64 * 1024;

/// Polls a direction once.
fn poll(half: &mut Half, from: &mut DuplexStream, to: &mut DuplexStream) -> Poll<bool> {
    let mut cx = Context::from_waker(Waker::noop());
    half.poll(&mut cx, from, to).map(|result| result.is_ok())
}

fn half() -> Half {
    Half::starting_with(Vec::new())
}

#[tokio::test]
async fn while_something_is_kept_nothing_more_is_read() {
    let (mut sender, mut from) = duplex(4 * READ);
    let (mut to, mut receiver) = duplex(10);
    sender.write_all(&vec![7; 4 * READ]).await.unwrap();
    let mut half = half();
    for _ in 0..3 {
        assert!(poll(&mut half, &mut from, &mut to).is_pending());
        assert_eq!(half.rest.len() - half.at, READ - 10);
    }
    // Ten bytes out, ten bytes on, and still nothing read.
    receiver.read_exact(&mut [0; 10]).await.unwrap();
    assert!(poll(&mut half, &mut from, &mut to).is_pending());
    assert_eq!((half.rest.len() - half.at, half.written), (READ - 20, 20));
}

#[tokio::test]
async fn the_room_is_given_back_once_all_is_written() {
    let (mut sender, mut from) = duplex(READ);
    let (mut to, mut receiver) = duplex(1000);
    sender.write_all(&[7; 3000]).await.unwrap();
    let mut half = half();
    assert!(poll(&mut half, &mut from, &mut to).is_pending());
    assert_eq!(half.rest.len(), 2000);
    for _ in 0..3 {
        receiver.read_exact(&mut [0; 1000]).await.unwrap();
        assert!(poll(&mut half, &mut from, &mut to).is_pending());
    }
    assert_eq!((half.rest.capacity(), half.written), (0, 3000));
}

#[tokio::test]
async fn what_was_read_before_goes_first() {
    let (mut sender, mut from) = duplex(100);
    let (mut to, mut receiver) = duplex(100);
    sender.write_all(b"second").await.unwrap();
    drop(sender);
    let mut half = Half::starting_with(b"first ".to_vec());
    assert_eq!(poll(&mut half, &mut from, &mut to), Poll::Ready(true));
    drop(to);
    let mut all = String::new();
    receiver.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "first second");
}

#[tokio::test]
async fn the_end_is_passed_on_after_the_last_byte() {
    let (mut sender, mut from) = duplex(100);
    let (mut to, mut receiver) = duplex(4);
    sender.write_all(b"12345678").await.unwrap();
    drop(sender);
    let mut half = half();
    assert!(poll(&mut half, &mut from, &mut to).is_pending());
    assert_eq!(half.phase, Phase::Open);
    receiver.read_exact(&mut [0; 4]).await.unwrap();
    assert_eq!(poll(&mut half, &mut from, &mut to), Poll::Ready(true));
    assert_eq!(half.phase, Phase::Closed);
}

#[tokio::test]
async fn a_reader_that_is_gone_breaks_the_direction() {
    let (mut sender, mut from) = duplex(100);
    let (mut to, receiver) = duplex(100);
    drop(receiver);
    sender.write_all(b"1").await.unwrap();
    assert_eq!(poll(&mut half(), &mut from, &mut to), Poll::Ready(false));
}
