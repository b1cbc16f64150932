//! The files behind the arguments, unpacked and read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use encoding_rs_io::DecodeReaderBytesBuilder;
use expsd::journal::logs::{FileFacts, Survey};
use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::find::{find, in_order, is_stdin, logs_among};
use super::progress::{Counted, Progress};

/// What could not be read, and why.
pub struct Unread {
    pub name: String,
    pub problem: String,
}

/// Octets that go from one thread to the other at a time.
const BLOCK: usize = 256 << 10;
/// Blocks that may wait between the two.
const AHEAD: usize = 8;

/// Reads what `paths` stand for into `survey`: one thread reads and unpacks, this one counts.
pub fn read(paths: &[PathBuf], survey: &mut Survey) -> Vec<Unread> {
    let mut unread = Vec::new();
    let files = find(paths, &mut unread);
    // How long the standard input is nobody knows.
    let length = |file: &PathBuf| match is_stdin(file) {
        true => None,
        false => Some(file.metadata().map_or(0, |about| about.len())),
    };
    let total = files.iter().map(length).sum();
    let done = Arc::new(AtomicU64::new(0));
    let mut progress = Progress::new(total, done.clone());
    std::thread::scope(|scope| {
        let (to, pieces) = sync_channel(AHEAD);
        let (give_back, used) = channel();
        scope.spawn(move || {
            let mut sender = Pieces { to, used, done };
            // An error here means that nobody listens any more.
            let _ = files.iter().try_for_each(|file| sender.send_file(file));
        });
        while let Ok(piece) = pieces.recv() {
            match piece {
                Piece::Begin(name) => {
                    let show = |name: &str| progress.show(name);
                    let blocks = Blocks::new(&name, &pieces, &give_back, show);
                    if let Some(problem) = read_one(survey, &name, blocks) {
                        unread.push(Unread { name, problem });
                    }
                }
                Piece::Unread(file) => unread.push(file),
                Piece::Block(_) | Piece::End(_) => {}
            }
        }
    });
    unread
}

fn read_one(survey: &mut Survey, name: &str, blocks: impl Read) -> Option<String> {
    match survey.read(name, blocks) {
        Err(error) => Some(format!("the reading broke off: {error}")),
        Ok(FileFacts { rows: 0, first_problem: Some(problem), other_log, .. }) => {
            let why = match other_log {
                Some(kind) => format!("its #Log-type is {kind}"),
                None => format!("the first line that could not be read: {problem}"),
            };
            Some(format!("this is no SmtpReceive log: {why}"))
        }
        Ok(_) => None,
    }
}

enum Piece {
    /// A file begins; blocks follow, and the end.
    Begin(String),
    Block(Vec<u8>),
    End(io::Result<()>),
    /// A file that could not even be begun.
    Unread(Unread),
}

/// The receiver is gone.
struct Gone;

/// The sending side: files, unpacked, in blocks.
struct Pieces {
    to: SyncSender<Piece>,
    /// Blocks to fill again.
    used: Receiver<Vec<u8>>,
    done: Arc<AtomicU64>,
}

impl Pieces {
    fn send_file(&mut self, path: &Path) -> Result<(), Gone> {
        if is_stdin(path) {
            let name = "standard input".to_owned();
            return match unpack(Counted { inner: io::stdin(), done: self.done.clone() }) {
                Ok(Unpacked::Stream(input)) => self.send(&name, input),
                Ok(Unpacked::Zip) => self.unread(name, "a ZIP archive must be a file"),
                Err(problem) => self.unread(name, problem),
            };
        }
        let name = path.display().to_string();
        let open = || File::open(path).map(|inner| Counted { inner, done: self.done.clone() });
        let file = match open() {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && name.contains(['*', '?']) => {
                return self.unread(
                    name,
                    "no such file: no shell has expanded the pattern, or it \
                                          fits nothing; name the folder instead",
                );
            }
            Err(error) => return self.unread(name, error),
        };
        match unpack(file) {
            Ok(Unpacked::Stream(input)) => self.send(&name, input),
            Ok(Unpacked::Zip) => match open().map_err(Into::into).and_then(ZipArchive::new) {
                Ok(archive) => self.send_archive(&name, archive),
                Err(error) => self.unread(name, error),
            },
            Err(problem) => self.unread(name, problem),
        }
    }

