//! The connector map of a large set.

#[path = "support/sets.rs"]
mod sets;

use divan::Bencher;
use expsd::connector::{Server, default_set};
use expsd::scope::Scope;
use expsd::scope::map::{self, Mark};

fn main() {
    divan::main();
}

/// 50 connectors with so many ranges each.
#[divan::bench(args = [312, 625, 1250, 2500])]
fn svg(bencher: Bencher<'_, '_>, ranges: u32) {
    let server = Server::default();
    let mut set = default_set(&server);
    set.truncate(1);
    set.extend((1..50).map(|n| sets::relay(n, ranges)));
    let scope = Scope::new(set);
    let local = "0.0.0.0:25".parse().unwrap();
    let address = "10.25.0.16".parse().unwrap();
    let marks = [Mark { name: Some("EX02".to_owned()), address, asked: true }];
    bencher.bench_local(|| map::svg(&scope, &server, local, &marks, map::WIDTH));
}
