//! Sessions of late: what was said, and why it was answered so.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Path, Query};
use super::value::{Limit, Moment, SessionId, Text, Timeout, parsed};
use super::{Api, after, no};
use crate::connector::{IpRange, SourceAddress};
use crate::journal::Followed;
use crate::journal::trace::{Outcome, Trace, What};
use crate::web::Problem;
use crate::web::problem::Late;

/// A session in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::web) struct SessionSummary {
    /// 16 hexadecimal digits, as in the protocol log; a later session has a higher one.
    #[schema(example = "08DE2A3B4C5D6E7F")]
    session: String,
    started: Timestamp,
    /// `null` while it is open.
    ended: Option<Timestamp>,
    /// `SERVER\Connector name`; `null` if no connector took the connection.
    connector: Option<String>,
    local: String,
    remote: String,
    /// Who the peer proved to be; `null` for an anonymous one.
    identity: Option<String>,
    messages: u32,
    outcome: Outcome,
    refusal: Option<FirstRefusal>,
    /// The failure rules that have bitten, each once.
    rules: Vec<String>,
    /// Who ended the connection.
    ending: Option<String>,
}

/// The first thing that was refused.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct FirstRefusal {
    /// `null` for a TLS handshake that failed: there is no reply to it.
    #[schema(example = "451 5.7.3 Cannot achieve Exchange Server authentication")]
    reply: Option<String>,
    reason: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SessionList {
    /// The newest first.
    sessions: Vec<SessionSummary>,
    /// For `cursor`, if there are more.
    next: Option<String>,
}

/// A session, step by step.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    #[serde(flatten)]
    trace: Trace,
    /// The same in lines for a person.
    transcript: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionFilter {
    /// How it went, by the worst that happened.
    #[param(inline)]
    outcome: Option<Outcome>,
    /// By its name, or as `SERVER\name`.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "\\S", example = "Default Frontend EX01")]
    connector: Option<Text>,
    /// Source address, low-high or CIDR.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, example = "10.0.0.0/8")]
    remote: Option<IpRange>,
    /// The account that proved itself, or `anonymous`.
    #[param(example = "CONTOSO\\alice")]
    identity: Option<String>,
    /// A failure rule that has bitten in it, by its name.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "\\S", example = "first mail")]
    rule: Option<Text>,
    /// Begun then or later (RFC 3339).
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Moment>,
    /// Begun before.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Moment>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionPage {
    /// 1 to 1000.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<u64>, minimum = 1, maximum = 1000, default = 50)]
    limit: Option<Limit>,
    /// `next` of the page before.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "^[0-9A-Fa-f]{16}$")]
    cursor: Option<SessionId>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionWait {
    /// How long to wait: `10s`, `500ms`; 60 s at most.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, default = "10s",
        pattern = "^([0-9]|[1-5][0-9]|60)s$|^([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|60000)ms$")]
    timeout: Option<Timeout>,
    /// Only a session that began after this one.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "^[0-9A-Fa-f]{16}$")]
    after: Option<SessionId>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionForm {
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    /// Lines for a person.
    Text,
}

impl SessionSummary {
    pub(in crate::web) fn of(followed: &Followed) -> Self {
        let trace = followed.trace();
        let first = trace.steps.iter().find_map(|step| match &step.what {
            What::Reply { text, refusal: Some(refusal) } => {
                Some(FirstRefusal { reply: Some(text.clone()), reason: refusal.reason.clone() })
            }
            What::TlsFailed { refusal, .. } => {
                Some(FirstRefusal { reply: None, reason: refusal.reason.clone() })
            }
            _ => None,
        });
        Self {
            session: trace.session.clone(),
            started: trace.started,
            ended: trace.ended,
            connector: trace.selection.connector.clone(),
            local: trace.local.clone(),
            remote: trace.remote.clone(),
            identity: trace.identity.clone(),
            messages: trace.messages,
            outcome: trace.outcome,
            refusal: first,
            rules: trace.rules.clone(),
            ending: trace.ending.clone(),
        }
    }
}

impl SessionFilter {
    /// With the connector as sessions name it.
    fn of(self, api: &Api) -> Result<Self, Problem> {
        let connector =
            self.connector.as_ref().map(|name| api.known_connector(name)).transpose()?;
        Ok(Self { connector: connector.map(Text), ..self })
    }

