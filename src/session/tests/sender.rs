//! Whose address the From field may hold.

use super::*;

/// Whether alice, who may send as herself alone, gets a message with this header through.
fn passes(header: &str) -> bool {
    let mut bench = Bench::new(|_| ());
    bench.say("HELO a\nAUTH LOGIN YWxpY2U=\nUGFzc3cwcmQh\n");
    bench.say(&format!("MAIL FROM:<alice@contoso.test>\n{RCPT}DATA\n"));
    let kept = matches!(bench.send(&format!("{header}\n\nText.\n.\n")), Step::Keep(_));
    let refused = "550 5.7.60 SMTP; Client does not have permissions to send as this sender\n";
    assert_eq!(bench.output(), if kept { "" } else { refused }, "{header}");
    kept
}

#[test]
fn every_address_of_every_from_field_is_the_clients() {
    for own in [
        "Subject: no From",
        "From: alice@contoso.test",
        "From: Alice <ALICE@contoso.test>",
        "From: alice@contoso.test (Alice)",
        "From: \"<x@fabrikam.test>\"\n <alice@contoso.test>",
        "From: =?utf-8?Q?Al=C3=ADce?= <alice@contoso.test>",
        "From: alice@contoso.test, Alice <alice@contoso.test>",
    ] {
        assert!(passes(own), "{own}");
    }
    for foreign in [
        "From: bob@contoso.test",
        "From: alice@contoso.test <bob@contoso.test>",
        "From: alice@contoso.test, bob@contoso.test",
        "From: bob@contoso.test, alice@contoso.test",
        "From: alice@contoso.test\nFrom: bob@contoso.test",
        "From: bob@contoso.test\nSubject: a\nfrom : alice@contoso.test",
        "A: b\nbad line\nFrom: bob@contoso.test",
        "From: Friends: alice@contoso.test, bob@contoso.test;",
        "From: alice",
        "From:",
    ] {
        assert!(!passes(foreign), "{foreign}");
    }
}
