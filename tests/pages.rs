//! Pages for people, over HTTP: what they show, and that nothing of a peer's acts on them.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use support::{Client, Daemon, Response, http, own_address, run, tool, wait_until};

const SET: &str = r#"
[[AcceptedDomain]]
DomainName = "contoso.test"
[[ReceiveConnector]]
Name = "a"
Bindings = "127.0.0.1:0"
PermissionGroups = "AnonymousUsers"
ProtocolLoggingLevel = "Verbose"
TarpitInterval = "00:00:00"
AuthTarpitInterval = "00:00:00"
[[ReceiveConnector]]
Name = "R&D <b>/ office"
Bindings = "127.0.0.2:0"
RemoteIPRanges = "10.0.0.10-10.0.0.20"
PermissionGroups = "ExchangeUsers"
AuthMechanism = "BasicAuth"
[[account]]
name = 'CONTOSO\alice'
password = "Passw0rd!"
addresses = ["alice@contoso.test"]
"#;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn get(daemon: &Daemon, path: &str) -> Response {
    http(daemon.http(), "GET", path, &["Accept: text/html"], "")
}

fn post(daemon: &Daemon, path: &str, form: &str) -> Response {
    http(daemon.http(), "POST", path, &[FORM], form)
}

/// Sends one message, and gives its page.
fn deliver(daemon: &Daemon, content: &str) -> String {
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    client.command("MAIL FROM:<you@fabrikam.test>");
    client.command("RCPT TO:<alice@contoso.test>");
    client.command("DATA");
    let reply = client.command(&format!("{content}\r\n."));
    assert!(reply.starts_with("250 "), "{reply}");
    first_link(&get(daemon, "/").body, "/messages/")
}

/// The first link that begins like this.
fn first_link(page: &str, start: &str) -> String {
    let (_, rest) = page.split_once(&format!("href=\"{start}")).expect(page);
    format!("{start}{}", rest.split('"').next().unwrap())
}

/// The id of the session that came last.
fn last_session(daemon: &Daemon) -> String {
    first_link(&get(daemon, "/sessions").body, "/sessions/")
}

/// All pages that a daemon has by now, but for those of messages.
fn pages(daemon: &Daemon) -> Vec<(String, Response)> {
    let mut paths: Vec<String> =
        ["/", "/sessions", "/connectors", "/connectors/a", "/map", "/map?address=10.0.0.12"]
            .map(str::to_owned)
            .to_vec();
    paths.extend(["/events", "/log", "/log?all=1", "/rules", "/accounts"].map(str::to_owned));
    for (list, start) in [("/sessions", "/sessions/"), ("/events", "/events/")] {
        let page = get(daemon, list).body;
        let links = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        paths.extend(links.filter(|link| link.starts_with(start)).map(str::to_owned));
    }
    paths.dedup();
    paths.into_iter().map(|path| (path.clone(), get(daemon, &path))).collect()
}

fn is_strict(path: &str, page: &Response) {
    for header in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; style-src 'self'",
        "script-src 'self';",
        "frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "referrer-policy: same-origin",
    ] {
        assert!(page.headers.contains(header), "{path} has no {header}: {}", page.headers);
    }
    for inline in
        [" style=", " onclick=", " onerror=", "javascript:", "<script>", "http://", "//cdn"]
    {
        let svg = ["http://www.w3.org/2000/svg"];
        let body = svg.iter().fold(page.body.clone(), |body, known| body.replace(known, ""));
        assert!(!body.contains(inline), "{path} has {inline}");
    }
}

