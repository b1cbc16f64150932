//! A set of connectors as the rules look at it: who meets whom, worked out once.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::addresses::public;
use super::sees::{Voice, Words};
use super::taken::Meeting;
use super::{Addresses, Certificate, Peer, PeerKind, Subject};
use crate::connector::{
    AuthMechanism, Broken, IpRange, Principal, ReceiveConnector, Rights, Role, Server,
    SourceAddress, Token, default_set,
};
use crate::directory::{Account, Group};
use crate::scope::Scope;

/// So many public addresses are the Internet: 2^20 of IPv4, 2^80 of IPv6 (our choice).
const INTERNET: [u128; 2] = [1 << 20, 1 << 80];

pub(super) struct Set<'a> {
    pub server: &'a Server,
    pub connectors: &'a [ReceiveConnector],
    pub broken: &'a [(usize, Broken)],
    pub peers: &'a [Peer],
    /// Where connections arrive: every binding but those to port 0, which are nobody else's.
    pub locals: Vec<Local>,
    pub stretches: Vec<Stretch<'a>>,
    words: &'a dyn Words,
    scope: &'a Scope,
    certificates: &'a [Certificate],
    traits: Vec<Traits>,
    trusted: Scope,
    relays: Scope,
    /// The places in `stretches` of what each connector wins.
    won: Vec<Vec<usize>>,
    defaults: Vec<Option<ReceiveConnector>>,
}

/// A binding, and an address by which to ask for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub binding: SocketAddr,
    at: SocketAddr,
}

/// Source addresses that meet the same at one binding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'a> {
    /// The place of the binding in `locals`.
    pub local: usize,
    pub first: SourceAddress,
    pub last: SourceAddress,
    pub meets: Option<Meets<'a>>,
}

/// The connector that is met, and those that would be met without it, by wider ranges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meets<'a> {
    pub connector: usize,
    pub range: &'a IpRange,
    /// The best one of those that other Exchange servers can use.
    pub instead_of_trusted: Option<usize>,
    /// The best one of those that let anybody relay.
    pub instead_of_relay: Option<usize>,
}

/// What one connector is, apart from its ranges.
#[derive(Clone, Copy, Debug)]
struct Traits {
    /// Another Exchange server can prove itself and submit.
    trusted: bool,
    /// Whoever meets it may relay, without a proof.
    relays: bool,
    internet: bool,
}

impl<'a> Set<'a> {
    pub(super) fn new(subject: &Subject<'a>) -> Self {
        let Subject { server, words, scope, broken, peers, certificates } = *subject;
        let connectors: &[ReceiveConnector] = scope.connectors();
        let traits: Vec<Traits> = connectors
            .iter()
            .map(|connector| Traits {
                trusted: trusts(connector),
                relays: unproved(connector).contains(Rights::SUBMIT | Rights::ACCEPT_ANY_RECIPIENT),
                internet: false,
            })
            .collect();
        let only = |keep: fn(&Traits) -> bool| {
            let kept = connectors.iter().zip(&traits).map(|(connector, traits)| {
                let absent = || ReceiveConnector::new("", server.version);
                if keep(traits) { connector.clone() } else { absent() }
            });
            Scope::new(kept.collect::<Vec<_>>())
        };
        let defaults = default_set(server);
        let by_default = connectors.iter().map(|connector| {
            defaults.iter().find(|d| d.name.eq_ignore_ascii_case(&connector.name)).cloned()
        });
        let mut set = Self {
            server,
            connectors,
            broken,
            peers,
            locals: locals(connectors),
            stretches: Vec::new(),
            words,
            scope,
            certificates,
            trusted: only(|traits| traits.trusted),
            relays: only(|traits| traits.relays),
            traits,
            won: vec![Vec::new(); connectors.len()],
            defaults: by_default.collect(),
        };
        set.stretches = set.all_stretches();
        for (i, stretch) in set.stretches.iter().enumerate() {
            if let Some(meets) = stretch.meets {
                set.won[meets.connector].push(i);
            }
        }
        for i in 0..connectors.len() {
            set.traits[i].internet = set.reaches_internet(i);
        }
        set
    }

