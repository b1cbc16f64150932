//! Dumps of real servers: what is imported, written and run, and what hostile ones may cost.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use expsd::config::{Configuration, Draft};
use expsd::connector::import::{self, Choice, Form, Import, Imported, Standing};
use expsd::connector::{
    AdPermission, PARAMETERS, Principal, ReceiveConnector, Rights, Server, ServerRole, Value,
    Version, default_set,
};
use proptest::prelude::*;
use support::{Client, Daemon, dump, run_within};

/// A relay as administrators make them, beside the default set of EX01.
fn ex01() -> (Server, Vec<ReceiveConnector>) {
    let server =
        Server { name: "EX01".into(), fqdn: "EX01.contoso.test".into(), ..Server::default() };
    let mut set = default_set(&server);
    let mut relay = ReceiveConnector::on(&server, "App relay");
    for (name, value) in [
        ("TransportRole", "FrontendTransport"),
        ("Bindings", "0.0.0.0:25"),
        ("RemoteIPRanges", "10.0.0.10-10.0.0.20, 10.1.0.0/24, 10.2.0.7, fe80::1%11"),
        ("PermissionGroups", "AnonymousUsers"),
        ("TarpitInterval", "00:00:00"),
        ("MaxMessageSize", "9.766 MB (10,240,000 bytes)"),
        ("Comment", "printers, scanners"),
    ] {
        set_parameter(&mut relay, name, value);
    }
    set.push(relay);
    (server, set)
}

fn set_parameter(connector: &mut ReceiveConnector, name: &str, value: &str) {
    let parameter = PARAMETERS.iter().find(|parameter| parameter.name == name).unwrap();
    parameter
        .set(connector, &Value::Text(value.into()))
        .unwrap_or_else(|e| panic!("{name} {value}: {e}"));
}