#[test]
fn every_page_is_there_and_strict() {
    let daemon = Daemon::start(SET, &[]);
    deliver(&daemon, "Subject: hello\r\n\r\nThe first message.");
    let mut client = Client::connect(daemon.address("a"));
    client.command("AUTH LOGIN");
    client.command("YWxpY2U=");
    client.command("d3Jvbmc=");
    let pages = pages(&daemon);
    assert!(pages.iter().any(|(path, _)| path.starts_with("/sessions/")));
    for (path, page) in &pages {
        assert_eq!(page.status, 200, "{path}");
        is_strict(path, page);
        assert!(page.body.contains("<h1>") && page.body.contains("<main id=\"main\""), "{path}");
    }
    let style = first_link(&get(&daemon, "/").body, "/assets/style.css");
    let style = get(&daemon, &style);
    assert!(style.headers.contains("content-type: text/css") && style.headers.contains("etag: "));
}

#[test]
fn the_first_visit_says_how_to_send_and_the_line_works() {
    let Some(_) = tool("curl") else { return };
    let daemon = Daemon::start(SET, &[]);
    let page = get(&daemon, "/").body;
    assert!(page.contains("No message yet"), "{page}");
    let (_, rest) = page.split_once("<code>printf").unwrap();
    let line = format!("printf{}", rest.split("</code>").next().unwrap()).replace("&#39;", "'");
    assert!(line.contains(&daemon.address("a").to_string()), "{line}");
    let sent = run(Command::new("sh").arg("-c").arg(&line), b"");
    assert!(sent.status.success(), "{sent:?}");
    assert!(get(&daemon, "/").body.contains(">hello</bdi></a>"));
}

#[test]
fn what_is_nowhere_is_told_to_each_in_his_own_way() {
    let daemon = Daemon::start(SET, &[]);
    for path in [
        "/nothing",
        "/messages/none",
        "/messages/none/html",
        "/sessions/none",
        "/connectors/none",
        "/events/0",
    ] {
        let page = get(&daemon, path);
        assert_eq!(page.status, 404, "{path}");
        is_strict(path, &page);
        assert!(page.body.contains("<nav aria-label=\"Pages\">"), "{path}: {}", page.body);
    }
    assert!(get(&daemon, "/sessions/none").body.contains("<a href=\"/sessions\">‹ Sessions</a>"));
    let page = get(&daemon, "/sessions?page=999").body;
    assert!(page.contains("Nobody has connected yet."), "{page}");
    Client::connect(daemon.address("a")).ehlo();
    let page = get(&daemon, "/sessions?page=999").body;
    assert!(page.contains("The list is not that long") && !page.contains("page=998"), "{page}");
    let problem = http(daemon.http(), "GET", "/nothing", &[], "");
    assert!(problem.headers.contains("content-type: application/problem+json"));
}

#[test]
fn a_message_has_its_sides() {
    let daemon = Daemon::start(SET, &[]);
    let message = deliver(
        &daemon,
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-MS-Exchange-Organization-SCL: -1\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nin plain text\r\n\
         --b\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>h\u{e9}</p><script>x</script>\r\n\
         --b\r\nContent-Type: application/pdf; name=\"../a b.pdf\"\r\n\
         Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n--b--",
    );
    let view = |view: &str| {
        let page = get(&daemon, &format!("{message}?view={view}"));
        assert_eq!(page.status, 200);
        is_strict(view, &page);
        page.body
    };
    let html = view("");
    assert!(
        html.contains("<h1><bdi>Grüße</bdi></h1>")
            && html.contains("<iframe class=\"mail\" sandbox ")
    );
    assert!(html.contains("\"a\" alone takes 127.0.0.1".replace('"', "&#34;").as_str()), "{html}");
    assert!(html.contains("SMTPSubmit") && html.contains("/sessions/"));
    assert!(view("text").contains("in plain text"));
    let headers = view("headers");
    assert!(headers.contains("<del><code>X-MS-Exchange-Organization-SCL: -1</code></del>"));
    assert!(headers.contains("only ms-Exch-Accept-Headers-Organization keeps it"));
    assert!(headers.contains("<li class=\"stamped\"><code>Received: from"));
    assert!(view("source").contains("Content-Transfer-Encoding: base64"));
    assert!(view("parts").contains("../a b.pdf"));

    let frame = get(&daemon, &format!("{message}/html"));
    assert!(frame.body.starts_with("<p>h\u{c3}\u{a9}</p>"), "the charset is kept: {}", frame.body);
    for policy in ["sandbox;", "default-src 'none'", "img-src data:", "frame-ancestors 'self'"] {
        assert!(frame.headers.contains(policy), "{}", frame.headers);
    }
    assert!(!frame.headers.contains("script-src"), "{}", frame.headers);
    assert!(html.contains(">Parts (3, 1 attachment)</a>"), "{html}");
    assert!(html.contains("<code>SMTPSubmit</code> <span class=\"muted\">ms-Exch-SMTP-Submit<"));
    for (page, file) in [(&html, "raw"), (&view("parts"), "parts/2")] {
        let file = format!("/api/v1{message}/{file}");
        assert!(page.contains(&format!("href=\"{file}\"")), "{page}");
        let saved = get(&daemon, &file);
        assert!(saved.headers.contains("content-disposition: attachment;"), "{}", saved.headers);
    }

    assert_eq!(post(&daemon, &format!("{message}/delete"), "").status, 303);
    assert_eq!(get(&daemon, &message).status, 404);
}

