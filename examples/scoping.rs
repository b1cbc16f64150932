//! The pitfall of every post: a relay connector whose range covers another Exchange server.
//!
//! `cargo run --example scoping`

use std::error::Error;
use std::net::SocketAddr;

use expsd::ExchangeServer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// Two connectors on port 25. The second was made for applications; EX02 is 10.0.0.12.
const CONNECTORS: &str = r#"
[[ReceiveConnector]]
Name = "Default Frontend EX01"
TransportRole = "FrontendTransport"
Bindings = "0.0.0.0:25"
AuthMechanism = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"
PermissionGroups = "AnonymousUsers, ExchangeServers, ExchangeLegacyServers"

[[ReceiveConnector]]
Name = "App relay"
TransportRole = "FrontendTransport"
Bindings = "0.0.0.0:25"
RemoteIPRanges = "10.0.0.10-10.0.0.20"
AuthMechanism = "Tls"
PermissionGroups = "AnonymousUsers"
TarpitInterval = "00:00:00"
AuthTarpitInterval = "00:00:00"
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = ExchangeServer::builder().configuration(CONNECTORS)?.start().await?;
    let port_25: SocketAddr = "0.0.0.0:25".parse()?;

    for ex02 in ["10.0.0.12:40000", "10.0.0.30:40000"] {
        let remote: SocketAddr = ex02.parse()?;
        println!("--- from {}", remote.ip());
        let mut stream = BufReader::new(server.connect(port_25, remote));
        read_reply(&mut stream).await?;
        for command in ["EHLO ex02.contoso.test", "X-EXPS GSSAPI"] {
            println!("C: {command}");
            stream.write_all(format!("{command}\r\n").as_bytes()).await?;
            read_reply(&mut stream).await?;
        }
        println!("\n{}", server.explain(port_25, remote.ip()));
    }
    Ok(())
}

async fn read_reply(stream: &mut BufReader<DuplexStream>) -> Result<(), Box<dyn Error>> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err("the server closed the connection".into());
        }
        print!("S: {line}");
        if line.as_bytes().get(3) == Some(&b' ') {
            return Ok(());
        }
    }
}
