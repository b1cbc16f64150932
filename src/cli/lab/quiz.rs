//! `expsd lab quiz`

use std::io::{self, BufRead as _, Write as _};

use clap::Args;

use super::Name;
use crate::cli::{Failed, UNREADABLE, fail, written};

/// Ask for the cause of a scenario
///
/// Type the letter of the cause and Enter. A wrong one is explained, and asked again. Exits with
/// 0 if the first answer was right, 1 if it was not, and 2 at the end of the input.
#[derive(Args)]
pub struct Ask {
    #[command(flatten)]
    scenario: Name,
    /// The order of the choices; the same number gives the same order
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// The first answer was wrong.
const WRONG: u8 = 1;

impl Ask {
    pub fn run(self) -> Result<(), Failed> {
        let scenario = self.scenario.name;
        let quiz = &scenario.quiz;
        let choices = quiz.shuffled(self.seed.unwrap_or_else(clock));
        say(&format!("{}\n\n{}\n\n", scenario.symptom, quiz.question))?;
        for (letter, (choice, _)) in ('a'..).zip(&choices) {
            say(&format!("  {letter}  {}\n", choice.text))?;
        }
        say("\n")?;
        let mut first = true;
        for line in lines() {
            let answer = line.trim().to_ascii_lowercase();
            let chosen = ('a'..).zip(&choices).find(|(letter, _)| answer == letter.to_string());
            let Some((letter, (choice, is_right))) = chosen else {
                let last = (b'a' + choices.len() as u8 - 1) as char;
                say(&format!("Type a letter from a to {last}.\n\n"))?;
                continue;
            };
            say(&format!("{letter}: {}\n\n", choice.why))?;
            if *is_right {
                say(&format!("The whole lesson: expsd lab show {}\n", scenario.name))?;
                return if first { Ok(()) } else { Err(Failed(WRONG)) };
            }
            first = false;
        }
        Err(fail(UNREADABLE, "the input ended before the right answer"))
    }
}

fn lines() -> impl Iterator<Item = String> {
    io::stdin().lock().lines().map_while(Result::ok)
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
