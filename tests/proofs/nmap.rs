use std::process::Command;

use crate::lab::Lab;
use crate::support::{run, tool};

#[test]
fn a_scan_reads_names_and_version_out_of_ntlm_and_sees_no_skew() {
    let lab = Lab::start("");
    let Some(nmap) = tool("nmap") else { return };
    // The plus runs the scripts on any port.
    let scan = run(
        Command::new(nmap)
            .args(["-Pn", "-n", "-sT", "-vv", "--host-timeout", "20s"])
            .args(["--script", "+smtp-ntlm-info,+smtp-commands,clock-skew"])
            .args(["-p", &lab.port(), "127.0.0.1"]),
        b"",
    );
    let info: Vec<_> = scan
        .stdout
        .lines()
        .skip_while(|line| !line.contains("smtp-ntlm-info:"))
        .skip(1)
        .map_while(|line| {
            line.trim_start_matches(['|', '_']).strip_prefix("  ").map(str::trim_start)
        })
        .collect();
    let expected = "Target_Name: CONTOSO, NetBIOS_Domain_Name: CONTOSO, NetBIOS_Computer_Name: EX01, \
                    DNS_Domain_Name: contoso.test, DNS_Computer_Name: ex01.contoso.test, \
                    DNS_Tree_Name: contoso.test, Product_Version: 10.0.17763";
    assert_eq!(info.join(", "), expected, "{}", scan.stdout);
    // It has a line for a skew only; the time is there, or it would not look for one.
    for line in scan.stdout.lines().filter(|line| line.contains("skew")) {
        assert!(line.contains(" 0s"), "{line}");
    }
}
