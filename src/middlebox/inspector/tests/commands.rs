//! Commands, whole and in pieces.

use super::*;

#[test]
fn of_seven_verbs_pass_a_pix() {
    let mut wire = Wire::greeted(Mode::Pix);
    for known in [
        "HELO a.test\r\n",
        "MAIL FROM:<a@b.test> SIZE=10\r\n",
        "rcpt to:<a@b.test>\r\n",
        "DATA\r\n",
        "RSET\r\n",
        "NOOP\r\n",
        "QUIT\r\n",
        "\r\n",
    ] {
        assert_eq!(wire.client(known), known);
    }
    for (unknown, replaced) in [
        ("EHLO a.test\r\n", "XXXXXXXXXXX\r\n"),
        ("AUTH LOGIN\r\n", "XXXXXXXXXX\r\n"),
        ("HELOA\n", "XXXXX\n"),
        (" HELO\r\n", "XXXXX\r\n"),
    ] {
        assert_eq!(wire.client(unknown), replaced);
    }
}

#[test]
fn that_an_asa_does_not_know_are_told_by_verb_alone() {
    for mode in [Mode::Asa, Mode::AsaAllowTls] {
        let mut wire = Wire::greeted(mode);
        wire.inspector.events();
        for verb in ["AUTH", "EHLO", "ETRN", "HELP", "SAML", "SEND", "SOML", "VRFY"] {
            let line = format!("{verb} x\r\n");
            assert_eq!(wire.client(&line), line);
        }
        let sent = "X-ANONYMOUSTLS\r\nX-EXPS NTLM TlRM\r\nUGFzc3cwcmQh\r\n";
        assert_eq!(wire.client(sent), "XXXXXXXXXXXXXX\r\nXXXXXXXXXXXXXXXX\r\nXXXXXXXXXXXX\r\n");
        let replaced =
            [Replaced::Verb("X-ANONYMOUSTLS"), Replaced::Verb("X-EXPS"), Replaced::Octets(12)];
        assert_eq!(wire.inspector.events(), replaced.map(Event::Replaced));
    }
}

/// Cisco document 113423.
#[test]
fn that_are_typed_character_by_character_arrive_as_x() {
    let mut wire = Wire::greeted(Mode::Asa);
    let typed: Vec<_> = "EHLO\r\n".chars().map(|c| wire.client(&c.to_string())).collect();
    assert_eq!(typed.concat(), "XXXX\r\n");
    assert_eq!(wire.client("EHLO a\r\n"), "EHLO a\r\n");
}

#[test]
fn whose_verb_ends_with_the_packet_go_by_what_follows() {
    let mut wire = Wire::greeted(Mode::Asa);
    assert_eq!([wire.client("EHLO"), wire.client(" a\r\n")], ["EHLO", " a\r\n"]);
    assert_eq!([wire.client("DATA"), wire.client("\r\n")], ["DATA", "\r\n"]);
    assert_eq!([wire.client("EHLO"), wire.client("W a\r\n")], ["EHLO", "XXX\r\n"]);
    assert_eq!([wire.client("NOOP \r"), wire.client("\n")], ["NOOP \r", "\n"]);
}

#[test]
fn answers_to_a_challenge_pass() {
    let mut wire = Wire::greeted(Mode::Asa);
    wire.client("AUTH LOGIN\r\n");
    for _ in 0..2 {
        wire.server("334 VXNlcm5hbWU6\r\n");
        let answer = format!("{}\r\n", "QUFB".repeat(400));
        assert_eq!(wire.client(&answer), answer);
    }
    wire.server("235 2.7.0 Authentication successful\r\n");
    assert_eq!(wire.client("QUFB\r\n"), "XXXX\r\n");
}

/// A firewall that does not know BDAT knows of no chunk.
#[test]
fn of_a_chunk_are_commands_to_it() {
    let mut wire = Wire::greeted(Mode::Asa);
    let sent = "BDAT 13 LAST\r\nhi\r\nNOOP\r\n\r\n\r\n";
    assert_eq!(wire.client(sent), "XXXXXXXXXXXX\r\nXX\r\nNOOP\r\n\r\n\r\n");
    assert_eq!(wire.dropped_by(&"a".repeat(513)), Class::CommandLine);
}

#[test]
fn starttls_ends_the_inspection_where_it_is_allowed() {
    let mut wire = Wire::greeted(Mode::Asa);
    assert_eq!(wire.client("STARTTLS\r\n"), "XXXXXXXX\r\n");
    let mut wire = Wire::greeted(Mode::AsaAllowTls);
    assert_eq!(wire.client("STARTTLS\r\n"), "STARTTLS\r\n");
    wire.server("454 4.7.0 TLS not available\r\n");
    assert_eq!(wire.client("BOGUS\r\n"), "XXXXX\r\n");
    wire.client("STARTTLS\r\n");
    wire.inspector.events();
    assert_eq!(wire.server("220 2.0.0 SMTP server ready\r\nno line"), {
        "220 2.0.0 SMTP server ready\r\nno line"
    });
    assert_eq!(wire.inspector.events(), [Event::TlsStarted]);
    assert_eq!(wire.client("\u{16}\u{3}BOGUS\r\n"), "\u{16}\u{3}BOGUS\r\n");
}

#[test]
fn starttls_before_the_greeting_waits_for_its_own_reply() {
    let mut wire = Wire::new(Mode::AsaAllowTls);
    assert_eq!(wire.client("STARTTLS\r\n"), "STARTTLS\r\n");
    assert_eq!(wire.server("220 mail.test\r\n"), "220 *********\r\n");
    assert_eq!(wire.client("BOGUS\r\n"), "XXXXX\r\n");
    wire.inspector.events();
    wire.server("220 2.0.0 SMTP server ready\r\n");
    assert_eq!(wire.inspector.events(), [Event::TlsStarted]);
}

#[test]
fn a_refused_starttls_is_over() {
    let mut wire = Wire::greeted(Mode::AsaAllowTls);
    wire.client("STARTTLS\r\n");
    wire.server("454 4.7.0 TLS not available\r\n220 what\r\n");
    assert_eq!(wire.client("BOGUS\r\n"), "XXXXX\r\n");
}
