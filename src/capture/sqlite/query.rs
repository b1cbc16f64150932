//! Reading: lists never touch bodies, and every filter has an index to walk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, MAIN_DB, OptionalExtension as _, Row, params, params_from_iter};

use super::super::{Filter, Kept, Listed, Message, Order, Page, Summary};
use super::error::Cause;
use super::nanoseconds;
use super::schema::{MARK, MARKED};

/// What a page looks at before it is given back as it is. Our choice; tests reach it sooner.
const A_PAGE: Patience = match cfg!(test) {
    false => Patience { rows: 25_000, time: Duration::from_millis(75) },
    true => Patience { rows: 7, time: Duration::ZERO },
};

/// What leads to fewer rows than this is followed alone, and the rest looked at in these.
const FEW: i64 = 2_000;

const COLUMNS: &str = "m.number, m.id, m.session, m.received, m.connector, m.remote, m.identity, \
                       m.sender, m.recipients, m.subject, m.preview, m.octets, m.stripped, \
                       m.message_id";

/// `total` is left for the caller.
pub(super) fn list(connection: &Connection, filter: &Filter, page: Page) -> Result<Listed, Cause> {
    list_patiently(connection, filter, page, A_PAGE)
}

pub(super) fn list_patiently(
    connection: &Connection,
    filter: &Filter,
    page: Page,
    patience: Patience,
) -> Result<Listed, Cause> {
    let mut listed = Listed::default();
    // What is looked up for a row belongs to the same state of the database.
    let snapshot = connection.unchecked_transaction()?;
    let stopped = walk(&snapshot, filter, page, patience, |summary| {
        let full = listed.messages.len() == page.limit();
        if full {
            listed.next = listed.messages.last().map(|last| last.number);
        } else {
            listed.messages.push(summary);
        }
        !full
    })?;
    listed.next = listed.next.or(stopped);
    Ok(listed)
}

/// The numbers of all that match.
pub(super) fn numbers(connection: &Connection, filter: &Filter) -> Result<Vec<u64>, Cause> {
    let mut numbers = Vec::new();
    let all = Patience { rows: usize::MAX, time: Duration::MAX };
    walk(connection, filter, Page::default(), all, |summary| {
        numbers.push(summary.number);
        true
    })?;
    Ok(numbers)
}

/// The message called `id`, or else what `held` has of its number: a body is read once for all
/// who look at it.
pub(super) fn get(
    connection: &Connection,
    id: &str,
    held: impl FnOnce(u64) -> Option<Arc<Message>>,
) -> Result<Option<Kept>, Cause> {
    // The row and its body belong to the same state of the database.
    let snapshot = connection.unchecked_transaction()?;
    let number = snapshot
        .prepare_cached("SELECT number FROM message WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(number) = number else { return Ok(None) };
    let message = match held(number) {
        Some(message) => message,
        None => Arc::new(read(&snapshot, number)?),
    };
    Ok(Some(Kept { number, message }))
}

fn read(connection: &Connection, number: u64) -> Result<Message, Cause> {
    let mut statement =
        connection.prepare_cached("SELECT facts, text FROM content WHERE number = ?1")?;
    let (facts, text): (String, String) =
        statement.query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let facts: Message = serde_json::from_str(&facts)?;
    let blob = connection.blob_open(MAIN_DB, "content", "content", number as i64, true)?;
    let mut content = vec![0; blob.len()];
    blob.read_at_exact(&mut content, 0)?;
    let mut message = Message { content: content.into(), ..facts };
    message.digest.text = text;
    Ok(message)
}

/// How much is looked at.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Rows, matching or not.
    pub rows: usize,
    /// Whether it is over is asked at the messages that are marked.
    pub time: Duration,
}

/// Shows those that match to `see`, in the order of the page, for as long as it wants more. Tells
/// where it stopped if it could go on.
fn walk(
    connection: &Connection,
    filter: &Filter,
    page: Page,
    patience: Patience,
    mut see: impl FnMut(Summary) -> bool,
) -> Result<Option<u64>, Cause> {
    let (above, below) = bounds(connection, filter, page)?;
    let order = match page.order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    let mut values = vec![Value::Integer(above), Value::Integer(below)];
    let source = match driver(connection, filter)? {
        Driver::All => "message m WHERE true".to_owned(),
        Driver::Equal(column, value) => {
            values.push(Value::Text(value.to_owned()));
            format!("message m WHERE m.{column} = ?3 COLLATE NOCASE")
        }
        Driver::Search(terms) => {
            // A search that finds nothing would not come back before the end.
            values.push(Value::Text(format!("({terms}) OR sender : \"{MARK}\"")));
            "search CROSS JOIN message m ON m.number = search.rowid WHERE search MATCH ?3"
                .to_owned()
        }
    };
    let key = if source.starts_with("search") { "search.rowid" } else { "m.number" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {source} AND {key} > ?1 AND {key} < ?2 ORDER BY {key} {order}"
    ))?;
    let start = Instant::now();
    let mut rows = statement.query(params_from_iter(values))?;
    let mut last = 0;
    for looked_at in 0.. {
        let Some(row) = rows.next()? else { break };
        let is_late = last > 0 && last % MARKED == 0 && start.elapsed() >= patience.time;
        if looked_at == patience.rows || is_late {
            return Ok(Some(last));
        }
        let summary = summary(row)?;
        last = summary.number;
        if matches(connection, filter, &summary)? && !see(summary) {
            break;
        }
    }
    Ok(None)
}

