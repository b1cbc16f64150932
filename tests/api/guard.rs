//! Who may ask: every operation of the document is guarded.

use serde_json::Value;

use crate::support::{Daemon, http};
use crate::{TOML, get, json};

const TOKEN: &str = "0123456789abcdef";

fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = paths.iter().flat_map(of).collect();
    all.extend(
        ["/api", "/api/v1/openapi.json", "/nothing"].map(|p| ("GET".to_owned(), p.to_owned())),
    );
    all.retain(|(_, path)| path != "/livez" && path != "/readyz");
    all
}

#[test]
fn pages_of_other_sites_and_other_names_are_refused_everywhere() {
    let daemon = Daemon::start(TOML, &[]);
    let operations = operations(&get(&daemon, "/openapi.json"));
    assert!(operations.len() > 30, "{operations:?}");
    for (method, path) in &operations {
        for header in
            ["Origin: http://evil.test", "Host: rebind.example.test", "Sec-Fetch-Site: cross-site"]
        {
            let response = http(daemon.http(), method, path, &[header], "");
            assert_eq!(response.status, 403, "{method} {path} {header}");
            json(&response);
        }
    }
}

#[test]
fn a_token_is_asked_for_everywhere() {
    let daemon = Daemon::start(&format!("{TOML}\n[http]\ntoken = \"{TOKEN}\"\n"), &[]);
    let token = [&*format!("Authorization: Bearer {TOKEN}")];
    let document = http(daemon.http(), "GET", "/api/v1/openapi.json", &token, "");
    for (method, path) in operations(&serde_json::from_str(&document.body).unwrap()) {
        for headers in [&[][..], &["Authorization: Bearer 0123456789abcdeF"]] {
            let response = http(daemon.http(), &method, &path, headers, "");
            assert_eq!(response.status, 401, "{method} {path} {headers:?}");
        }
    }
    assert_eq!(http(daemon.http(), "GET", "/api/v1/version", &token, "").status, 200);
}

#[test]
fn wrong_methods_are_told_the_right_ones() {
    let daemon = Daemon::start(TOML, &[]);
    let response = http(daemon.http(), "PATCH", "/api/v1/messages", &[], "");
    assert_eq!(response.status, 405);
    assert!(response.headers.contains("allow: get,head,delete"), "{}", response.headers);
    json(&response);
    for (method, path, status) in
        [("POST", "/livez", 405), ("PUT", "/login", 405), ("POST", "/login", 415)]
    {
        let response = http(daemon.http(), method, path, &["Content-Type: text/plain"], "a");
        assert_eq!(response.status, status, "{method} {path}");
        json(&response);
        assert_eq!(response.headers.contains("allow: "), status == 405, "{}", response.headers);
    }
}

#[test]
fn parameters_that_nobody_knows_are_refused_everywhere() {
    let daemon = Daemon::start(TOML, &[]);
    for (method, path) in operations(&get(&daemon, "/openapi.json")) {
        let is_own = path.starts_with("/api/v1/") && path != "/api/v1/openapi.json";
        if is_own {
            // A number fits every place in a path.
            let path = path.replace("{id}", "1").replace("{number}", "1").replace("{name}", "1");
            let response = http(daemon.http(), &method, &format!("{path}?lmit=1"), &[], "");
            assert_eq!(response.status, 400, "{method} {path}");
            assert_eq!(json(&response)["errors"][0]["name"], "lmit", "{method} {path}");
        }
    }
}

#[test]
fn a_header_has_an_end() {
    let daemon = Daemon::start(TOML, &[]);
    let long = format!("X-Long: {}", "x".repeat(200_000));
    assert_eq!(http(daemon.http(), "GET", "/api/v1/version", &[&long], "").status, 431);
    let version = http(daemon.http(), "GET", "/api/v1/version", &[], "");
    assert!(version.headers.contains("x-content-type-options: nosniff"));
    assert!(version.headers.contains("cache-control: no-store"));
}

#[test]
fn the_page_names_every_operation() {
    let daemon = Daemon::start(TOML, &[]);
    let document = get(&daemon, "/openapi.json");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let page = http(daemon.http(), "GET", "/api", &[], "");
    assert!(page.headers.contains("content-security-policy: default-src 'none'"));
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.body.contains(path), "{path}");
    }
    assert!(!page.body.contains("//"), "it loads nothing");
    assert!(page.body.contains("<code>size_over</code> (in the body)"), "keys of a rule");
    assert!(page.body.contains("<code>end-of-data</code>"), "stages");
    assert!(page.body.contains("in place of the server's"), "what a reply is");
}

#[test]
fn the_document_speaks_of_nothing_in_the_code() {
    let daemon = Daemon::start(TOML, &[]);
    let document = get(&daemon, "/openapi.json");
    let (mut left, mut leaks) = (vec![&document], Vec::new());
    while let Some(value) = left.pop() {
        let description = value["description"].as_str();
        leaks.extend(
            description
                .filter(|text| ["[`", "::", "Display"].iter().any(|code| text.contains(code))),
        );
        match value {
            Value::Object(object) => left.extend(object.values()),
            Value::Array(array) => left.extend(array),
            _ => {}
        }
    }
    assert_eq!(leaks, [""; 0]);
    let rule = &document["components"]["schemas"]["Spec"]["properties"];
    assert_eq!(rule["stage"]["enum"][0], "connect");
    assert!(
        rule.as_object().unwrap().values().all(|key| {
            key["description"].is_string() || key["oneOf"][0]["description"].is_string()
        }),
        "{rule:#}"
    );
}
