//! The files of one folder: their names, when the next begins, and which are deleted.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::csv::{FIELDS, Time, write_field};
use super::layout::Layout;
use crate::config::ProtocolLog;
use crate::connector::Unlimited;
use crate::journal::file::{Pieces, Trouble};

/// Rows wait for each other to be written together, up to this many octets.
const PENDING: usize = 256 << 10;

#[derive(Debug)]
pub(in crate::journal) struct Folder {
    path: PathBuf,
    layout: &'static Layout,
    limits: ProtocolLog,
    header_len: u64,
    file: Option<Pieces>,
    /// The period that the file stands for.
    period: u32,
    /// When the first of the rows that wait was written.
    at: Timestamp,
    pending: Vec<u8>,
    pending_rows: u64,
    trouble: Trouble,
    /// Files that could not be deleted, which was told.
    stuck: HashSet<PathBuf>,
    lost: Option<Lost>,
    /// All that are lost, of every folder.
    count: Arc<AtomicU64>,
}

/// Rows that nobody will read, until the log itself tells how many.
#[derive(Debug)]
struct Lost {
    rows: u64,
    why: String,
}

impl Folder {
    pub fn new(
        path: PathBuf,
        layout: &'static Layout,
        limits: ProtocolLog,
        count: Arc<AtomicU64>,
    ) -> Self {
        Self {
            path,
            header_len: header(layout, "Receive", Timestamp::UNIX_EPOCH).len() as u64,
            layout,
            limits,
            file: None,
            period: 0,
            at: Timestamp::UNIX_EPOCH,
            pending: Vec::new(),
            pending_rows: 0,
            trouble: Trouble::default(),
            stuck: HashSet::new(),
            lost: None,
            count,
        }
    }

    /// Takes rows that were written from `at` on. The clock may lag, from one session to another
    /// or when it is set; files only go forward.
    pub fn take(&mut self, at: Timestamp, text: &[u8], rows: u64) {
        let period = self.layout.period(at).max(self.period);
        let begun = self.file.is_some() || !self.pending.is_empty();
        let written = self.file.as_ref().map_or(self.header_len, Pieces::len);
        let len = written + (self.pending.len() + text.len()) as u64;
        let full = begun && exceeds(self.limits.max_file_size, len);
        if full || period != self.period {
            self.write_out();
            self.file = None;
        }
        if self.pending.is_empty() {
            (self.period, self.at) = (period, at);
        }
        self.pending.extend_from_slice(text);
        self.pending_rows += rows;
        if self.pending.len() >= PENDING {
            self.write_out();
        }
    }

    /// The log is to tell of rows that are lost.
    pub fn lose(&mut self, rows: u64, why: impl ToString) {
        let lost = self.lost.get_or_insert_with(|| Lost { rows: 0, why: why.to_string() });
        lost.rows += rows;
    }

    /// Writes what waits. What cannot be written is lost.
    pub fn write_out(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.pending_rows);
        let written = match self.trouble.is_fresh() {
            true => Err("trouble with the file".to_owned()),
            false => self.try_write().map_err(|error| {
                self.trouble.met(&self.path, &error);
                error.to_string()
            }),
        };
        match written {
            Ok(()) => {
                self.trouble.over(&self.path);
                self.lost = None;
            }
            Err(why) => {
                self.count.fetch_add(rows, Ordering::Relaxed);
                self.lose(rows, why);
            }
        }
        self.pending.clear();
    }

    fn try_write(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.take_if(|file| !file.is_there()) {
            tracing::warn!("{} is gone; another is begun", file.path().display());
        }
        if let Some(lost) = &self.lost {
            let row = lost.row(self.at);
            self.pending.splice(..0, row);
        }
        if self.file.is_none() {
            self.file = Some(self.begin()?);
        }
        // An invariant of the line above.
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write(&self.pending)
    }

    /// A file that nobody wrote to: one of an earlier run is left as it is.
    fn begin(&mut self) -> io::Result<Pieces> {
        fs::create_dir_all(&self.path)?;
        let files = log_files(&self.path)?;
        let last = files.iter().filter(|file| file.period == self.period).map(|file| file.number);
        let mut number = last.max().unwrap_or(0) + 1;
        self.tidy(files);
        loop {
            let name = format!("RECV{}-{number}.LOG", self.period);
            match Pieces::create(
                self.path.join(name),
                header(self.layout, "Receive", self.at).as_bytes(),
            ) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                begun => return begun,
            }
        }
    }

    /// Deletes the files that are too old, then the oldest until one more full file fits. One
    /// that stays does not keep the log from going on.
    fn tidy(&mut self, mut files: Vec<LogFile>) {
        files.sort_by_key(|file| (file.written, file.period, file.number));
        let now = SystemTime::from(self.at);
        let room = match self.limits.max_file_size {
            Unlimited::Limited(size) => size.0,
            Unlimited::Unlimited => 0,
        };
        let mut total: u64 = files.iter().map(|file| file.len).sum();
        for file in files {
            let age = now.duration_since(file.written).unwrap_or_default();
            let too_old = self.limits.max_age.0 > Duration::ZERO && age > self.limits.max_age.0;
            if !too_old && !exceeds(self.limits.max_directory_size, total + room) {
                continue;
            }
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    if self.stuck.insert(file.path.clone()) {
                        tracing::warn!(%error, "{} cannot be deleted", file.path.display());
                    }
                }
                // Somebody else may have been faster.
                _ => total -= file.len,
            }
        }
    }
}