#[test]
fn an_image_is_shown_if_it_can_do_nothing_else() {
    let daemon = Daemon::start(SET, &[]);
    let message = deliver(
        &daemon,
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n\
         --b\r\nContent-Type: image/svg+xml\r\n\r\n<svg onload=x>\r\n--b--",
    );
    let parts = get(&daemon, &format!("{message}?view=parts")).body;
    assert_eq!(parts.matches("<img ").count(), 1, "{parts}");
    let image = get(&daemon, &format!("{message}/images/0"));
    assert_eq!((image.status, &*image.body), (200, "hi"));
    for header in ["content-type: image/png", "content-security-policy: sandbox;", "nosniff"] {
        assert!(image.headers.contains(header), "{}", image.headers);
    }
    for none in ["1", "2", "x", "-1"] {
        assert_eq!(get(&daemon, &format!("{message}/images/{none}")).status, 404, "{none}");
    }
}

#[test]
fn the_envelope_and_the_header_are_told_apart() {
    let daemon = Daemon::start(SET, &[]);
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    let mut page = |sender: &str, content: &str| {
        client.command(&format!("MAIL FROM:<{sender}>"));
        client.command("RCPT TO:<alice@contoso.test>");
        client.command("DATA");
        client.command(&format!("{content}\r\n."));
        get(&daemon, &first_link(&get(&daemon, "/").body, "/messages/")).body
    };
    let same = page("you@fabrikam.test", "From: You <You@fabrikam.test>\r\n\r\n");
    assert!(same.contains("<dt>MAIL FROM</dt><dd><bdi>you@fabrikam.test</bdi></dd>"), "{same}");
    assert!(same.contains("<dt>RCPT TO</dt>") && !same.contains("in the header"), "{same}");
    assert!(same.contains("The body is empty."), "{same}");
    let other = page("", "From: Post <post@fabrikam.test>, a@b.test\r\n\r\nx");
    assert!(other.contains("<dt>MAIL FROM</dt><dd><code>&lt;&gt;</code>"), "{other}");
    let from = "<bdi>Post &#60;post@fabrikam.test&#62;, a@b.test</bdi>";
    assert!(other.contains(from), "{other}");
}

#[test]
fn links_of_a_message_are_told_and_lead_nowhere() {
    let daemon = Daemon::start(SET, &[]);
    let html = "<a title=x href='https://fabrikam.test/?a=1&amp;b=2'>Offer</a>";
    let message = deliver(&daemon, &format!("Content-Type: text/html\r\n\r\n{html}"));
    let frame = get(&daemon, &format!("{message}/html")).body;
    assert!(!frame.contains("href") && frame.contains(" title='https://fabrikam.test/"), "{frame}");
    let page = get(&daemon, &message).body;
    assert!(page.contains("its links lead nowhere") && page.contains("1 link<"), "{page}");
    assert!(page.contains("<code>https://fabrikam.test/?a=1&#38;b=2</code>"), "{page}");
}

