//! A connection before and after TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tls;

pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// Lets the connection end in a reset.
    fn reset_when_dropped(&self);
}

impl Transport for TcpStream {
    fn reset_when_dropped(&self) {
        // Where this fails the connection ends in order.
        let _ = self.set_zero_linger();
    }
}

impl<T: Transport> Transport for TlsStream<T> {
    fn reset_when_dropped(&self) {
        self.get_ref().0.reset_when_dropped();
    }
}

impl Transport for DuplexStream {
    /// Memory knows no reset; the peer reads an end.
    fn reset_when_dropped(&self) {}
}

pub(super) enum Stream<T> {
    Clear(T),
    Tls(Box<TlsStream<T>>),
    /// A handshake failed or was interrupted.
    Gone,
}

impl<T: Transport> Stream<T> {
    fn io(&mut self) -> io::Result<Pin<&mut dyn Transport>> {
        match self {
            Self::Clear(stream) => Ok(Pin::new(stream)),
            Self::Tls(stream) => Ok(Pin::new(&mut **stream)),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Appends what comes next to `input`; 0 at the end of the stream.
    ///
    /// Commands are read by way of the stack, so that an idle connection holds no buffer.
    pub(super) async fn read(&mut self, input: &mut BytesMut, bulk: bool) -> io::Result<usize> {
        const BULK: usize = 64 << 10;
        if bulk {
            input.reserve(BULK);
            return self.io()?.read_buf(input).await;
        }
        std::future::poll_fn(|cx: &mut Context<'_>| {
            let mut stack = [0u8; 4096];
            let mut buffer = ReadBuf::new(&mut stack);
            match self.io()?.as_mut().poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) => {
                    input.extend_from_slice(buffer.filled());
                    Poll::Ready(Ok(buffer.filled().len()))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Sends all of `output` in as few writes as the transport takes, and empties it.
    pub(super) async fn send(&mut self, output: &mut BytesMut) -> io::Result<()> {
        if output.is_empty() {
            return Ok(());
        }
        let mut io = self.io()?;
        io.write_all(output).await?;
        io.flush().await?;
        *output = BytesMut::new();
        Ok(())
    }

    /// Turns the connection into a TLS one.
    pub(super) async fn accept_tls(&mut self, endpoint: &tls::Endpoint) -> io::Result<tls::Facts> {
        let Self::Clear(stream) = std::mem::replace(self, Self::Gone) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let stream = TlsAcceptor::from(Arc::clone(&endpoint.config)).accept(stream).await?;
        let facts = tls::facts(stream.get_ref().1, &endpoint.certificate);
        *self = Self::Tls(Box::new(stream));
        Ok(facts)
    }

    /// Says goodbye in TLS and TCP. What the peer has still under way is read and dropped for
    /// a moment: closing on unread octets would reset the connection, and the reset could
    /// overtake the last reply.
    pub(super) async fn close(&mut self) {
        if self.shut_down().await.is_ok() {
            self.linger().await;
        }
    }

    /// Closes without a goodbye in TLS, as a program does that has died.
    pub(super) async fn hang_up(&mut self) {
        let shut_down = match self {
            Self::Clear(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.get_mut().0.shutdown().await,
            Self::Gone => return,
        };
        if shut_down.is_ok() {
            self.linger().await;
        }
    }

    /// Closes the direction to the peer.
    pub(super) async fn shut_down(&mut self) -> io::Result<()> {
        const MOMENT: Duration = Duration::from_secs(1);
        tokio::time::timeout(MOMENT, self.io()?.shutdown()).await?
    }

    /// Resets the connection.
    pub(super) fn reset(mut self) {
        if let Ok(stream) = self.io() {
            stream.reset_when_dropped();
        }
    }

    async fn linger(&mut self) {
        const MOMENT: Duration = Duration::from_secs(1);
        const AT_MOST: usize = 256 << 10;
        let rest = async {
            let mut io = self.io()?;
            let mut sink = [0; 4096];
            let mut read = 0;
            while read < AT_MOST {
                match io.read(&mut sink).await? {
                    0 => break,
                    n => read += n,
                }
            }
            io::Result::Ok(())
        };
        // The session is over however this ends.
        let _ = tokio::time::timeout(MOMENT, rest).await;
    }
}
