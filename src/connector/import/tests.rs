//! Small dumps in every form. Whole ones, and hostile ones, are in `tests/import.rs`.

use super::*;
use crate::connector::{
    AuthMechanism, Binding, Principal, Rights, ServerRole, TimeSpan, TransportRole, Unlimited,
};

fn imported(dump: &str) -> Import {
    import(dump.as_bytes().to_vec(), None, &Choice::default()).unwrap()
}

fn connector(dump: &str) -> ReceiveConnector {
    let import = imported(dump);
    assert_eq!(notes(&import), [""; 0], "{dump}");
    import.connectors.into_iter().next().unwrap().connector
}

fn notes(import: &Import) -> Vec<String> {
    import.all_notes().map(|(_, note)| note.to_string()).collect()
}

fn error(dump: &str) -> String {
    import(dump.as_bytes().to_vec(), None, &Choice::default()).unwrap_err().to_string()
}

/// Properties without which a connector has notes, in Format-List.
const REST: &str = "Bindings : {[::]:25, 10.0.0.5:25}
RemoteIPRanges : {10.0.0.7}
AuthMechanism : Tls, ExchangeServer
PermissionGroups : None
TransportRole : FrontendTransport
Identity : EX01\\Relay
";

#[test]
fn a_list_wraps_and_blanks_are_values() {
    // Both wraps of a console: at a blank, and within a word longer than the line.
    let dump = "
[PS] C:\\>Get-ReceiveConnector | Format-List

Banner           :
Bindings         : {[::]:25, 0.0.0.0:25}
RemoteIPRanges   : {::-ffff:ffff:ffff:ffff:
                   ffff:ffff:ffff:ffff,
                   10.0.0.0/8}
AuthMechanism    : Tls, Integrated,
                   BasicAuth
PermissionGroups : AnonymousUsers
TransportRole    : FrontendTransport
MaxMessageSize   : 9.766 MB (10.240.000
                   bytes)
Comment          : to: the printers
Name             : Relay of the
                   printers
Identity         : EX01\\Relay of the
                   printers

";
    let connector = connector(dump);
    assert_eq!(connector.name, "Relay of the printers");
    assert_eq!(connector.comment, "to: the printers");
    let ranges: Vec<_> = connector.remote_ip_ranges.iter().map(ToString::to_string).collect();
    assert_eq!(ranges, ["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "10.0.0.0/8"]);
    assert_eq!(connector.auth_mechanism.to_string(), "Tls, Integrated, BasicAuth");
    assert_eq!(connector.max_message_size.0, 10_240_000);
    assert_eq!(connector.banner, None);
}

#[test]
fn objects_of_a_list_need_no_blank_line_between() {
    let second = REST.replace("Relay", "Other");
    let import = imported(&format!("{REST}{second}"));
    let names: Vec<_> = import.connectors.iter().map(|i| i.connector.name.as_str()).collect();
    assert_eq!(names, ["Relay", "Other"]);
    assert_eq!(import.text[import.connectors[1].at.clone()], *"Bindings : {[::]:25, 10.0.0.5:25}");
    assert_eq!(import.connectors[1].places[1].0, "RemoteIPRanges");
}

#[test]
fn what_a_console_cut_is_told() {
    for dots in ["...", "…"] {
        let short = format!("RemoteIPRanges : {{10.0.0.1, 10.0.0.2{dots}}}");
        let import = imported(&REST.replace("RemoteIPRanges : {10.0.0.7}", &short));
        assert_eq!(import.connectors[0].connector.remote_ip_ranges.len(), 2);
        assert!(notes(&import)[0].starts_with("RemoteIPRanges was cut short"));
    }
    let import = imported(&REST.replace("{10.0.0.7}", "{10.0.0.7, 10.0"));
    assert!(notes(&import)[0].starts_with("RemoteIPRanges was cut short"), "{:?}", notes(&import));
    let import = imported(&format!("Some words\n{REST}"));
    assert_eq!(
        notes(&import),
        ["line 1: this belongs to no property: \"Some words\"; it is left out"]
    );
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_imported() {
    let dump = REST.replace("{10.0.0.7}", "{10.0.0.7, 10.0.0}").replace("Tls,", "Tls, Smoke,")
        + "MaxHopCount : many\nShoeSize : 44\nBanner : Hello\nMaxMessageSize :\n";
    let import = imported(&dump);
    let connector = &import.connectors[0].connector;
    assert_eq!(connector.remote_ip_ranges.len(), 1);
    assert_eq!(connector.auth_mechanism.to_string(), "Tls, ExchangeServer");
    insta::assert_snapshot!(notes(&import).join("\n"), @r#"
    RemoteIPRanges: "10.0.0" cannot be read, expected an address (10.0.0.7), a range from low to high (10.0.0.10-10.0.0.20) or CIDR (10.0.0.0/24); it is left out
    AuthMechanism: "Smoke" cannot be read, expected "None" alone, or some of Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer, ExternalAuthoritative; it is left out
    MaxHopCount: "many" cannot be read, expected a number from 1 to 500; taken as 60
    ShoeSize is not known, and has no effect here
    Banner: "Hello" cannot be read, expected one line that starts with "220 ", or "" for the usual one; it stays blank
    MaxMessageSize: "" cannot be read, expected a size such as "36 MB", "256 KB" or a number of bytes; taken as 36 MB (37,748,736 bytes)
    "#);
}

#[test]
fn nothing_stands_beside_none() {
    let import = imported(&REST.replace("Tls, ExchangeServer", "None, Tls"));
    assert!(notes(&import)[0].starts_with("AuthMechanism: \"None, Tls\" cannot be read"));
    let nameless = REST.replace("EX01\\Relay", &"x".repeat(65));
    assert!(
        imported(&format!("{REST}{nameless}")).notes[0]
            .to_string()
            .ends_with("has no name of 1 to 64 characters; it is left out")
    );
}

#[test]
fn lists_that_are_lost_whole_are_empty() {
    let lost = "Microsoft.Exchange.Data.MultiValuedProperty`1[Microsoft.Exchange.Data.IPRange]";
    let import = imported(&REST.replace("{10.0.0.7}", lost));
    assert_eq!(import.connectors[0].connector.remote_ip_ranges, []);
    assert!(notes(&import)[0].starts_with("RemoteIPRanges holds the name of a .NET type"));
    let unsure = &import.connectors[0].unsure;
    assert_eq!((unsure[0].parameter, unsure[0].gone), ("RemoteIPRanges", true));
    let import = imported(&REST.replace("{10.0.0.7}", "{10.0.0.7...}"));
    assert!(!import.connectors[0].unsure[0].gone);
}

#[test]
fn what_is_not_known_is_not_called_changed() {
    let dump = "Bindings : {[::]:25, 0.0.0.0:25}\nRemoteIPRanges : {10.0.0.7...}\n\
                PermissionGroups : AnonymousUsers\nIdentity : EX01\\Default Frontend EX01\n";
    let import = imported(dump);
    let changed = Standing::Changed(vec!["PermissionGroups"]);
    assert_eq!(import.connectors[0].standing, changed, "ranges are cut, the rest is not there");
}

#[test]
fn json_that_was_told_not_to_look_deep_joins_with_blanks() {
    let json = r#"{"Name":"Relay","Server":"EX01","Bindings":"[::]:25 0.0.0.0:25",
        "RemoteIPRanges":"10.0.0.1-10.0.0.9 10.1.0.0/16","AuthMechanism":1,"PermissionGroups":1,
        "TransportRole":"FrontendTransport"}"#;
    let connector = connector(json);
    assert_eq!((connector.bindings.len(), connector.remote_ip_ranges.len()), (2, 2));
}

#[test]
fn an_address_may_be_a_number() {
    let json = r#"{"Name":"Relay","Server":"EX01","RemoteIPRanges":["10.0.0.7"],"AuthMechanism":1,
        "Bindings":[{"AddressFamily":2,"Port":25,
            "Address":{"Address":83886090,"AddressFamily":2,"ScopeId":null}}],
        "PermissionGroups":1,"TransportRole":"FrontendTransport"}"#;
    assert_eq!(connector(json).bindings[0].to_string(), "10.0.0.5:25");
}

#[test]
fn json_has_strings_numbers_and_objects() {
    let texts = r#"{"Name":"Relay","Server":"EX01","AuthMechanism":"Tls, ExchangeServer",
        "PermissionGroups":"AnonymousUsers, ExchangeServers, ExchangeLegacyServers",
        "Bindings":["10.0.0.5:25","[::]:25"],"RemoteIPRanges":["10.0.0.1-10.0.0.9","10.1.0.0/16"],
        "TransportRole":"FrontendTransport","SizeEnabled":"EnabledWithoutValue",
        "ProtocolLoggingLevel":"Verbose","MessageRateSource":"User","MessageRateLimit":"Unlimited",
        "MaxInboundConnection":"77","ConnectionTimeout":"00:20:00","Fqdn":"ex01.contoso.test",
        "TlsDomainCapabilities":["fabrikam.test:AcceptCloudServicesMail"],
        "MaxMessageSize":"36 MB (37,748,736 bytes)","Enabled":true,"Banner":null}"#;
    let typed = r#"{"Name":"Relay","Server":{"Rdn":"CN=EX01","Name":"EX01"},"AuthMechanism":17,
        "PermissionGroups":{"value":13,"Value":"AnonymousUsers"},
        "Bindings":[{"AddressFamily":2,"Address":{"Address":1,"IPAddressToString":"10.0.0.5"},"Port":25},
                    {"AddressFamily":23,"Address":"::","Port":25}],
        "RemoteIPRanges":{"value":[{"LowerBound":"10.0.0.1","UpperBound":"10.0.0.9"},
            {"LowerBound":{},"UpperBound":{},"Expression":"10.1.0.0/16"}],"Count":2},
        "TransportRole":16384,"SizeEnabled":2,"ProtocolLoggingLevel":1,"MessageRateSource":2,
        "MessageRateLimit":{"IsUnlimited":true},"MaxInboundConnection":{"IsUnlimited":false,"Value":77},
        "ConnectionTimeout":{"Ticks":12000000000,"Days":0},"Fqdn":{"Domain":"ex01.contoso.test"},
        "TlsDomainCapabilities":[{"Domain":"fabrikam.test","Capabilities":"AcceptCloudServicesMail"}],
        "MaxMessageSize":37748736,"Enabled":true,"Banner":null}"#;
    let expected = connector(texts);
    assert_eq!(expected.bindings[0].to_string(), "10.0.0.5:25");
    assert_eq!(expected.connection_timeout, TimeSpan::from_secs(1200));
    assert_eq!(expected.max_inbound_connection, Unlimited::Limited(77));
    assert_eq!(expected.transport_role, TransportRole::FrontendTransport);
    let typed = connector(typed);
    // CIDR keeps its text, and low-high its own.
    assert_eq!(typed, expected);
    for around in ["[{}]", "{\"value\": [{}], \"Count\": 1}", "[[{}]]", "{}\n"] {
        let dump = around.replacen("{}", texts, 1);
        assert_eq!(connector(&dump), expected, "{around}");
    }
    let two = format!("{texts}\r\n{}", texts.replace("\"Relay\"", "\"Other\""));
    assert_eq!(imported(&two).connectors.len(), 2);
}