#[test]
fn a_message_leads_back_to_where_one_came_from() {
    let daemon = Daemon::start(SET, &[]);
    deliver(&daemon, "Subject: one\r\n\r\n");
    deliver(&daemon, "Subject: two\r\n\r\n");
    let list = get(&daemon, "/?from=you&subject=one").body;
    let message = first_link(&list, "/messages/");
    let page = get(&daemon, &message).body;
    let (_, menu) = page.split_once("<summary>Delete</summary>").expect("it asks first");
    assert!(menu.contains("name=\"back\" value=\"from=you&#38;subject=one\""), "{menu}");
    assert!(
        page.contains("<a href=\"/?from=you&#38;subject=one\">‹ Back to the list</a>"),
        "{page}"
    );
    assert!(page.contains("view=source&amp;back=from%3Dyou%26subject%3Done"), "{page}");
    let path = message.split('?').next().unwrap();
    let deleted = post(&daemon, &format!("{path}/delete"), "back=from%3Dyou%26subject%3Done");
    assert!(deleted.headers.contains("location: /?from=you&subject=one"), "{}", deleted.headers);
    let evil = post(&daemon, "/messages/none/delete", "back=a%0d%0aX-Evil:%20b");
    assert!(evil.headers.contains("location: /\r\n"), "{}", evil.headers);
}

#[test]
fn messages_are_searched_and_paged() {
    let daemon = Daemon::start(SET, &[]);
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    for n in 0..120 {
        client.deliver(&format!("sender{n}@fabrikam.test"), "alice@contoso.test");
    }
    let rows = |path: &str| {
        let page = get(&daemon, path).body;
        let older = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let older = older.filter(|link| link.contains("past=")).last().map(str::to_owned);
        (
            page.matches("<td class=\"subject").count(),
            older.map(|link| link.replace("&amp;", "&").replace("&#38;", "&")),
        )
    };
    let (first, older) = rows("/");
    let (second, older) = rows(&older.unwrap());
    let (third, _) = rows(&older.unwrap());
    assert_eq!((first, second, third), (50, 50, 20));
    assert_eq!(rows("/?from=sender11%40").0, 1);
    let (found, older) = rows("/?from=SENDER&subject=test");
    let older = older.unwrap();
    assert!(found == 50 && older.contains("from=SENDER&subject=test&past="), "{older}");
    assert!(get(&daemon, "/?to=nobody").body.contains("No message matches."));

    // The way back, with the search.
    let page = |path: &str| get(&daemon, path).body.replace("&#38;", "&");
    assert!(page("/?from=sender").contains("50 of those that match, 120 kept"));
    assert!(page("/?from=sender11%40").contains("1 of 120 messages match"));
    let second = page(&first_link(&page("/?from=sender"), "/?from=sender&past="));
    assert!(second.contains("<a href=\"/?from=sender\">Newest</a>"), "{second}");
    let third = page(&first_link(&second, "/?from=sender&past="));
    let again = page(&first_link(&third, "/?from=sender&newer="));
    assert_eq!(again.matches("@fabrikam.test</bdi>").count(), 50);
    assert!(again.contains("sender69@") && again.contains("sender20@"), "{again}");
    let newest = get(&daemon, &first_link(&second, "/?from=sender&newer="));
    assert!(newest.status == 303 && newest.headers.contains("location: /?from=sender\r\n"));
    assert_eq!(post(&daemon, "/messages/delete", "").status, 303);
    assert!(get(&daemon, "/").body.contains("No message yet"));
}

