//! Greetings.

use super::*;

/// KB 320027 prints the masked line. What stood there can be told but for the names; the
/// article prints the blank behind the code as `*`, other posts have it as it is.
#[test]
fn of_a_windows_2000_server_behind_a_pix() {
    let original = "220 mail.ab.test Microsoft ESMTP MAIL Service, Version: 5.0.2195.4905 \
                    ready at  Tue, 9 Jul 2002 18:41:25 -0700 \r\n";
    let printed = "220*******************************************************0*2******0\
                   ***********************2002*******2***0*00";
    let masked = Wire::new(Mode::Pix).server(original);
    assert_eq!(masked, printed.replacen("220*", "220 ", 1) + " \r\n");
}

/// Octets that a mask leaves, it leaves again.
#[test]
fn as_posts_show_it_stays_as_it_is() {
    let pix = "220 *********0****************2*************\r\n";
    assert_eq!(Wire::new(Mode::Pix).server(pix), pix);
    let asa = "220 ************************************\r\n";
    assert_eq!(Wire::new(Mode::Asa).server(asa), asa);
}

#[test]
fn of_exchange_behind_each() {
    let banner = "220 ex01.contoso.test Microsoft ESMTP MAIL Service ready at \
                  Fri, 20 Nov 2026 09:12:02 +0000\r\n";
    for (mode, masked) in [
        (
            Mode::Pix,
            "220 **0*****************************************************\
             *****20 ****202**0***2*02**0000\r\n",
        ),
        (
            Mode::Asa,
            "220 ********************************************************\
             *******************************\r\n",
        ),
        (Mode::None, banner),
    ] {
        assert_eq!(Wire::new(mode).server(banner), masked, "{mode}");
    }
}

#[test]
fn of_several_lines_and_nothing_behind_it() {
    let mut wire = Wire::new(Mode::Asa);
    let greeting = "220-one\r\n220 two\r\n250 three\r\n220 four\r\n";
    assert_eq!(wire.server(greeting), "220-***\r\n220 ***\r\n250 three\r\n220 four\r\n");
    assert_eq!(wire.inspector.events(), [Event::Replaced(Replaced::Banner)]);
}

#[test]
fn that_refuses_passes() {
    let refusal = "421 4.3.2 Service not available\r\n";
    assert_eq!(Wire::new(Mode::Pix).server(refusal), refusal);
}