#[test]
fn what_json_lacks_is_told() {
    let dump = r#"[{"Name":"Relay","Server":"EX01","AuthMechanism":64,"Bindings":[{}],
        "RemoteIPRanges":["10.0.0.1"],"PermissionGroups":0,"TransportRole":32,
        "MaxMessageSize":{}}, 5, {"Name":"Oth"#;
    let import = imported(dump);
    insta::assert_snapshot!(notes(&import).join("\n"), @r#"
    line 3: this is no receive connector; it is left out
    line 3: the dump ends in the middle; what follows is lost
    AuthMechanism: "64" cannot be read, expected a sum of flags, at most 63; taken as Tls
    Bindings has no readable form in the dump; 0 values are left
    MaxMessageSize has no readable form in the dump; taken as 36 MB (37,748,736 bytes)
    "#);
}

#[test]
fn csv_comes_in_three_separators_and_lists_in_three_joins() {
    let rows = |d: &str, join: &str| {
        let header = ["Name", "Server", "Bindings", "RemoteIPRanges", "AuthMechanism"];
        let more = ["PermissionGroups", "TransportRole", "TlsDomainCapabilities", "Comment"];
        let quoted = |row: &[&str]| {
            row.iter().map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(d)
        };
        let row = [
            "Relay",
            "EX01",
            &["0.0.0.0:25", "[::]:25"].join(join),
            &["10.0.0.1-10.0.0.9", "10.1.0.0/16"].join(join),
            "Tls, ExchangeServer",
            "None",
            "FrontendTransport",
            &["a.test:AcceptCloudServicesMail,AcceptOorgProtocol", "b.test:AcceptOorgProtocol"]
                .join(join),
            "says \"\"hello\"\"",
        ];
        format!(
            "#TYPE Selected.X\r\n{}\r\n{}\r\n",
            quoted(&[&header[..], &more].concat()),
            quoted(&row)
        )
    };
    for (delimiter, join) in [(",", ";"), (";", ","), ("\t", "\n"), (",", ", ")] {
        let relay = connector(&rows(delimiter, join));
        assert_eq!(relay.bindings.len(), 2);
        assert_eq!(relay.remote_ip_ranges.len(), 2);
        assert_eq!(relay.auth_mechanism, AuthMechanism::Tls | AuthMechanism::ExchangeServer);
        assert_eq!(relay.tls_domain_capabilities.len(), 2);
        assert_eq!(relay.comment, "says \"hello\"");
    }
    let cut = imported(&(rows(",", ";") + "\"Other\",\"EX01\",\"0.0.0.0:25"));
    assert_eq!(notes(&cut), ["line 4: the dump ends in the middle; what follows is lost"]);
    assert_eq!(cut.connectors[0].at.start, cut.text.find("\"Relay\"").unwrap());
}

const CLIXML: &str = r#"<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">
  <Obj RefId="0">
    <TN RefId="0"><T>Microsoft.Exchange.Data.Directory.SystemConfiguration.ReceiveConnector</T></TN>
    <ToString>EX01\Relay</ToString>
    <Props>
      <Obj N="AuthMechanism" RefId="1"><ToString>Tls, ExchangeServer</ToString><I32>17</I32></Obj>
      <Obj N="PermissionGroups" RefId="9"><I32>1</I32></Obj>
      <Obj N="Bindings" RefId="2"><LST>
        <Obj RefId="3"><ToString>[::]:25</ToString><Props><I32 N="Port">25</I32></Props>
          <MS><BA N="SerializationData">AAEAAAD/////</BA></MS></Obj>
        <S>10.0.0.5:25</S>
      </LST></Obj>
      <Obj N="RemoteIPRanges" RefId="4"><LST><S>10.0.0.7</S></LST></Obj>
      <S N="TransportRole">FrontendTransport</S>
      <Obj N="TlsCertificateName" RefId="5"><ToString>&lt;I&gt;CN=a&#x26;b&lt;S&gt;CN=c</ToString></Obj>
      <S N="Comment">one_x000D__x000A_two _xD83C__xDFD4_ _x_ &apos;</S>
      <Nil N="Banner" /><S N="DefaultDomain"></S>
      <Obj N="Identity" RefId="6"><ToString>EX01\Relay</ToString></Obj>
      <Ref N="Id" RefId="6" />
    </Props>
    <MS><S N="PSComputerName">ex01.contoso.test</S><BA N="SerializationData">AAEAAAD</BA></MS>
  </Obj>
</Objs>"#;

#[test]
fn clixml_is_read_by_what_it_prints() {
    let relay = connector(CLIXML);
    assert_eq!(relay.name, "Relay");
    assert_eq!(relay.bindings, ["[::]:25", "10.0.0.5:25"].map(|b| b.parse::<Binding>().unwrap()));
    assert_eq!(relay.permission_groups, PermissionGroups::AnonymousUsers);
    assert_eq!(relay.tls_certificate_name.as_ref().unwrap().to_string(), "<I>CN=a&b<S>CN=c");
    assert_eq!(relay.comment, "one\r\ntwo 🏔 _x_ '");
    let import = imported(CLIXML);
    assert_eq!(import.text[import.connectors[0].at.clone()], *"<Obj RefId=\"0\">");
    let (name, place) = &import.connectors[0].places[3];
    assert_eq!(
        (*name, &import.text[place.clone()]),
        ("RemoteIPRanges", "<Obj N=\"RemoteIPRanges\" RefId=\"4\">")
    );
    // A list of connectors, as -InputObject makes it.
    let wrapped = CLIXML
        .replacen("<Obj RefId=\"0\">", "<Obj RefId=\"99\"><LST><Obj RefId=\"0\">", 1)
        .replace("</Objs>", "</LST></Obj></Objs>");
    assert_eq!(connector(&wrapped), relay);
}

#[test]
fn xml_with_more_than_clixml_has_is_refused() {
    for (from, to, reason) in [
        ("<Objs ", "<!DOCTYPE a [<!ENTITY b \"c\">]><Objs ", "a document type"),
        ("&apos;", "&boom;", "the entity &boom;"),
        ("<Objs ", "<Things ", "not of Export-Clixml"),
        ("<TN RefId=\"0\">", &"<a>".repeat(100), "nested too deeply"),
        ("</Props>", "</Prop>", "no Clixml from here on"),
    ] {
        let error = error(&CLIXML.replacen(from, to, 1));
        assert!(error.contains(reason), "{error}");
    }
    let twice = CLIXML.replace("</Objs>", "<Obj><Props><S N=\"Name\">Oth");
    assert_eq!(
        notes(&imported(&twice)),
        ["line 23: the dump ends in the middle; what follows is lost"]
    );
}

#[test]
fn the_server_is_inferred() {
    let of = |lines: &str| imported(&format!("{REST}{lines}")).server;
    let server = of("OriginatingServer : dc01.contoso.test\n");
    assert_eq!((server.name.as_str(), server.fqdn.as_str()), ("EX01", "ex01.contoso.test"));
    assert_eq!(server.version, Version::E2019);
    assert_eq!(of("Fqdn : EX01.fabrikam.test\n").fqdn, "EX01.fabrikam.test");
    assert_eq!(of("Fqdn : mail.fabrikam.test\n").fqdn, "ex01.contoso.test");
    assert_eq!(
        of("DistinguishedName : CN=Relay,CN=X,DC=ad,DC=fabrikam,DC=test\n").fqdn,
        "ex01.ad.fabrikam.test"
    );
    assert_eq!(of("AdminDisplayVersion : Version 15.1 (Build 2507.6)\n").version, Version::E2016);
    assert_eq!(of("Name : Default internal receive connector EX01\n").role, ServerRole::Mailbox);
    let edge = REST.replace("TransportRole : FrontendTransport\n", "")
        + "Name : Default internal receive connector EDGE01\n";
    assert_eq!(imported(&edge).server.role, ServerRole::Edge);
    let given = Choice { version: Some(Version::E2010), ..Choice::default() };
    let import = import(REST.into(), None, &given).unwrap();
    assert_eq!(import.server.version, Version::E2010);
}

#[test]
fn servers_are_kept_apart() {
    let dump = format!("{REST}\n{}", REST.replace("EX01", "ex02"));
    assert_eq!(
        error(&dump),
        "it has connectors of several servers: EX01, ex02; name one (--server)"
    );
    let choose = |name: &str| {
        let choice = Choice { server: Some(name.to_owned()), ..Choice::default() };
        import(dump.clone().into(), None, &choice)
    };
    assert_eq!(choose("EX02").unwrap().connectors[0].identity, "ex02\\Relay");
    assert_eq!(
        choose("EX03").unwrap_err().to_string(),
        "it has no connectors of EX03, but of EX01, ex02"
    );
}

#[test]
fn permissions_come_in_every_form() {
    let table = "
   Identity: EX01\\Relay

User                         ExtendedRights                       Deny  IsInherited
----                         --------------                       ----  -----------
NT AUTHORITY\\ANONYMOUS LOGON {ms-Exch-SMTP-Submit}                False False
NT AUTHORITY\\ANONYMOUS LOGON {ms-Exch-SMTP-Accept-Any-Recipient}  False False
CONTOSO\\Exchange Servers     {ms-Exch-SMTP-Accept-Any-Sender}     True  False
";
    let list = "
User           : NT AUTHORITY\\ANONYMOUS LOGON
Identity       : EX01\\Relay
Deny           : False
ExtendedRights : {ms-Exch-SMTP-Submit, ms-Exch-SMTP-Accept-Any-Recipient}

User           : CONTOSO\\Exchange Servers
Identity       : EX01\\Relay
Deny           : True
ExtendedRights : {ms-Exch-SMTP-Accept-Any-Sender}
";
    let csv = "\"Identity\",\"User\",\"Deny\",\"ExtendedRights\"
\"EX01\\Relay\",\"S-1-5-7\",\"False\",\"ms-Exch-SMTP-Submit;ms-Exch-SMTP-Accept-Any-Recipient\"
\"EX01\\Relay\",\"CONTOSO\\Exchange Servers\",\"True\",\"ms-Exch-SMTP-Accept-Any-Sender\"
\"EX02\\Relay\",\"CONTOSO\\Exchange Servers\",\"True\",\"ms-Exch-SMTP-Accept-Any-Sender\"
";
    let json = r#"[{"Identity":"EX01\\Relay","User":{"RawIdentity":"NT AUTHORITY\\ANONYMOUS LOGON"},
        "Deny":false,"ExtendedRights":[{"RawIdentity":"ms-Exch-SMTP-Submit"},
        {"RawIdentity":"ms-Exch-SMTP-Accept-Any-Recipient"}]},
        {"User":"CONTOSO\\Exchange Servers","Deny":true,"ExtendedRights":"ms-Exch-SMTP-Accept-Any-Sender"}]"#;
    let clixml = r#"<Objs><Obj RefId="0"><MS><S N="Identity">EX01\Relay</S><B N="Deny">false</B>
        <Obj N="User" RefId="1"><ToString>NT AUTHORITY\ANONYMOUS LOGON</ToString></Obj>
        <Obj N="ExtendedRights" RefId="2"><LST><S>ms-Exch-SMTP-Submit</S>
        <S>ms-Exch-SMTP-Accept-Any-Recipient</S></LST></Obj></MS></Obj>
        <Obj RefId="3"><MS><S N="Identity">EX01\Relay</S><B N="Deny">true</B>
        <S N="User">CONTOSO\Exchange Servers</S><Obj N="ExtendedRights" RefId="4"><LST>
        <S>ms-Exch-SMTP-Accept-Any-Sender</S></LST></Obj></MS></Obj></Objs>"#;
    let dump = REST.replace("PermissionGroups : None", "PermissionGroups : AnonymousUsers, Custom");
    let with = |permissions: &str| {
        import(dump.clone().into(), Some(permissions.into()), &Choice::default()).unwrap()
    };
    for permissions in [table, list, csv, json, clixml] {
        let import = with(permissions);
        assert_eq!(notes(&import), [""; 0], "{permissions}");
        let given: Vec<_> = import.connectors[0]
            .connector
            .ad_permissions
            .iter()
            .map(|p| format!("{} {} {}", p.user, p.rights, if p.deny { "no" } else { "yes" }))
            .collect();
        // Submit is what AnonymousUsers gives.
        assert_eq!(
            given,
            [
                "NT AUTHORITY\\ANONYMOUS LOGON SMTPAcceptAnyRecipient yes",
                "Exchange Servers SMTPAcceptAnySender no"
            ],
            "{permissions}"
        );
    }
    // Windows in German, and somebody who may be an account.
    let german = "User,Deny,ExtendedRights\nNT-AUTORITÄT\\ANONYMOUS-ANMELDUNG,False,ms-Exch-SMTP-Accept-Any-Recipient\n\
                  CONTOSO\\svc,False,ms-Exch-SMTP-Submit\n";
    let german = with(german);
    let given = &german.connectors[0].connector.ad_permissions[0];
    assert_eq!((&given.user, given.rights), (&Principal::Anonymous, Rights::ACCEPT_ANY_RECIPIENT));
    assert!(notes(&german)[0].starts_with("CONTOSO\\svc is taken for an account"));
    let odd = "User,ExtendedRights,Identity\nBUILTIN\\Users,ms-Exch-SMTP-Submit,EX01\\Relay\n\
               A\\b,Send-As,EX01\\Relay\nA\\b,ms-Exch-SMTP-Submit,EX01\\Gone\n";
    insta::assert_snapshot!(notes(&with(odd)).join("\n"), @r#"
    the permissions do not say which are denied; all are taken as allowed
    there are permissions of "Gone", but no such connector
    BUILTIN\Users is nobody that is known here; what is given to or taken from it is left out
    rights that are none of a receive connector's are left out: Send-As (1)
    PermissionGroups has Custom, but the rights that were given or taken by hand are not there; Get-ADPermission tells them (--permissions)
    "#);
    let wrong = import(dump.clone().into(), Some(dump.clone().into()), &Choice::default());
    assert!(wrong.unwrap_err().to_string().starts_with("the permissions: there are no extended"));
    assert!(error(list).contains("but permissions, as Get-ADPermission prints them"));
}

