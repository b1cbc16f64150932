//! The connector map of a large set.

use std::net::Ipv4Addr;

use divan::Bencher;
use expsd::connector::{ReceiveConnector, Server, Version, default_set};
use expsd::scope::Scope;
use expsd::scope::map::{self, Mark};

fn main() {
    divan::main();
}

/// Single addresses and ranges of ten, turn by turn.
fn relay(n: u32, ranges: u32) -> ReceiveConnector {
    let mut connector = ReceiveConnector::new(format!("Relay {n}"), Version::E2019);
    connector.bindings = vec!["0.0.0.0:25".parse().unwrap()];
    let range = |i| {
        let low = 0x0a00_0000 + (n << 16) + 16 * i;
        format!("{}-{}", Ipv4Addr::from(low), Ipv4Addr::from(low + 10 * (i % 2))).parse().unwrap()
    };
    connector.remote_ip_ranges = (0..ranges).map(range).collect();
    connector
}

/// 50 connectors with so many ranges each.
#[divan::bench(args = [312, 625, 1250, 2500])]
fn svg(bencher: Bencher<'_, '_>, ranges: u32) {
    let server = Server::default();
    let mut set = default_set(&server);
    set.truncate(1);
    set.extend((1..50).map(|n| relay(n, ranges)));
    let scope = Scope::new(set);
    let local = "0.0.0.0:25".parse().unwrap();
    let address = "10.25.0.16".parse().unwrap();
    let marks = [Mark { name: Some("EX02".to_owned()), address, asked: true }];
    bencher.bench_local(|| map::svg(&scope, &server, local, &marks, map::WIDTH));
}
