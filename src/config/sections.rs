//! The sections of the file, one function each.

use std::cell::RefCell;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Problems};
use super::reader::Table;
use super::{
    Capture, Configuration, DirectTrust, Draft, Http, Journal, Kerberos, Ntlm, Places, Prompt,
    ProxyProtocol, Store, Transport, webhook,
};
use crate::connector::{Server, Unlimited, all_broken};
use crate::directory::{AcceptedDomain, Account, Group};
use crate::smtp::address::is_domain;

/// Reads a whole file. `folder` is what its relative paths are relative to.
pub(super) fn read(text: &str, name: &str, folder: &Path) -> Result<Draft, ConfigError> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let problems = RefCell::new(Problems::new(name, text));
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        problems.borrow_mut().add(span, "this is not TOML", error.message(), None);
    }
    if problems.borrow().count() > 0 {
        return Err(problems.into_inner().into_error());
    }
    let file = Table::new("the file", 0..0, document.get_ref(), &problems);
    let mut places = Places::new(name, text);
    let configuration = Sections { file, folder, problems: &problems }.read(&mut places);
    let broken = all_broken(&configuration.connectors, &configuration.server);
    let draft = Draft { configuration, broken, places, doubts: Vec::new() };
    let mut problems = problems.into_inner();
    if problems.count() == 0 {
        return Ok(draft);
    }
    draft.report(&mut problems);
    Err(problems.into_error())
}

pub(super) struct Sections<'a, 'i> {
    pub(super) file: Table<'a, 'i>,
    folder: &'a Path,
    pub(super) problems: &'a RefCell<Problems>,
}

impl<'a, 'i> Sections<'a, 'i> {
    fn read(mut self, places: &mut Places) -> Configuration {
        let server = self.server();
        let mut configuration = Configuration::of(server);
        let domains = self.each("AcceptedDomain", Self::accepted_domain);
        if let Some(domains) = domains {
            configuration.directory.accepted_domains = domains;
            configuration.default_domains = false;
        }
        if let Some(accounts) = self.each("account", Self::account) {
            configuration.directory.accounts = accounts;
        }
        if let Some(connectors) = self.connectors(&configuration.server, places) {
            configuration.connectors = connectors;
            configuration.default_connectors = false;
        }
        configuration.kerberos = self.kerberos();
        configuration.ntlm = self.ntlm();
        configuration.transport = self.transport();
        configuration.proxy_protocol = self.proxy_protocol();
        configuration.capture = self.capture();
        configuration.journal = self.journal();
        configuration.http = self.http();
        configuration.webhooks = self.each("webhook", webhook::read).unwrap_or_default();
        configuration.rules = self.rules();
        self.file.finish();
        configuration
    }

    fn section(&mut self, name: &'static str) -> Option<Table<'a, 'i>> {
        let found = self.file.get(name)?;
        self.table(format!("[{name}]"), found)
    }

    pub(super) fn table(
        &self,
        name: String,
        found: &'a Spanned<DeValue<'i>>,
    ) -> Option<Table<'a, 'i>> {
        let entries = found.get_ref().as_table();
        if entries.is_none() {
            self.file.problem(
                found.span(),
                format!("{name} is not a table"),
                "expected a table",
                None,
            );
        }
        entries.map(|entries| Table::new(name, found.span(), entries, self.problems))
    }