fn matches(connection: &Connection, filter: &Filter, summary: &Summary) -> Result<bool, Cause> {
    if !filter.fits(&summary.fields(), summary.to.iter().map(String::as_str)) {
        return Ok(false);
    }
    if filter.text.is_none() {
        return Ok(true);
    }
    let mut text = connection.prepare_cached("SELECT text FROM content WHERE number = ?1")?;
    let mut found = text.query([summary.number])?;
    let Some(row) = found.next()? else { return Ok(false) };
    Ok(filter.fits_text(row.get_ref(0)?.as_str().map_err(text_error)?))
}

/// What gives the rows that are looked at.
enum Driver<'a> {
    All,
    Equal(&'static str, &'a str),
    Search(String),
}

fn driver<'a>(connection: &Connection, filter: &'a Filter) -> Result<Driver<'a>, Cause> {
    let leads_to_few = |query: &str, value: &str| {
        let query = format!("SELECT count(*) FROM ({query} LIMIT ?2)");
        let mut statement = connection.prepare_cached(&query)?;
        statement.query_row(params![value, FEW], |row| Ok(row.get::<_, i64>(0)? < FEW))
    };
    let columns = [
        ("message_id", &filter.message_id),
        ("session", &filter.session),
        ("identity", &filter.identity),
        ("connector", &filter.connector),
    ];
    let mut equal = None;
    for (column, value) in columns {
        let Some(value) = value.as_deref() else { continue };
        if leads_to_few(
            &format!("SELECT 1 FROM message WHERE {column} = ?1 COLLATE NOCASE"),
            value,
        )? {
            return Ok(Driver::Equal(column, value));
        }
        equal = equal.or(Some(Driver::Equal(column, value)));
    }
    let terms = terms(filter);
    if terms.is_empty() {
        return Ok(equal.unwrap_or(Driver::All));
    }
    Ok(Driver::Search(terms.join(" AND ")))
}

/// Full-text queries for the parts of texts that are long enough for a trigram.
fn terms(filter: &Filter) -> Vec<String> {
    let columns = [
        ("sender", &filter.from),
        ("recipients", &filter.to),
        ("subject", &filter.subject),
        ("text", &filter.text),
    ];
    let terms = columns.into_iter().filter_map(|(column, part)| {
        let part = part.as_deref()?;
        let fits = part.chars().count() >= 3 && !part.contains('\0');
        fits.then(|| format!("{column} : \"{}\"", part.replace('"', "\"\"")))
    });
    terms.collect()
}

/// The numbers between which the page lies, both exclusive.
fn bounds(connection: &Connection, filter: &Filter, page: Page) -> Result<(i64, i64), Cause> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (mut above, mut below) = (filter.after.map_or(0, number), i64::MAX);
    match page.order {
        Order::NewestFirst => below = page.past.map_or(below, number),
        Order::OldestFirst => above = above.max(page.past.map_or(0, number)),
    }
    if filter.since.is_none() && filter.until.is_none() {
        return Ok((above, below));
    }
    let disorder: i64 =
        connection.query_row("SELECT disorder FROM totals", [], |row| row.get(0))?;
    if let Some(since) = filter.since {
        let surely = nanoseconds(since).saturating_sub(disorder);
        above = above.max(first_since(connection, surely)? - 1);
    }
    if let Some(until) = filter.until {
        let surely = nanoseconds(until).saturating_add(disorder);
        below = below.min(first_since(connection, surely)?);
    }
    Ok((above, below))
}

/// A number from which on messages were received at a time or later, and before which earlier,
/// but for those that the disorder put out of their place. By halving: numbers grow with time.
fn first_since(connection: &Connection, time: i64) -> Result<i64, Cause> {
    let end = |which| {
        let query = format!("SELECT coalesce({which}(number), 0) FROM message");
        connection.query_row(&query, [], |row| row.get::<_, i64>(0))
    };
    let (mut low, mut high) = (end("min")?, end("max")? + 1);
    let mut statement = connection.prepare_cached(
        "SELECT number, received FROM message WHERE number >= ?1 ORDER BY number LIMIT 1",
    )?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(i64, i64)> =
            statement.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((number, received)) if received < time => low = number + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    let identity: String = row.get(6)?;
    let recipients = row.get_ref(8)?.as_str()?;
    let nanoseconds: i64 = row.get(3)?;
    Ok(Summary {
        number: row.get(0)?,
        id: row.get(1)?,
        session: row.get(2)?,
        received: Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default(),
        connector: row.get(4)?,
        remote: row.get(5)?,
        identity: (!identity.is_empty()).then_some(identity),
        from: row.get(7)?,
        to: recipients.lines().map(str::to_owned).collect(),
        subject: row.get(9)?,
        preview: row.get(10)?,
        octets: row.get(11)?,
        stripped: row.get(12)?,
        message_id: row.get(13)?,
    })
}

fn text_error(error: rusqlite::types::FromSqlError) -> rusqlite::Error {
    error.into()
}
