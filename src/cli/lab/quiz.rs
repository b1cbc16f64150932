//! `expsd lab quiz`

use std::io::{self, BufRead, Read as _, Write as _};

use clap::Args;
use expsd::lab::scenario::Scenario;

use super::Name;
use super::wrap::{paragraph, width};
use crate::cli::{FAILED, Failed, UNREADABLE, fail, written};

/// Ask for the cause of a scenario
///
/// Type the letter of the cause and Enter; q ends it. A wrong one is explained, and asked again.
/// Exits with 0 if the first answer was right, 1 if it was not, and 2 without the right answer.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd lab quiz spn-missing
  expsd lab quiz 21 --seed 7")]
pub struct Ask {
    #[command(flatten)]
    scenario: Name,
    /// The order of the choices; the same number gives the same order
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// The first answer was wrong.
const WRONG: u8 = 1;
/// Octets of a line that are looked at.
const LONGEST: u64 = 1024;

impl Ask {
    pub fn run(self) -> Result<(), Failed> {
        let scenario = self.scenario.name;
        let mut text = String::new();
        paragraph(&mut text, "", &scenario.symptom, width());
        say(&text)?;
        ask(scenario, self.seed)
    }
}

/// Asks on the standard output until the right answer, or the end, of the standard input.
pub fn ask(scenario: &Scenario, seed: Option<u64>) -> Result<(), Failed> {
    let (quiz, width) = (&scenario.quiz, width());
    let choices = quiz.shuffled(seed.unwrap_or_else(clock));
    let last = ('a'..).zip(&choices).last().map_or('a', |(letter, _)| letter);
    let hint = format!("\nType a letter from a to {last}, or q to end.\n\n");

    let mut text = String::from("\n");
    paragraph(&mut text, "", &quiz.question, width);
    text.push('\n');
    for (letter, (choice, _)) in ('a'..).zip(&choices) {
        paragraph(&mut text, &format!("  {letter}  "), &choice.text, width);
    }
    say(&format!("{text}{hint}"))?;

    let mut input = io::stdin().lock();
    let mut first = true;
    while let Some(answer) = line(&mut input)? {
        if matches!(answer.as_str(), "q" | "quit") {
            return Err(Failed(UNREADABLE));
        }
        let chosen = ('a'..).zip(&choices).find(|(letter, _)| answer == letter.to_string());
        let Some((letter, (choice, is_right))) = chosen else {
            say(&hint)?;
            continue;
        };
        let mut text = String::new();
        paragraph(&mut text, &format!("{letter}: "), &choice.why, width);
        say(&format!("{text}\n"))?;
        if *is_right {
            say(&format!("The whole lesson: expsd lab show {}\n", scenario.name))?;
            return if first { Ok(()) } else { Err(Failed(WRONG)) };
        }
        first = false;
    }
    Err(fail(UNREADABLE, "the input ended before the right answer"))
}

/// What was typed, in lower case; `None` at the end. What is no text is no answer, and of a long
/// line the beginning is enough.
fn line(input: &mut impl BufRead) -> Result<Option<String>, Failed> {
    let mut typed = Vec::new();
    let mut read = || {
        input.by_ref().take(LONGEST).read_until(b'\n', &mut typed)?;
        if !typed.is_empty() && typed.last() != Some(&b'\n') {
            input.skip_until(b'\n')?;
        }
        Ok(())
    };
    read().map_err(|error: io::Error| {
        fail(FAILED, format_args!("cannot read the standard input: {error}"))
    })?;
    let text = String::from_utf8_lossy(&typed);
    Ok((!typed.is_empty()).then(|| text.trim().to_ascii_lowercase()))
}

fn say(text: &str) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    written("standard output", out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Another order each time.
fn clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, line};

    #[test]
    fn a_line_is_read_whatever_it_holds() {
        let long = "x".repeat(5 * LONGEST as usize);
        let typed = [b" B \r\n\xff\n\n", long.as_bytes(), b"\na"].concat();
        let mut input = &typed[..];
        let mut next = || line(&mut input).ok().flatten();
        assert_eq!(next().as_deref(), Some("b"));
        assert_eq!(next().as_deref(), Some("\u{fffd}"));
        assert_eq!(next().as_deref(), Some(""));
        assert_eq!(next().unwrap().len(), LONGEST as usize);
        assert_eq!(next().as_deref(), Some("a"));
        assert_eq!(next(), None);
    }
}
