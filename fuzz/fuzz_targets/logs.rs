//! A SmtpReceive protocol log.
#![no_main]

use expsd::config::Configuration;
use expsd::journal::logs::{Filter, Survey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let whole = report(data, data.len().max(1));
    // The first octet chooses reads of another size, which must not matter.
    let step = 1 + usize::from(data.first().copied().unwrap_or_default());
    assert_eq!(whole, report(data, step));
});

fn report(data: &[u8], step: usize) -> String {
    let mut survey = Survey::new(Filter::default(), Some(Configuration::default().directory));
    let facts = survey.read("x.log", Steps(data, step));
    let facts = facts.unwrap_or_else(|error| panic!("a slice does not fail: {error}"));
    let lines = 1 + data.iter().filter(|b| **b == b'\n').count() as u64;
    assert!(facts.rows + facts.unreadable <= lines);
    let report = survey.report(&[], None);
    let totals = || report.connectors.iter().map(|connector| &connector.totals);
    assert_eq!(report.sessions, totals().map(|totals| totals.sessions).sum::<u64>());
    for totals in totals() {
        let all = totals.outcomes;
        let ended = all.delivered + all.refused + all.dropped + all.idle + all.unfinished;
        assert_eq!(ended, totals.sessions);
    }
    serde_json::to_string(&report).unwrap_or_else(|error| panic!("{error}"))
}

/// Gives its octets in reads of one size.
struct Steps<'a>(&'a [u8], usize);

impl std::io::Read for Steps<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(self.0.len()).min(buffer.len());
        let (now, later) = self.0.split_at(n);
        buffer[..n].copy_from_slice(now);
        self.0 = later;
        Ok(n)
    }
}