    pub(super) fn voice(&self) -> Voice<'a> {
        Voice { server: self.server, words: self.words }
    }

    /// The enabled connectors, with their indices.
    pub(super) fn enabled(&self) -> impl Iterator<Item = (usize, &'a ReceiveConnector)> + use<'a> {
        self.connectors.iter().enumerate().filter(|(_, connector)| connector.enabled)
    }

    pub(super) fn is_trusted(&self, connector: usize) -> bool {
        self.traits[connector].trusted
    }

    pub(super) fn is_relay(&self, connector: usize) -> bool {
        self.traits[connector].relays
    }

    /// Whether the Internet at large meets the connector.
    pub(super) fn is_internet(&self, connector: usize) -> bool {
        self.traits[connector].internet
    }

    /// The connector of the same name in the default set.
    pub(super) fn by_default(&self, connector: usize) -> Option<&ReceiveConnector> {
        self.defaults[connector].as_ref()
    }

    pub(super) fn is_front_end(&self, connector: usize) -> bool {
        self.server.role_of(&self.connectors[connector]) == Role::FrontEnd
    }

    pub(super) fn certificate(&self, connector: usize) -> &Certificate {
        self.certificates.get(connector).unwrap_or(&Certificate::Unknown)
    }

    pub(super) fn peers_of(&self, kind: PeerKind) -> impl Iterator<Item = &'a Peer> + use<'a> {
        self.peers.iter().filter(move |peer| peer.kind == kind)
    }

    /// What a connector wins, at all of its bindings.
    pub(super) fn won(&self, connector: usize) -> impl Iterator<Item = &Stretch<'a>> {
        self.won[connector].iter().map(|i| &self.stretches[*i])
    }

    /// The sources of those stretches.
    pub(super) fn sources<'s>(stretches: impl IntoIterator<Item = &'s Stretch<'a>>) -> Addresses
    where
        'a: 's,
    {
        stretches.into_iter().map(|stretch| (stretch.first, stretch.last)).collect()
    }

    /// Whether a connection to `local` can arrive at one of the connector's bindings.
    pub(super) fn is_bound(&self, connector: usize, local: usize) -> bool {
        let local = self.locals[local];
        self.connectors[connector].bindings.iter().any(|binding| binding.accepts(local.at))
    }

    /// What a source meets, at each binding of its family.
    pub(super) fn meetings(
        &self,
        source: SourceAddress,
    ) -> impl Iterator<Item = Meeting<'a>> + use<'a, '_> {
        let locals = self.locals.iter().enumerate();
        let family = locals.filter(move |(_, l)| l.binding.is_ipv6() == source.ip().is_ipv6());
        family.filter_map(move |(local, Local { binding, at })| {
            let meets = self.meets(*at, source)?;
            Some(Meeting { source, local, port: binding.port(), meets })
        })
    }

    fn all_stretches(&self) -> Vec<Stretch<'a>> {
        let everything = IpRange::everything();
        let mut all = Vec::new();
        for (i, local) in self.locals.iter().enumerate() {
            let family = everything.iter().filter(|r| r.is_ipv6() == local.binding.is_ipv6());
            all.extend(family.flat_map(|family| self.scope.pieces(local.at, family)).map(
                |piece| {
                    let (first, last) = (piece.first, piece.last);
                    Stretch { local: i, first, last, meets: self.meets(local.at, first) }
                },
            ));
        }
        all
    }

    fn reaches_internet(&self, connector: usize) -> bool {
        let mut addresses = [0_u128; 2];
        for stretch in self.won(connector) {
            let family = &mut addresses[usize::from(stretch.first.ip().is_ipv6())];
            *family = family.saturating_add(public(stretch.first, stretch.last));
        }
        addresses.iter().zip(INTERNET).any(|(addresses, internet)| *addresses >= internet)
    }

    fn meets(&self, at: SocketAddr, source: SourceAddress) -> Option<Meets<'a>> {
        let selection = self.scope.select(at, source);
        let (connector, range) = selection.index().zip(selection.range())?;
        let wider = |scope: &Scope| {
            let other = scope.select(at, source);
            let (other, wide) = other.index().zip(other.range())?;
            (wide.span() > range.span()).then_some(other)
        };
        let instead_of_trusted = wider(&self.trusted);
        let instead_of_relay = wider(&self.relays);
        Some(Meets { connector, range, instead_of_trusted, instead_of_relay })
    }

    /// What a source would meet at `local` if connectors that are bound to that one address
    /// were not there.
    pub(super) fn meets_elsewhere(
        &self,
        local: usize,
        source: SourceAddress,
    ) -> Option<(usize, &'a IpRange)> {
        let binding = self.locals[local].binding;
        let wildcard = self.locals.iter().find(|other| {
            let other = other.binding;
            other.ip().is_unspecified()
                && other.port() == binding.port()
                && other.is_ipv6() == binding.is_ipv6()
        })?;
        let selection = self.scope.select(wildcard.at, source);
        selection.index().zip(selection.range())
    }
}

fn trusts(connector: &ReceiveConnector) -> bool {
    let server = Token::of_group(Group::ExchangeServers);
    connector.offers_exchange_server() && connector.rights(&server).contains(Rights::SUBMIT)
}

/// The rights of whoever meets the connector, before any proof.
pub(super) fn unproved(connector: &ReceiveConnector) -> Rights {
    if connector.auth_mechanism.contains(AuthMechanism::ExternalAuthoritative) {
        return connector.rights(&Token::of_group(Group::ExternallySecuredServers));
    }
    connector.rights(&Token::anonymous())
}

/// A session of `principal`, if it is one that proves itself.
pub(super) fn token_of(principal: &Principal) -> Option<Token> {
    match principal {
        Principal::Anonymous => None,
        Principal::AuthenticatedUsers => Some(Token::user()),
        Principal::Group(group) => Some(Token::of_group(*group)),
        Principal::Account(name) => Some(Token::of(&Account::new(name.clone(), None))),
    }
}

/// The bindings, each once, in order. A wildcard is asked for by an address that no connector is
/// bound to: one of "this network" (RFC 791), or of the discard-only block (RFC 6666).
fn locals(connectors: &[ReceiveConnector]) -> Vec<Local> {
    let mut bindings: Vec<SocketAddr> =
        connectors.iter().flat_map(|c| &c.bindings).map(|binding| binding.0).collect();
    bindings.retain(|binding| binding.port() != 0);
    bindings.sort_unstable();
    bindings.dedup();
    let free = |ipv6: bool, port: u16| {
        let mut candidates = (1..).map(|n: u32| match ipv6 {
            false => IpAddr::V4(n.into()),
            true => IpAddr::V6(Ipv6Addr::from((0x100 << 112) | u128::from(n))),
        });
        candidates.find(|ip| bindings.binary_search(&SocketAddr::new(*ip, port)).is_err())
    };
    let ask = |binding: SocketAddr| {
        let elsewhere = free(binding.is_ipv6(), binding.port()).unwrap_or(binding.ip());
        let at = if binding.ip().is_unspecified() { elsewhere } else { binding.ip() };
        Local { binding, at: SocketAddr::new(at, binding.port()) }
    };
    bindings.iter().map(|binding| ask(*binding)).collect()
}
