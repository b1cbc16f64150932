//! `[[ReceiveConnector]]`, with its rules and conflicts.

use toml::Spanned;
use toml::de::DeValue;

use super::Places;
use super::reader::{Table, suggestion, value};
use super::sections::Sections;
use crate::connector::{
    AdPermission, PARAMETERS, Principal, ReceiveConnector, Rights, Server, find_parameter,
};

impl<'a, 'i> Sections<'a, 'i> {
    /// The connectors of the file; `None` if it has none.
    pub(super) fn connectors(
        &mut self,
        server: &Server,
        places: &mut Places,
    ) -> Option<Vec<ReceiveConnector>> {
        let mut connectors = Vec::new();
        for mut table in self.tables("ReceiveConnector")? {
            let before = self.problems.borrow().count();
            let connector = self.connector(&mut table, server);
            let sound = self.problems.borrow().count() == before;
            if let Some(connector) = connector.filter(|_| sound) {
                let spans = PARAMETERS.iter().map(|p| (p.name, table.span_of(p.name)));
                places.push(table.span(), spans.collect());
                connectors.push(connector);
            }
            table.finish();
        }
        Some(connectors)
    }

    fn connector(&self, table: &mut Table<'a, 'i>, server: &Server) -> Option<ReceiveConnector> {
        let mut connector = Self::new_connector(table, server);
        for parameter in PARAMETERS {
            table.know(parameter.name);
        }
        for (key, found) in table.entries() {
            let Some(parameter) = find_parameter(key).filter(|p| p.name == key) else { continue };
            if !parameter.exists_on(server) {
                let Server { role, version, .. } = server;
                let message = format!(
                    "{key} of [[ReceiveConnector]] does not exist on {role} servers of {version}"
                );
                table.problem(found.span(), message, &parameter.availability(), None);
                continue;
            }
            let set =
                value(found.get_ref()).and_then(|value| parameter.set(&mut connector, &value));
            if let Err(error) = set {
                table.bad_parameter(key, found, &error);
            }
        }
        if let Some(list) = table.get("ADPermission") {
            connector.ad_permissions = self.ad_permissions(list);
        }
        connector.show_custom();
        let there = |key: &str| table.entries().any(|(k, _)| k == key);
        let (named, bound) = (there("Name"), !connector.bindings.is_empty() || there("Bindings"));
        table.required("Name", named.then_some(()));
        table.required("Bindings", bound.then_some(()));
        (named && bound).then_some(connector)
    }

    /// What the keys are applied to. It comes first, so that they may stand in any order.
    fn new_connector(table: &mut Table<'a, 'i>, server: &Server) -> ReceiveConnector {
        let usage = table.parse("Usage").unwrap_or_default();
        ReceiveConnector::for_usage(server, "", usage).unwrap_or_else(|error| {
            table.bad_value("Usage", table.span_of("Usage"), error.to_string());
            ReceiveConnector::on(server, "")
        })
    }

