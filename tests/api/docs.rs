//! What docs/http.md says to type.

use std::process::Command;

use crate::support::{Daemon, run, tool};

#[test]
fn every_command_of_the_page_works() {
    let Some(_) = tool("curl") else { return };
    let daemon = Daemon::start(
        "[[ReceiveConnector]]\nName = \"Default Frontend EX01\"\nBindings = \"127.0.0.1:0\"\n\
         PermissionGroups = \"AnonymousUsers\"\nAuthTarpitInterval = \"00:00:00\"\nTarpitInterval = \"00:00:00\"\n",
        &[],
    );
    let page = include_str!("../../docs/http.md");
    let blocks: Vec<_> = page.split("```sh\n").skip(1).collect();
    assert_eq!(blocks.len(), 6);
    for block in blocks {
        let commands = block.split("```").next().unwrap();
        let here = commands
            .replace("127.0.0.1:8025", &daemon.http().to_string())
            .replace("127.0.0.1:1025", &daemon.address("Default Frontend EX01").to_string());
        let done = run(Command::new("bash").args(["-euo", "pipefail", "-c", &here]), b"");
        assert!(done.status.success(), "{commands}{}{}", done.stdout, done.stderr);
    }
}
