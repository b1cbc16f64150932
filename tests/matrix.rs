//! What is advertised is what works, and nothing else: every mechanism by both commands, in
//! clear and behind either kind of TLS, on every AuthMechanism that a connector may have, with
//! and without EnableAuthGSSAPI, with every set of permission groups, on every role.
//!
//! [`Case`] is the model. It is written from Microsoft's pages and from public transcripts
//! (docs/evidence.md), and asks nothing of the code that it judges.

mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use expsd::auth::{Authenticator, ChannelBindings, Freshness, Ntlm, ntlm};
use expsd::connector::{
    AuthMechanism, ExchangeAuthRefusal, PermissionGroups, ReceiveConnector, Server, ServerRole,
    TimeSpan, TransportRole, Unlimited, Version, all_broken,
};
use expsd::directory::{AcceptedDomain, Account, Directory, DomainType, Group};
use expsd::scope::Met;
use expsd::session::{Host, Memory, Rates, Secured, Session, Step};
use md5::{Digest as _, Md5};
use support::ntlm::{authenticate, hmac_md5, negotiate};
use support::{Client, Daemon, wait_until};

#[test]
fn front_end() {
    try_all(Role::FrontEnd);
}

#[test]
fn hub() {
    try_all(Role::Hub);
}

#[test]
fn edge() {
    try_all(Role::Edge);
}

#[test]
fn what_breaks_a_rule_is_not_loaded() {
    for role in Role::ALL {
        for case in Case::all(role) {
            let broken = all_broken(&[case.connector()], &role.server());
            assert_eq!(broken.is_empty(), case.is_allowed(), "{case}: {broken:?}");
        }
        // Reading a file is slower, so this is done with groups that any AuthMechanism may have.
        let one_each = |case: &Case| {
            let documented = case.refusal == ExchangeAuthRefusal::Documented;
            case.groups == Groups::servers_only() && !case.gssapi && documented
        };
        for case in Case::all(role).filter(one_each) {
            let loaded = expsd::config::Configuration::parse(&case.toml(), "the file");
            assert_eq!(loaded.is_ok(), case.is_allowed(), "{case}: {:?}", loaded.err());
        }
    }
}

/// Said of 2013: their RIDs are barred from SMTP, whatever the password.
#[test]
fn administrator_and_guest_get_in_by_no_mechanism() {
    let daemon = Daemon::start(WELL_KNOWN, &[]);
    for name in ["Administrator", "Guest"] {
        let peer = Peer { user: name, password: "Passw0rd!", address: "" };
        for (command, mechanism) in [
            (Command::Auth, Mechanism::Login),
            (Command::Auth, Mechanism::Ntlm),
            (Command::Auth, Mechanism::Gssapi),
            (Command::XExps, Mechanism::Ntlm),
            (Command::XExps, Mechanism::Spnego),
        ] {
            let mut client = Client::connect(daemon.address("All"));
            client.ehlo();
            let reply = prove(&mut |line| client.command(line), command, mechanism, &peer);
            match command {
                Command::Auth => {
                    assert_eq!(reply, UNSUCCESSFUL, "{name} {mechanism}");
                    assert_eq!(client.command("NOOP"), "250 2.0.0 OK");
                }
                Command::XExps => {
                    assert_eq!(reply, TEMPORARY, "{name} {mechanism}");
                    assert!(client.is_closed());
                }
            }
        }
        daemon.wait_for_log(&format!(
            "The account 'CONTOSO\\{name}' provided valid credentials, but is not authorized to \
             use the server; failing authentication. event=1020"
        ));
    }
    wait_until(|| (daemon.log().matches("event=1020").count() == 10).then_some(()));
    let log = daemon.log();
    assert!(!log.contains("event=1018") && !log.contains("event=1035"), "{log}");
}

const WELL_KNOWN: &str = r#"
[[ReceiveConnector]]
Name = "All"
Bindings = "127.0.0.1:0"
AuthMechanism = "Integrated, BasicAuth, ExchangeServer"
EnableAuthGSSAPI = true
PermissionGroups = "AnonymousUsers, ExchangeUsers, ExchangeServers"
TarpitInterval = "00:00:00"
AuthTarpitInterval = "00:00:00"

