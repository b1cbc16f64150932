//! Text for somebody who may stop reading: a thread of its own waits for him, and nobody else
//! does.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Octets that may wait for the reader. Our choice; what comes beyond is dropped and counted.
const WAITING: usize = 16 << 20;

/// What a buffer keeps of its room once it is empty.
const ROOM: usize = 64 << 10;

/// How long pieces gather behind others: one write for many, and no wake-up for each. Our choice.
const GATHER: Duration = Duration::from_millis(2);

/// For what cannot take long, and must not hold up an end.
const MOMENT: Duration = Duration::from_secs(2);

/// The way to a reader. Each write is one piece, taken whole or not at all, and never waits.
#[derive(Clone, Debug)]
pub(super) struct Output(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<u8>,
    /// The thread has nothing to do, and must be woken.
    idle: bool,
    /// The thread writes what was taken from here.
    busy: bool,
    lost: u64,
}

impl Output {
    /// Writes to `to`. `what` names the pieces where the log tells that some were dropped.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub(super) fn start(to: impl Write + Send + 'static, what: &'static str) -> io::Result<Self> {
        let output = Self(Arc::default());
        let shared = Arc::clone(&output.0);
        let write = move || shared.write(to, what);
        thread::Builder::new().name("output".to_owned()).spawn(write)?;
        Ok(output)
    }

    pub(super) fn put(&self, piece: &[u8]) {
        let mut queue = self.0.lock();
        if queue.waiting.len() + piece.len() > WAITING {
            queue.lost += 1;
            return;
        }
        queue.waiting.extend_from_slice(piece);
        if std::mem::take(&mut queue.idle) {
            self.0.more.notify_one();
        }
    }

    /// Returns when all is written; no later than a reader who still reads may take.
    pub(super) fn finish(&self) {
        let unwritten = |queue: &mut Queue| queue.busy || !queue.waiting.is_empty();
        // Whether it was in time makes no difference any more.
        let _ = self.0.written.wait_timeout_while(self.0.lock(), MOMENT, unwritten);
    }
}

impl Shared {
    fn write(&self, mut to: impl Write, what: &str) {
        let mut text = Vec::new();
        loop {
            let mut queue = self.lock();
            while queue.waiting.is_empty() {
                queue.idle = true;
                queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            queue.idle = false;
            std::mem::swap(&mut queue.waiting, &mut text);
            queue.busy = true;
            drop(queue);
            // A reader who is gone wants no more; whoever writes goes on.
            let _ = to.write_all(&text).and_then(|()| to.flush());
            text.clear();
            text.shrink_to(ROOM);
            let mut queue = self.lock();
            queue.busy = false;
            let lost = match queue.waiting.is_empty() {
                true => std::mem::take(&mut queue.lost),
                false => 0,
            };
            drop(queue);
            if lost > 0 {
                tracing::warn!(lost, "{what} were dropped: nobody read them in time");
            }
            self.written.notify_all();
            thread::sleep(GATHER);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is out of order.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Output {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.put(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_reader_who_stops_costs_pieces_and_no_time() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::start(writer, "lines").unwrap();
        let line = [b'x'; 1 << 10];
        // More than the pipe holds, the thread has in hand, and may wait.
        let lines = 3 * WAITING / line.len();
        for _ in 0..lines {
            output.put(&line);
        }
        let lost = output.0.lock().lost as usize;
        assert!(lost > 0);
        let mut read = vec![0; (lines - lost) * line.len()];
        reader.read_exact(&mut read).unwrap();
        output.finish();
        assert!(output.0.lock().waiting.is_empty());
    }

    #[test]
    fn all_is_written_in_the_end() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::start(writer, "lines").unwrap();
        output.put(b"first\n");
        output.put(b"second\n");
        output.finish();
        let mut read = [0; 13];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"first\nsecond\n");
    }

    #[test]
    fn a_reader_who_is_gone_is_no_matter() {
        let (reader, writer) = io::pipe().unwrap();
        let output = Output::start(writer, "lines").unwrap();
        drop(reader);
        output.put(b"first\n");
        output.finish();
        assert!(output.0.lock().waiting.is_empty());
    }
}
