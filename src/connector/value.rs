//! Parameter values as the cmdlets write them, and the types they are parsed into.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A value before it is typed, wherever it was read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Text(Cow<'a, str>),
    List(Vec<Cow<'a, str>>),
    Bool(bool),
    Integer(i64),
}

impl Value<'_> {
    pub(super) fn text(&self) -> Result<&str, ValueError> {
        match self {
            Self::Text(text) => Ok(text.trim()),
            _ => Err(ValueError::new("a string")),
        }
    }

    /// The items of a list, or of one string with commas.
    pub(super) fn items(&self) -> Result<Vec<&str>, ValueError> {
        match self {
            Self::List(items) => Ok(items.iter().map(|item| item.trim()).collect()),
            Self::Text(text) => {
                Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect())
            }
            _ => Err(ValueError::new("a string or a list of strings")),
        }
    }
}

/// A value that does not fit, and what would.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct ValueError {
    pub expected: String,
    /// Which item of a list is meant.
    pub item: Option<usize>,
}

impl ValueError {
    pub fn new(expected: impl Into<String>) -> Self {
        Self { expected: expected.into(), item: None }
    }

    pub(super) fn choice(choices: &[&str]) -> Self {
        Self::new(format!("one of {}", choices.join(", ")))
    }

    pub(super) fn at(self, item: usize) -> Self {
        Self { item: Some(item), ..self }
    }
}

/// A type that a parameter can have.
pub(crate) trait FromValue: Sized {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError>;
}

impl FromValue for bool {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        match value {
            Value::Bool(value) => Ok(*value),
            Value::Text(text) if matches_word(text, &["true", "$true"]) => Ok(true),
            Value::Text(text) if matches_word(text, &["false", "$false"]) => Ok(false),
            _ => Err(ValueError::new("true or false")),
        }
    }
}

impl FromValue for u32 {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        let parsed = match value {
            Value::Integer(value) => u32::try_from(*value).ok(),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        parsed.ok_or_else(|| ValueError::new("a whole number"))
    }
}

impl FromValue for String {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        value.text().map(str::to_owned)
    }
}

/// An empty string or `$null` means that the parameter is blank.
impl FromValue for Option<String> {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        let text = value.text()?;
        Ok((!matches_word(text, &["", "$null"])).then(|| text.to_owned()))
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        Ok(value.items()?.into_iter().map(str::to_owned).collect())
    }
}

/// A list of anything that parses from one string.
pub(super) fn list<T: FromStr<Err = ValueError>>(value: &Value<'_>) -> Result<Vec<T>, ValueError> {
    let items = value.items()?;
    items
        .iter()
        .enumerate()
        .map(|(i, item)| item.parse().map_err(|e: ValueError| e.at(i)))
        .collect()
}

fn matches_word(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// A number of octets: `36 MB`, `36MB`, `37748736`, `36 MB (37,748,736 bytes)`.
///
/// Where the exact number stands in brackets it counts, as what is before them is rounded
/// (`9.766 MB (10,240,000 bytes)`). Its thousands are separated as the culture of the shell
/// has it: by a comma, a dot, an apostrophe or some kind of space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    pub const fn kb(n: u64) -> Self {
        Self(n << 10)
    }

    pub const fn mb(n: u64) -> Self {
        Self(n << 20)
    }
}

impl FromStr for ByteSize {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = || ValueError::new("a size such as \"36 MB\", \"256 KB\" or a number of bytes");
        if let Some((_, exact)) = text.split_once('(') {
            return exact_size(exact).map(Self).ok_or_else(error);
        }
        let short = text.trim();
        let digits = short.find(|c: char| !c.is_ascii_digit()).unwrap_or(short.len());
        let (number, unit) = short.split_at(digits);
        let shift = match unit.trim().to_ascii_uppercase().as_str() {
            "" | "B" => 0,
            "KB" => 10,
            "MB" => 20,
            "GB" => 30,
            "TB" => 40,
            _ => return Err(error()),
        };
        let number: u64 = number.parse().map_err(|_| error())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(error)
    }
}

/// `37,748,736 bytes)`
fn exact_size(text: &str) -> Option<u64> {
    let number = text.trim_end().strip_suffix(')')?.trim_end().strip_suffix("bytes")?.trim();
    let separates = |c: char| matches!(c, ',' | '.' | '\'' | '’') || c.is_whitespace();
    let digits: String = number.chars().filter(|c| !separates(*c)).collect();
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

impl FromValue for ByteSize {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        match value {
            Value::Integer(n) if *n >= 0 => Ok(Self(*n as u64)),
            Value::Text(text) => text.parse(),
            _ => Err(ValueError::new("a size such as \"36 MB\", \"256 KB\" or a number of bytes")),
        }
    }
}