/// The forms that hold everything.
fn every_form(server: &Server, set: &[ReceiveConnector]) -> [(&'static str, String); 6] {
    [
        ("Clixml", dump::clixml(server, set)),
        ("JSON", dump::json(server, set)),
        ("typed JSON", dump::typed_json(server, set)),
        ("Format-List", dump::list(server, set)),
        ("CSV", dump::csv(server, set, ",", ";")),
        ("CSV of another culture", dump::csv(server, set, ";", "\n")),
    ]
}

fn read(dump: impl Into<Vec<u8>>) -> Result<Import, import::ImportError> {
    import::import(dump.into(), None, &Choice::default())
}

fn notes(import: &Import) -> Vec<String> {
    import.all_notes().map(|(_, note)| note.to_string()).collect()
}

fn connectors(import: Import) -> Vec<ReceiveConnector> {
    import.connectors.into_iter().map(|imported| imported.connector).collect()
}

#[test]
fn a_whole_set_is_imported_from_every_form() {
    let (server, set) = ex01();
    for (form, dump) in every_form(&server, &set) {
        let import = read(dump).unwrap();
        assert_eq!(notes(&import), [""; 0], "{form}");
        assert_eq!((&import.server.name, &import.server.fqdn), (&server.name, &server.fqdn));
        assert_eq!(import.server.version, Version::E2019, "{:?}", import.because);
        let standing: Vec<_> = import.connectors.iter().map(|i| i.standing.clone()).collect();
        assert_eq!(standing[..5], vec![Standing::Default; 5], "{form}");
        assert_eq!(standing[5], Standing::Own, "{form}");
        assert_eq!(connectors(import), set, "{form}");
    }
}

#[test]
fn every_encoding_of_a_shell_is_read() {
    let (server, set) = ex01();
    let text = dump::list(&server, &set).replace("printers", "Drucker für Zürich");
    let units = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
        [mark, &text.encode_utf16().flat_map(bytes).collect::<Vec<_>>()].concat()
    };
    for dump in [
        text.clone().into_bytes(),
        [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        units(&[0xFF, 0xFE], u16::to_le_bytes),
        units(&[0xFE, 0xFF], u16::to_be_bytes),
    ] {
        let import = read(dump).unwrap();
        assert_eq!(import.connectors[5].connector.comment, "Drucker für Zürich, scanners");
    }
    let windows_1252 = text.replace('ü', "?").into_bytes();
    let windows_1252: Vec<u8> =
        windows_1252.into_iter().map(|b| if b == b'?' { 0xFC } else { b }).collect();
    let error = read(windows_1252).unwrap_err().to_string();
    assert!(error.starts_with("it is neither UTF-8 nor UTF-16 (at octet "), "{error}");
}

#[test]
fn versions_and_roles_show_themselves() {
    for version in Version::ALL {
        for role in [ServerRole::Mailbox, ServerRole::Edge] {
            let server = Server { version, role, ..Server::default() };
            let set = default_set(&server);
            let import = read(dump::list(&server, &set)).unwrap();
            assert_eq!(import.server.role, role, "{version} {role:?}: {:?}", import.because);
            let told = import.server.version;
            // 2016 and 2019 have one Edge, and nothing to tell them apart by.
            let same = role == ServerRole::Edge && version == Version::E2016;
            assert!(told == version || same, "{version} {role:?}: {:?}", import.because);
            assert_eq!(notes(&import), [""; 0], "{version} {role:?}");
            assert_eq!(connectors(import), set, "{version} {role:?}");
        }
    }
}

#[test]
fn the_configuration_tells_where_all_comes_from() {
    let (server, mut set) = ex01();
    set[0].max_hop_count = 30;
    let dump = dump::list(&server, &set).replace("OrarEnabled", "ShoeSize   ");
    let rights = "User,Identity,Deny,ExtendedRights\n\
        NT AUTHORITY\\ANONYMOUS LOGON,EX01\\App relay,False,ms-Exch-SMTP-Accept-Any-Recipient\n\
        NT AUTHORITY\\ANONYMOUS LOGON,EX01\\App relay,True,ms-Exch-SMTP-Accept-Any-Sender\n";
    let import = import::import(dump.into(), Some(rights.into()), &Choice::default()).unwrap();
    let toml = import.to_toml(1000).unwrap();
    insta::assert_snapshot!(toml);
    let loaded = Configuration::parse(&toml, "import.toml").unwrap();
    let relay = loaded.connectors.last().unwrap();
    assert_eq!(relay.bindings[0].port(), 1025);
    assert_eq!(relay.ad_permissions.len(), 2);
    let too_far = import.to_toml(65_000).unwrap_err().to_string();
    assert_eq!(too_far, "port 717 of \"Outbound Proxy Frontend EX01\", moved by 65000, is no port");
}

#[test]
fn a_connector_may_have_as_many_ranges_as_exchange_lets_it() {
    let (server, mut set) = ex01();
    let ranges: Vec<_> = (0..1250).map(|i| format!("10.{}.{}.7", i / 250, i % 250)).collect();
    set_parameter(&mut set[5], "RemoteIPRanges", &ranges.join(", "));
    for (form, dump) in every_form(&server, &set) {
        let import = read(dump).unwrap();
        assert_eq!(import.connectors[5].connector.remote_ip_ranges.len(), 1250, "{form}");
    }
}

/// Values that a parameter takes, as Format-List prints them.
fn values(name: &'static str) -> BoxedStrategy<String> {
    let any_of = |words: &'static [&'static str]| {
        proptest::sample::select(words).prop_map(str::to_owned).boxed()
    };
    let some_of = |words: &'static [&'static str]| {
        proptest::sample::subsequence(words, 0..=words.len()).prop_map(|flags| match flags.len() {
            0 => "None".to_owned(),
            _ => flags.join(", "),
        })
    };
    let list_of = |words: &'static [&'static str]| {
        proptest::sample::subsequence(words, 1..=words.len()).prop_map(|items| items.join(", "))
    };
    let number = |low: u32, high: u32| (low..=high).prop_map(|n| n.to_string()).boxed();
    let limit = |high: u32| {
        prop_oneof![Just("Unlimited".to_owned()), (1..=high).prop_map(|n| n.to_string())].boxed()
    };
    match name {
        "TransportRole" => any_of(&["FrontendTransport", "HubTransport"]),
        "SizeEnabled" => any_of(&["Enabled", "Disabled", "EnabledWithoutValue"]),
        "ProtocolLoggingLevel" => any_of(&["None", "Verbose"]),
        "MessageRateSource" => any_of(&["None", "IPAddress", "User", "All"]),
        "ExtendedProtectionPolicy" => any_of(&["None", "Allow", "Require"]),
        "Bindings" => {
            list_of(&["0.0.0.0:25", "[::]:25", "10.0.0.5:587", "[2001:db8::5]:2525"]).boxed()
        }
        "RemoteIPRanges" => list_of(&[
            "10.0.0.1",
            "10.0.0.10-10.0.0.20",
            "192.168.1.1/24",
            "2001:0DB8::CD3/60",
            "fe80::39bd:88f7:6969:d223%11",
            "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ])
        .boxed(),
        "AuthMechanism" => some_of(&[
            "Tls",
            "Integrated",
            "BasicAuth",
            "BasicAuthRequireTLS",
            "ExchangeServer",
            "ExternalAuthoritative",
        ])
        .boxed(),
        "PermissionGroups" => some_of(&[
            "AnonymousUsers",
            "ExchangeUsers",
            "ExchangeServers",
            "ExchangeLegacyServers",
            "Partners",
        ])
        .boxed(),
        "TlsDomainCapabilities" => {
            list_of(&["fabrikam.test:AcceptCloudServicesMail", "b.test:AcceptOorgProtocol"]).boxed()
        }
        "TlsCertificateName" => any_of(&["", "<I>CN=Contoso CA, O=Contoso<S>CN=mail.contoso.test"]),
        "Fqdn" | "ServiceDiscoveryFqdn" | "DefaultDomain" => any_of(&["", "mail.contoso.test"]),
        "Banner" => any_of(&["", "220 mail \"at\" your 'service' <ö>"]),
        "Comment" => {
            "[ -~äß🏔]{0,30}".prop_map(|text| text.trim().replace('{', "(").to_owned()).boxed()
        }
        "MaxMessageSize" | "MaxHeaderSize" => (65_536u64..=2_147_483_647)
            .prop_map(|n| expsd::connector::ByteSize(n).to_string())
            .boxed(),
        "MaxRecipientsPerMessage" => number(1, 512_000),
        "MaxHopCount" => number(1, 500),
        "MaxLocalHopCount" => number(0, 50),
        "MaxLogonFailures" => number(0, 10),
        "MaxInboundConnectionPercentagePerSource" => number(1, 100),
        "MaxInboundConnectionPerSource" => limit(10_000),
        "MaxInboundConnection" | "MessageRateLimit" | "MaxProtocolErrors" => limit(i32::MAX as u32),
        "TarpitInterval" | "AuthTarpitInterval" | "MaxAcknowledgementDelay" => (0u64
            ..6_000_000_000)
            .prop_map(|ticks| expsd::connector::TimeSpan::from_ticks(ticks).to_string())
            .boxed(),
        "ConnectionTimeout" | "ConnectionInactivityTimeout" => (1u64..=86_400)
            .prop_map(|n| expsd::connector::TimeSpan::from_secs(n).to_string())
            .boxed(),
        _ => any_of(&["True", "False"]),
    }
}

/// A connector with any of its parameters changed; its rules may be broken.
fn any_connector(server: Server) -> impl Strategy<Value = ReceiveConnector> {
    let there = PARAMETERS.iter().filter(|p| p.exists_on(&server)).map(|p| p.name);
    let names: Vec<_> = there.filter(|name| *name != "Name").collect();
    let all = names.len();
    let some = proptest::sample::subsequence(names, 0..=all);
    let set = some.prop_flat_map(|names| {
        let values: Vec<_> = names.iter().map(|name| values(name)).collect();
        (Just(names), values)
    });
    ("[A-Za-z][A-Za-z0-9 ,'#äß()-]{0,38}[a-z]", set).prop_map(move |(name, (names, values))| {
        let mut connector = ReceiveConnector::on(&server, name);
        connector.bindings = vec!["0.0.0.0:25".parse().unwrap()];
        for (name, value) in names.into_iter().zip(values) {
            set_parameter(&mut connector, name, &value);
        }
        connector
    })
}

fn any_server() -> impl Strategy<Value = Server> {
    proptest::sample::select(&Version::ALL)
        .prop_map(|version| Server { version, ..Server::default() })
}

fn any_permission() -> impl Strategy<Value = AdPermission> {
    const USERS: [&str; 3] =
        ["NT AUTHORITY\\ANONYMOUS LOGON", "Exchange Servers", "CONTOSO\\relay 'x'"];
    let user = proptest::sample::select(&USERS).prop_map(|user| user.parse::<Principal>().unwrap());
    let flags = any::<(bool, bool)>();
    (user, 1..=Rights::all().bits(), flags).prop_map(|(user, bits, (deny, inherited))| {
        let rights = Rights::from_bits_truncate(bits) | Rights::SUBMIT;
        AdPermission { user, rights, deny, inherited }
    })
}

proptest! {
    /// What is written loads as the same.
    #[test]
    fn a_written_import_loads(
        (server, set) in any_server().prop_flat_map(|server| {
            let connectors = proptest::collection::vec(any_connector(server.clone()), 1..4);
            (Just(server), connectors)
        }),
        permissions in proptest::collection::vec(any_permission(), 0..3),
    ) {
        let mut set = set;
        set[0].ad_permissions = permissions;
        set[0].show_custom();
        let imported = |connector: &ReceiveConnector| Imported {
            connector: connector.clone(),
            identity: server.identity(connector),
            at: 0..0,
            places: Vec::new(),
            standing: Standing::Own,
            unsure: Vec::new(),
            notes: Vec::new(),
        };
        let import = Import {
            form: Form::Clixml,
            text: String::new(),
            server: server.clone(),
            because: vec!["Version: a\nline \u{7f} and another".to_owned()],
            connectors: set.iter().map(imported).collect(),
            notes: Vec::new(),
        };
        let toml = import.to_toml(0).unwrap();
        let loaded = Draft::parse(&toml, "import.toml").map_err(|e| TestCaseError::fail(format!("{e}\n{toml}")))?;
        prop_assert_eq!(&loaded.configuration.server.version, &server.version);
        prop_assert_eq!(loaded.configuration.connectors, set, "{}", toml);
    }

    /// What any form says is imported as it was.
    #[test]
    fn a_dump_of_any_form_is_imported_whole(
        set in proptest::collection::vec(any_connector(Server::default()), 1..3),
    ) {
        let server = Server::default();
        let choice = Choice { server: None, version: Some(server.version) };
        for (form, dump) in every_form(&server, &set) {
            let import = import::import(dump.clone().into(), None, &choice).unwrap();
            prop_assert_eq!(notes(&import), Vec::<String>::new(), "{}\n{}", form, dump);
            prop_assert_eq!(connectors(import), set.clone(), "{}\n{}", form, dump);
        }
    }

    /// A dump that somebody spoilt is refused, or imported with a word about it.
    #[test]
    fn spoilt_dumps_do_no_harm(
        at in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        for dump in small_dumps() {
            let mut spoilt = dump.into_bytes();
            for (index, octet) in &at {
                let index = index.index(spoilt.len());
                spoilt[index] = *octet;
            }
            if let Ok(import) = read(spoilt) {
                let toml = import.to_toml(0).unwrap();
                let loaded = Draft::parse(&toml, "import.toml").unwrap();
                prop_assert_eq!(loaded.configuration.connectors, connectors(import), "{}", toml);
            }
        }
    }
}

/// Two connectors in every form, without most of their parameters.
fn small_dumps() -> Vec<String> {
    let (server, set) = ex01();
    let set = [set[0].clone(), set[5].clone()];
    every_form(&server, &set).map(|(_, dump)| dump).into()
}

#[test]
fn a_dump_cut_anywhere_is_refused_or_said_to_be_cut() {
    let (_, set) = ex01();
    for dump in small_dumps() {
        let whole = connectors(read(dump.clone()).unwrap());
        assert_eq!(whole, [set[0].clone(), set[5].clone()]);
        // Every octet would take minutes; a prime step meets every kind of place.
        for end in (0..dump.len()).step_by(31) {
            let Ok(import) = read(&dump.as_bytes()[..end]) else { continue };
            let noted = !notes(&import).is_empty();
            let got = connectors(import);
            // Nothing marks the end of a Format-List, nor the last line of one.
            let is_list = dump.starts_with('\n');
            assert!(noted || is_list || got == whole || got[..] == whole[..1], "{end}:\n{dump}");
        }
    }
}

/// How many MB a hostile dump has. `EXPSD_HOSTILE=60 cargo test --release --test import` takes
/// the most that is read, and the two seconds of processor time that then suffice.
fn megabytes() -> usize {
    std::env::var("EXPSD_HOSTILE").ok().and_then(|mb| mb.parse().ok()).unwrap_or(10)
}

/// `expsd import`, within 200 MB of memory; gives its exit code and what it said.
fn import_within_limits(path: &str, input: &str) -> (Option<i32>, String) {
    let seconds = if cfg!(debug_assertions) { 20 } else { 2 };
    // Of data: room that was reserved and is not used is no memory.
    let limits = format!("ulimit -t {seconds}; ulimit -d 204800");
    let script = format!("{limits}; {input} \"$0\" import \"$1\" >/dev/null");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_expsd"), path]);
    let finished = run_within(Duration::from_secs(120), &mut command, b"");
    (finished.status.code(), finished.stderr)
}

#[test]
fn hostile_dumps_are_cheap_to_refuse() {
    let length = megabytes() << 20;
    let repeated = |before: &str, part: &str, after: &str| {
        let times = length / part.len();
        [before, &part.repeat(times), after].concat().into_bytes()
    };
    const OBJS: &str = "<Objs>";
    const OBJECT: &str = "<Objs><Obj><Props><S N=\"Name\">a</S><S N=\"Bindings\">0.0.0.0:25</S>";
    let cases = [
        ("nested objects", repeated(OBJS, "<Obj>", ""), "nested too deeply"),
        ("nested elements", repeated(OBJECT, "<a>", ""), "nested too deeply"),
        ("one tag", repeated("<Objs ", "a=\"b\" ", "/>"), "no receive connector"),
        ("a long name", repeated("<", "a", ""), "ends in the middle"),
        (
            "entities of entities",
            repeated("<!DOCTYPE a [", "<!ENTITY b \"&a;&a;\">", "]><Objs>&b;</Objs>"),
            "a document type",
        ),
        ("references", repeated("<Objs><Obj><Props><S N=\"a\">", "&a;", ""), "the entity &a;"),
        ("numbers", repeated("<Objs><Obj><Props><S N=\"a\">", "&#65;", ""), "no receive connector"),
        (
            "a blob",
            repeated(&(OBJECT.to_owned() + "<BA N=\"b\">"), "AAAA", ""),
            "ends in the middle",
        ),
        (
            "one text many times",
            repeated(
                &format!(
                    "{OBJECT}<Obj N=\"a\" RefId=\"1\"><ToString>{}</ToString></Obj>",
                    "x".repeat(60_000)
                ),
                "<Ref N=\"b\" RefId=\"1\"/>",
                "</Props></Obj></Objs>",
            ),
            "its texts are longer than 64 MB",
        ),
        (
            "many items",
            repeated("<Objs><Obj><Props><Obj N=\"Bindings\"><LST>", "<Nil/>", ""),
            "more than 200000 values",
        ),
        (
            "many objects",
            repeated(
                OBJS,
                "<Obj><MS><S N=\"Name\">a</S><S N=\"Bindings\">[::]:25</S></MS></Obj>",
                "",
            ),
            "more than 1000 objects",
        ),
        ("arrays", repeated("[", "[", "{}"), "nested too deeply"),
        ("nested JSON", repeated("{\"a\":", "{\"a\":", ""), "nested too deeply"),
        ("numbers of JSON", repeated("[{}", ",0", "]"), "no receive connector"),
        ("a string of JSON", repeated("{\"a\":\"", "\\n", "\"}"), "longer than 4 MB"),
        ("a field", repeated("Name,Bindings\n\"", "a", "\""), "longer than 4 MB"),
        ("fields", repeated("Name,Bindings\n", "a,", ""), "longer than 4 MB"),
        ("columns", repeated("Name,Bindings", ",a", "\n1,2\n"), "longer than 4 MB"),
        ("a list", repeated("Bindings : {", "a, ", "}"), "longer than 4 MB"),
        ("lines", repeated("", "Bindings : 0.0.0.0:25\n", ""), "more than 1000 objects"),
        ("more of a value", repeated("Bindings : {\n", " a,\n", ""), "longer than 4 MB"),
        ("dashes", repeated("Identity User\n", "-- ", ""), "it is a table"),
        ("other lines", repeated("Name : a\nBindings : [::]:25\n", "x\n", ""), ""),
        ("blanks", repeated("", " ", ""), "it is empty"),
        ("zeros", repeated("", "\0", ""), "its form is not known"),
        ("UTF-16", [b'a', 0].repeat(length / 2), "its form is not known"),
        (
            "a wrong octet",
            repeated("Name : ", "a", "").into_iter().chain([0xFF, b'a']).collect(),
            "UTF-8",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    for (name, dump, said) in cases {
        std::fs::write(&path, dump).unwrap();
        let (code, stderr) = import_within_limits(path.to_str().unwrap(), "");
        assert!(matches!(code, Some(0 | 2)), "{name}: {code:?} {stderr}");
        assert!(stderr.contains(said), "{name}: {stderr}");
    }
}

#[test]
fn what_is_too_long_is_not_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.csv");
    std::fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    for (path, input) in [(path.to_str().unwrap(), ""), ("/dev/stdin", "yes Name,Bindings |")] {
        let (code, stderr) = import_within_limits(path, input);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("it is larger than 64 MB"), "{stderr}");
    }
}

fn expsd(arguments: &[&str], folder: &Path) -> support::Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_expsd"));
    command.args(arguments).current_dir(folder).env("XDG_STATE_HOME", folder.join("state"));
    support::run(&mut command, b"")
}

