//! The classes of the map.

use super::*;

#[test]
fn a_command_line_has_512_octets() {
    let mut wire = Wire::greeted(Mode::Asa);
    let longest = format!("NOOP {}\r\n", "a".repeat(505));
    assert_eq!(wire.client(&longest), longest);
    assert_eq!(wire.client(&longest[..510]).len(), 510);
    assert_eq!(wire.dropped_by("aa\r"), Class::CommandLine);
    Wire::greeted(Mode::Pix).client(&"a".repeat(10_000));
}

#[test]
fn a_hundred_recipients_pass_in_each_transaction() {
    let mut wire = Wire::greeted(Mode::Asa);
    for _ in 0..2 {
        wire.client("MAIL FROM:<a@b.test>\r\n");
        wire.client(&"RCPT TO:<a@b.test>\r\n".repeat(100));
    }
    assert_eq!(wire.dropped_by("RCPT TO:<a@b.test>\r\n"), Class::Recipients);
}

#[test]
fn a_sender_has_320_octets() {
    let mut wire = Wire::greeted(Mode::Asa);
    wire.client(&format!("MAIL FROM:<{}> SIZE=1\r\n", "a".repeat(320)));
    wire.client("MAIL FROM:<");
    assert_eq!(wire.dropped_by(&format!("{}>\r\n", "a".repeat(321))), Class::SenderAddress);
}

#[test]
fn a_header_line_has_998_octets() {
    let mut wire = Wire::in_data(Mode::Asa);
    wire.client(&format!("{}\r\n", "a".repeat(998)));
    wire.client(&format!("{}\r", "a".repeat(998)));
    wire.client("\n");
    assert_eq!(wire.dropped_by(&"a".repeat(999)), Class::HeaderLine);
}

#[test]
fn a_longer_body_line_is_only_told_of() {
    let mut wire = Wire::in_data(Mode::Asa);
    wire.client("Subject: x\r\n\r\n");
    wire.client(&"a".repeat(5_000));
    wire.client("a\r\nBOGUS\r\n.\r\n");
    assert_eq!(wire.inspector.events(), [Event::Matched(Class::BodyLine)]);
}

#[test]
fn a_file_name_has_255_octets() {
    for name in ["\"{}\"\r\n", "{}\r\n", "{}; size=1\r\n"] {
        let name = |length| format!("filefilename={name}").replace("{}", &"a".repeat(length));
        let part = "Subject: x\r\n\r\n--b\r\nContent-Disposition: attachment;\r\n\tfilename=\
                    \"a b\"; ";
        Wire::in_data(Mode::Asa).client(&format!("{part}{}", name(255)));
        let mut wire = Wire::in_data(Mode::Asa);
        assert_eq!(wire.dropped_by(&format!("{part}{}", name(256))), Class::FileName);
        // In a text it is none.
        Wire::in_data(Mode::Asa).client(&format!("Subject: x\r\n\r\n{}", name(256)));
    }
}

#[test]
fn more_octets_than_declared_are_told_of() {
    for (content, told) in [("\r\n..345\r\n.\r\n", None), ("\r\n123456\r\n.\r\n", Some(10))] {
        let mut wire = Wire::greeted(Mode::Asa);
        wire.client("MAIL FROM:<a@b.test> BODY=7BIT size=8\r\n");
        wire.client("RCPT TO:<a@b.test>\r\nDATA\r\n");
        wire.server("354 go\r\n");
        wire.inspector.events();
        wire.client(content);
        let told = told.map(|actual| Event::Size { declared: 8, actual });
        assert_eq!(wire.inspector.events(), Vec::from_iter(told));
    }
}
