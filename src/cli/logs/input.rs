//! The files behind the arguments: found, put in order, unpacked, and read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use encoding_rs_io::DecodeReaderBytesBuilder;
use expsd::journal::logs::Survey;
use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

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
    let total = files.iter().filter_map(|file| file.metadata().ok()).map(|m| m.len()).sum();
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
        Ok(facts) if facts.rows == 0 && facts.unreadable > 0 => {
            Some("this is no SmtpReceive log: no line of it could be read".to_owned())
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
        if path == Path::new("-") {
            let name = "standard input".to_owned();
            return match unpack(io::stdin()) {
                Ok(Unpacked::Stream(input)) => self.send(&name, input),
                Ok(Unpacked::Zip) => self.unread(name, "a ZIP archive must be a file"),
                Err(problem) => self.unread(name, problem),
            };
        }
        let name = path.display().to_string();
        let open = || File::open(path).map(|inner| Counted { inner, done: self.done.clone() });
        let file = match open() {
            Ok(file) => file,
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
        let mut logs: Vec<String> =
            archive.file_names().flatten().filter(|n| is_log(n)).map(Into::into).collect();
        logs.sort_by_cached_key(|name| in_order(name));
        if logs.is_empty() {
            return self.unread(name.to_owned(), "the archive holds no RECV*.LOG");
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

/// The files of `paths`: those named, and in folders those called RECV*.LOG. Each once, and in
/// the order in which a server wrote them.
fn find(paths: &[PathBuf], unread: &mut Vec<Unread>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => {
                let before = files.len();
                search(path, &mut files, unread);
                if files.len() == before {
                    let problem = "the folder holds no RECV*.LOG".to_owned();
                    unread.push(Unread { name: path.display().to_string(), problem });
                }
            }
            false => files.push(path.clone()),
        }
    }
    files.sort_by_cached_key(|path| in_order(&path.to_string_lossy()));
    files.dedup();
    files
}

fn search(folder: &Path, files: &mut Vec<PathBuf>, unread: &mut Vec<Unread>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let name = folder.display().to_string();
            unread.push(Unread { name, problem: error.to_string() });
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        // Links to folders are not followed: they may lead in a circle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&path, files, unread);
        } else if is_log(&entry.file_name().to_string_lossy()) && path.is_file() {
            files.push(path);
        }
    }
}

/// `RECV2026112209-1.LOG`, in any case, with or without `.gz` or `.zip` behind.
fn is_log(name: &str) -> bool {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_uppercase();
    name.starts_with("RECV") && name.contains(".LOG")
}

/// A key by which `-10.LOG` comes after `-9.log`: every number goes by its length, then by its
/// digits, and case does not count.
fn in_order(name: &str) -> Vec<(usize, String)> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    let mut in_number = false;
    for c in name.chars() {
        let digit = c.is_ascii_digit();
        if parts.is_empty() || digit != in_number {
            parts.push((0, String::new()));
            in_number = digit;
        }
        if let Some((length, part)) = parts.last_mut() {
            part.push(c.to_ascii_lowercase());
            *length += usize::from(digit);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_in_which_they_were_written() {
        let mut names = [
            "b/RECV20261122-10.LOG",
            "a/RECV20261122-1.LOG",
            "b/recv20261122-9.log",
            "b/RECV2026112209-1.LOG",
        ];
        names.sort_by_cached_key(|name| in_order(name));
        assert_eq!(
            names,
            [
                "a/RECV20261122-1.LOG",
                "b/recv20261122-9.log",
                "b/RECV20261122-10.LOG",
                "b/RECV2026112209-1.LOG"
            ]
        );
    }

    #[test]
    fn logs_are_known_by_their_names() {
        for name in
            ["RECV20261122-1.LOG", "recv2026112209-1.log.gz", "x/y/RECV1-1.LOG", "x\\RECV1.LOG"]
        {
            assert!(is_log(name), "{name}");
        }
        for name in ["SEND20261122-1.LOG", "RECV.txt", "old.RECV.LOG"] {
            assert!(!is_log(name), "{name}");
        }
    }
}
