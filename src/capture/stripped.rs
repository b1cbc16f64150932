//! Fields that the header firewall takes out, as JSON: their text, or in base64 what is not UTF-8,
//! so that all that came can be had back.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::smtp::header::Stripped;

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = StrippedField)]
pub(super) struct Field<'a> {
    at: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    needs: Cow<'a, str>,
}

pub(super) fn serialize<S: Serializer>(all: &[Stripped], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(|Stripped { at, field, needs }| {
        let text = std::str::from_utf8(field).ok();
        let base64 = text.is_none().then(|| BASE64_STANDARD.encode(field));
        Field { at: *at, field: text.map(Cow::Borrowed), base64, needs: needs.as_ref().into() }
    }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Stripped>, D::Error> {
    let all = Vec::<Field<'_>>::deserialize(deserializer)?;
    let read = |Field { at, field, base64, needs }: Field<'_>| {
        let field = match (field, base64) {
            (Some(text), _) => text.into_owned().into_bytes(),
            (None, Some(base64)) => BASE64_STANDARD.decode(base64).map_err(D::Error::custom)?,
            (None, None) => return Err(D::Error::missing_field("field")),
        };
        Ok(Stripped { at, field: field.into(), needs: needs.into_owned().into() })
    };
    all.into_iter().map(read).collect()
}
