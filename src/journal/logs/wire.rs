//! What single lines and contexts of a log say.

use crate::directory::Directory;
use crate::smtp::Path;
use crate::smtp::command::Command;

/// The code of a reply.
pub fn code(line: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(line.get(..3)?).ok()?;
    digits.parse().ok().filter(|_| line.get(3).is_none_or(|b| matches!(b, b' ' | b'-')))
}

/// `AUTH LOGIN`. What stands behind the mechanism may be a secret, and what is no mechanism too.
pub fn mechanism(command: &Command<'_>) -> String {
    let word = command.args.split(' ').next().unwrap_or_default();
    let known = ["LOGIN", "NTLM", "GSSAPI", "EXCHANGEAUTH", "PLAIN", "CRAM-MD5", "XOAUTH2"];
    let known = known.iter().find(|known| known.eq_ignore_ascii_case(word));
    format!("{} {}", command.verb.name(), known.unwrap_or(&"(another)"))
}

/// Whether the arguments of RCPT name a recipient in no accepted domain.
pub fn is_outside(args: &str, directory: &Directory) -> bool {
    let path = args.split_at_checked(3).filter(|(to, _)| to.eq_ignore_ascii_case("TO:"));
    let Some((Path::Mailbox(mailbox), _)) = path.and_then(|(_, path)| Path::take(path)) else {
        return false;
    };
    mailbox.domain().is_some_and(|domain| directory.accepted_domain(domain).is_none())
}

/// `TLS 1.2 AES_256` of a row with Schannel's names, `TLS protocol SP_PROT_TLS1_2_SERVER
/// negotiation succeeded using bulk encryption algorithm CALG_AES_256 with strength 256 bits, …`.
pub fn cipher(context: &str) -> String {
    let after = |text: &str| {
        let word = context.split_once(text)?.1.split(' ').next()?;
        Some(word.trim_end_matches(','))
    };
    let protocol = after("TLS protocol ").unwrap_or_default();
    let protocol = protocol.strip_prefix("SP_PROT_").unwrap_or(protocol);
    let protocol = protocol.strip_suffix("_SERVER").unwrap_or(protocol);
    let protocol = match protocol.strip_prefix("TLS") {
        Some(version) => format!("TLS {}", version.replace('_', ".")),
        None => protocol.to_owned(),
    };
    let cipher = after("encryption algorithm ").unwrap_or_default();
    let cipher = cipher.strip_prefix("CALG_").unwrap_or(cipher);
    format!("{protocol} {cipher}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_by_schannels_names() {
        let row = "TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded using bulk encryption \
                   algorithm CALG_AES_256 with strength 256 bits, MAC hash algorithm CALG_SHA_384";
        assert_eq!(cipher(row), "TLS 1.2 AES_256");
        assert_eq!(cipher("TLS protocol SSL3 x"), "SSL3");
    }

    #[test]
    fn what_follows_the_mechanism_is_never_kept() {
        let name = |line: &str| mechanism(&Command::parse(line.as_bytes()).unwrap());
        assert_eq!(name("auth login YWxpY2U="), "AUTH LOGIN");
        assert_eq!(name("X-EXPS exchangeauth SHA256"), "X-EXPS EXCHANGEAUTH");
        assert_eq!(name("AUTH UGFzc3cwcmQh"), "AUTH (another)");
        assert_eq!(name("AUTH"), "AUTH (another)");
    }
}