#[test]
fn a_session_tells_why() {
    let daemon = Daemon::start(SET, &[]);
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    client.command("MAIL FROM:<you@fabrikam.test>");
    client.command("RCPT TO:<somebody@elsewhere.example>");
    let id = last_session(&daemon);
    let page = get(&daemon, &id).body;
    for text in [
        "still open",
        "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
        "<strong>Refused because</strong> somebody@elsewhere.example is in no accepted domain",
        "<strong>On Exchange</strong> its sender gets a non-delivery report",
        "<strong>To mend it:</strong> have the client log on",
        "Rights as <bdi>anonymous</bdi>",
        "<dt><code>X-ANONYMOUSTLS</code></dt>",
        "Why not the others (1)",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert!(get(&daemon, "/sessions?outcome=refused").body.contains(&id));
    assert!(!get(&daemon, "/sessions?outcome=accepted").body.contains(&id));
    client.command("QUIT");
    wait_until(|| get(&daemon, &id).body.contains("ended by QUIT").then_some(()));
}

#[test]
fn the_map_says_who_meets_what() {
    let daemon = Daemon::start(SET, &[]);
    let office = daemon.address("R&D <b>/ office");
    let page = get(&daemon, &format!("/map?address=10.0.0.12&local={office}")).body;
    assert!(page.contains("<svg ") && page.contains("R&#38;D &#60;b&#62;/ office"), "{page}");
    assert!(page.contains("by its range 10.0.0.10-10.0.0.20 (11 addresses)"), "{page}");
    let page = get(&daemon, &format!("/map?address=10.0.0.99&local={office}")).body;
    assert!(page.contains("<strong>no connector</strong>"));
    for wrong in ["10.0.0", "%3Cscript%3E", "%00"] {
        let page = get(&daemon, &format!("/map?address={wrong}"));
        assert_eq!(page.status, 200);
        assert!(page.body.contains("this is no address such as"), "{wrong}");
    }
    let page = get(&daemon, &format!("/map?address=10.0.0.12&local={office}")).body;
    let picture = first_link(&page, "/api/v1/map.svg").replace("&#38;", "&");
    let picture = get(&daemon, &picture);
    assert!(picture.headers.contains("content-type: image/svg+xml"), "{}", picture.headers);
    assert!(picture.body.contains("10.0.0.12"));
    let connector = get(&daemon, "/connectors/R%26D%20%3Cb%3E%2F%20office");
    assert_eq!(connector.status, 200);
    assert!(connector.body.contains("ms-Exch-SMTP-Submit"));
}

/// What runs without a file, on an address of its own.
#[test]
fn the_built_in_accounts_say_how_to_log_on() {
    let address = own_address().to_string();
    let arguments = ["--listen", &address];
    let daemon = Daemon::run(tempfile::tempdir().unwrap(), &arguments, &[]);
    let accounts = get(&daemon, "/accounts").body;
    assert!(accounts.contains("password <code>Passw0rd!</code>"), "{accounts}");
    let first = get(&daemon, "/").body.replace("&#39;", "'");
    let (_, line) = first.split_once("<code>printf 'From: alice@contoso.test").expect(&first);
    let line = format!("printf 'From: alice@contoso.test{}", line.split("</code>").next().unwrap());
    assert!(line.contains(&format!("smtp://{address}:1587 --user 'alice@contoso.test:Passw0rd!'")));

    // The port that listens stands for that of the binding.
    let map = get(&daemon, "/map?address=10.0.0.12&local=1587").body;
    assert!(map.contains("meets <a href=\"/connectors/Client%20Frontend%20EX01\">"), "{map}");
    assert!(map.contains("Port 1587 listens for port 587 of the bindings."), "{map}");
    let same = get(&daemon, &format!("/map?address=10.0.0.12&local={address}:3525")).body;
    assert!(same.contains("Port 3525 listens for port 2525"), "{same}");
    Client::connect(format!("{address}:1025").parse().unwrap()).ehlo();
    let session = get(&daemon, &last_session(&daemon)).body;
    assert!(session.contains(&format!("to 0.0.0.0:25, where {address}:1025 listens")), "{session}");

    let Some(_) = tool("curl") else { return };
    let sent = run(Command::new("sh").arg("-c").arg(&line), b"");
    assert!(sent.status.success(), "{sent:?}");
    assert!(get(&daemon, "/").body.contains(">hi</bdi></a>"));
    let own = Daemon::start(&SET.replace("Passw0rd!", "0ther-Passw0rd"), &[]);
    assert!(!get(&own, "/accounts").body.contains("0ther-Passw0rd"));
}

#[test]
fn the_worst_finding_stands_on_top() {
    let set = r#"
        [[ReceiveConnector]]
        Name = "a"
        Bindings = "127.0.0.1:0"
        PermissionGroups = "AnonymousUsers, ExchangeServers"
        AuthMechanism = "Tls, ExchangeServer"
        SuppressXAnonymousTls = true
        [[ReceiveConnector]]
        Name = "b"
        Bindings = "127.0.0.2:0"
        PermissionGroups = "AnonymousUsers, ExchangeUsers"
        AuthMechanism = "BasicAuth"
    "#;
    let daemon = Daemon::start(set, &[]);
    let page = get(&daemon, "/connectors").body;
    let severities = page.split("<article class=\"finding ").skip(1);
    let severities: Vec<_> = severities.map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(severities, ["warning", "note"]);
}

#[test]
fn a_rule_is_made_bites_and_goes() {
    let daemon = Daemon::start(SET, &[]);
    let added = post(&daemon, "/rules", "preset=back-pressure");
    assert!(added.headers.contains("location: /rules?added=back-pressure"), "{}", added.headers);
    let page = get(&daemon, "/rules?added=back-pressure").body;
    assert!(page.contains("The rule <bdi>back-pressure</bdi> is added."), "{page}");
    assert!(
        page.contains("<summary aria-label=\"Remove back-pressure\">"),
        "it asks first: {page}"
    );
    assert!(page.contains("CONTOSO\\alice") && !page.contains("CONTOSO\\\\alice"), "{page}");
    assert!(!get(&daemon, "/rules?added=another").body.contains("is added."));
    assert_eq!(post(&daemon, "/rules", "preset=back-pressure&sender=*%40b.test").status, 303);
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    assert_eq!(client.command("MAIL FROM:<a@b.test>"), "452 4.3.1 Insufficient system resources");
    let page = get(&daemon, "/rules").body;
    assert!(
        page.contains("<bdi>back-pressure</bdi>") && page.contains("<bdi>back-pressure 2</bdi>")
    );
    assert!(page.contains("<td class=\"num\">1<"), "{page}");
    let session = get(&daemon, &last_session(&daemon)).body;
    assert!(session.contains("<a href=\"/rules\">rule &#34;back-pressure&#34;</a>"), "{session}");
    assert!(page.contains("<span class=\"unit\"> hit</span>"), "{page}");
    assert_eq!(post(&daemon, "/rules/reset", "").status, 303);
    assert!(!get(&daemon, "/rules").body.contains("<td class=\"num\">1<"));
    for name in ["back-pressure", "back-pressure%202", "never%20there"] {
        assert_eq!(post(&daemon, "/rules/remove", &format!("name={name}")).status, 303);
    }
    assert_eq!(client.command("MAIL FROM:<a@b.test>"), "250 2.1.0 Sender OK");

    let wrong =
        post(&daemon, "/rules", "name=x&stage=mail&reply=999+no&sender=%3Cb%3E&truncate=-1");
    assert_eq!(wrong.status, 422);
    is_strict("/rules", &wrong);
    assert!(
        wrong.body.contains("expected a number of octets") && wrong.body.contains("&#60;b&#62;")
    );
    let wrong = post(&daemon, "/rules", "stage=mail&reply=999+no&action=drop");
    assert!(
        wrong.body.contains("<strong>Reply</strong>")
            && wrong.body.contains("<strong>Or instead of a reply</strong>")
    );
    for field in ["reply", "action"] {
        let told = format!("aria-describedby=\"hint-{field} wrong-{field}\" aria-invalid=\"true\"");
        assert!(wrong.body.contains(&told), "{field}: {}", wrong.body);
        assert!(wrong.body.contains(&format!("<p class=\"wrong\" id=\"wrong-{field}\">")));
    }
    assert!(get(&daemon, "/rules").body.contains("There are no rules"));
}

#[test]
fn a_browser_signs_in_with_the_token() {
    let daemon = Daemon::start(&format!("{SET}[http]\ntoken = \"0123456789abcdef\"\n"), &[]);
    let away = get(&daemon, "/sessions?outcome=refused");
    assert_eq!(away.status, 303);
    let login = "/login?next=%2Fsessions%3Foutcome%3Drefused";
    assert!(
        away.headers.contains(&format!("location: {}", login.to_lowercase())),
        "{}",
        away.headers
    );
    assert_eq!(http(daemon.http(), "GET", "/sessions", &[], "").status, 401, "no browser");
    assert_eq!(http(daemon.http(), "POST", "/rules", &[FORM], "preset=prx5").status, 401);
    let page = get(&daemon, login);
    is_strict(login, &page);
    assert!(page.body.contains("value=\"/sessions?outcome=refused\""), "{}", page.body);
    assert_eq!(post(&daemon, "/login", "token=0123456789abcdeF&next=/").status, 403);
    let foreign = http(
        daemon.http(),
        "POST",
        "/login",
        &[FORM, "Origin: http://evil.test"],
        "token=0123456789abcdef",
    );
    assert_eq!(foreign.status, 403);

    let inside = post(&daemon, "/login", "token=0123456789abcdef&next=//evil.test");
    assert_eq!(inside.status, 303);
    assert!(inside.headers.contains("location: /\r\n"), "{}", inside.headers);
    let (_, cookie) = inside.headers.split_once("set-cookie: ").unwrap();
    let (pair, flags) = cookie.lines().next().unwrap().split_once("; ").unwrap();
    assert_eq!(flags, "path=/; httponly; samesite=strict");
    let with_cookie = |method, path, headers: &[&str]| {
        // The name of a header may be in any case, and so is this one's value in hexadecimal.
        let cookie = format!("Cookie: {pair}");
        let headers = [&[&*cookie, FORM], headers].concat();
        http(daemon.http(), method, path, &headers, "")
    };
    let page = with_cookie("GET", "/sessions", &[]);
    assert!(page.status == 200 && page.body.contains("Sign out"));
    assert_eq!(with_cookie("POST", "/rules/reset", &["Origin: http://evil.test"]).status, 403);
    assert_eq!(with_cookie("POST", "/rules/reset", &["Sec-Fetch-Site: cross-site"]).status, 403);
    assert_eq!(with_cookie("POST", "/rules/reset", &[]).status, 303);
    let out = with_cookie("POST", "/logout", &[]);
    assert!(out.headers.contains("max-age=0"));
    assert!(!daemon.log().contains("0123456789abcdef"));
}

/// What would act if it were not escaped, and what would break out of an attribute.
const CORPUS: [&str; 6] = [
    "<xss>alert(1)</xss>",
    "\"><xss onload=alert(1)>",
    "'><xss/src=x>",
    "</title><xss>",
    "</textarea></pre></iframe><xss>",
    "<!--<xss>",
];

#[test]
fn nothing_that_a_peer_says_acts_on_a_page() {
    let daemon = Daemon::start(SET, &[]);
    let mut messages = Vec::new();
    for evil in CORPUS {
        let quoted = evil.replace('\\', "\\\\").replace('"', "\\\"");
        let word = BASE64_STANDARD.encode(evil);
        let mut client = Client::connect(daemon.address("a"));
        client.command(&format!("EHLO {evil}"));
        client.command(evil);
        client.command("AUTH LOGIN");
        client.command(&word);
        client.command(&word);
        client.command("EHLO client.test");
        client.command(&format!("MAIL FROM:<\"{quoted}\"@fabrikam.test>"));
        client.command(&format!("RCPT TO:<\"{quoted}\"@contoso.test>"));
        client.command("RCPT TO:<alice@contoso.test>");
        client.command("DATA");
        let name = evil.replace([' ', ':'], "");
        let reply = client.command(&format!(
            "Subject: =?utf-8?b?{word}?=\r\nX-{name}: {evil}\r\nMessage-ID: {evil}\r\n\
             X-MS-Exchange-Organization-{name}: {evil}\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\n{evil}\r\n\
             --b\r\nContent-Type: text/html\r\n\r\n{evil}\r\n\
             --b\r\nContent-Type: {name}/{name}; name*=utf-8''{}\r\n\r\n--b--\r\n.",
            evil.bytes().map(|octet| format!("%{octet:02X}")).collect::<String>()
        ));
        assert!(reply.starts_with("250 "), "{reply}");
        let rule: String = evil.bytes().map(|octet| format!("%{octet:02X}")).collect();
        post(
            &daemon,
            "/rules",
            &format!("name={rule}&stage=quit&reply=221+{rule}&connector={rule}"),
        );
        messages.push(first_link(&get(&daemon, "/").body, "/messages/"));
        for echo in [
            "/?from=",
            "/map?local=",
            "/map?address=",
            "/sessions?outcome=",
            "/login?next=",
            "/messages/none?back=",
            "/rules?added=",
            "/",
        ] {
            let page = get(&daemon, &format!("{echo}{rule}"));
            assert!(!page.body.contains("<xss"), "{echo}{evil}");
        }
    }
    let mut shown = 0;
    let views = ["", "?view=text", "?view=headers", "?view=parts", "?view=source"];
    let paths = messages.iter().flat_map(|message| views.map(|view| format!("{message}{view}")));
    let views = paths.map(|path| (path.clone(), get(&daemon, &path)));
    for (path, page) in views.chain(pages(&daemon)) {
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("<xss"), "{path}\n{}", page.body);
        shown += page.body.matches("&#60;xss").count();
    }
    assert!(shown > 200, "it is shown: {shown}");
    let frame = get(&daemon, &format!("{}/html", messages[0]));
    assert!(frame.body.contains("<xss>"), "as it is, where it may do nothing");
    assert!(frame.headers.contains("x-dns-prefetch-control: off"));
    assert!(frame.headers.contains("content-security-policy: sandbox;"));
}

