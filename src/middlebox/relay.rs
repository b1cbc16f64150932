//! Octets between two streams, by way of the inspector.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::log::Event;
use super::{Inspector, Verdict};

/// What an ASA allows a TCP connection to be silent (`timeout conn 1:00:00`).
pub(super) const IDLE: Duration = Duration::from_secs(60 * 60);

/// The most that a read gives, and that is held in each direction.
const PACKET: usize = 8 << 10;

/// How a connection has ended.
#[derive(Debug)]
pub(super) enum End {
    /// Both sides have said goodbye.
    Closed,
    Dropped,
    Idle,
    /// One side is gone.
    Broken,
}

/// Relays until the end. In all but [`End::Closed`] the caller is to reset both sides.
pub(super) async fn relay(
    (mut from_client, mut to_client): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    (mut from_server, mut to_server): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    mut inspector: Inspector,
    mut tell: impl FnMut(Event),
) -> End {
    let (mut up, mut down) = (Flow::new(), Flow::new());
    while !(up.closed && down.closed) {
        let step = async {
            tokio::select! {
                step = up.step(&mut from_client, &mut to_server) => (true, step),
                step = down.step(&mut from_server, &mut to_client) => (false, step),
            }
        };
        let Ok((is_client, step)) = timeout(IDLE, step).await else { return End::Idle };
        match step {
            Ok(Step::Wrote) => continue,
            Err(_) => return End::Broken,
            Ok(Step::Read) => {}
        }
        let verdict = if is_client {
            let packet = up.unjudged();
            let read = packet.len();
            let verdict = inspector.from_client(packet);
            up.judged += read;
            verdict
        } else {
            let last = down.is_last();
            down.judged += inspector.from_server(down.unjudged(), last);
            Verdict::Pass
        };
        inspector.events().into_iter().for_each(&mut tell);
        if verdict == Verdict::Drop {
            return End::Dropped;
        }
    }
    End::Closed
}

/// One direction. Nothing is read while something waits to be written, so that a slow reader
/// slows its writer down.
struct Flow {
    buffer: Box<[u8]>,
    written: usize,
    /// What may be written ends here, and what has been read …
    judged: usize,
    /// … here.
    read: usize,
    ended: bool,
    closed: bool,
}

enum Step {
    /// Something, or the end.
    Read,
    Wrote,
}

impl Flow {
    fn new() -> Self {
        Self {
            buffer: vec![0; PACKET].into(),
            written: 0,
            judged: 0,
            read: 0,
            ended: false,
            closed: false,
        }
    }

    fn unjudged(&mut self) -> &mut [u8] {
        &mut self.buffer[self.judged..self.read]
    }

    /// Nothing can be added to what was read.
    fn is_last(&self) -> bool {
        self.ended || self.read == self.buffer.len()
    }

    /// One read or one write; may be cancelled.
    async fn step(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<Step> {
        if self.written < self.judged {
            self.written += to.write(&self.buffer[self.written..self.judged]).await?;
            if self.written == self.judged {
                self.buffer.copy_within(self.judged..self.read, 0);
                self.read -= self.judged;
                (self.written, self.judged) = (0, 0);
            }
            return Ok(Step::Wrote);
        }
        if !self.ended {
            let n = from.read(&mut self.buffer[self.read..]).await?;
            self.read += n;
            self.ended = n == 0;
            return Ok(Step::Read);
        }
        if !self.closed {
            to.shutdown().await?;
            self.closed = true;
            return Ok(Step::Wrote);
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex, split};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::middlebox::Mode;

    /// Both ends, and the relay between.
    fn start(mode: Mode) -> (DuplexStream, DuplexStream, JoinHandle<End>) {
        let ((client, near), (far, server)) = (duplex(1 << 10), duplex(1 << 10));
        let relayed = relay(split(near), split(far), Inspector::new(mode), |_| ());
        (client, server, tokio::spawn(relayed))
    }

    #[tokio::test]
    async fn each_side_may_end_while_the_other_speaks() {
        let (mut client, mut server, relayed) = start(Mode::Asa);
        let mut got = String::new();
        client.write_all(b"QUIT\r\n").await.unwrap();
        client.shutdown().await.unwrap();
        server.read_to_string(&mut got).await.unwrap();
        server.write_all(b"221 bye\r\nno line end").await.unwrap();
        server.shutdown().await.unwrap();
        client.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "QUIT\r\n221 bye\r\nno line end");
        assert!(matches!(relayed.await.unwrap(), End::Closed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_slows_its_writer_and_nobody_else() {
        let (mut client, mut server, _relayed) = start(Mode::None);
        let much = vec![b'a'; 1 << 20];
        let mut written = 0;
        let writing = async {
            loop {
                written += client.write(&much[written..]).await.unwrap();
            }
        };
        assert!(timeout(Duration::from_secs(60), writing).await.is_err());
        assert!(written <= PACKET + 2 * (1 << 10), "{written}");
        server.write_all(b"220 here\r\n").await.unwrap();
        let mut line = [0; 10];
        client.read_exact(&mut line).await.unwrap();
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            server.read_to_end(&mut all).await.unwrap();
            all
        });
        client.write_all(&much[written..]).await.unwrap();
        client.shutdown().await.unwrap();
        assert!(reading.await.unwrap() == much);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_after_an_hour_and_no_sooner() {
        let (mut client, _server, relayed) = start(Mode::Asa);
        for _ in 0..2 {
            tokio::time::sleep(IDLE - Duration::from_secs(1)).await;
            client.write_all(b"NOOP\r\n").await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!relayed.is_finished());
        assert!(matches!(relayed.await.unwrap(), End::Idle));
    }

    #[tokio::test]
    async fn a_reply_without_an_end_goes_on_before_the_buffer_is_full_for_good() {
        let (mut client, mut server, _relayed) = start(Mode::Asa);
        let much = vec![b'a'; 3 * PACKET];
        tokio::spawn(async move { server.write_all(&much).await });
        let mut got = vec![0; 2 * PACKET];
        client.read_exact(&mut got).await.unwrap();
        assert!(got.iter().all(|octet| *octet == b'a'));
    }
}
