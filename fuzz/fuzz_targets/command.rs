//! A command line and its arguments.
#![no_main]

use bytes::BytesMut;
use expsd::smtp::address::{Path, is_address_literal, is_domain};
use expsd::smtp::command::{Command, MailFrom, RcptTo, parse_auth, parse_bdat};
use expsd::smtp::line::{LineReader, Next};
use expsd::smtp::{Mailbox, header};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 2048;

fuzz_target!(|data: &[u8]| {
    let mut input = BytesMut::from(data);
    match LineReader::default().next(&mut input, LIMIT) {
        Next::Line { text, len } => {
            assert!(text < len && len <= LIMIT);
            command(&input[..text]);
        }
        Next::Incomplete => assert!(input.len() <= LIMIT),
        Next::TooLong => assert!(data.len() > LIMIT),
    }
    command(data);
    let mut header = header::HeaderReader::default();
    while header.next(data, true).is_some() {}
});

fn command(line: &[u8]) {
    let Ok(Command { verb, args }) = Command::parse(line) else { return };
    assert!(line[..verb.name().len()].eq_ignore_ascii_case(verb.name().as_bytes()));
    assert_eq!(args.trim_matches(' '), args);
    assert!(line.as_ptr_range().contains(&args.as_ptr()) || args.is_empty());
    if let Ok(mail) = MailFrom::parse(args) {
        path(&mail.path);
        [mail.envid, mail.auth].into_iter().flatten().for_each(printable);
    }
    if let Ok(rcpt) = RcptTo::parse(args) {
        assert!(rcpt.path.mailbox().is_some());
        path(&rcpt.path);
        [rcpt.notify, rcpt.orcpt].into_iter().flatten().for_each(printable);
    }
    if let Ok((size, _)) = parse_bdat(args) {
        assert!(args.contains(|c: char| c.is_ascii_digit()), "{size}");
    }
    let _ = (parse_auth(args), is_address_literal(args), is_domain(args));
}

fn path(path: &Path) {
    let Path::Mailbox(mailbox) = path else { return };
    let text = mailbox.as_str();
    assert_eq!(Mailbox::parse(text).as_ref(), Some(mailbox));
    printable(text);
    match mailbox.domain() {
        Some(domain) => assert_eq!(format!("{}@{domain}", mailbox.local_part()), text),
        None => assert_eq!(mailbox.local_part(), text),
    }
}

/// Fit for a log and a page.
fn printable(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}
