//! The linter over 50 connectors, by how many ranges each of them has.

#[path = "support/sets.rs"]
mod sets;

use divan::{AllocProfiler, Bencher};
use expsd::connector::{Server, all_broken, default_set};
use expsd::scope::Scope;
use expsd::scope::lint::{Peer, Subject, lint};
use expsd::session::facts;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// With peers in every connector, and with the rules of the cmdlets.
#[divan::bench(args = [12, 125, 1250])]
fn fifty_connectors(bencher: Bencher<'_, '_>, ranges: u32) {
    let server = Server::default();
    let mut set = default_set(&server);
    set.truncate(1);
    set.extend((1..50).map(|n| sets::relay(n, ranges)));
    let peers: Vec<Peer> = (1..50).map(|n| format!("EX{n}=10.{n}.0.20").parse().unwrap()).collect();
    bencher.bench_local(|| {
        let broken = all_broken(&set, &server);
        let scope = Scope::new(set.clone());
        let subject = Subject {
            server: &server,
            words: facts(server.version),
            scope: &scope,
            broken: &broken,
            peers: &peers,
            certificates: &[],
        };
        assert_eq!(lint(&subject).len(), 49);
    });
}