impl Lost {
    fn row(&self, at: Timestamp) -> Vec<u8> {
        let mut row = format!("{},,,,,,*,,", Time(at)).into_bytes();
        write_field(&mut row, |out| {
            // Writing into a growing buffer cannot fail.
            let _ = write!(out, "expsd dropped {} rows: {}", self.rows, self.why);
        });
        row.extend_from_slice(b"\r\n");
        row
    }
}

/// What a file begins with; `log` is `Receive` or `Send`.
pub(super) fn header(layout: &Layout, log: &str, at: Timestamp) -> String {
    format!(
        "\u{feff}#Software: Microsoft Exchange Server\r\n\
         #Version: {}\r\n\
         #Log-type: SMTP {log} Protocol Log\r\n\
         #Date: {}\r\n\
         #Fields: {FIELDS}\r\n",
        layout.version,
        Time(at),
    )
}

fn exceeds(limit: Unlimited<crate::connector::ByteSize>, octets: u64) -> bool {
    matches!(limit, Unlimited::Limited(limit) if octets > limit.0)
}

struct LogFile {
    path: PathBuf,
    period: u32,
    number: u64,
    len: u64,
    written: SystemTime,
}

/// Files that have a name as ours have, and that did not go while they were looked at.
fn log_files(folder: &Path) -> io::Result<Vec<LogFile>> {
    let entries = fs::read_dir(folder)?;
    Ok(entries.filter_map(|entry| LogFile::of(&entry.ok()?)).collect())
}

impl LogFile {
    fn of(entry: &fs::DirEntry) -> Option<Self> {
        let (period, number) = parse_name(&entry.file_name().to_string_lossy())?;
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let (len, written) = (metadata.len(), metadata.modified().ok()?);
        Some(Self { path: entry.path(), period, number, len, written })
    }
}