/// The dump of EX01, with a right that was added by hand, in files.
fn folder_with_dumps() -> tempfile::TempDir {
    let (server, set) = ex01();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ex01.clixml"), dump::clixml(&server, &set)).unwrap();
    std::fs::write(
        folder.path().join("rights.csv"),
        "User,Identity,Deny,ExtendedRights\nS-1-5-7,EX01\\App relay,False,ms-Exch-SMTP-Accept-Any-Recipient\n",
    )
    .unwrap();
    folder
}

#[test]
fn a_dump_becomes_a_configuration_that_explains_the_same() {
    let folder = folder_with_dumps();
    let done = expsd(
        &["import", "ex01.clixml", "--permissions", "rights.csv", "-o", "ex01.toml"],
        folder.path(),
    );
    assert!(done.status.success(), "{}", done.stderr);
    assert_eq!(
        done.stderr,
        "expsd: 6 connectors of EX01, Exchange 2019: 5 as setup made them, 0 changed, 1 other\n"
    );
    for remote in ["127.0.0.1", "10.0.0.12", "10.2.0.8", "2001:db8::25", "fe80::1%11", "fe80::1%12"]
    {
        for port in ["25", "587", "717", "465", "2525"] {
            let explain = |source: &[&str]| {
                let arguments =
                    [&["explain", "--remote", remote, "--local", port], source].concat();
                expsd(&arguments, folder.path()).stdout
            };
            let by_import = explain(&["--import", "ex01.clixml", "--permissions", "rights.csv"]);
            assert_eq!(by_import, explain(&["--config", "ex01.toml"]), "{remote} {port}");
            let meets = match (port, remote) {
                ("25", "10.0.0.12" | "fe80::1%11") => "App relay",
                ("25", _) => "Default Frontend EX01",
                ("587", _) => "Client Frontend EX01",
                ("717", _) => "Outbound Proxy Frontend EX01",
                ("465", _) => "Client Proxy EX01",
                _ => "Default EX01",
            };
            // The relay is bound to IPv4 alone.
            let meets = if remote == "fe80::1%11" && port == "25" {
                "Default Frontend EX01"
            } else {
                meets
            };
            assert!(by_import.contains(&format!("meets     EX01\\{meets}\n")), "{by_import}");
        }
    }
    let relay =
        expsd(&["explain", "--config", "ex01.toml", "--remote", "10.0.0.12"], folder.path());
    assert!(
        relay.stdout.contains("anonymous             submits to any recipient"),
        "{}",
        relay.stdout
    );
    let logs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/logs/2019");
    let held = ["--import", "ex01.clixml", "--config", "ex01.toml"]
        .chunks(2)
        .map(|source| expsd(&[&["logs", logs][..], source].concat(), folder.path()).stdout)
        .collect::<Vec<_>>();
    assert!(held[0].contains("which recipients are outside is not known"), "{}", held[0]);
    assert_eq!(held[0], held[1]);
    let same = expsd(&["diff", "ex01.clixml", "ex01.toml"], folder.path());
    assert!(same.stdout.contains("SMTPAcceptAnyRecipient"), "{}", same.stdout);
}

