//! Configurations that break a rule, and what they show on the wire.
//!
//! Comments at the head of a file say what is known besides, and what a client does:
//!
//! | line | meaning |
//! |---|---|
//! | `# peer: …` | as `--peer` |
//! | `# certificate: NAME = STATE` | of the connector's certificate: missing, expired, expiring, named absent |
//! | `# refused` | the daemon does not run it |
//! | `# from: ADDRESS:PORT`, `# to: …` | a client connects, to `0.0.0.0:25` if nothing else is said |
//! | `# connect: N` | N others do so before it, and stay |
//! | `# AUTH: USER PASSWORD`, `# X-EXPS: …` | it proves itself by NTLM |
//! | `# C: …` | it says this |
//!
//! The last reply must be the first one that the finding names, and not be it once mended.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expsd::config::Draft;
use expsd::scope::Scope;
use expsd::scope::lint::{Certificate, Finding, Peer, Subject, lint};
use expsd::server::{Daemon, Options, Ports};
use expsd::session::facts;
use expsd::tls::{KeyKind, Store};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

use super::support::ntlm;

/// Front End and Transport service are one here, so that nothing is judged twice.
const WITHOUT_DIALOGUE: &str = "right-on-frontend-only";

#[derive(Clone)]
pub struct Fixture {
    pub rule: String,
    pub text: String,
    peers: Vec<Peer>,
    certificate: Option<(String, Certificate)>,
    refused: bool,
    from: Option<SocketAddr>,
    to: SocketAddr,
    before: usize,
    steps: Vec<Step>,
}

