//! Selection: which connector a connection meets.

use std::net::{Ipv4Addr, SocketAddr};

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use expsd::connector::{ReceiveConnector, Server, SourceAddress, Version, default_set};
use expsd::scope::Scope;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[derive(Debug)]
enum Set {
    Default2019,
    /// 50 connectors on one binding with 1,250 ranges each, but for the default one.
    Huge,
}

impl Set {
    fn connectors(&self) -> Vec<ReceiveConnector> {
        let mut set = default_set(&Server::default());
        if let Self::Huge = self {
            set.truncate(1);
            set.extend((1..50).map(relay));
        }
        set
    }
}

/// 1,250 single addresses and ranges of ten, turn by turn.
fn relay(n: u32) -> ReceiveConnector {
    let mut connector = ReceiveConnector::new(format!("Relay {n}"), Version::E2019);
    connector.bindings = vec!["0.0.0.0:25".parse().unwrap()];
    connector.remote_ip_ranges = (0..1250)
        .map(|i| {
            let low = 0x0a00_0000 + (n << 16) + 16 * i;
            let high = low + 10 * (i % 2);
            format!("{}-{}", Ipv4Addr::from(low), Ipv4Addr::from(high)).parse().unwrap()
        })
        .collect();
    connector
}

fn connection() -> (SocketAddr, SourceAddress) {
    (black_box("10.0.0.5:25").parse().unwrap(), black_box("10.49.78.16").parse().unwrap())
}

#[divan::bench(args = [Set::Default2019, Set::Huge])]
fn winner(bencher: Bencher<'_, '_>, set: &Set) {
    let scope = Scope::new(set.connectors());
    let (local, remote) = connection();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| scope.select(local, remote).index());
}

/// The sentence that goes into the log of every connection.
#[divan::bench(args = [Set::Default2019, Set::Huge])]
fn winner_and_reason(bencher: Bencher<'_, '_>, set: &Set) {
    let scope = Scope::new(set.connectors());
    let (local, remote) = connection();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| scope.select(local, remote).reason());
}