    fn ad_permissions(&self, list: &'a Spanned<DeValue<'i>>) -> Vec<AdPermission> {
        const NAME: &str = "[[ReceiveConnector.ADPermission]]";
        let Some(array) = list.get_ref().as_array() else {
            self.file.problem(
                list.span(),
                format!("{NAME} is a list of tables"),
                "not a list",
                None,
            );
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in array.iter() {
            let Some(mut table) = self.table(NAME.to_owned(), item) else { continue };
            let user = table.parse::<Principal>("User");
            let rights = table.list("ExtendedRights", |text| {
                Rights::find(text).ok_or_else(|| {
                    let known: Vec<_> = Rights::all().ad_names().collect();
                    format!("not a right of a receive connector; {}", suggestion(text, &known))
                })
            });
            let deny = table.bool("Deny").unwrap_or(false);
            // Get-ADPermission has the one name in its table and the other in its list.
            let [short, long] = ["Inherited", "IsInherited"].map(|key| table.bool(key));
            let inherited = short.or(long).unwrap_or(false);
            if let Some(user) = table.required("User", user) {
                let rights = rights.into_iter().collect();
                all.push(AdPermission { user, rights, deny, inherited });
            }
            table.finish();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Configuration;
    use crate::connector::{ReceiveConnector, Rights, Token};

    fn connector(toml: &str) -> Result<ReceiveConnector, String> {
        let text = format!("[[ReceiveConnector]]\nName = \"a\"\n{toml}");
        on("", &text)
    }

    /// The first connector of a file that begins with `server`.
    fn on(server: &str, connectors: &str) -> Result<ReceiveConnector, String> {
        Configuration::parse(&format!("{server}{connectors}"), "x.toml")
            .map(|configuration| configuration.connectors[0].clone())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_usage_may_stand_anywhere_and_every_key_overrides_it() {
        let first = connector("Usage = \"Client\"\nPermissionGroups = \"None\"\n").unwrap();
        let last = connector("PermissionGroups = \"None\"\nUsage = \"Client\"\n").unwrap();
        for connector in [first, last] {
            assert_eq!(connector.bindings[0].to_string(), "0.0.0.0:587");
            assert!(connector.permission_groups.is_empty());
            assert!(connector.auth_mechanism.to_string().contains("Integrated"));
        }
        let toml =
            "Bindings = \"10.1.1.2:25\"\nUsage = \"Internal\"\nRemoteIPRanges = \"10.1.0.0/16\"\n";
        let internal = connector(toml).unwrap();
        assert_eq!(internal.bindings.len(), 1);
        assert_eq!(internal.remote_ip_ranges.len(), 1);
        let internet = connector("Usage = \"Internet\"\nBindings = \"0.0.0.0:25\"\n").unwrap();
        assert_eq!(internet.remote_ip_ranges[0].to_string(), "0.0.0.0-255.255.255.255");
        assert_eq!(internet.remote_ip_ranges.len(), 1);
    }

    #[test]
    fn a_usage_that_is_none_or_needs_more_is_an_error() {
        let error = |toml| connector(toml).unwrap_err();
        assert_eq!(
            error("Usage = \"Clients\"\nBindings = \"0.0.0.0:25\"\n"),
            "x.toml:3: Usage of [[ReceiveConnector]] has a wrong value (expected one of Client, Custom, Internal, Internet, Partner)"
        );
        assert!(error("Usage = \"Internet\"\n").contains("[[ReceiveConnector]] has no Bindings"));
        let edge = on(
            "[Server]\nRole = \"Edge\"\n",
            "[[ReceiveConnector]]\nName = \"a\"\nUsage = \"Client\"\n",
        );
        assert!(
            edge.unwrap_err().contains("x.toml:5: Usage of [[ReceiveConnector]] has a wrong value")
        );
    }

    #[test]
    fn a_parameter_that_the_version_lacks_is_an_error_that_says_which_have_it() {
        let with = |server, key| {
            let text =
                format!("[[ReceiveConnector]]\nName = \"a\"\nBindings = \"0.0.0.0:25\"\n{key}\n");
            on(&format!("[Server]\n{server}\n"), &text)
        };
        assert_eq!(
            with("Version = \"2007\"", "SmtpUtf8Enabled = true").unwrap_err(),
            "x.toml:6: SmtpUtf8Enabled of [[ReceiveConnector]] does not exist on Mailbox servers of 2007 (it exists on 2013, 2016, 2019)"
        );
        assert!(with("Version = \"2013\"", "SmtpUtf8Enabled = true").is_ok());
        assert!(with("Version = \"2013\"", "RejectSingleLabelRecipientDomains = true").is_err());
        let edge = with("Role = \"Edge\"", "TransportRole = \"HubTransport\"").unwrap_err();
        assert!(edge.contains("on Edge servers of 2019"), "{edge}");
    }

    #[test]
    fn entries_by_hand_may_deny_and_come_from_above() {
        let entry = |more: &str| {
            let toml = format!(
                "Bindings = \"0.0.0.0:25\"\nPermissionGroups = \"AnonymousUsers\"\n\
                 [[ReceiveConnector.ADPermission]]\nUser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n\
                 ExtendedRights = [\"ms-Exch-SMTP-Accept-Any-Sender\"]\n{more}"
            );
            connector(&toml).unwrap()
        };
        for (more, allowed, groups) in [
            ("", true, "AnonymousUsers, Custom"),
            ("Deny = true", false, "AnonymousUsers, Custom"),
            ("Deny = true\nInherited = true", true, "AnonymousUsers"),
            ("Deny = true\nIsInherited = true", true, "AnonymousUsers"),
            ("IsInherited = false", true, "AnonymousUsers, Custom"),
        ] {
            let connector = entry(more);
            let rights = connector.rights(&Token::anonymous());
            assert_eq!(rights.contains(Rights::ACCEPT_ANY_SENDER), allowed, "{more}");
            assert_eq!(connector.permission_groups.to_string(), groups, "{more}");
        }
        let custom = "Bindings = \"0.0.0.0:25\"\nPermissionGroups = \"Partners, Custom\"\n";
        assert_eq!(connector(custom).unwrap().permission_groups.to_string(), "Partners");
    }
}
