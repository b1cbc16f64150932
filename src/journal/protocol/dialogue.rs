//! Rows of what is said and heard.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use super::rows::{Rows, write};
use crate::connector::{Rights, Role};

impl Rows {
    /// The rights that the session starts with.
    pub fn started(&mut self, rights: Rights) {
        if self.layout.permissions_at_start {
            self.permissions(rights);
        }
    }

    /// A command, without what is secret in it.
    pub fn received(&mut self, command: impl Display) {
        self.row(b'<', |out| write(out, command), "");
    }

    /// Replies as they go over the wire.
    pub fn sent(&mut self, mut replies: &[u8]) {
        while !replies.is_empty() {
            let (reply, rest) = split_reply(replies);
            replies = rest;
            if reply.starts_with(b"334") {
                self.row(b'>', |out| write(out, "334 <authentication response>"), "");
            } else if reply.starts_with(b"221") && !self.layout.closing_reply {
                // Seen to be left out.
            } else if self.layout.joins_replies && lines(reply).nth(1).is_some() {
                self.row(b'>', |out| write_joined(out, reply), "");
            } else {
                for line in lines(reply) {
                    self.row(b'>', |out| out.extend_from_slice(line), "");
                }
            }
        }
    }

    /// The next replies wait.
    pub fn tarpit(&mut self, interval: Duration) {
        self.note(format_args!("Tarpit for '{}'", Days(interval)), "");
    }

    /// The reply that accepts a message waits, for shadow redundancy.
    pub fn acknowledgement_delayed(&mut self, by: Duration) {
        self.note(format_args!("Tarpit for '{}' due to 'DelayedAck'", Days(by)), "");
    }

    /// The transaction with this number began.
    pub fn receiving_message(&mut self, number: u32, rights: Rights) {
        if self.layout.permissions_with_mail {
            self.permissions(rights);
        }
        let name = Arc::clone(&self.name);
        self.note(format_args!("{name};{number}"), "receiving message");
    }

    /// Front End has a Hub for the message; `id` is a UUID.
    pub fn proxy_destination(&mut self, id: &str) {
        if self.layout.proxy_destination && self.role == Role::FrontEnd {
            self.remark(format_args!(
                "Proxy destination(s) obtained from OnProxyInboundMessage event. Correlation \
                 Id:{id}"
            ));
        }
    }
}

/// A time span with its days, `0.00:00:05`, and milliseconds where it has any,
/// `0.00:00:25.639`.
struct Days(Duration);

impl Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        write!(
            f,
            "{}.{:02}:{:02}:{:02}",
            seconds / 86_400,
            seconds / 3600 % 24,
            seconds / 60 % 60,
            seconds % 60
        )?;
        match self.0.subsec_millis() {
            0 => Ok(()),
            milliseconds => write!(f, ".{milliseconds:03}"),
        }
    }
}

/// Takes the first reply off: lines with a hyphen after the code, and the one without.
fn split_reply(replies: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    for line in replies.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line.get(3) != Some(&b'-') {
            break;
        }
    }
    replies.split_at(end)
}

fn lines(reply: &[u8]) -> impl Iterator<Item = &[u8]> {
    reply
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r\n").unwrap_or(line))
}

/// The code, then each line after a blank, and one blank more before the first.
fn write_joined(out: &mut Vec<u8>, reply: &[u8]) {
    out.extend_from_slice(&reply[..3.min(reply.len())]);
    out.push(b' ');
    for line in lines(reply) {
        out.push(b' ');
        out.extend_from_slice(line.get(4..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_is_written_as_logs_write_it() {
        assert_eq!(Days(Duration::from_secs(5)).to_string(), "0.00:00:05");
        assert_eq!(Days(Duration::from_millis(25_639)).to_string(), "0.00:00:25.639");
        assert_eq!(Days(Duration::from_micros(90_061_000_900)).to_string(), "1.01:01:01");
    }
}
