//! Databases that go on, and files that do not.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::super::message::sample;
use super::super::{Limits, Order, Page, Store as _};
use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.db");
    (folder, file)
}

fn refused(path: &Path) -> String {
    let error = Sqlite::open(path, Limits::DISK).unwrap_err().to_string();
    let rest = error.strip_prefix(&format!("{}: ", path.display()));
    rest.unwrap_or_else(|| panic!("{error}")).to_owned()
}

async fn keep(store: &Sqlite, id: &str, octets: usize) -> Result<u64, String> {
    let message = Arc::new(sample(id, &vec![b'x'; octets]));
    store.keep(message).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_was_kept_is_there_again() {
    let (_folder, file) = folder();
    for round in 1..=3 {
        let store = Sqlite::open(&file, Limits::DISK).unwrap();
        assert_eq!(keep(&store, &format!("round {round}"), 10).await, Ok(round));
        assert_eq!(store.totals().kept, round);
        assert_eq!(store.totals().accepted, 1);
        let listed = store.list(&Filter::default(), Page::default()).unwrap();
        assert_eq!((listed.messages.len() as u64, listed.total), (round, round));
        assert!(store.get("round 1").unwrap().is_some());
    }
}

/// What an expsd before this one left, whose indexes told cases apart.
const BACK_TO_LAYOUT_1: &str = "
    DROP INDEX message_session;
    DROP INDEX message_connector;
    DROP INDEX message_identity;
    DROP INDEX message_message_id;
    ALTER TABLE message DROP COLUMN message_id;
    CREATE INDEX message_session ON message (session);
    CREATE INDEX message_connector ON message (connector);
    CREATE INDEX message_identity ON message (identity);
    DROP TABLE totals;
    CREATE TABLE totals (kept INTEGER NOT NULL, held INTEGER NOT NULL);
    INSERT INTO totals VALUES (4, 40);
    DELETE FROM search WHERE rowid % 4 = 0;
    INSERT INTO search (rowid, sender, recipients, subject, text)
        SELECT m.number, sender, recipients, subject, text
        FROM message m JOIN content USING (number) WHERE m.number % 4 = 0;
    PRAGMA user_version = 1;
";

/// Four messages, the second of them from before the first.
async fn with_four(file: &Path) {
    let store = Sqlite::open(file, Limits::DISK).unwrap();
    for (id, second) in [("a", 5_000), ("b", 1_000), ("c", 6_000), ("d", 7_000)] {
        let received = Timestamp::from_second(second).unwrap();
        let message_id = format!("<{id}@client.test>");
        let message = Message { received, message_id, ..sample(id, b"x") };
        store.keep(Arc::new(message)).await.unwrap();
    }
}

fn found(store: &Sqlite, filter: Filter) -> Vec<String> {
    let listed = store.list(&filter, Page::default()).unwrap();
    listed.messages.into_iter().map(|message| message.id).collect()
}

fn are_found(file: &Path) {
    let store = Sqlite::open(file, Limits::DISK).unwrap();
    assert_eq!((store.totals().kept, store.totals().octets), (4, 4));
    let message_id = Some("<B@client.test>".to_owned());
    assert_eq!(found(&store, Filter { message_id, ..Filter::default() }), ["b"]);
    let until = Timestamp::from_second(2_000).ok();
    assert_eq!(found(&store, Filter { until, ..Filter::default() }), ["b"]);
}

#[tokio::test]
async fn what_an_older_expsd_kept_is_brought_up_to_date() {
    let (_folder, file) = folder();
    with_four(&file).await;
    let connection = Connection::open(&file).unwrap();
    let marked = || {
        let query = "SELECT count(*) FROM search WHERE search MATCH ?1";
        let mark = format!("\"{}\"", schema::MARK);
        connection.query_row(query, [mark], |row| row.get::<_, u64>(0)).unwrap()
    };
    assert_eq!(marked(), 1);
    connection.execute_batch(BACK_TO_LAYOUT_1).unwrap();
    assert_eq!(marked(), 0);
    are_found(&file);
    are_found(&file);
    assert_eq!(marked(), 1);
}

#[tokio::test]
async fn totals_that_are_lost_are_counted_again() {
    let (_folder, file) = folder();
    with_four(&file).await;
    are_found(&file);
    Connection::open(&file).unwrap().execute_batch("DELETE FROM totals").unwrap();
    are_found(&file);
}

/// Others may copy the file then, without the log beside it.
#[tokio::test]
async fn the_file_is_whole_when_the_store_is_closed() {
    let (folder, file) = folder();
    let store = Sqlite::open(&file, Limits::DISK).unwrap();
    keep(&store, "a", 1).await.unwrap();
    assert!(store.get("a").unwrap().is_some());
    drop(store);
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["mail.db"]);
}

#[tokio::test]
async fn smaller_limits_hold_for_what_is_there() {
    let (_folder, file) = folder();
    let store = Sqlite::open(&file, Limits::DISK).unwrap();
    for id in 0..10 {
        keep(&store, &id.to_string(), 1).await.unwrap();
    }
    drop(store);
    let store = Sqlite::open(&file, Limits { messages: 2, ..Limits::DISK }).unwrap();
    keep(&store, "last", 1).await.unwrap();
    assert_eq!(store.totals().kept, 2);
}