    fn fits(&self, trace: &Trace) -> bool {
        let from = |range: &IpRange| {
            trace.remote.parse().is_ok_and(|remote: SourceAddress| range.contains(remote))
        };
        let identity = trace.identity.as_deref().unwrap_or("anonymous");
        self.outcome.is_none_or(|outcome| trace.outcome == outcome)
            && self
                .connector
                .as_ref()
                .is_none_or(|Text(c)| trace.selection.connector.as_ref() == Some(c))
            && self.remote.as_ref().is_none_or(from)
            && self.identity.as_ref().is_none_or(|i| i.eq_ignore_ascii_case(identity))
            && self.rule.as_ref().is_none_or(|Text(rule)| trace.rules.contains(rule))
            && self.since.is_none_or(|Moment(since)| trace.started >= since)
            && self.until.is_none_or(|Moment(until)| trace.started < until)
    }

    /// Whether it fits, and will go on to: only refusals and rules stay what they are.
    fn is_settled(&self, trace: &Trace) -> bool {
        let open_ended = self.outcome.is_some_and(|outcome| outcome != Outcome::Refused)
            || self.identity.is_some();
        self.fits(trace) && (!open_ended || trace.ended.is_some())
    }
}

/// Sessions of late
#[utoipa::path(
    get, path = "/sessions", operation_id = "listSessions", tag = "Sessions", params(SessionFilter, SessionPage),
    responses((status = 200, description = "A page of sessions", body = SessionList))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Query(filter, page): Query<SessionFilter, SessionPage>,
) -> Result<Json<SessionList>, Problem> {
    let filter = filter.of(&api)?;
    let limit = page.limit.unwrap_or_default().0;
    let all = api.app.recent.sessions();
    let past = |session: &str| page.cursor.as_ref().is_none_or(|SessionId(id)| session < &id[..]);
    let mut fitting = all.iter().filter(|s| past(s.session()) && filter.fits(&s.trace()));
    let sessions: Vec<_> =
        fitting.by_ref().take(limit).map(|followed| SessionSummary::of(followed)).collect();
    let more = fitting.next().is_some();
    let next = sessions.last().map(|last| last.session.clone()).filter(|_| more);
    Ok(Json(SessionList { sessions, next }))
}

/// Wait for a session
///
/// Answers at once if there is one already, the oldest of several. `outcome=refused` answers at
/// the refusal, `rule` when the rule bites; other outcomes, and identities, are known when a
/// session ends.
#[utoipa::path(
    get, path = "/sessions/wait", operation_id = "waitForSession", tag = "Sessions", params(SessionFilter, SessionWait),
    responses(
        (status = 200, description = "The session", body = SessionSummary),
        (status = 408, description = "None came in time; these did instead, the newest first",
            body = Late<SessionSummary>, content_type = "application/problem+json"),
        (status = 503, description = "Too many wait, or the daemon is stopping",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn wait(
    State(api): State<Api>,
    Query(filter, wait): Query<SessionFilter, SessionWait>,
) -> Result<Response, Problem> {
    let _place = api.place()?;
    let filter = filter.of(&api)?;
    let new = |session: &str| wait.after.as_ref().is_none_or(|SessionId(id)| session > &id[..]);
    let deadline = after(wait.timeout.unwrap_or_default().0);
    let found = api
        .app
        .recent
        .wait_for_session(deadline, |trace| new(&trace.session) && filter.is_settled(trace));
    match api.until_stopped(found).await? {
        Some(found) => Ok(Json(SessionSummary::of(&found)).into_response()),
        None => {
            let all = api.app.recent.sessions();
            let there = all.iter().filter(|session| new(session.session()));
            let there =
                there.take(Late::<SessionSummary>::MAX).map(|session| SessionSummary::of(session));
            Ok(Late::of("no such session came in time", there.collect()).into_response())
        }
    }
}

/// One session
#[utoipa::path(
    get, path = "/sessions/{id}", operation_id = "getSession", tag = "Sessions",
    params(("id" = String, Path, description = "16 hexadecimal digits"), SessionForm),
    responses(
        (status = 200, description = "Its steps", content(
            (Session = "application/json"), (String = "text/plain"))),
        (status = 404, description = "There is none, or it is too long ago",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(form, _): Query<SessionForm>,
) -> Result<Response, Problem> {
    let followed = api.app.recent.session(&id).ok_or_else(|| no("session", &id))?;
    let trace = followed.trace().clone();
    let transcript = trace.to_string();
    Ok(match form.format.unwrap_or_default() {
        Format::Json => Json(Session { trace, transcript }).into_response(),
        Format::Text => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], transcript).into_response(),
    })
}
