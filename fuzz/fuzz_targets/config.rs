//! A configuration file.
#![no_main]

use expsd::config::Configuration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Configuration::parse(text, "x.toml") {
        let lines = 1 + text.matches('\n').count();
        for problem in error.to_string().lines().filter_map(|line| line.strip_prefix("x.toml:")) {
            let line = problem.split(':').next().and_then(|line| line.parse().ok());
            assert!(line.is_some_and(|line: usize| (1..=lines).contains(&line)), "{problem}");
        }
    }
});