#[test]
fn a_daemon_runs_a_dump() {
    let folder = folder_with_dumps();
    let dump = folder.path().join("ex01.clixml");
    let listen = support::own_address().to_string();
    let arguments = ["--import", dump.to_str().unwrap(), "--listen", &listen];
    let daemon = Daemon::run(tempfile::tempdir().unwrap(), &arguments, &[]);
    for (name, port, keywords) in [
        (
            "Default Frontend EX01",
            1025,
            "STARTTLS X-ANONYMOUSTLS AUTH NTLM X-EXPS GSSAPI NTLM 8BITMIME BINARYMIME CHUNKING SMTPUTF8 XRDST",
        ),
        (
            "Client Frontend EX01",
            1587,
            "STARTTLS AUTH GSSAPI NTLM 8BITMIME BINARYMIME CHUNKING SMTPUTF8",
        ),
        (
            "Outbound Proxy Frontend EX01",
            1717,
            "STARTTLS X-ANONYMOUSTLS AUTH NTLM X-EXPS GSSAPI NTLM 8BITMIME BINARYMIME CHUNKING SMTPUTF8 XRDST",
        ),
        (
            "Client Proxy EX01",
            1465,
            "STARTTLS X-ANONYMOUSTLS AUTH GSSAPI NTLM X-EXPS GSSAPI NTLM 8BITMIME BINARYMIME CHUNKING XEXCH50 SMTPUTF8 XRDST XSHADOWREQUEST",
        ),
        (
            "Default EX01",
            3525,
            "STARTTLS X-ANONYMOUSTLS AUTH NTLM X-EXPS GSSAPI NTLM 8BITMIME BINARYMIME CHUNKING XEXCH50 SMTPUTF8 XRDST XSHADOWREQUEST",
        ),
    ] {
        let address = daemon.address(name);
        assert_eq!((address.ip().to_string(), address.port()), (listen.clone(), port), "{name}");
        let size = if name == "Default EX01" { "SIZE" } else { "SIZE 37748736" };
        let expected = format!("{size} PIPELINING DSN ENHANCEDSTATUSCODES {keywords}");
        assert_eq!(Client::connect(address).ehlo().join(" "), expected, "{name}");
    }
}

