//! Proves itself as an Exchange server does: `X-EXPS GSSAPI` with the ticket cache of the
//! environment (`KRB5_CONFIG`, `KRB5CCNAME`). Prints the dialogue.
//!
//! `cargo run --example x_exps -- 127.0.0.1:1025 SMTPSVC@ex01.contoso.test [spnego]`

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext as _};
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(service)) = (arguments.next(), arguments.next()) else {
        println!("usage: x_exps ADDRESS:PORT SERVICE@HOST [spnego]");
        return Ok(());
    };
    let mechanism = match arguments.next().as_deref() {
        Some("spnego") => GSS_MECH_SPNEGO,
        _ => GSS_MECH_KRB5,
    };
    let target = Name::new(service.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE))?;
    let mut context = ClientCtx::new(None, target, CtxFlags::GSS_C_MUTUAL_FLAG, Some(mechanism));

    let mut peer = Peer { stream: BufReader::new(TcpStream::connect(address)?) };
    peer.reply()?;
    peer.command("EHLO client.contoso.test")?;
    let mut reply = peer.command("X-EXPS GSSAPI")?;
    let mut token: Option<Vec<u8>> = None;
    while reply.starts_with("334 ") {
        let answer = match context.is_complete() {
            true => None,
            false => context.step(token.as_deref(), None)?,
        };
        reply = peer.command(&answer.map(|a| STANDARD.encode(&*a)).unwrap_or_default())?;
        token = reply.strip_prefix("334 ").map(|text| STANDARD.decode(text)).transpose()?;
    }
    if reply.starts_with("235 ") {
        peer.command("QUIT")?;
    }
    Ok(())
}

struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    fn command(&mut self, line: &str) -> Result<String, Box<dyn Error>> {
        println!("C: {line}");
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// The last line of a reply.
    fn reply(&mut self) -> Result<String, Box<dyn Error>> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                println!("(closed)");
                return Ok(String::new());
            }
            print!("S: {line}");
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line.trim_end().to_owned());
            }
        }
    }
}