    /// The tables of `[[name]]`, as far as they are sound; `None` if there is no such section.
    fn each<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&mut Table<'a, 'i>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let tables = self.tables(name)?;
        let mut all = Vec::new();
        for mut table in tables {
            all.extend(read(&mut table));
            table.finish();
        }
        Some(all)
    }

    pub(super) fn tables(&mut self, name: &'static str) -> Option<Vec<Table<'a, 'i>>> {
        let found = self.file.get(name)?;
        let Some(array) = found.get_ref().as_array() else {
            let message = format!("{name} is a list of tables");
            self.file.problem(
                found.span(),
                message,
                "not a list",
                Some(format!("write [[{name}]]")),
            );
            return None;
        };
        Some(array.iter().filter_map(|item| self.table(format!("[[{name}]]"), item)).collect())
    }

    fn server(&mut self) -> Server {
        let mut server = Server::default();
        let Some(mut table) = self.section("Server") else { return server };
        if let Some(name) = table.string("Name") {
            if Server::is_name(&name) {
                if table.get("Fqdn").is_none() {
                    server.fqdn = format!("{}.contoso.test", name.to_ascii_lowercase());
                }
                server.name = name;
            } else {
                table.bad_value(
                    "Name",
                    table.span_of("Name"),
                    "expected a host name such as EX01".to_owned(),
                );
            }
        }
        if let Some(fqdn) = table.string("Fqdn") {
            if crate::smtp::address::is_domain(&fqdn) && fqdn.is_ascii() && fqdn.contains('.') {
                server.fqdn = fqdn;
            } else {
                let expected = "expected a full host name such as ex01.contoso.test".to_owned();
                table.bad_value("Fqdn", table.span_of("Fqdn"), expected);
            }
        }
        server.version = table.parse("Version").unwrap_or(server.version);
        server.role = table.parse("Role").unwrap_or(server.role);
        server.exchange_auth_refusal =
            table.parse("ExchangeAuthRefusal").unwrap_or(server.exchange_auth_refusal);
        table.finish();
        server
    }

    fn accepted_domain(table: &mut Table<'a, 'i>) -> Option<AcceptedDomain> {
        let name = table.string("DomainName");
        let domain_type = table.parse("DomainType").unwrap_or_default();
        let name = table.required("DomainName", name)?;
        let domain = AcceptedDomain::new(&name, domain_type);
        if domain.is_none() {
            let expected = "expected a domain such as contoso.test or *.contoso.test".to_owned();
            table.bad_value("DomainName", table.span_of("DomainName"), expected);
        }
        domain
    }

    fn account(table: &mut Table<'a, 'i>) -> Option<Account> {
        let name = table.parse("name");
        let password = table.string("password");
        let addresses = table.list("addresses", |text| {
            let mailbox = crate::smtp::Mailbox::parse(text).filter(|m| m.domain().is_some());
            mailbox
                .map(|_| text.to_owned())
                .ok_or("expected an address such as alice@contoso.test".to_owned())
        });
        let groups = table.list("member_of", |text| {
            let name = text.rsplit('\\').next().unwrap_or(text);
            Group::find(name).ok_or_else(|| format!("expected one of {}", group_names()))
        });
        let hash = table.parse::<NtHash>("nt_hash").map(|NtHash(hash)| hash);
        let name = table.required("name", name)?;
        let account = Account::new(name, password).with_addresses(addresses).with_groups(groups);
        Some(match hash {
            Some(hash) => account.with_nt_hash(hash),
            None => account,
        })
    }

    fn kerberos(&mut self) -> Kerberos {
        let mut kerberos = Kerberos::default();
        let Some(mut table) = self.section("kerberos") else { return kerberos };
        kerberos.keytab = table.string("keytab").map(|path| self.folder.join(path));
        if let Some(found) = table.get("prompt") {
            match found.get_ref().as_str() {
                Some("exchange") => kerberos.prompt = Prompt::Exchange,
                Some("empty") => kerberos.prompt = Prompt::Empty,
                _ => table.bad_value(
                    "prompt",
                    found.span(),
                    "expected \"exchange\" or \"empty\"".to_owned(),
                ),
            }
        }
        table.finish();
        kerberos
    }

    fn ntlm(&mut self) -> Ntlm {
        let mut policy = Ntlm::default();
        let Some(mut table) = self.section("ntlm") else { return policy };
        if let Some(found) = table.get("minimum") {
            match found.get_ref().as_str() {
                Some("v1") => policy.accept_v1 = true,
                Some("v2") => policy.accept_v1 = false,
                _ => {
                    table.bad_value("minimum", found.span(), "expected \"v2\" or \"v1\"".to_owned())
                }
            }
        }
        policy.require_ntlm2_flag =
            table.bool("require_ntlm2_flag").unwrap_or(policy.require_ntlm2_flag);
        table.finish();
        policy
    }

    fn transport(&mut self) -> Transport {
        let mut transport = Transport::default();
        let folder = self.folder;
        if let Some(mut table) = self.section("TransportConfig") {
            transport.domain_secure = table.list("TLSReceiveDomainSecureList", |text| {
                let domain = is_domain(text).then(|| text.to_owned());
                domain.ok_or("expected a domain such as fabrikam.test".to_owned())
            });
            transport.client_roots = table.string("client_roots").map(|path| folder.join(path));
            transport.shadow_redundancy = table.bool("ShadowRedundancyEnabled").unwrap_or(false);
            table.finish();
        }
        let trust = self.each("direct_trust", |table| {
            let certificate = table.string("certificate");
            let role = table.get("role").map(|found| (found.get_ref().as_str(), found.span()));
            let certificate = table.required("certificate", certificate)?;
            let role = match table.required("role", role)? {
                (Some("Edge Transport Servers"), _) => Group::EdgeTransportServers,
                (Some("Hub Transport Servers"), _) => Group::HubTransportServers,
                (_, span) => {
                    let expected = "expected Edge Transport Servers or Hub Transport Servers";
                    table.bad_value("role", span, expected.to_owned());
                    return None;
                }
            };
            Some(DirectTrust { certificate: folder.join(certificate), role })
        });
        transport.direct_trust = trust.unwrap_or_default();
        transport
    }

    fn proxy_protocol(&mut self) -> ProxyProtocol {
        let Some(mut table) = self.section("proxy_protocol") else {
            return ProxyProtocol::default();
        };
        let trust = table.list("trust", |text| {
            let one = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>()
                .or_else(|_| one())
                .map_err(|_| "expected an address or a network such as 127.0.0.0/8".to_owned())
        });
        table.finish();
        ProxyProtocol { trust }
    }

    fn capture(&mut self) -> Capture {
        let Some(mut table) = self.section("capture") else { return Capture::default() };
        let mut capture = Capture::default();
        if let Some(found) = table.get("store") {
            match found.get_ref().as_str().and_then(|text| parse_store(text, self.folder)) {
                Some(store) => capture.store = store,
                None => {
                    let expected = "expected \"memory\" or \"sqlite:FILE\"";
                    table.bad_value("store", found.span(), expected.to_owned());
                }
            }
        }
        capture.max_messages = table.parameter("max_messages");
        capture.max_octets = table.parameter("max_octets");
        capture.max_age = table.parameter("max_age");
        table.finish();
        capture
    }

    fn journal(&mut self) -> Journal {
        const DIRECTORY: &str = "ReceiveProtocolLogMaxDirectorySize";
        const FILE: &str = "ReceiveProtocolLogMaxFileSize";
        let mut journal = Journal::default();
        let Some(mut table) = self.section("journal") else { return journal };
        journal.directory = table.string("directory").map(|path| self.folder.join(path));
        journal.traces = table.bool("traces").unwrap_or(journal.traces);
        let limits = &mut journal.protocol_log;
        limits.max_age = table.parameter("ReceiveProtocolLogMaxAge").unwrap_or(limits.max_age);
        limits.max_directory_size = table.parameter(DIRECTORY).unwrap_or(limits.max_directory_size);
        limits.max_file_size = table.parameter(FILE).unwrap_or(limits.max_file_size);
        if let (Unlimited::Limited(directory), Unlimited::Limited(file)) =
            (limits.max_directory_size, limits.max_file_size)
            && file > directory
        {
            let expected = format!("expected no more than {DIRECTORY} has, {directory}");
            table.bad_value(FILE, table.span_of(FILE), expected);
        }
        table.finish();
        journal
    }

    fn http(&mut self) -> Http {
        let Some(mut table) = self.section("http") else { return Http::default() };
        let listen = table.parse("listen");
        let token = table.parse("token");
        table.finish();
        Http { listen, token }
    }
}

/// 32 hexadecimal digits, as tools that dump accounts print them.
struct NtHash([u8; 16]);

impl FromStr for NtHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits);
        number.map(|n| Self(n.to_be_bytes())).ok_or("expected 32 hexadecimal digits")
    }
}

fn parse_store(text: &str, folder: &Path) -> Option<Store> {
    if text == "memory" {
        return Some(Store::Memory);
    }
    let file = text.strip_prefix("sqlite:").filter(|file| !file.is_empty());
    file.map(|file| Store::Sqlite(folder.join(file)))
}

fn group_names() -> String {
    Group::ALL.map(Group::name).join(", ")
}