#[test]
fn what_breaks_a_rule_is_looked_at_and_not_run() {
    let (server, mut set) = ex01();
    set[5].require_tls = true;
    set_parameter(&mut set[5], "AuthMechanism", "None");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ex01.txt"), dump::list(&server, &set)).unwrap();
    let explained =
        expsd(&["explain", "--import", "ex01.txt", "--remote", "10.0.0.12"], folder.path());
    assert!(explained.status.success());
    assert!(explained.stdout.contains("meets     EX01\\App relay"), "{}", explained.stdout);
    assert!(
        explained.stderr.contains("RequireTLS of \"App relay\" breaks a rule"),
        "{}",
        explained.stderr
    );
    let served = expsd(&["serve", "--import", "ex01.txt"], folder.path());
    assert_eq!(served.status.code(), Some(2));
    assert!(served.stderr.contains("RequireTLS needs Tls in AuthMechanism"), "{}", served.stderr);
    // It points into the dump.
    assert!(served.stderr.contains(": True"), "{}", served.stderr);
}

#[test]
fn wrong_use_is_told() {
    let (server, set) = ex01();
    let other = Server { name: "EX02".into(), fqdn: "ex02.contoso.test".into(), ..server.clone() };
    let folder = folder_with_dumps();
    let farm = dump::list(&server, &set) + &dump::list(&other, &default_set(&other));
    std::fs::write(folder.path().join("farm.txt"), farm).unwrap();
    std::fs::write(folder.path().join("ex01.toml"), "[Server]\nName = \"EX01\"\n").unwrap();
    for (arguments, code, said) in [
        (
            &["import", "farm.txt"][..],
            2,
            "it has connectors of several servers: EX01, EX02; name one (--server)",
        ),
        (
            &["import", "farm.txt", "--server", "EX03"],
            2,
            "it has no connectors of EX03, but of EX01, EX02",
        ),
        (&["import", "farm.txt", "--server", "ex02"], 0, "5 connectors of EX02, Exchange 2019"),
        (&["import", "ex01.clixml", "--version", "2016"], 0, "of EX01, Exchange 2016"),
        (&["import", "ex01.clixml", "--version", "2018"], 2, "one of 2007, 2010"),
        (&["import", "rights.csv"], 2, "but permissions, as Get-ADPermission prints them"),
        (
            &["import", "ex01.clixml", "--permissions", "ex01.clixml"],
            2,
            "the permissions: there are no extended rights",
        ),
        (&["import", "ex01.toml"], 2, "its form is not known"),
        (&["import", "none.xml"], 2, "cannot read none.xml: "),
        (&["import", "ex01.clixml", "--port-offset", "70000"], 1, "is no port"),
        (&["explain", "--remote", "10.0.0.1", "--permissions", "rights.csv"], 2, "--import <DUMP>"),
        (
            &[
                "explain",
                "--remote",
                "10.0.0.1",
                "--import",
                "ex01.clixml",
                "--config",
                "ex01.toml",
            ],
            2,
            "cannot be used with",
        ),
    ] {
        let done = expsd(arguments, folder.path());
        assert_eq!(done.status.code(), Some(code), "{arguments:?} {}", done.stderr);
        assert!(done.stderr.contains(said), "{arguments:?} {}", done.stderr);
    }
}