#[test]
fn what_is_no_dump_says_what_would_be() {
    assert_eq!(error(""), "it is empty");
    assert_eq!(error(" \n"), "it is empty");
    assert!(error("hello").starts_with("its form is not known"));
    assert!(error("[Server]\nName = \"EX01\"\n").starts_with("its form is not known"));
    assert!(
        error("Identity   Bindings\n--------   --------\nEX01\\a     {}\n")
            .starts_with("it is a table")
    );
    assert_eq!(error("{\"a\":1}"), "there is no receive connector in it");
    assert!(
        error("Bindings : 0.0.0.0:25\nEnabled : True\n")
            .contains("(line 1: this connector has no name")
    );
    assert_eq!(
        error("{\"Bindings\":"),
        "there is no receive connector in it (line 1: the dump ends in the middle)"
    );
    assert!(!is_dump(b"[[ReceiveConnector]]\nName = \"a\"\n"));
    assert!(is_dump(CLIXML.as_bytes()));
}

#[test]
fn text_of_a_dump_cannot_leave_its_comment() {
    let dump = CLIXML.replace(
        "EX01\\Relay</ToString>\n    <Props>",
        "x</ToString><Props><S N=\"Evil_x000A_[x]\">1</S>",
    );
    let toml = imported(&dump).to_toml(0).unwrap();
    assert!(toml.contains("# Evil\\n[x] is not known"), "{toml}");
    toml::from_str::<toml::Table>(&toml).unwrap();
}