/// Period and number of `RECV2023011116-1.LOG`.
fn parse_name(name: &str) -> Option<(u32, u64)> {
    let (period, number) = name.strip_prefix("RECV")?.strip_suffix(".LOG")?.split_once('-')?;
    let period = period.parse().ok().filter(|_| [8, 10].contains(&period.len()))?;
    Some((period, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{ByteSize, TimeSpan, Version};

    const ROW: &[u8] = b"2023-01-11T16:00:00.000Z,c,s,0,l,r,+,,\r\n";

    fn folder(path: &Path, version: Version, limits: ProtocolLog) -> Folder {
        Folder::new(path.to_owned(), Layout::of(version), limits, Arc::default())
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write(folder: &mut Folder, at: &str) {
        folder.take(at.parse().unwrap(), ROW, 1);
        folder.write_out();
    }

    #[test]
    fn the_header_comes_first_behind_a_mark() {
        let path = tempfile::tempdir().unwrap();
        let mut folder = folder(path.path(), Version::E2019, ProtocolLog::default());
        write(&mut folder, "2023-01-11T16:00:00.250Z");
        write(&mut folder, "2023-01-11T16:59:59.999Z");
        let text = fs::read_to_string(path.path().join("RECV2023011116-1.LOG")).unwrap();
        let row = std::str::from_utf8(ROW).unwrap();
        assert_eq!(
            text,
            format!(
                "\u{feff}#Software: Microsoft Exchange Server\r\n\
                 #Version: 15.0.0.0\r\n\
                 #Log-type: SMTP Receive Protocol Log\r\n\
                 #Date: 2023-01-11T16:00:00.250Z\r\n\
                 #Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,\
                 remote-endpoint,event,data,context\r\n{row}{row}"
            )
        );
    }

    #[test]
    fn versions_have_their_numbers() {
        for (version, line) in
            [(Version::E2010, "#Version: 14.0.0.0"), (Version::E2013, "#Version: 15.0.0.0")]
        {
            let header = header(Layout::of(version), "Receive", Timestamp::UNIX_EPOCH);
            assert_eq!(header.lines().nth(1), Some(line));
        }
    }

    #[test]
    fn each_hour_and_each_run_has_its_files() {
        let path = tempfile::tempdir().unwrap();
        let open = || folder(path.path(), Version::E2016, ProtocolLog::default());
        let mut first = open();
        write(&mut first, "2023-01-11T16:59:59.999Z");
        write(&mut first, "2023-01-11T17:00:00.000Z");
        // A session that was slow to hand its rows over.
        write(&mut first, "2023-01-11T16:59:59.999Z");
        write(&mut open(), "2023-01-11T17:30:00.000Z");
        assert_eq!(
            names(path.path()),
            ["RECV2023011116-1.LOG", "RECV2023011117-1.LOG", "RECV2023011117-2.LOG"]
        );
        let mut daily = folder(path.path(), Version::E2010, ProtocolLog::default());
        write(&mut daily, "2023-01-12T00:00:00.000Z");
        write(&mut daily, "2023-01-12T23:59:59.999Z");
        assert!(names(path.path()).contains(&"RECV20230112-1.LOG".to_owned()));
        assert_eq!(names(path.path()).len(), 4);
    }

    #[test]
    fn a_file_does_not_outgrow_its_size_nor_the_folder_its_own() {
        let path = tempfile::tempdir().unwrap();
        let limits = ProtocolLog {
            max_file_size: Unlimited::Limited(ByteSize(400)),
            max_directory_size: Unlimited::Limited(ByteSize(2000)),
            ..ProtocolLog::default()
        };
        let mut folder = folder(path.path(), Version::E2019, limits);
        fs::write(path.path().join("RECV-notes.txt"), [b'x'; 5000]).unwrap();
        for n in 0..40 {
            folder.take("2023-01-11T16:00:00.000Z".parse().unwrap(), ROW, 1);
            if n % 7 == 0 {
                folder.write_out();
            }
            let files = log_files(path.path()).unwrap();
            assert!(files.iter().all(|file| file.len <= 400));
            assert!(files.iter().map(|file| file.len).sum::<u64>() <= 2000);
        }
        let names = names(path.path());
        assert!(names.contains(&"RECV2023011116-10.LOG".to_owned()), "{names:?}");
        assert!(!names.contains(&"RECV2023011116-1.LOG".to_owned()), "{names:?}");
        assert!(names.contains(&"RECV-notes.txt".to_owned()));
    }

    #[test]
    fn what_is_too_old_goes_when_the_next_file_begins() {
        let path = tempfile::tempdir().unwrap();
        let limits = ProtocolLog { max_age: TimeSpan::from_secs(86_400), ..ProtocolLog::default() };
        let mut folder = folder(path.path(), Version::E2019, limits);
        let old = path.path().join("RECV2023010911-1.LOG");
        fs::write(&old, "old").unwrap();
        let file = fs::File::options().append(true).open(&old).unwrap();
        let day = |text: &str| SystemTime::from(text.parse::<Timestamp>().unwrap());
        file.set_modified(day("2023-01-09T12:00:00Z")).unwrap();
        write(&mut folder, "2023-01-10T11:59:59Z");
        assert!(old.exists());
        write(&mut folder, "2023-01-10T12:00:01Z");
        assert!(!old.exists());
    }

    #[test]
    fn what_cannot_be_deleted_stays_and_the_log_goes_on() {
        let path = tempfile::tempdir().unwrap();
        let in_the_way = path.path().join("RECV2023010911-1.LOG");
        fs::create_dir(&in_the_way).unwrap();
        let limits = ProtocolLog {
            max_directory_size: Unlimited::Limited(ByteSize(1)),
            ..ProtocolLog::default()
        };
        let mut folder = folder(path.path(), Version::E2019, limits);
        write(&mut folder, "2023-01-11T16:00:00.000Z");
        write(&mut folder, "2023-01-11T17:00:00.000Z");
        // One that goes between the look at the folder and its turn, and one that never does.
        let file = |path: PathBuf| {
            vec![LogFile { path, period: 0, number: 0, len: 1, written: SystemTime::UNIX_EPOCH }]
        };
        folder.tidy(file(path.path().join("gone")));
        folder.tidy(file(in_the_way.clone()));
        write(&mut folder, "2023-01-11T18:00:00.000Z");
        assert_eq!(folder.stuck, HashSet::from([in_the_way]));
        assert_eq!(names(path.path()), ["RECV2023010911-1.LOG", "RECV2023011118-1.LOG"]);
    }

    #[test]
    fn lost_rows_are_told_in_the_log_once() {
        let path = tempfile::tempdir().unwrap();
        let mut folder = folder(path.path(), Version::E2019, ProtocolLog::default());
        folder.lose(3, "a, b");
        folder.lose(4, "c");
        write(&mut folder, "2023-01-11T16:00:00.000Z");
        write(&mut folder, "2023-01-11T16:00:01.000Z");
        let text = fs::read_to_string(path.path().join("RECV2023011116-1.LOG")).unwrap();
        let rows: Vec<_> = text.lines().skip(5).collect();
        let row = std::str::from_utf8(ROW).unwrap().trim_end();
        let told = "2023-01-11T16:00:00.000Z,,,,,,*,,\"expsd dropped 7 rows: a, b\"";
        assert_eq!(rows, [told, row, row]);
    }

    #[test]
    fn a_folder_that_is_removed_is_made_again() {
        let path = tempfile::tempdir().unwrap();
        let logs = path.path().join("a/b");
        let mut folder = folder(&logs, Version::E2019, ProtocolLog::default());
        write(&mut folder, "2023-01-11T16:00:00.000Z");
        fs::remove_dir_all(path.path().join("a")).unwrap();
        write(&mut folder, "2023-01-11T16:00:01.000Z");
        assert_eq!(names(&logs), ["RECV2023011116-1.LOG"]);
    }
}