/// A default connector and a relay whose lists a shell did not print.
const HALF_TOLD: &str = "Name           : Default Frontend EX01
Identity       : EX01\\Default Frontend EX01
Bindings       : Microsoft.Exchange.Data.MultiValuedProperty`1[Microsoft.Exchange.Data.IPBinding]
RemoteIPRanges : Microsoft.Exchange.Data.MultiValuedProperty`1[Microsoft.Exchange.Data.IPRange]
AuthMechanism  : Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer
PermissionGroups : AnonymousUsers, ExchangeServers, ExchangeLegacyServers
TransportRole  : FrontendTransport

Name           : App relay
Identity       : EX01\\App relay
Bindings       : {0.0.0.0:25}
RemoteIPRanges : {10.0.0.11, 10.0.0.12...}
AuthMechanism  : Tls
PermissionGroups : AnonymousUsers
TransportRole  : FrontendTransport
";

#[test]
fn what_a_dump_does_not_tell_is_no_fault_and_makes_answers_uncertain() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("half.txt"), HALF_TOLD).unwrap();
    let lint = expsd(&["lint", "--import", "half.txt"], folder.path());
    let gone = "EX01\\Default Frontend EX01: RemoteIPRanges holds the name of a .NET type";
    let cut = "EX01\\App relay: RemoteIPRanges was cut short";
    assert!(
        lint.stdout
            .ends_with("\nNothing wrong with 2 connectors of EX01, as far as the dump tells.\n"),
        "{}",
        lint.stdout
    );
    for doubt in [gone, cut] {
        assert!(lint.stdout.contains(&format!("uncertain: {doubt}")), "{}", lint.stdout);
    }
    assert!(!lint.stderr.contains("Exchange takes no such set"), "{}", lint.stderr);
    let json = expsd(&["lint", "--import", "half.txt", "--format", "json"], folder.path());
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["uncertain"].as_array().unwrap().len(), 3);
    let explain =
        expsd(&["explain", "--import", "half.txt", "--remote", "10.0.0.11"], folder.path());
    assert!(explain.stdout.contains(&format!("  uncertain {cut}")), "{}", explain.stdout);
    std::fs::write(folder.path().join("whole.txt"), HALF_TOLD.replace("...", "")).unwrap();
    let diff = expsd(&["diff", "half.txt", "whole.txt"], folder.path());
    assert!(diff.stdout.contains(&format!("uncertain A: {cut}")), "{}", diff.stdout);
}

#[test]
fn a_line_that_holds_a_whole_dump_is_shown_in_part() {
    let (server, set) = ex01();
    let folder = tempfile::tempdir().unwrap();
    let json: serde_json::Value = serde_json::from_str(&dump::json(&server, &set)).unwrap();
    std::fs::write(folder.path().join("x.json"), json.to_string()).unwrap();
    let peer = ["lint", "--import", "x.json", "--peer", "EX02=10.0.0.12"];
    let lint = expsd(&peer, folder.path());
    assert!(lint.stdout.contains("relay-covers-exchange-server"), "{}", lint.stdout);
    let longest = lint.stdout.lines().filter(|line| line.contains(" │ ")).map(str::len).max();
    assert!(longest.is_some_and(|longest| longest < 400), "{longest:?}");
    assert!(lint.stdout.contains("\"RemoteIPRanges\""), "{}", lint.stdout);
}
