//! Held against the public transcripts, octet by octet.

mod banner;
mod commands;
mod limits;
mod offers;
mod packets;

use super::*;
use crate::middlebox::log::Replaced;

/// A conversation by way of a firewall, every piece a packet.
struct Wire {
    inspector: Inspector,
}

impl Wire {
    fn new(mode: Mode) -> Self {
        Self { inspector: Inspector::new(mode) }
    }

    /// Behind a greeting.
    fn greeted(mode: Mode) -> Self {
        let mut wire = Self::new(mode);
        wire.server("220 mail.test ESMTP\r\n");
        wire
    }

    /// A message's content comes next.
    fn in_data(mode: Mode) -> Self {
        let mut wire = Self::greeted(mode);
        assert_eq!(wire.client("DATA\r\n"), "DATA\r\n");
        wire.server("354 go\r\n");
        wire.inspector.events();
        wire
    }

    fn try_client(&mut self, packet: &str) -> (String, Verdict) {
        let mut packet = packet.as_bytes().to_vec();
        let verdict = self.inspector.from_client(&mut packet);
        (String::from_utf8(packet).unwrap(), verdict)
    }

    fn client(&mut self, packet: &str) -> String {
        let (packet, verdict) = self.try_client(packet);
        assert_eq!(verdict, Verdict::Pass, "{packet}");
        packet
    }

    fn server(&mut self, lines: &str) -> String {
        let mut lines = lines.as_bytes().to_vec();
        assert_eq!(self.inspector.from_server(&mut lines, false), lines.len());
        String::from_utf8(lines).unwrap()
    }

    /// The EHLO reply with these lines behind the first, without codes.
    fn offers(&mut self, keywords: &[&str]) -> Vec<String> {
        assert_eq!(self.client("EHLO peer.test\r\n"), "EHLO peer.test\r\n");
        let last = keywords.len() - 1;
        let mut reply = "250-mail.test Hello\r\n".to_owned();
        for (i, keyword) in keywords.iter().enumerate() {
            reply += &format!("250{}{keyword}\r\n", if i == last { ' ' } else { '-' });
        }
        let reply = self.server(&reply);
        let mut lines = reply.lines();
        assert_eq!(lines.next(), Some("250-mail.test Hello"));
        lines.map(|line| line[4..].to_owned()).collect()
    }

    /// Sends what is to drop the connection.
    #[track_caller]
    fn dropped_by(&mut self, packet: &str) -> Class {
        self.inspector.events();
        assert_eq!(self.try_client(packet).1, Verdict::Drop);
        match self.inspector.events()[..] {
            [Event::Matched(class), Event::Disconnected] => class,
            ref events => panic!("{events:?}"),
        }
    }
}

#[test]
fn content_passes_and_commands_come_behind_its_dot() {
    for mode in [Mode::Pix, Mode::Asa] {
        let mut wire = Wire::in_data(mode);
        let content = "EHLO\r\n..\r\n.\n.\r\r\n\n.\r\nBOGUS\r\n";
        assert_eq!(wire.client(content), content);
        for piece in ["\r", "\n", ".", "\r"] {
            assert_eq!(wire.client(piece), piece);
        }
        assert_eq!(wire.client("\nBOGUS\r\n"), "\nXXXXX\r\n");
    }
}