/// As Exchange prints it: `36 MB (37,748,736 bytes)`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shift, unit) = [(40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")]
            .into_iter()
            .find(|(shift, _)| self.0 >= 1 << shift && self.0.trailing_zeros() >= *shift)
            .unwrap_or((0, "B"));
        write!(f, "{} {unit} ({} bytes)", self.0 >> shift, grouped(self.0))
    }
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A length of time: `[days.]hours:minutes:seconds[.fraction]`, as .NET writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(pub Duration);

impl TimeSpan {
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Of .NET's ticks, which are 100 ns each.
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(Duration::new(ticks / 10_000_000, (ticks % 10_000_000) as u32 * 100))
    }
}

impl FromStr for TimeSpan {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        parse_time_span(text.trim()).map(Self).ok_or_else(|| {
            ValueError::new("a time span such as \"00:05:00\" (hours:minutes:seconds)")
        })
    }
}

fn parse_time_span(text: &str) -> Option<Duration> {
    let number = |part: &str, below: u64| {
        let fits = !part.is_empty() && part.len() <= 8 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u64>().ok().filter(|n| fits && *n < below)
    };
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let scale = 10u64.pow(9u32.checked_sub(fraction.len() as u32)?);
    let nanos = number(fraction, 1_000_000_000)? * scale;
    let whole = number(days, 1 << 24)? * 86_400
        + number(hours, 24)? * 3600
        + number(minutes, 60)? * 60
        + number(seconds, 60)?;
    Some(Duration::new(whole, nanos as u32))
}

impl FromValue for TimeSpan {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        value.text()?.parse()
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds >= 86_400 {
            write!(f, "{}.", seconds / 86_400)?;
        }
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)?;
        match format!("{:09}", self.0.subsec_nanos()).trim_end_matches('0') {
            "" => Ok(()),
            digits => write!(f, ".{digits:0<3}"),
        }
    }
}

/// A limit that may be lifted with `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlimited<T> {
    Unlimited,
    Limited(T),
}

impl<T: Copy + PartialOrd> Unlimited<T> {
    pub fn limit(self) -> Option<T> {
        match self {
            Self::Unlimited => None,
            Self::Limited(limit) => Some(limit),
        }
    }

    /// Whether `value` is more than the limit allows.
    pub fn is_exceeded_by(self, value: T) -> bool {
        matches!(self, Self::Limited(limit) if value > limit)
    }
}

impl<T: FromValue> FromValue for Unlimited<T> {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        match value {
            Value::Text(text) if matches_word(text, &["unlimited"]) => Ok(Self::Unlimited),
            value => T::from_value(value)
                .map(Self::Limited)
                .map_err(|error| ValueError::new(format!("{} or \"unlimited\"", error.expected))),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Unlimited<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("Unlimited"),
            Self::Limited(limit) => limit.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_exchange_writes_them() {
        for text in ["36 MB", "36mb", "37748736", "36 MB (37,748,736 bytes)", "37748736 B"] {
            assert_eq!(text.parse(), Ok(ByteSize::mb(36)), "{text:?}");
        }
        assert_eq!(ByteSize::mb(36).to_string(), "36 MB (37,748,736 bytes)");
        for text in
            ["", "MB", "-1", "1.5 MB", "1 PB", "99999999999 TB", "1 MB (", "1 MB (x bytes)", "(,)"]
        {
            assert!(text.parse::<ByteSize>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_exact_size_counts_whatever_separates_its_thousands() {
        for separator in [",", ".", "'", "’", " ", "\u{a0}", "\u{202f}", ""] {
            let text = format!("9.766 MB (10{separator}240{separator}000 bytes)");
            assert_eq!(text.parse(), Ok(ByteSize(10_240_000)), "{text:?}");
        }
    }

    #[test]
    fn time_spans_as_dotnet_writes_them() {
        assert_eq!(TimeSpan::from_ticks(6_000_000_001).to_string(), "00:10:00.0000001");
        for (text, millis) in
            [("00:05:00", 300_000), ("1.00:00:00", 86_400_000), ("00:00:00.500", 500)]
        {
            let span: TimeSpan = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_millis(millis));
            assert_eq!(span.to_string(), text);
        }
        for text in
            ["", "5", "00:60:00", "24:00:00", "00:00", "a:b:c", "00:00:00:00", "0:0:0.0000000001"]
        {
            assert!(text.parse::<TimeSpan>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn unlimited_or_a_number() {
        let parse = |v: Value<'_>| Unlimited::<u32>::from_value(&v);
        assert_eq!(parse(Value::Text("Unlimited".into())), Ok(Unlimited::Unlimited));
        assert_eq!(parse(Value::Integer(5)), Ok(Unlimited::Limited(5)));
        assert!(parse(Value::Integer(-1)).unwrap_err().expected.contains("unlimited"));
    }
}
