//! The OpenAPI document, and a page made of it.

use std::fmt::Write as _;

use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, OpenApi, PathItem, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
    SecurityRequirement,
};
use utoipa::{OpenApi as _, PartialSchema as _, ToSchema as _};

use crate::web::{Problem, health};

const ABOUT: &str = "What a test asks expsd: what arrived, what was answered and why, and what to \
                     get wrong next. Errors are problem documents (RFC 9457).";

/// The document without the paths of the API.
pub(super) fn about() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(
        info(title = "expsd", description = ABOUT),
        paths(health::livez, health::readyz, health::metrics)
    )]
    struct About;

    About::openapi()
}

/// Adds what all operations have in common: the guard, and what is wrong with a request.
pub(super) fn complete(mut openapi: OpenApi) -> OpenApi {
    for (path, item) in &mut openapi.paths.paths {
        for (method, operation) in operations(item) {
            // Health is for everybody, and tells nobody anything.
            if !matches!(&path[..], "/livez" | "/readyz") {
                guard(operation);
            }
            if path.starts_with("/api/") {
                refusals(operation);
            }
            if path.starts_with("/api/v1/messages") || path == "/api/v1/reset" {
                troubles(operation, method);
            }
            link(operation);
        }
    }
    let components = openapi.components.get_or_insert_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("`token` of `[http]`, where one is set"))
        .build();
    components.security_schemes.insert("token".to_owned(), SecurityScheme::Http(bearer).into());
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    let mut more = Vec::new();
    Problem::schemas(&mut more);
    components.schemas.extend(more);
    openapi
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("DELETE", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn guard(operation: &mut Operation) {
    let none = SecurityRequirement::default();
    operation.security =
        Some(vec![none, SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
    refusal(operation, "401", "The token is missing or wrong");
    refusal(operation, "403", "The request comes by another name, or from another site");
}

fn refusals(operation: &mut Operation) {
    refusal(operation, "400", "A parameter is unknown or wrong");
    if operation.request_body.is_some() {
        refusal(operation, "413", "More than a mebibyte was sent");
        refusal(operation, "415", "The Content-Type is not application/json");
        refusal(operation, "422", "The document has wrong keys or values");
    }
}

/// What kept messages may meet: their disk.
fn troubles(operation: &mut Operation, method: &str) {
    refusal(operation, "500", "The kept messages cannot be read, or not removed");
    if matches!(method, "DELETE" | "POST") {
        refusal(operation, "507", "The disk is full, and has no room to remove something");
    }
}

fn refusal(operation: &mut Operation, status: &str, description: &str) {
    let schema = Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build();
    let responses = &mut operation.responses.responses;
    responses.entry(status.to_owned()).or_insert(RefOr::T(response));
}

/// What can be done with a thing that an answer is about: the operation that gives it, the status,
/// the place of its name and the parameter of those that take it.
const LINKS: [(&str, &str, &str, &str, &[&str]); 3] = [
    (
        "waitForMessage",
        "200",
        "$response.body#/id",
        "id",
        &["getMessage", "getMessageSource", "getMessageHeaders", "listParts", "removeMessage"],
    ),
    ("waitForSession", "200", "$response.body#/session", "id", &["getSession"]),
    ("addRule", "201", "$response.body#/name", "name", &["getRule", "putRule", "removeRule"]),
];

fn link(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    for (_, status, place, parameter, targets) in LINKS.iter().filter(|(from, ..)| *from == id) {
        let Some(RefOr::T(response)) = operation.responses.responses.get_mut(*status) else {
            continue;
        };
        for target in *targets {
            let link = Link::builder().operation_id(*target).parameter(*parameter, *place).build();
            response.links.insert((*target).to_owned(), link.into());
        }
    }
}

/// What a page for people says, in HTML.
pub(super) fn page(openapi: &OpenApi) -> String {
    let mut page = format!(
        "<h1>REST API of expsd</h1><p>{ABOUT} The same for programs: \
         <a href=\"/api/v1/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>\
         <p>Wherever a parameter is unknown or wrong, the answer is 400 and names it; 401 asks for \
         the token, and 403 refuses pages of other sites.</p>"
    );
    let mut tags: Vec<(String, String)> = Vec::new();
    for (path, item) in &openapi.paths.paths {
        for (method, operation) in operations(&mut item.clone()) {
            let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
            let text = shown(openapi, method, path, operation);
            match tags.iter_mut().find(|(known, _)| *known == tag) {
                Some((_, texts)) => texts.push_str(&text),
                None => tags.push((tag, text)),
            }
        }
    }
    tags.sort_by_key(|(tag, _)| TAGS.iter().position(|known| known == tag));
    for (tag, texts) in tags {
        let _ = write!(page, "<h2>{}</h2>{texts}", Escaped(&tag));
    }
    page
}

const TAGS: [&str; 6] = ["Messages", "Sessions", "Connectors", "Events", "Rules", "Server"];

fn shown(openapi: &OpenApi, method: &str, path: &str, operation: &Operation) -> String {
    let mut text = format!("<h3><code>{method} {}</code></h3>", Escaped(path));
    for part in [&operation.summary, &operation.description].into_iter().flatten() {
        let _ = write!(text, "<p>{}</p>", Escaped(part));
    }
    let mut rows = String::new();
    for parameter in operation.parameters.iter().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        let description = parameter.description.as_deref().unwrap_or_default();
        let place = match parameter.parameter_in {
            ParameterIn::Path => " (in the path)",
            ParameterIn::Header => " (header)",
            _ if parameter.required == Required::True => " (required)",
            _ => "",
        };
        let name = Escaped(&parameter.name);
        let _ =
            write!(rows, "<dt><code>{name}</code>{place}</dt><dd>{}</dd>", Escaped(description));
    }
    for (name, schema) in body(openapi, operation) {
        let description = description(&schema);
        let name = Escaped(&name).to_string();
        let _ = write!(
            rows,
            "<dt><code>{name}</code> (in the body)</dt><dd>{}</dd>",
            Escaped(&description)
        );
    }
    let own = |status: &str| !matches!(status, "400" | "401" | "403");
    for (status, response) in operation.responses.responses.iter().filter(|(s, _)| own(s)) {
        let description = match response {
            RefOr::T(Response { description, .. }) => description.as_str(),
            RefOr::Ref(_) => "",
        };
        let _ = write!(rows, "<dt>{status}</dt><dd>{}</dd>", Escaped(description));
    }
    let _ = write!(text, "<dl>{rows}</dl>");
    text
}

/// The keys of the document that an operation takes.
fn body(openapi: &OpenApi, operation: &Operation) -> Vec<(String, RefOr<Schema>)> {
    let keys = || {
        let RefOr::T(body) = operation.request_body.as_ref()? else { return None };
        let RefOr::T(content) = body.content.get("application/json")? else { return None };
        let RefOr::Ref(Ref { ref_location, .. }) = content.schema.as_ref()? else { return None };
        let name = ref_location.rsplit('/').next()?;
        match openapi.components.as_ref()?.schemas.get(name)? {
            RefOr::T(Schema::Object(object)) => Some(object.properties.clone()),
            _ => None,
        }
    };
    keys().into_iter().flatten().collect()
}

fn description(schema: &RefOr<Schema>) -> String {
    let (description, choices) = match schema {
        RefOr::Ref(reference) => (Some(&reference.description), None),
        RefOr::T(Schema::Object(object)) => {
            (object.description.as_ref(), object.enum_values.as_ref())
        }
        RefOr::T(Schema::OneOf(one)) => {
            let item = || one.items.iter().map(description).find(|text| !text.is_empty());
            return one.description.clone().or_else(item).unwrap_or_default();
        }
        RefOr::T(_) => (None, None),
    };
    let choices = choices.into_iter().flatten().filter_map(|choice| choice.as_str());
    let choices: Vec<_> = choices.map(|choice| format!("`{choice}`")).collect();
    let description = description.map(String::as_str).unwrap_or_default();
    match choices.is_empty() {
        true => description.to_owned(),
        false => format!("{description} One of {}.", choices.join(", ")),
    }
}

/// Text in HTML; what stands between backticks is code.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut code = false;
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '`' => {
                code = !code;
                f.write_str(if code { "<code>" } else { "</code>" })
            }
            letter => f.write_char(letter),
        })
    }
}