#[derive(Clone)]
enum Step {
    Say(String),
    Prove { verb: &'static str, user: String, password: String },
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lint")
}

impl Fixture {
    pub fn all() -> Vec<Self> {
        let files = std::fs::read_dir(folder()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut rules: Vec<_> = names
            .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
            .filter(|name| !name.ends_with(".mended"))
            .collect();
        rules.sort();
        rules.iter().map(|rule| Self::named(rule)).collect()
    }

    pub fn named(rule: &str) -> Self {
        let text = std::fs::read_to_string(folder().join(format!("{rule}.toml"))).unwrap();
        let mut fixture = Self {
            rule: rule.to_owned(),
            peers: Vec::new(),
            certificate: None,
            refused: false,
            from: None,
            to: "0.0.0.0:25".parse().unwrap(),
            before: 0,
            steps: Vec::new(),
            text: String::new(),
        };
        for line in text.lines().filter_map(|line| line.strip_prefix("# ")) {
            let (key, value) = line.split_once(": ").unwrap_or((line, ""));
            let proof = |verb| {
                let (user, password) = value.split_once(' ').unwrap();
                Step::Prove { verb, user: user.to_owned(), password: password.to_owned() }
            };
            match key {
                "peer" => fixture.peers.push(value.parse().unwrap()),
                "certificate" => fixture.certificate = Some(certificate(value)),
                "refused" => fixture.refused = true,
                "from" => fixture.from = Some(value.parse().unwrap()),
                "to" => fixture.to = value.parse().unwrap(),
                "connect" => fixture.before = value.parse().unwrap(),
                "AUTH" => fixture.steps.push(proof("AUTH")),
                "X-EXPS" => fixture.steps.push(proof("X-EXPS")),
                "C" => fixture.steps.push(Step::Say(value.to_owned())),
                _ => {}
            }
        }
        Self { text, ..fixture }
    }

    /// The twin, asked the same.
    pub fn mended(&self) -> Self {
        let path = folder().join(format!("{}.mended.toml", self.rule));
        let text = std::fs::read_to_string(path).unwrap();
        Self { text, certificate: None, ..self.clone() }
    }

    pub fn draft(&self) -> Draft {
        Draft::parse(&self.text, &self.rule).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn findings(&self) -> Vec<Finding> {
        let draft = self.draft();
        let scope = Scope::new(draft.configuration.connectors);
        let certificates = scope.connectors().iter().map(|connector| match &self.certificate {
            Some((name, state)) if *name == connector.name => state.clone(),
            _ => Certificate::Found,
        });
        lint(&Subject {
            server: &draft.configuration.server,
            words: facts(draft.configuration.server.version),
            scope: &scope,
            broken: &draft.broken,
            peers: &self.peers,
            certificates: &certificates.collect::<Vec<_>>(),
        })
    }

    /// Whether there is something to show; if so, that it is shown, and by the twin not.
    pub async fn play(&self) -> bool {
        if self.refused {
            assert!(self.draft().finish().is_err(), "{}", self.rule);
            assert!(self.mended().draft().finish().is_ok(), "{}", self.rule);
            return true;
        }
        let finding = &self.findings()[0];
        if self.from.is_none() {
            let silent = finding.sees.replies.is_empty() && finding.sees.lacks.is_empty();
            assert!(silent || self.rule == WITHOUT_DIALOGUE, "{} has no dialogue", self.rule);
            return false;
        }
        assert!(self.shows().await, "{} does not show it", self.rule);
        assert!(!self.shown_by(&self.mended(), finding).await, "{} is not mended", self.rule);
        true
    }

    /// Whether the daemon gives the reply, and lacks the keywords, that the finding tells.
    pub async fn shows(&self) -> bool {
        let findings = self.findings();
        let finding = findings.iter().find(|finding| finding.rule.id == self.rule).unwrap();
        self.shown_by(self, finding).await
    }

    async fn shown_by(&self, configuration: &Self, finding: &Finding) -> bool {
        let state = tempfile::tempdir().unwrap();
        if let Some((_, Certificate::Expired { .. })) = &configuration.certificate {
            let long_ago = SystemTime::now() - Duration::from_secs(100 * 86_400);
            let names = ["mail.contoso.test".to_owned()];
            Store::create(state.path(), &names, 30, KeyKind::Ec, long_ago).unwrap();
        }
        let options = Options {
            listen: Some([127, 0, 0, 1].into()),
            ports: Ports::Free,
            state: Some(state.path().to_owned()),
            ..Options::default()
        };
        if self.from.is_none() {
            return false;
        }
        let draft = configuration.draft();
        let daemon = Daemon::start(draft.finish().unwrap(), &options).await.unwrap();
        let connect = || Client::new(daemon.connect(self.to, self.from.unwrap()));
        let mut others = Vec::new();
        for _ in 0..self.before {
            let mut other = connect();
            assert!(other.reply().await.starts_with("220 "));
            others.push(other);
        }
        let mut client = connect();
        let mut reply = client.reply().await;
        if reply.starts_with("220 ") {
            let hello = client.say("EHLO client.test").await;
            let keywords: Vec<_> =
                hello.lines().filter_map(|line| line[4..].split(' ').next()).collect();
            if finding.sees.lacks.iter().any(|keyword| keywords.contains(keyword)) {
                return false;
            }
        }
        for step in &self.steps {
            reply = match step {
                Step::Say(line) => client.say(line).await,
                Step::Prove { verb, user, password } => client.prove(verb, user, password).await,
            };
        }
        finding.sees.replies.first().is_none_or(|(_, expected)| *expected == reply)
    }
}

fn certificate(text: &str) -> (String, Certificate) {
    let (name, state) = text.split_once(" = ").unwrap();
    let state = match state {
        "missing" => Certificate::Missing,
        "expired" => Certificate::Expired { at: "2026-08-01".to_owned() },
        "expiring" => Certificate::Expiring {
            subject: "CN=mail.contoso.test".to_owned(),
            thumbprint: "0123456789ABCDEF".to_owned(),
            hours: 240,
        },
        "named absent" => Certificate::NamedAbsent,
        _ => panic!("{text}"),
    };
    (name.to_owned(), state)
}

struct Client(BufReader<DuplexStream>);

impl Client {
    fn new(stream: DuplexStream) -> Self {
        Self(BufReader::new(stream))
    }

    async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let read = self.0.read_line(&mut reply).await.unwrap_or(0);
            if read == 0 || reply.as_bytes().get(start + 3) != Some(&b'-') {
                return reply.trim_end().replace("\r\n", "\n");
            }
        }
    }

    async fn say(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.reply().await
    }

    async fn prove(&mut self, verb: &str, user: &str, password: &str) -> String {
        let negotiate = STANDARD.encode(ntlm::negotiate());
        let challenge = self.say(&format!("{verb} NTLM {negotiate}")).await;
        let challenge = challenge.strip_prefix("334 ").unwrap_or_else(|| panic!("{challenge}"));
        let challenge = STANDARD.decode(challenge).unwrap();
        let (message, _) = ntlm::authenticate(&challenge, user, password);
        self.say(&STANDARD.encode(message)).await
    }
}
