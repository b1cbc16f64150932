//! Sets of connectors: reading one, selecting from it, explaining and comparing networks.

#[path = "support/sets.rs"]
mod sets;

use std::net::SocketAddr;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use expsd::config::Configuration;
use expsd::connector::{ReceiveConnector, Server, SourceAddress, default_set};
use expsd::scope::Scope;
use expsd::session::explain::{Side, differences, outcomes};

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
            set.extend((1..50).map(|n| sets::relay(n, 1250)));
        }
        set
    }
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

/// The text of the huge set, as a configuration.
fn huge_toml() -> String {
    let mut toml = String::new();
    for connector in Set::Huge.connectors() {
        let ranges: Vec<_> =
            connector.remote_ip_ranges.iter().map(|range| format!("\"{range}\"")).collect();
        toml += &format!(
            "[[ReceiveConnector]]\nName = \"{}\"\nBindings = \"0.0.0.0:25\"\nRemoteIPRanges = [{}]\n",
            connector.name,
            ranges.join(", ")
        );
    }
    toml
}

/// Reading 61,252 ranges, and checking every rule and every pair of ranges.
#[divan::bench(sample_count = 20)]
fn load_and_validate(bencher: Bencher<'_, '_>) {
    let toml = huge_toml();
    bencher.bench_local(|| Configuration::parse(&toml, "huge.toml").unwrap());
}

#[divan::bench(sample_count = 20)]
fn index(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(|| Set::Huge.connectors()).bench_local_values(Scope::new);
}

/// All that the addresses of 10.0.0.0/8 meet, with offers and rights.
#[divan::bench(sample_count = 10)]
fn explain_a_network(bencher: Bencher<'_, '_>) {
    let scope = Scope::new(Set::Huge.connectors());
    let (local, _) = connection();
    let network = "10.0.0.0/8".parse().unwrap();
    bencher.bench_local(|| {
        let pieces = scope.pieces(local, &network).into_iter().map(|piece| (local, piece));
        outcomes(&Server::default(), &scope, &pieces.collect::<Vec<_>>(), |_| true)
    });
}

#[divan::bench(sample_count = 10)]
fn compare_two_sets(bencher: Bencher<'_, '_>) {
    let (before, mut connectors) = (Scope::new(Set::Huge.connectors()), Set::Huge.connectors());
    connectors[7].remote_ip_ranges.truncate(1_000);
    let after = Scope::new(connectors);
    let server = Server::default();
    let side = |scope| Side { server: &server, scope, certificate: &|_| true };
    bencher.bench_local(|| differences(&side(&before), &side(&after)));
}
