//! What is left of the reply to EHLO.

use super::*;

/// A Postfix behind an ASA.
#[test]
fn of_a_postfix() {
    let offered = [
        "PIPELINING",
        "SIZE 10240000",
        "VRFY",
        "ETRN",
        "STARTTLS",
        "ENHANCEDSTATUSCODES",
        "8BITMIME",
        "DSN",
    ];
    let mut masked = offered;
    masked[4] = "XXXXXXXA";
    assert_eq!(Wire::greeted(Mode::Asa).offers(&offered), masked);
    assert_eq!(Wire::greeted(Mode::AsaAllowTls).offers(&offered), offered);
}

/// nibbler.de
#[test]
fn of_starttls_and_help() {
    let mut wire = Wire::greeted(Mode::Asa);
    assert_eq!(wire.offers(&["STARTTLS", "HELP"]), ["XXXXXXXA", "XXXB"]);
}

/// A capture of an Exchange 2003, second hand. It has VRFY masked, where it passes before a
/// Postfix; any other four letters that are not known stand for it here.
#[test]
fn of_an_exchange_2003() {
    let offered = [
        "TURN",
        "SIZE",
        "ETRN",
        "PIPELINING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "8bitmime",
        "BINARYMIME",
        "CHUNKING",
        "EXPN",
        "X-EXPS GSSAPI NTLM LOGIN",
        "X-EXPS=LOGIN",
        "AUTH GSSAPI NTLM LOGIN",
        "AUTH=LOGIN",
        "X-LINK2STATE",
        "XEXCH50",
        "OK",
    ];
    let masked = [
        "XXXA",
        "SIZE",
        "ETRN",
        "PIPELINING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "8bitmime",
        "BINARYMIME",
        "XXXXXXXB",
        "XXXC",
        "XXXXXXXXXXXXXXXXXXXXXXXD",
        "XXXXXXXXXXXE",
        "AUTH GSSAPI NTLM LOGIN",
        "XXXXXXXXXF",
        "XXXXXXXXXXXG",
        "XXXXXXH",
        "XI",
    ];
    assert_eq!(Wire::greeted(Mode::Asa).offers(&offered), masked);
}

/// No transcript shows it; the rule is that of the others.
#[test]
fn of_an_exchange_2019() {
    let offered = ["STARTTLS", "X-ANONYMOUSTLS", "X-EXPS GSSAPI NTLM", "XRDST"];
    assert_eq!(
        Wire::greeted(Mode::Asa).offers(&offered),
        ["XXXXXXXA", "XXXXXXXXXXXXXB", "XXXXXXXXXXXXXXXXXC", "XXXXD"]
    );
    assert_eq!(
        Wire::greeted(Mode::AsaAllowTls).offers(&offered),
        ["STARTTLS", "XXXXXXXXXXXXXA", "XXXXXXXXXXXXXXXXXB", "XXXXC"]
    );
}

#[test]
fn letters_begin_anew_with_each_reply_and_behind_z() {
    let mut wire = Wire::greeted(Mode::Asa);
    let masked = wire.offers(&["XA"; 28]);
    assert_eq!((&masked[25][..], &masked[26][..]), ("XZ", "XA"));
    assert_eq!(wire.offers(&["HELP", ""]), ["XXXA", ""]);
}

#[test]
fn no_other_reply_is_masked() {
    let mut wire = Wire::greeted(Mode::Asa);
    let reply = "250-2.1.5 one\r\n250 two\r\n";
    assert_eq!(wire.server(reply), reply);
    wire.client("RSET\r\nEHLO a.test\r\n");
    let replies = "250 2.0.0 Resetting\r\n250-mail.test\r\n250 HELP\r\n";
    assert_eq!(wire.server(replies), replies.replace("HELP", "XXXA"));
    assert_eq!(wire.server(reply), reply);
}

#[test]
fn a_line_waits_for_its_end() {
    let mut wire = Wire::greeted(Mode::Asa);
    wire.client("EHLO a.test\r\n");
    let mut bytes = b"250-mail.test\r\n250 STARTT".to_vec();
    assert_eq!(wire.inspector.from_server(&mut bytes, false), 15);
    // Too long to wait for, or all that there is.
    assert_eq!(wire.inspector.from_server(&mut bytes[15..], true), 10);
    assert_eq!(bytes, b"250-mail.test\r\n250 XXXXXX");
    assert_eq!(wire.server("LS\r\n"), "XA\r\n");
}

/// Found by any dialogue in any packets.
#[test]
fn a_carriage_return_within_a_line_stays() {
    let mut wire = Wire::greeted(Mode::Asa);
    assert_eq!(wire.offers(&["SIZE", "A\rBC", "OK"])[1], "X\rXA");
}
