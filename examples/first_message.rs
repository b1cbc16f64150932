//! A server in this process, and the first message to it.
//!
//! `cargo run --example first_message`

use std::error::Error;
use std::time::Duration;

use expsd::ExchangeServer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = ExchangeServer::start().await?;
    let address = server.address("Default Frontend EX01").ok_or("no such connector")?;
    println!("listening on {address}\n");

    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    read_reply(&mut stream).await?;
    for command in [
        "EHLO client.fabrikam.test",
        "MAIL FROM:<you@fabrikam.test>",
        "RCPT TO:<alice@contoso.test>",
        "DATA",
        "Subject: hello\r\nMessage-ID: <1@fabrikam.test>\r\n\r\nThe first message.\r\n.",
        "QUIT",
    ] {
        println!("C: {}", command.replace("\r\n", "\nC: "));
        stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        read_reply(&mut stream).await?;
    }

    let messages = server.wait_for_messages(1, Duration::from_secs(5)).await;
    let message = messages.first().ok_or("nothing arrived")?;
    println!("\nkept: {}", serde_json::to_string_pretty(&**message)?);
    Ok(())
}

async fn read_reply(stream: &mut BufReader<TcpStream>) -> Result<(), Box<dyn Error>> {
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
