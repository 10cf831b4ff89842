//! Sends back what it gets.

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub async fn serve(mut stream: TcpStream) -> Result<()> {
    let mut buffer = Vec::with_capacity(256 * 1024);
    while stream.read_buf(&mut buffer).await? > 0 {
        stream.write_all(&buffer).await?;
        buffer.clear();
    }
    Ok(())
}
