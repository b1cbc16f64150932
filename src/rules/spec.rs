//! How a rule is written.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{
    ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Schema};

use super::preset::Preset;
use super::stage::Stage;
use super::then::{Fault, KEYWORDS};

/// A rule as it is written, in a file or over HTTP: when it bites, what happens then, and how
/// often.
///
/// Every key but `name` and one of `preset`, `reply`, `action`, `withdraw`, `delay` and
/// `truncate` may be left out; `stage` where a preset has one. In texts that are compared, `*`
/// stands for anything, and letters match in any case.
// Every key is optional here: what must be there is asked when a rule is made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// Tells it apart: 1 to 100 characters.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = stage)]
    pub stage: Option<String>,

    /// When: the connector's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "App*")]
    pub connector: Option<String>,
    /// When: a source address, in the forms of RemoteIPRanges.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10.0.0.0/24")]
    pub remote: Option<String>,
    /// When: who is logged on, or `anonymous`. At `auth` and `x-exps` who has just proved
    /// himself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "CONTOSO\\*")]
    pub identity: Option<String>,
    /// When: the reverse path, `<>` for the null path; from `mail` on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "*@fabrikam.test")]
    pub sender: Option<String>,
    /// When: the recipient, or behind `rcpt` one of those that were taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bob@contoso.test")]
    pub recipient: Option<String>,
    /// When: a header field and its text, decoded or as it came, or a field alone; at
    /// `end-of-data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Subject: *invoice*")]
    pub header: Option<String>,
    /// When: more octets than that, announced or come; from `mail` on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10 MB")]
    pub size_over: Option<String>,
    /// When: the mechanism that is asked for, at `auth` and `x-exps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "NTLM")]
    pub mechanism: Option<String>,

    /// Then: the answer waits, up to a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "00:00:30",
        pattern = r"^\s*([0-9]{1,8}\.)?[0-9]{1,8}:[0-9]{1,8}:[0-9]{1,8}(\.[0-9]{1,8})?\s*$"
    )]
    pub delay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = preset)]
    pub preset: Option<String>,
    /// Then: a reply in place of the server's; the command is not carried out. A list is one
    /// of several lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Lines>,
    /// Whether the connection is closed behind `reply`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = action)]
    pub action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = withdraw)]
    pub withdraw: Option<Lines>,
    /// Then: only so many octets of the reply are sent, and the connection is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<u32>,

    /// How often: `always`, `first 3`, `after 3`, `every 3`, `once per sender`,
    /// `probability 0.1 seed 7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "first 1",
        pattern = r"^\s*(always|(first|after|every)\s+\S+|once\s+per\s+sender|probability\s+\S+(\s+seed\s+\S+)?)\s*$"
    )]
    pub times: Option<String>,
}

fn stage() -> Object {
    choice(
        "Where in the conversation it waits; the preset's own unless given.",
        &Stage::ALL.map(Stage::name),
    )
}

fn preset() -> Object {
    choice("Then: a documented failure, as `/api/v1/presets` lists them.", &Preset::names())
}

fn action() -> Object {
    choice("Then: no answer.", &Fault::ALL.map(Fault::name))
}

/// One of `names`, or nothing.
fn choice(description: &str, names: &[&str]) -> Object {
    let names = names.iter().map(|name| Value::from(*name));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(description))
        .enum_values(Some(names.chain([Value::Null])))
        .build()
}

fn withdraw() -> RefOr<Schema> {
    // Case makes no difference to them, so they are no enumeration.
    let keyword = || ObjectBuilder::new().schema_type(Type::String);
    let description = format!(
        "Then: these keywords, at `ehlo`, are left out of the reply; their verbs go on working. Known are {}.",
        KEYWORDS.join(", ")
    );
    OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .item(keyword())
        .item(ArrayBuilder::new().items(keyword()))
        .description(Some(description))
        .into()
}

/// One text, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Lines {
    One(String),
    Several(Vec<String>),
}

impl Lines {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(line) => std::slice::from_ref(line).iter(),
            Self::Several(lines) => lines.iter(),
        }
        .map(String::as_str)
    }
}
