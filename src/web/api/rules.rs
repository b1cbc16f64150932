//! Failure rules: which wait, how often each has bitten, and others in their place.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::extract::{Nothing, Object, Path, Query, unknown};
use super::{Api, no};
use crate::rules::{BadRule, Counted, PRESETS, RulesError, Spec};
use crate::web::Problem;
use crate::web::problem::Wrong;

/// A rule, and how often it has bitten.
#[derive(Serialize)]
pub(super) struct Rule {
    #[serde(flatten)]
    spec: Spec,
    hits: u64,
}

/// The schema of a [`Spec`] has no room for more keys; this is the same with one more.
impl PartialSchema for Rule {
    fn schema() -> RefOr<Schema> {
        let mut schema = Spec::schema();
        if let RefOr::T(Schema::Object(rule)) = &mut schema {
            rule.description = Some("A rule, and how often it has bitten.".to_owned());
            rule.properties.insert("hits".to_owned(), u64::schema());
            rule.required.push("hits".to_owned());
        }
        schema
    }
}

impl ToSchema for Rule {}

impl Rule {
    fn of(Counted { rule, hits }: Counted) -> Self {
        Self { spec: Spec::from((*rule).clone()), hits }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RulePlace {
    /// Where it stands among the others: the first that bites wins.
    #[param(inline)]
    place: Option<Place>,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Place {
    First,
    #[default]
    Last,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RulesRemoved {
    removed: usize,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RuleList {
    /// In their order: the first that bites wins.
    rules: Vec<Rule>,
}

/// A documented failure, by name.
#[derive(Serialize, ToSchema)]
pub(super) struct Preset {
    name: &'static str,
    /// Its usual stage first.
    stages: Vec<PresetStage>,
}

#[derive(Serialize, ToSchema)]
struct PresetStage {
    stage: &'static str,
    reply: String,
    /// The connection is closed behind the reply.
    close: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PresetList {
    presets: Vec<Preset>,
}

impl From<BadRule> for Problem {
    fn from(bad: BadRule) -> Self {
        let wrong = bad
            .0
            .iter()
            .map(|error| Wrong { name: error.key().to_owned(), detail: error.to_string() });
        Self::with_errors(StatusCode::UNPROCESSABLE_ENTITY, wrong.collect())
    }
}

impl From<RulesError> for Problem {
    fn from(error: RulesError) -> Self {
        Self::new(StatusCode::CONFLICT, error.to_string())
    }
}

/// The rule that was sent. What answers have beside it says nothing here.
fn spec(mut sent: Map<String, Value>) -> Result<Spec, Problem> {
    sent.remove("hits");
    let read = |sent: Map<String, Value>| Spec::deserialize(Value::Object(sent));
    let wrong = sent.iter().filter_map(|(key, value)| {
        // Each key by itself, so that all that is wrong is told.
        let alone = Map::from_iter([(key.clone(), value.clone())]);
        let known = keys();
        match read(alone) {
            Ok(_) => None,
            Err(_) if !known.contains(key) => Some(unknown(key.clone(), &known)),
            Err(_) => Some(Wrong { name: key.clone(), detail: expected(key).to_owned() }),
        }
    });
    let wrong: Vec<_> = wrong.collect();
    if !wrong.is_empty() {
        return Err(Problem::with_errors(StatusCode::UNPROCESSABLE_ENTITY, wrong));
    }
    read(sent).map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

fn expected(key: &str) -> &'static str {
    match key {
        "close" => "expected true or false",
        "truncate" => "expected a number of octets",
        "reply" | "withdraw" => "expected a text, or a list of texts",
        _ => "expected a text",
    }
}

fn keys() -> Vec<String> {
    match Spec::schema() {
        RefOr::T(Schema::Object(rule)) => rule.properties.into_keys().collect(),
        _ => Vec::new(),
    }
}

/// The rules, with their hits
#[utoipa::path(
    get, path = "/rules", operation_id = "listRules", tag = "Rules",
    responses((status = 200, description = "All of them", body = RuleList))
)]
pub(super) async fn list(State(api): State<Api>, _: Query<Nothing>) -> Json<RuleList> {
    let rules = api.app.host.rules.list().into_iter().map(Rule::of).collect();
    Json(RuleList { rules })
}

/// Add a rule, behind the others unless told otherwise
///
/// `hits`, which answers have, is passed over, so that what was read can be sent again.
#[utoipa::path(
    post, path = "/rules", operation_id = "addRule", tag = "Rules", params(RulePlace),
    request_body(content = Spec, example = json!({"name": "first mail", "stage": "mail",
        "reply": "451 4.7.0 Temporary server error. Please try again later", "times": "first 1"})),
    responses(
        (status = 201, description = "It waits from now on", body = Rule,
            headers(("Location" = String, description = "Where the rule is"))),
        (status = 409, description = "There is one of that name, or there are too many",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    State(api): State<Api>,
    Query(RulePlace { place }, _): Query<RulePlace>,
    Object(sent): Object,
) -> Result<Response, Problem> {
    let rule = crate::rules::Rule::try_from(spec(sent)?)?;
    let name = rule.name().to_owned();
    match place.unwrap_or_default() {
        Place::First => api.app.host.rules.add_first(rule)?,
        Place::Last => api.app.host.rules.add(rule)?,
    }
    created(&api, &name)
}

/// One rule
#[utoipa::path(
    get, path = "/rules/{name}", operation_id = "getRule", tag = "Rules",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The rule and its hits", body = Rule),
        (status = 404, description = "There is none", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    State(api): State<Api>,
    Path(name): Path<String>,
    _: Query<Nothing>,
) -> Result<Json<Rule>, Problem> {
    find(&api, &name).map(Json)
}

/// Put a rule in the place of the one of that name, or behind the others
///
/// Its hits begin at zero, whatever the document says of them. A name in the document must be that of the path.
#[utoipa::path(
    put, path = "/rules/{name}", operation_id = "putRule", tag = "Rules",
    params(("name" = String, Path, description = "Its name")),
    request_body(content = Spec, example = json!({"preset": "back-pressure"})),
    responses(
        (status = 200, description = "It stands in the place of another", body = Rule),
        (status = 201, description = "It is new", body = Rule,
            headers(("Location" = String, description = "Where the rule is"))),
        (status = 409, description = "There are too many", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(api): State<Api>,
    Path(name): Path<String>,
    _: Query<Nothing>,
    Object(sent): Object,
) -> Result<Response, Problem> {
    let mut spec = spec(sent)?;
    if spec.name.is_empty() {
        spec.name.clone_from(&name);
    }
    if spec.name != name {
        let detail = format!("expected \"{name}\", as in the path");
        let wrong = Wrong { name: "name".to_owned(), detail };
        return Err(Problem::with_errors(StatusCode::UNPROCESSABLE_ENTITY, vec![wrong]));
    }
    match api.app.host.rules.put(spec.try_into()?)? {
        true => find(&api, &name).map(|rule| Json(rule).into_response()),
        false => created(&api, &name),
    }
}

/// Remove all rules
#[utoipa::path(
    delete, path = "/rules", operation_id = "removeRules", tag = "Rules",
    responses((status = 200, description = "How many there were", body = RulesRemoved))
)]
pub(super) async fn remove_all(
    State(api): State<Api>,
    _: Query<Nothing>,
) -> Result<Json<RulesRemoved>, Problem> {
    let removed = api.app.host.rules.list().len();
    api.app.host.rules.replace(Vec::new())?;
    Ok(Json(RulesRemoved { removed }))
}

/// Remove a rule
#[utoipa::path(
    delete, path = "/rules/{name}", operation_id = "removeRule", tag = "Rules",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is none", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Path(name): Path<String>,
    _: Query<Nothing>,
) -> Result<StatusCode, Problem> {
    match api.app.host.rules.remove(&name) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no("rule", &name)),
    }
}

/// Documented failures that a rule can name
#[utoipa::path(
    get, path = "/presets", operation_id = "listPresets", tag = "Rules",
    responses((status = 200, description = "Each with what it answers", body = PresetList))
)]
pub(super) async fn presets(_: Query<Nothing>) -> Json<PresetList> {
    let mut presets: Vec<Preset> = Vec::new();
    for row in &PRESETS {
        let stage =
            PresetStage { stage: row.stage.name(), reply: row.reply.to_string(), close: row.close };
        match presets.last_mut().filter(|preset| preset.name == row.name) {
            Some(preset) => preset.stages.push(stage),
            None => presets.push(Preset { name: row.name, stages: vec![stage] }),
        }
    }
    Json(PresetList { presets })
}

fn find(api: &Api, name: &str) -> Result<Rule, Problem> {
    api.app.host.rules.find(name).map(Rule::of).ok_or_else(|| no("rule", name))
}

fn created(api: &Api, name: &str) -> Result<Response, Problem> {
    let rule = find(api, name)?;
    let at = format!("/api/v1/rules/{}", super::escaped(name));
    Ok((StatusCode::CREATED, [(LOCATION, at)], Json(rule)).into_response())
}