[[account]]
name = 'CONTOSO\Administrator'
password = "Passw0rd!"
member_of = ["Exchange Servers"]
[[account]]
name = 'CONTOSO\Guest'
password = "Passw0rd!"
"#;

const ACCEPTED: &str = "235 2.7.0 Authentication successful";
const NOT_OFFERED: &str = "504 5.7.4 Unrecognized authentication type";
const UNSUCCESSFUL: &str = "535 5.7.3 Authentication unsuccessful";
const TEMPORARY: &str = "454 4.7.0 Temporary authentication failure";
const CANNOT_ACHIEVE: &str = "451 5.7.3 Cannot achieve Exchange Server authentication";
const UNRECOGNIZED: &str = "500 5.3.3 Unrecognized command";
const NOT_AUTHENTICATED: &str =
    "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM";
const CANNOT_SEND_AS: &str =
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender";
const NO_RELAY: &str = "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain";

// The model.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    FrontEnd,
    Hub,
    Edge,
}

/// The flags of AuthMechanism.
#[derive(Clone, Copy)]
struct Auth {
    tls: bool,
    integrated: bool,
    basic: bool,
    basic_requires_tls: bool,
    exchange_server: bool,
    external: bool,
}

/// The flags of PermissionGroups that can be set.
#[derive(Clone, Copy, PartialEq)]
struct Groups {
    anonymous: bool,
    users: bool,
    servers: bool,
    legacy: bool,
    partners: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Clear,
    StartTls,
    XAnonymousTls,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Command {
    Auth,
    XExps,
}

/// What a client tries. GSSAPI with NTLM inside, bare and within SPNEGO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mechanism {
    Login,
    Ntlm,
    Gssapi,
    Spnego,
    ExchangeAuth,
    Unknown,
}

/// Whose rights a session has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Anonymous,
    User,
    /// A member of Exchange Servers.
    Server,
    ExternallySecured,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Rights {
    submit: bool,
    any_sender: bool,
    any_recipient: bool,
}

#[derive(Clone, Copy)]
struct Case {
    role: Role,
    auth: Auth,
    groups: Groups,
    gssapi: bool,
    refusal: ExchangeAuthRefusal,
}

impl Case {
    /// Whether the cmdlet would take it: Set-ReceiveConnector, AuthMechanism and
    /// PermissionGroups; "Receive connectors" for the Edge.
    fn is_allowed(&self) -> bool {
        let Auth { tls, integrated, basic, basic_requires_tls, exchange_server, external } =
            self.auth;
        let others = integrated || basic || basic_requires_tls || exchange_server;
        (!basic_requires_tls || (basic && tls))
            && (!external || (!others && self.groups == Groups::servers_only()))
            && !(self.role == Role::Edge && self.groups.legacy)
    }

    fn reaches(&self, state: State) -> bool {
        match state {
            State::Clear => true,
            State::StartTls => self.auth.tls,
            State::XAnonymousTls => self.auth.exchange_server,
        }
    }