#[test]
fn a_file_that_is_something_else_is_left_alone() {
    let (folder, file) = folder();
    let text = "This is a letter, and long enough to be no header of a database.".repeat(20);
    fs::write(&file, &text).unwrap();
    assert_eq!(refused(&file), "it is no SQLite database; name another file");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert_eq!(refused(&foreign), "it is a database of another program; name another file");

    let newer = folder.path().join("newer.db");
    drop(Sqlite::open(&newer, Limits::DISK).unwrap());
    Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 3").unwrap();
    assert_eq!(
        refused(&newer),
        "a newer expsd made it (layout 3, this one knows 2); run that one, or name another file"
    );

    assert!(refused(folder.path()).contains("or name another file"));
    let below = folder.path().join("mail.db/mail.db");
    assert!(
        refused(&below)
            .ends_with("see that its folder can be made and written to, or name another file")
    );
}

#[test]
fn two_cannot_keep_in_one_file() {
    let (_folder, file) = folder();
    let store = Sqlite::open(&file, Limits::DISK).unwrap();
    assert_eq!(
        refused(&file),
        "another expsd keeps its messages there; stop that one, or name another file"
    );
    drop(store);
    Sqlite::open(&file, Limits::DISK).unwrap();
}

#[tokio::test]
async fn a_body_is_read_once_for_all_who_look_at_it() {
    let (_folder, file) = folder();
    let store = Sqlite::open(&file, Limits::DISK).unwrap();
    keep(&store, "a", 1 << 20).await.unwrap();
    let first = store.get("a").unwrap().unwrap().message;
    let second = store.get("a").unwrap().unwrap().message;
    assert!(Arc::ptr_eq(&first, &second));
    store.remove(&Removal::Ids(vec!["a".to_owned()])).unwrap();
    assert!(store.get("a").unwrap().is_none());
    assert_eq!(first.content.len(), 1 << 20);
}

/// Wherever a page is given back before its end, the next one goes on.
#[tokio::test]
async fn pages_that_end_early_lose_nothing() {
    let (_folder, file) = folder();
    let store = Sqlite::open(&file, Limits::DISK).unwrap();
    for number in 0..60 {
        let subject = if number % 7 == 0 { "abc bcd" } else { "abcd" };
        let content = format!("Subject: {subject}\r\n\r\n");
        store.keep(Arc::new(sample(&number.to_string(), content.as_bytes()))).await.unwrap();
    }
    store.remove(&Removal::Ids(vec!["30".to_owned(), "59".to_owned()])).unwrap();
    let connection = schema::open_reader(&file).unwrap();
    let subject = |subject: &str| Filter { subject: Some(subject.to_owned()), ..Filter::default() };
    // Searched for, searched for in vain, and looked for one by one.
    for (filter, expected) in [(subject("abcd"), 49), (subject("abc bcde"), 0), (subject("b"), 58)]
    {
        for rows in [1, 5, 7, 25, usize::MAX] {
            for time in [Duration::ZERO, Duration::MAX] {
                for order in [Order::NewestFirst, Order::OldestFirst] {
                    let patience = query::Patience { rows, time };
                    let mut page = Page { order, past: None, limit: 3 };
                    let mut numbers = Vec::new();
                    loop {
                        let listed =
                            query::list_patiently(&connection, &filter, page, patience).unwrap();
                        numbers.extend(listed.messages.iter().map(|message| message.number));
                        page.past = listed.next;
                        if page.past.is_none() {
                            break;
                        }
                    }
                    assert_eq!(numbers.len(), expected, "{filter:?} {rows} {time:?} {order:?}");
                    let falls = order == Order::NewestFirst;
                    assert!(numbers.is_sorted_by(|a, b| if falls { a > b } else { a < b }));
                }
            }
        }
    }
}

/// A full disk, and one with room again: SQLite reports a full file alike.
#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let (_folder, file) = folder();
    drop(Sqlite::open(&file, Limits::DISK).unwrap());
    let connection = schema::open(&file).unwrap();
    connection.execute_batch("PRAGMA max_page_count = 100").unwrap();
    let counters = Arc::new(Counters::default());
    let (jobs, incoming) = mpsc::channel();
    let writer = Writer {
        path: file.as_path().into(),
        connection,
        limits: Limits { messages: 5, ..Limits::DISK },
        counters: Arc::clone(&counters),
        counts: Counts::default(),
    };
    let thread = thread::spawn(move || writer.run(&incoming));
    let keep = async |id: &str, octets| {
        let (asker, answer) = oneshot::channel();
        jobs.send(Job::Keep(Arc::new(sample(id, &vec![b'x'; octets])), asker)).unwrap();
        answer.await.unwrap().map_err(|error| error.to_string())
    };
    assert_eq!(keep("fits", 10_000).await, Ok(1));
    let full = format!("{}: the disk is full; make room", file.display());
    assert_eq!(keep("large", 1 << 20).await, Err(full));
    assert_eq!(counters.kept.load(Ordering::Relaxed), 1);
    assert_eq!(keep("fits again", 10_000).await, Ok(2));
    drop(jobs);
    thread.join().unwrap();
}

/// One that cannot be kept does not take those down that were written with it.
#[test]
fn one_bad_message_fails_alone() {
    let (_folder, file) = folder();
    drop(Sqlite::open(&file, Limits::DISK).unwrap());
    let connection = schema::open(&file).unwrap();
    let counters = Arc::new(Counters::default());
    let (jobs, incoming) = mpsc::channel();
    let keep = |id: &str| {
        let (asker, answer) = oneshot::channel();
        jobs.send(Job::Keep(Arc::new(sample(id, b"x")), asker)).unwrap();
        answer
    };
    // All wait before the writer begins: they go into one transaction.
    let answers = ["a", "b", "a", "c"].map(keep);
    drop(jobs);
    let path = file.as_path().into();
    Writer { path, connection, limits: Limits::DISK, counters, counts: Counts::default() }
        .run(&incoming);
    let answers = answers.map(|answer| answer.blocking_recv().unwrap().is_ok());
    assert_eq!(answers, [true, true, false, true]);
}