#[test]
fn hostile_mail_makes_small_pages_at_once() {
    let daemon = Daemon::start(
        &SET.replacen("TarpitInterval", "MaxMessageSize = \"100 MB\"\nTarpitInterval", 1),
        &[],
    );
    let part = "--b\r\nContent-Type: text/plain; name=\"a.txt\"\r\n\r\nx\r\n";
    let parts =
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--", part.repeat(10_000));
    let nested: String = (0..2_000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
        .collect();
    let line = format!("Content-Type: text/html\r\n\r\n{}", "<b>x".repeat(50 << 18));
    let fields = format!("{}\r\n", "X-Field: value\r\n".repeat(5_000));
    let charset = "Content-Type: text/plain; charset=\"x-\u{1}\"\r\n\r\n\u{fffd}\u{0}";
    for (name, content) in [
        ("parts", &parts),
        ("nested", &nested),
        ("line", &line),
        ("fields", &fields),
        ("charset", &charset.to_owned()),
    ] {
        let message = deliver(&daemon, content);
        for view in ["", "?view=text", "?view=headers", "?view=parts", "?view=source"] {
            let start = Instant::now();
            let page = get(&daemon, &format!("{message}{view}"));
            assert_eq!(page.status, 200, "{name}{view}");
            assert!(page.body.len() < 400_000, "{name}{view}: {} octets", page.body.len());
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "{name}{view}: {:?}",
                start.elapsed()
            );
            if (name, view) == ("parts", "?view=parts") {
                assert!(page.body.contains("… and 9900 more"), "{}", page.body);
            }
        }
        assert!(get(&daemon, &format!("{message}/html")).body.len() < 3_000_000);
    }
    assert!(get(&daemon, "/").body.len() < 100_000);
}