    /// What a peer gets that asks for TLS in vain.
    fn refuses_tls(&self, state: State) -> &'static str {
        match (state, self.refusal) {
            (State::XAnonymousTls, ExchangeAuthRefusal::Documented) => CANNOT_ACHIEVE,
            _ => UNRECOGNIZED,
        }
    }

    fn offers(&self, state: State, command: Command, mechanism: Mechanism) -> bool {
        let Auth { integrated, basic, basic_requires_tls, exchange_server, .. } = self.auth;
        let edge = self.role == Role::Edge;
        match (command, mechanism) {
            (Command::Auth, Mechanism::Login) => {
                basic && !(basic_requires_tls && matches!(state, State::Clear))
            }
            (Command::Auth, Mechanism::Ntlm) => integrated,
            (Command::Auth, Mechanism::Gssapi | Mechanism::Spnego) => integrated && self.gssapi,
            (Command::XExps, Mechanism::Ntlm) => exchange_server,
            (Command::XExps, Mechanism::Gssapi | Mechanism::Spnego) => exchange_server && !edge,
            (Command::XExps, Mechanism::ExchangeAuth) => {
                exchange_server && !edge && matches!(state, State::XAnonymousTls)
            }
            (Command::Auth, Mechanism::ExchangeAuth)
            | (Command::XExps, Mechanism::Login)
            | (_, Mechanism::Unknown) => false,
        }
    }

    /// The EHLO lines that have to do with TLS and proofs.
    fn advertises(&self, state: State) -> Vec<String> {
        let clear = matches!(state, State::Clear);
        let line = |shown: bool, text: &str| shown.then(|| text.to_owned());
        let list = |command, order: &[Mechanism]| {
            let offered = order.iter().filter(|m| self.offers(state, command, **m));
            offered.map(|m| format!(" {}", m.keyword())).collect::<String>()
        };
        use Mechanism::{ExchangeAuth, Gssapi, Login, Ntlm};
        let auth = list(Command::Auth, &[Gssapi, Ntlm, Login]);
        let exps = list(Command::XExps, &[ExchangeAuth, Gssapi, Ntlm]);
        let hashes = self.offers(state, Command::XExps, ExchangeAuth);
        [
            line(clear && self.auth.tls, "STARTTLS"),
            line(clear && self.auth.exchange_server, "X-ANONYMOUSTLS"),
            // Alone where LOGIN waits for TLS.
            line(self.auth.integrated || self.auth.basic, &format!("AUTH{auth}")),
            line(self.auth.exchange_server, &format!("X-EXPS{exps}")),
            line(hashes, "X-EXCHANGEAUTH SHA256"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The answer to a good proof, and whether the connection ends with it.
    fn answers(
        &self,
        state: State,
        command: Command,
        mechanism: Mechanism,
        who: Who,
    ) -> (&'static str, bool) {
        let documented = self.refusal == ExchangeAuthRefusal::Documented;
        if command == Command::XExps && !self.auth.exchange_server && documented {
            return (CANNOT_ACHIEVE, false);
        }
        if !self.offers(state, command, mechanism) {
            return (NOT_OFFERED, false);
        }
        match command {
            _ if mechanism == Mechanism::ExchangeAuth => (TEMPORARY, true),
            _ if self.gives(who).submit => (ACCEPTED, false),
            Command::Auth => (UNSUCCESSFUL, false),
            Command::XExps if documented => (CANNOT_ACHIEVE, false),
            Command::XExps => (TEMPORARY, true),
        }
    }

    /// "Receive connectors", permission groups. A proof makes a peer one of Authenticated
    /// Users, which is whom ExchangeUsers means.
    fn gives(&self, who: Who) -> Rights {
        let Groups { anonymous, users, servers, .. } = self.groups;
        let (submit, any_sender, any_recipient) = match who {
            Who::Anonymous => (anonymous, anonymous, false),
            Who::User => (users, false, users),
            Who::Server => (users || servers, servers, users || servers),
            Who::ExternallySecured => (servers, servers, servers),
        };
        Rights { submit, any_sender, any_recipient }
    }

    fn starts_as(&self) -> Who {
        if self.auth.external { Who::ExternallySecured } else { Who::Anonymous }
    }

    fn all(role: Role) -> impl Iterator<Item = Self> {
        let bit = |n: u32, i: u32| n >> i & 1 == 1;
        (0..1 << 13).map(move |n| Self {
            role,
            auth: Auth {
                tls: bit(n, 0),
                integrated: bit(n, 1),
                basic: bit(n, 2),
                basic_requires_tls: bit(n, 3),
                exchange_server: bit(n, 4),
                external: bit(n, 5),
            },
            groups: Groups {
                anonymous: bit(n, 6),
                users: bit(n, 7),
                servers: bit(n, 8),
                legacy: bit(n, 9),
                partners: bit(n, 10),
            },
            gssapi: bit(n, 11),
            refusal: match bit(n, 12) {
                false => ExchangeAuthRefusal::Documented,
                true => ExchangeAuthRefusal::Observed,
            },
        })
    }
}

impl Groups {
    fn servers_only() -> Self {
        Self { anonymous: false, users: false, servers: true, legacy: false, partners: false }
    }
}

impl Mechanism {
    const ALL: [Self; 6] =
        [Self::Login, Self::Ntlm, Self::Gssapi, Self::Spnego, Self::ExchangeAuth, Self::Unknown];

    fn keyword(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Ntlm => "NTLM",
            Self::Gssapi | Self::Spnego => "GSSAPI",
            Self::ExchangeAuth => "EXCHANGEAUTH",
            Self::Unknown => "CRAM-MD5",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, gssapi, refusal, .. } = self;
        let (auth, groups) = (self.auth.names(), self.groups.names());
        write!(f, "{role:?}, {auth}, {groups}, EnableAuthGSSAPI {gssapi}, {refusal:?}")
    }
}

impl Auth {
    fn names(self) -> String {
        joined(&[
            (self.tls, "Tls"),
            (self.integrated, "Integrated"),
            (self.basic, "BasicAuth"),
            (self.basic_requires_tls, "BasicAuthRequireTLS"),
            (self.exchange_server, "ExchangeServer"),
            (self.external, "ExternalAuthoritative"),
        ])
    }
}

impl Groups {
    fn names(self) -> String {
        joined(&[
            (self.anonymous, "AnonymousUsers"),
            (self.users, "ExchangeUsers"),
            (self.servers, "ExchangeServers"),
            (self.legacy, "ExchangeLegacyServers"),
            (self.partners, "Partners"),
        ])
    }
}

fn joined(flags: &[(bool, &str)]) -> String {
    let set: Vec<_> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    if set.is_empty() { "None".to_owned() } else { set.join(", ") }
}

// The server.

impl Role {
    const ALL: [Self; 3] = [Self::FrontEnd, Self::Hub, Self::Edge];

    fn server(self) -> Server {
        let role = if self == Self::Edge { ServerRole::Edge } else { ServerRole::Mailbox };
        Server { role, ..Server::default() }
    }
}

impl Case {
    fn connector(&self) -> ReceiveConnector {
        let mut connector = ReceiveConnector::new("the connector", Version::E2019);
        connector.bindings = vec!["0.0.0.0:25".parse().unwrap()];
        let named = |name: &str| AuthMechanism::from_name(name).unwrap();
        let auth = self.auth.names();
        connector.auth_mechanism =
            auth.split(", ").filter(|name| *name != "None").map(named).collect();
        let named = |name: &str| PermissionGroups::from_name(name).unwrap();
        let groups = self.groups.names();
        connector.permission_groups =
            groups.split(", ").filter(|name| *name != "None").map(named).collect();
        connector.enable_auth_gssapi = self.gssapi;
        connector.transport_role = match self.role {
            Role::FrontEnd => TransportRole::FrontendTransport,
            Role::Hub | Role::Edge => TransportRole::HubTransport,
        };
        connector.max_protocol_errors = Unlimited::Unlimited;
        connector.max_logon_failures = 0;
        connector.tarpit_interval = TimeSpan::from_secs(0);
        connector.auth_tarpit_interval = TimeSpan::from_secs(0);
        connector
    }

    fn toml(&self) -> String {
        let (auth, groups) = (self.auth.names(), self.groups.names());
        let (server, transport) = match self.role {
            Role::FrontEnd => ("Mailbox", "TransportRole = \"FrontendTransport\"\n"),
            Role::Hub => ("Mailbox", "TransportRole = \"HubTransport\"\n"),
            Role::Edge => ("Edge", ""),
        };
        format!(
            "[Server]\nRole = \"{server}\"\n[[ReceiveConnector]]\nName = \"a\"\n\
             Bindings = \"0.0.0.0:25\"\n{transport}\
             AuthMechanism = \"{auth}\"\nPermissionGroups = \"{groups}\"\n"
        )
    }
}

fn host(role: Role, refusal: ExchangeAuthRefusal) -> Arc<Host> {
    let account = |peer: &Peer| {
        let name = format!("CONTOSO\\{}", peer.user).parse().unwrap();
        Account::new(name, Some(peer.password.to_owned())).with_addresses([peer.address])
    };
    let directory = Arc::new(Directory {
        accounts: vec![account(&ALICE), account(&EX02).with_groups([Group::ExchangeServers])],
        accepted_domains: AcceptedDomain::new("contoso.test", DomainType::Authoritative)
            .into_iter()
            .collect(),
        default_domain: "CONTOSO".into(),
    });
    let authenticator = Authenticator {
        directory: Arc::clone(&directory),
        acceptor: None,
        gssapi_prompt: "GSSAPI supported",
        ntlm: Ntlm::of(&Server::default(), ntlm::Policy::default(), || Freshness {
            challenge: [7; 8],
            filetime: 0,
        }),
    };
    Arc::new(Host {
        server: Server { exchange_auth_refusal: refusal, ..role.server() },
        directory,
        authenticator,
        memory: Arc::new(Memory::new(1 << 20)),
        tally: Arc::default(),
        rules: Arc::default(),
        direct_trust: Vec::new(),
        domain_secure: Vec::new(),
        shadow_redundancy: false,
        rates: Rates::default(),
    })
}

/// A session that is spoken to in the same thread.
struct Conversation {
    session: Session,
    input: BytesMut,
    closed: bool,
    now: Instant,
}

impl Conversation {
    fn new(host: &Arc<Host>, connectors: &Arc<[ReceiveConnector]>) -> Self {
        let now = Instant::now();
        let met = Met::new(Arc::clone(connectors), 0).unwrap();
        let remote = "192.0.2.10".parse().unwrap();
        let session = Session::new(Arc::clone(host), met, true, remote, now);
        Self { session, input: BytesMut::new(), closed: false, now }
    }

    /// Brings the session to `state`; gives the keywords of its EHLO reply, or what it said
    /// to the command for TLS.
    fn bring_to(&mut self, state: State) -> Result<Vec<String>, String> {
        self.say("EHLO client.test");
        let verb = match state {
            State::Clear => None,
            State::StartTls => Some("STARTTLS"),
            State::XAnonymousTls => Some("X-ANONYMOUSTLS"),
        };
        if let Some(verb) = verb {
            let reply = self.say(verb);
            if reply != "220 2.0.0 SMTP server ready" {
                return Err(reply);
            }
        }
        let reply = self.say("EHLO client.test");
        Ok(reply.lines().skip(1).map(|line| line[4..].to_owned()).collect())
    }

    fn say(&mut self, line: &str) -> String {
        assert!(!self.closed, "{line} after the end");
        self.input.extend_from_slice(line.as_bytes());
        self.input.extend_from_slice(b"\r\n");
        match self.session.step(&mut self.input, self.now) {
            Step::Read => {}
            Step::Close => self.closed = true,
            Step::StartTls(kind) => {
                let bindings = ChannelBindings::default();
                self.session.tls_started(Secured { kind, bindings, peer: None }, self.now);
            }
            step => panic!("{step:?}"),
        }
        self.session.take_notes();
        let reply = self.session.output().split();
        std::str::from_utf8(&reply).unwrap().trim_end().replace("\r\n", "\n")
    }

    /// Whether the session may do what `rights` say, and no more. `own` is an address of the
    /// account, if there is one.
    fn check(&mut self, rights: Rights, own: Option<&str>, at: &str) {
        const SENDER_OK: &str = "250 2.1.0 Sender OK";
        let stranger = self.say("MAIL FROM:<somebody@fabrikam.test>");
        let expected = match rights {
            Rights { submit: false, .. } => NOT_AUTHENTICATED,
            Rights { any_sender: false, .. } => CANNOT_SEND_AS,
            _ => SENDER_OK,
        };
        assert_eq!(stranger, expected, "{at}: a stranger's address");
        if !rights.submit {
            return;
        }
        if !rights.any_sender {
            let own = self.say(&format!("MAIL FROM:<{}>", own.unwrap()));
            assert_eq!(own, SENDER_OK, "{at}: his own address");
        }
        let relay = self.say("RCPT TO:<somebody@elsewhere.test>");
        let expected = if rights.any_recipient { "250 2.1.5 Recipient OK" } else { NO_RELAY };
        assert_eq!(relay, expected, "{at}: relay");
        self.say("RSET");
    }
}

// The matrix.

fn try_all(role: Role) {
    let hosts = [ExchangeAuthRefusal::Documented, ExchangeAuthRefusal::Observed]
        .map(|refusal| host(role, refusal));
    let mut tally = BTreeMap::new();
    for case in Case::all(role).filter(Case::is_allowed) {
        let host = &hosts[usize::from(case.refusal == ExchangeAuthRefusal::Observed)];
        let connectors: Arc<[ReceiveConnector]> = [case.connector()].into();
        for state in [State::Clear, State::StartTls, State::XAnonymousTls] {
            let open = || {
                let mut conversation = Conversation::new(host, &connectors);
                let reached = conversation.bring_to(state);
                (conversation, reached)
            };
            try_state(&case, state, open, &mut tally);
        }
    }
    let accepted = |mechanism| tally.get(&(mechanism, ACCEPTED)).copied().unwrap_or_default();
    for mechanism in Mechanism::ALL {
        let never = matches!(mechanism, Mechanism::ExchangeAuth | Mechanism::Unknown);
        assert_eq!(accepted(mechanism) == 0, never, "{mechanism:?}");
    }
}

type Tally = BTreeMap<(Mechanism, &'static str), u32>;

fn try_state(
    case: &Case,
    state: State,
    open: impl Fn() -> (Conversation, Result<Vec<String>, String>),
    tally: &mut Tally,
) {
    let (mut conversation, reached) = open();
    let keywords = match reached {
        Ok(keywords) => keywords,
        Err(reply) => {
            assert!(!case.reaches(state), "{case}, {state:?}: {reply}");
            return assert_eq!(reply, case.refuses_tls(state), "{case}, {state:?}");
        }
    };
    assert!(case.reaches(state), "{case}, {state:?}");
    let ours = ["STARTTLS", "X-ANONYMOUSTLS", "AUTH", "X-EXPS", "X-EXCHANGEAUTH"];
    let shown = keywords.iter().filter(|k| ours.contains(&k.split(' ').next().unwrap()));
    assert!(shown.eq(&case.advertises(state)), "{case}, {state:?}: {keywords:?}");

    let start = case.gives(case.starts_as());
    conversation.check(start, None, &format!("{case}, {state:?}"));
    // How X-EXPS is refused has nothing to do with AUTH.
    let commands: &[_] = match case.refusal {
        ExchangeAuthRefusal::Documented => &[Command::Auth, Command::XExps],
        ExchangeAuthRefusal::Observed => &[Command::XExps],
    };
    for &command in commands {
        for mechanism in Mechanism::ALL {
            for (who, peer) in [(Who::User, &ALICE), (Who::Server, &EX02)] {
                let at = || format!("{case}, {state:?}: {command:?} {mechanism:?} of {who:?}");
                if conversation.closed {
                    conversation = open().0;
                }
                let (expected, closes) = case.answers(state, command, mechanism, who);
                let reply = prove(&mut |line| conversation.say(line), command, mechanism, peer);
                assert_eq!((reply.as_str(), conversation.closed), (expected, closes), "{}", at());
                *tally.entry((mechanism, expected)).or_default() += 1;
                if expected == ACCEPTED {
                    conversation.check(case.gives(who), Some(peer.address), &at());
                    conversation = open().0;
                }
            }
        }
    }
    if !conversation.closed {
        conversation.check(start, None, &format!("{case}, {state:?}, after all refusals"));
    }
}

// The client.

struct Peer {
    user: &'static str,
    password: &'static str,
    address: &'static str,
}

const ALICE: Peer = Peer { user: "alice", password: "Passw0rd!", address: "alice@contoso.test" };
const EX02: Peer = Peer { user: "EX02$", password: "machine-secret", address: "ex02@contoso.test" };

/// Proves by the book that the client is `peer`; gives the reply in which that ends.
fn prove(
    say: &mut dyn FnMut(&str) -> String,
    command: Command,
    mechanism: Mechanism,
    peer: &Peer,
) -> String {
    let verb = if command == Command::Auth { "AUTH" } else { "X-EXPS" };
    let prompt = match mechanism {
        Mechanism::ExchangeAuth => return say(&format!("{verb} EXCHANGEAUTH SHA256 YWJj")),
        _ => say(&format!("{verb} {mechanism}")),
    };
    if !prompt.starts_with("334 ") {
        return prompt;
    }
    match mechanism {
        Mechanism::Login => {
            assert_eq!(prompt, "334 VXNlcm5hbWU6");
            assert_eq!(say(&STANDARD.encode(peer.user)), "334 UGFzc3dvcmQ6");
            return say(&STANDARD.encode(peer.password));
        }
        _ => assert_eq!(prompt, format!("334 {mechanism} supported")),
    }
    let mut send = |token: &[u8]| say(&STANDARD.encode(token));
    let spnego = mechanism == Mechanism::Spnego;
    let challenge = send(&if spnego { neg_token_init(&negotiate()) } else { negotiate() });
    let (message, key) = authenticate(&token(&challenge), peer.user, peer.password);
    let mut reply = send(&if spnego { neg_token_resp(&message) } else { message });
    if spnego && reply.starts_with("334 ") {
        // The last token of SPNEGO is the server's.
        reply = send(&[]);
    }
    if command == Command::XExps || mechanism == Mechanism::Ntlm || !reply.starts_with("334 ") {
        return reply;
    }
    // RFC 4752 §3.1: the server offers no layer, and the client takes it.
    let (signature, offer) = reply_token(&reply);
    assert_eq!(signature, sign(&key, "server-to-client", &offer));
    assert_eq!((offer[0], offer.len()), (1, 4));
    let choice = [1, 0, 0, 0];
    send(&[&sign(&key, "client-to-server", &choice)[..], &choice].concat())
}

/// The token of a `334`; within SPNEGO, the NTLM message at its end.
fn token(reply: &str) -> Vec<u8> {
    let token = STANDARD.decode(reply.strip_prefix("334 ").expect(reply)).unwrap();
    let start = token.windows(8).position(|window| window == b"NTLMSSP\0").unwrap();
    token[start..].to_vec()
}

fn reply_token(reply: &str) -> (Vec<u8>, Vec<u8>) {
    let token = STANDARD.decode(&reply[4..]).unwrap();
    let (signature, message) = token.split_at(16);
    (signature.to_vec(), message.to_vec())
}

/// The signature of the first message in a direction, [MS-NLMP] 3.4.4.2.
fn sign(key: &[u8; 16], direction: &str, message: &[u8]) -> Vec<u8> {
    let magic = format!("session key to {direction} signing key magic constant\0");
    let key = Md5::digest([&key[..], magic.as_bytes()].concat());
    let checksum = hmac_md5(&key, &[&[0; 4], message].concat());
    [&[1, 0, 0, 0], &checksum[..8], &[0; 4]].concat()
}

/// NegTokenInit for NTLMSSP alone, with its first token (RFC 4178 §4.2.1).
fn neg_token_init(token: &[u8]) -> Vec<u8> {
    const SPNEGO: &[u8] = &[0x06, 0x06, 0x2b, 6, 1, 5, 5, 2];
    const NTLMSSP: &[u8] = &[0x06, 0x0a, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a];
    let mechanisms = der(0xa0, &der(0x30, NTLMSSP));
    let token = der(0xa2, &der(0x04, token));
    let init = der(0xa0, &der(0x30, &[mechanisms, token].concat()));
    der(0x60, &[SPNEGO, &init].concat())
}

/// NegTokenResp with the next token (RFC 4178 §4.2.2).
fn neg_token_resp(token: &[u8]) -> Vec<u8> {
    der(0xa1, &der(0x30, &der(0xa2, &der(0x04, token))))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    let header: &[u8] = match content.len() {
        0..0x80 => &[tag, low],
        0x80..0x100 => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [header, content].concat()
}