    fn send_archive<R: Read + io::Seek>(
        &mut self,
        name: &str,
        mut archive: ZipArchive<R>,
    ) -> Result<(), Gone> {
        let mut logs = logs_among(archive.file_names().flatten().map(Into::into).collect());
        logs.sort_by_cached_key(|name| in_order(name));
        if logs.is_empty() {
            return self
                .unread(name.to_owned(), "the archive holds no RECV*.LOG and no other *.LOG");
        }
        for log in logs {
            let name = format!("{name}: {log}");
            match archive.by_name(&log).map_err(|error| error.to_string()) {
                Err(problem) => self.unread(name, problem)?,
                Ok(entry) => match unpack(entry) {
                    Ok(Unpacked::Stream(input)) => self.send(&name, input)?,
                    Ok(Unpacked::Zip) => self.unread(name, "an archive in an archive")?,
                    Err(problem) => self.unread(name, problem)?,
                },
            }
        }
        Ok(())
    }

    fn send(&mut self, name: &str, mut input: impl Read) -> Result<(), Gone> {
        self.pass(Piece::Begin(name.to_owned()))?;
        loop {
            let mut block = self.used.try_recv().unwrap_or_default();
            block.clear();
            let read = input.by_ref().take(BLOCK as u64).read_to_end(&mut block);
            let last = block.is_empty();
            if !last {
                self.pass(Piece::Block(block))?;
            }
            match read {
                Ok(_) if last => return self.pass(Piece::End(Ok(()))),
                Ok(_) => {}
                Err(error) => return self.pass(Piece::End(Err(error))),
            }
        }
    }

    fn unread(&self, name: String, problem: impl ToString) -> Result<(), Gone> {
        self.pass(Piece::Unread(Unread { name, problem: problem.to_string() }))
    }

    fn pass(&self, piece: Piece) -> Result<(), Gone> {
        self.to.send(piece).map_err(|_| Gone)
    }
}

/// The receiving side: one file as a reader.
struct Blocks<'a, F> {
    name: &'a str,
    pieces: &'a Receiver<Piece>,
    give_back: &'a Sender<Vec<u8>>,
    show: F,
    block: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'a, F: FnMut(&str)> Blocks<'a, F> {
    fn new(
        name: &'a str,
        pieces: &'a Receiver<Piece>,
        give_back: &'a Sender<Vec<u8>>,
        show: F,
    ) -> Self {
        Self { name, pieces, give_back, show, block: Vec::new(), at: 0, ended: false }
    }
}

impl<F: FnMut(&str)> Read for Blocks<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() && !self.ended {
            (self.show)(self.name);
            match self.pieces.recv() {
                Ok(Piece::Block(block)) => {
                    // Whoever fills blocks may have ended already.
                    let _ = self.give_back.send(std::mem::replace(&mut self.block, block));
                    self.at = 0;
                }
                Ok(Piece::End(Err(error))) => {
                    self.ended = true;
                    return Err(error);
                }
                _ => self.ended = true,
            }
        }
        let n = buffer.len().min(self.block.len() - self.at);
        buffer[..n].copy_from_slice(&self.block[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

enum Unpacked<'a> {
    Stream(Box<dyn Read + 'a>),
    /// It must be read from a file, not from front to back.
    Zip,
}

/// Formats that are known and not read, by how they begin, and what unpacks them.
const OTHER_FORMATS: [(&[u8], &str); 5] = [
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard: unpack it first (zstd -d)"),
    (b"\xfd7zXZ\0", "compressed with xz: unpack it first (xz -d)"),
    (b"BZh", "compressed with bzip2: unpack it first (bzip2 -d)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
];

/// What `input` holds, by its first octets: text, as UTF-8 or with the BOM of UTF-16, or gzip.
fn unpack<'a>(mut input: impl Read + 'a) -> Result<Unpacked<'a>, String> {
    let mut head = Vec::new();
    input.by_ref().take(6).read_to_end(&mut head).map_err(|error| error.to_string())?;
    let begins = |magic: &[u8]| head.starts_with(magic);
    if let Some((_, what)) = OTHER_FORMATS.iter().find(|(magic, _)| begins(magic)) {
        return Err((*what).to_owned());
    }
    if begins(b"PK\x03\x04") || begins(b"PK\x05\x06") {
        return Ok(Unpacked::Zip);
    }
    let gzip = begins(b"\x1f\x8b");
    let whole = io::Cursor::new(head).chain(input);
    let plain: Box<dyn Read + 'a> = match gzip {
        true => Box::new(MultiGzDecoder::new(whole)),
        false => Box::new(whole),
    };
    let text = DecodeReaderBytesBuilder::new().utf8_passthru(true).build(plain);
    Ok(Unpacked::Stream(Box::new(text)))
}
