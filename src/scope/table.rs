//! The index behind [`Scope`](super::Scope): for each binding, every stretch of source
//! addresses with the entry that wins it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{IpAddr, SocketAddr};

use crate::connector::{IpRange, ReceiveConnector, SourceAddress};

/// One range of one connector, by their places in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) connector: u32,
    pub(super) range: u32,
}

/// Smaller is more specific. The range counts first; of equal ones that for a single scope,
/// then a binding to one address before a wildcard (open in the documents, our choice), then
/// the order of the configuration.
pub(super) type Rank = (u128, bool, bool, u32);

pub(super) fn rank(range: &IpRange, wildcard: bool, connector: u32) -> Rank {
    (range.span(), range.scope_id().is_none(), wildcard, connector)
}

/// The bindings of a set, by family and port.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    ports: HashMap<(bool, u16), Port>,
}

#[derive(Clone, Debug, Default)]
struct Port {
    wildcard: Option<Stretches>,
    single: HashMap<IpAddr, Stretches>,
}

impl Table {
    pub(super) fn new(connectors: &[ReceiveConnector]) -> Self {
        let mut members: HashMap<SocketAddr, Vec<Entry>> = HashMap::new();
        for (i, connector) in (0..).zip(connectors).filter(|(_, c)| c.enabled) {
            let mut bindings: Vec<_> = connector.bindings.iter().map(|b| b.0).collect();
            bindings.sort_unstable();
            bindings.dedup();
            for binding in bindings {
                let ranges = 0..connector.remote_ip_ranges.len() as u32;
                let entries = ranges.map(|range| Entry { connector: i, range });
                members.entry(binding).or_default().extend(entries);
            }
        }
        let mut table = Self::default();
        for (binding, entries) in members {
            let port = table.ports.entry((binding.is_ipv6(), binding.port())).or_default();
            let stretches = Stretches::new(connectors, entries);
            if binding.ip().is_unspecified() {
                port.wildcard = Some(stretches);
            } else {
                port.single.insert(binding.ip(), stretches);
            }
        }
        table
    }

    /// The stretches of every binding that takes connections to `local`, and whether it is a
    /// wildcard. A wildcard as `local` stands for any address of its family.
    fn bound(&self, local: SocketAddr) -> impl Iterator<Item = (bool, &Stretches)> {
        let port = self.ports.get(&(local.is_ipv6(), local.port()));
        let any = local.ip().is_unspecified();
        port.into_iter().flat_map(move |port| {
            let wildcard = port.wildcard.iter().map(|stretches| (true, stretches));
            let one = (!any).then(|| port.single.get(&local.ip())).flatten();
            let all = any.then(|| port.single.values()).into_iter().flatten();
            wildcard.chain(one.into_iter().chain(all).map(|stretches| (false, stretches)))
        })
    }

    pub(super) fn winner(
        &self,
        connectors: &[ReceiveConnector],
        local: SocketAddr,
        remote: SourceAddress,
    ) -> Option<Entry> {
        let found = self.bound(local).flat_map(|(wildcard, stretches)| {
            stretches.winners(connectors, remote).map(move |entry| (wildcard, entry))
        });
        found
            .min_by_key(|(wildcard, e)| rank(range(connectors, *e), *wildcard, e.connector))
            .map(|(_, entry)| entry)
    }

