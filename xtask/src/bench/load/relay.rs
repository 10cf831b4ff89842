//! Bytes that come back as they are.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Lane, connect};

/// A connection that sends so many bytes and waits for as many.
pub struct Relay {
    stream: TcpStream,
    message: Vec<u8>,
    buffer: Vec<u8>,
}

impl Relay {
    pub async fn connect(address: SocketAddr, length: usize) -> Result<Self> {
        Ok(Self {
            stream: connect::plain(address).await?,
            message: vec![b'm'; length],
            buffer: vec![0; length],
        })
    }

    async fn once(&mut self) -> Result<()> {
        // At the same time: a long message fills every buffer on its way before the last of it is sent.
        let (mut reader, mut writer) = self.stream.split();
        let sending = writer.write_all(&self.message);
        let receiving = reader.read_exact(&mut self.buffer);
        let (sent, received) = tokio::join!(sending, receiving);
        sent.context("sending")?;
        received.context("receiving")?;
        Ok(())
    }
}

impl Lane for Relay {
    fn ask(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.once())
    }
}
