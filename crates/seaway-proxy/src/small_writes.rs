//! Small writes in one piece.
//!
//! A chunk is three slices: its line, its data, its end. For the system a vectored write is another, longer way than a
//! plain one: it costs more than to copy a few hundred bytes together. Large writes stay vectored, so that bodies are
//! never copied.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// What is copied at most.
const SMALL: usize = 2048;

/// Writes slices, in one piece if they are small.
pub(crate) fn poll_write<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    cx: &mut Context<'_>,
    data: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let io = Pin::new(io);
    if let [one] = data {
        return io.poll_write(cx, one);
    }
    let mut copy = [0; SMALL];
    let mut length = 0;
    for slice in data {
        let Some(room) = copy.get_mut(length..length + slice.len()) else {
            return io.poll_write_vectored(cx, data);
        };
        room.copy_from_slice(slice);
        length += slice.len();
    }
    io.poll_write(cx, copy.get(..length).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Notes what it gets, and whether in one piece.
    #[derive(Default)]
    struct Noted(Vec<u8>, Vec<&'static str>);

    impl AsyncWrite for Noted {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            self.0.extend_from_slice(data);
            self.1.push("one");
            Poll::Ready(Ok(data.len()))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            data: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            data.iter().for_each(|slice| self.0.extend_from_slice(slice));
            self.1.push("many");
            Poll::Ready(Ok(data.iter().map(|slice| slice.len()).sum()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn write(slices: &[&[u8]]) -> (Vec<u8>, Vec<&'static str>, usize) {
        let mut io = Noted::default();
        let slices: Vec<_> = slices.iter().map(|s| IoSlice::new(s)).collect();
        let written = poll_fn(|cx| poll_write(&mut io, cx, &slices)).await.unwrap();
        (io.0, io.1, written)
    }

    #[tokio::test]
    async fn small_slices_go_in_one_piece_and_in_order() {
        assert_eq!(
            write(&[b"head ", b"", b"body"]).await,
            (b"head body".to_vec(), vec!["one"], 9)
        );
    }

    #[tokio::test]
    async fn large_slices_are_not_copied() {
        let (head, body) = (vec![b'h'; 100], vec![b'b'; SMALL]);
        let (got, how, written) = write(&[&head, &body]).await;
        assert_eq!(
            (got, how, written),
            ([head, body].concat(), vec!["many"], 100 + SMALL)
        );
    }

    #[tokio::test]
    async fn one_slice_needs_no_vector_however_large() {
        let (_, how, written) = write(&[&[0; 2 * SMALL]]).await;
        assert_eq!((how, written), (vec!["one"], 2 * SMALL));
    }
}