    /// Where a stretch begins, for all bindings that take connections to `local`; sorted.
    pub(super) fn starts(&self, local: SocketAddr, ipv6: bool) -> Vec<u128> {
        let mut starts: Vec<u128> =
            self.bound(local).flat_map(|(_, stretches)| stretches.starts(ipv6)).collect();
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    /// The sources that only ranges with a scope id tell from others; sorted.
    pub(super) fn scoped(&self, local: SocketAddr) -> Vec<(u128, u32)> {
        let mut scoped: Vec<_> = self
            .bound(local)
            .flat_map(|(_, stretches)| stretches.scoped.iter().map(|s| (s.address, s.scope_id)))
            .collect();
        scoped.sort_unstable();
        scoped.dedup();
        scoped
    }
}

pub(super) fn range(connectors: &[ReceiveConnector], entry: Entry) -> &IpRange {
    &connectors[entry.connector as usize].remote_ip_ranges[entry.range as usize]
}

/// All sources, as stretches in order, each from its start up to the next one's.
#[derive(Clone, Debug)]
struct Stretches {
    ipv4: Family<u32>,
    ipv6: Family<u128>,
    /// Ranges with a scope id: each is one address of one link.
    scoped: Vec<Scoped>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scoped {
    address: u128,
    scope_id: u32,
    entry: Entry,
}

impl Stretches {
    fn new(connectors: &[ReceiveConnector], entries: Vec<Entry>) -> Self {
        let (mut ipv4, mut ipv6, mut scoped) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            let range = range(connectors, entry);
            let rank = rank(range, true, entry.connector);
            match range.scope_id() {
                Some(scope_id) => scoped.push(Scoped { address: range.low(), scope_id, entry }),
                None if range.is_ipv6() => ipv6.push((range.low(), range.high(), rank, entry)),
                // An IPv4 range holds no number beyond 32 bits.
                None => ipv4.push((range.low() as u32, range.high() as u32, rank, entry)),
            }
        }
        scoped.sort_unstable();
        let cuts = scoped.iter().flat_map(|s| [Some(s.address), s.address.checked_add(1)]);
        let ipv6_cuts = ipv6.iter().flat_map(|r| [Some(r.0), r.1.checked_add(1)]).chain(cuts);
        let ipv6 = Family::new(ipv6_cuts.flatten().collect(), &mut ipv6);
        let ipv4_cuts = ipv4.iter().flat_map(|r| [Some(r.0), r.1.checked_add(1)]);
        let ipv4 = Family::new(ipv4_cuts.flatten().collect(), &mut ipv4);
        Self { ipv4, ipv6, scoped }
    }

    /// The entry that wins for `remote`, and those with a scope id that hold it.
    fn winners(
        &self,
        connectors: &[ReceiveConnector],
        remote: SourceAddress,
    ) -> impl Iterator<Item = Entry> {
        let (plain, from) = match remote.ip() {
            IpAddr::V4(ip) => (self.ipv4.winner(ip.into()), self.scoped.len()),
            IpAddr::V6(ip) => {
                let address = u128::from(ip);
                (self.ipv6.winner(address), self.scoped.partition_point(|s| s.address < address))
            }
        };
        let holds = move |s: &&Scoped| range(connectors, s.entry).contains(remote);
        let same_address = move |s: &&Scoped| IpAddr::V6(s.address.into()) == remote.ip();
        let scoped = self.scoped[from..].iter().take_while(same_address).filter(holds);
        plain.into_iter().chain(scoped.map(|s| s.entry))
    }

    fn starts(&self, ipv6: bool) -> Vec<u128> {
        if ipv6 {
            self.ipv6.starts.clone()
        } else {
            self.ipv4.starts.iter().map(|start| u128::from(*start)).collect()
        }
    }
}

#[derive(Clone, Debug)]
struct Family<A> {
    starts: Vec<A>,
    winners: Vec<Option<Entry>>,
}

impl<A: Copy + Ord + Default> Family<A> {
    /// Sweeps over `ranges` (low, high, rank and entry of each), which are cut at `cuts`.
    fn new(mut cuts: Vec<A>, ranges: &mut [(A, A, Rank, Entry)]) -> Self {
        cuts.push(A::default());
        cuts.sort_unstable();
        cuts.dedup();
        ranges.sort_unstable_by_key(|range| range.0);
        let mut coming = ranges.iter().peekable();
        let mut open = BinaryHeap::new();
        let winners = cuts.iter().map(|start| {
            while let Some((_, high, rank, entry)) = coming.next_if(|range| range.0 <= *start) {
                open.push(Reverse((*rank, *entry, *high)));
            }
            while open.peek().is_some_and(|Reverse((.., high))| high < start) {
                open.pop();
            }
            open.peek().map(|Reverse((_, entry, _))| *entry)
        });
        let winners = winners.collect();
        Self { starts: cuts, winners }
    }

    fn winner(&self, address: A) -> Option<Entry> {
        // The first stretch starts at the lowest address.
        let after = self.starts.partition_point(|start| *start <= address);
        self.winners.get(after.checked_sub(1)?).copied().flatten()
    }
}
