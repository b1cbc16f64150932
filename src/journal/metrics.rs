//! Counters, in the names and units of Prometheus.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::event::{Definition, Event, Source, catalogue};
use crate::auth::{Mechanism, Status};
use crate::rules::Rules;
use crate::smtp::Tally;

/// What a daemon counts.
///
/// What every command touches is a plain atomic; the rest is looked up by its labels, once for
/// a connection or a message.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    connections_refused: Family<Why, Counter>,
    sessions: Family<On, Counter>,
    sessions_open: Family<On, Gauge>,
    authentications: Family<Proof, Counter>,
    handshakes: Family<Handshake, Counter>,
    messages: Family<On, Counter>,
    events: Family<Id, Counter>,
    received: Counter,
    sent: Counter,
    select: Histogram,
    tally: Arc<Tally>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct On {
    connector: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Proof {
    mechanism: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Id {
    id: u32,
    level: &'static str,
    source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Handshake {
    command: String,
    outcome: &'static str,
}

/// Why a connection got no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NoConnector,
    MaxInboundConnection,
    MaxInboundConnectionPerSource,
}

impl Refused {
    const ALL: [Self; 3] =
        [Self::NoConnector, Self::MaxInboundConnection, Self::MaxInboundConnectionPerSource];

    fn name(self) -> &'static str {
        match self {
            Self::NoConnector => "no_connector",
            Self::MaxInboundConnection => "max_inbound_connection",
            Self::MaxInboundConnectionPerSource => "max_inbound_connection_per_source",
        }
    }
}

impl Id {
    fn of(definition: &Definition, source: Source) -> Self {
        let (id, level) = (definition.id, definition.level.name());
        Self { id, level, source: source.name() }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("expsd");
        let tally = Arc::new(Tally::default());
        // From 50 ns to 13 ms.
        let select = Histogram::new(exponential_buckets(50e-9, 4.0, 10));
        let metrics = Self {
            connections_refused: Family::default(),
            sessions: Family::default(),
            sessions_open: Family::default(),
            authentications: Family::default(),
            handshakes: Family::default(),
            messages: Family::default(),
            events: Family::default(),
            received: Counter::default(),
            sent: Counter::default(),
            select,
            tally: Arc::clone(&tally),
            registry: Registry::default(),
        };
        macro_rules! register {
            ($field:ident $name:literal $help:literal) => {
                registry.register($name, $help, metrics.$field.clone());
            };
            ($field:ident $name:literal $help:literal $unit:ident) => {
                registry.register_with_unit($name, $help, Unit::$unit, metrics.$field.clone());
            };
        }
        register!(connections_refused "connections_refused" "Connections that got no session, by reason");
        register!(sessions "sessions" "Sessions that began, by connector");
        register!(sessions_open "sessions_open" "Sessions that are open, by connector");
        register!(authentications "authentications" "Proofs, by mechanism and outcome");
        register!(handshakes "tls_handshakes" "TLS handshakes, by command and outcome");
        register!(messages "messages" "Messages that were accepted, by connector");
        register!(events "events" "Events, recorded or not, by id, level and source");
        register!(received "received" "Octets that clients sent" Bytes);
        register!(sent "sent" "Octets that were sent to clients" Bytes);
        register!(select "select_duration" "How long it took to select a connector" Seconds);
        registry.register_collector(Box::new(Dialogue(tally)));
        let metrics = Self { registry, ..metrics };
        metrics.begin_at_zero();
        metrics
    }
}

/// The outcome of a proof that was good and came to nothing, by what stood against it.
pub const NO_SUBMIT_PERMISSION: &str = "NoSubmitPermission";
pub const WELL_KNOWN_ACCOUNT: &str = "WellKnownAccount";
pub const UNKNOWN_CERTIFICATE: &str = "UnknownCertificate";

/// Proofs by certificate, which are of no mechanism.
pub const DIRECT_TRUST: &str = "DirectTrust";
pub const DOMAIN_SECURITY: &str = "DomainSecurity";

impl Metrics {
    /// A counter that is first seen at 1 was never seen to grow: what can be known beforehand
    /// begins at 0.
    fn begin_at_zero(&self) {
        for why in Refused::ALL {
            drop(self.connections_refused.get_or_create(&Why { reason: why.name() }));
        }
        let failures = Status::ALL.map(|status| status.to_string());
        let came_to_nothing = [NO_SUBMIT_PERMISSION, WELL_KNOWN_ACCOUNT].map(str::to_owned);
        for mechanism in Mechanism::ALL.map(|mechanism| mechanism.to_string()) {
            for outcome in ["ok".to_owned()].iter().chain(&came_to_nothing).chain(&failures) {
                let (mechanism, outcome) = (mechanism.clone(), outcome.clone());
                drop(self.authentications.get_or_create(&Proof { mechanism, outcome }));
            }
        }
        let by_certificate =
            [(DIRECT_TRUST, "ok"), (DIRECT_TRUST, UNKNOWN_CERTIFICATE), (DOMAIN_SECURITY, "ok")];
        for (mechanism, outcome) in by_certificate {
            let (mechanism, outcome) = (mechanism.to_owned(), outcome.to_owned());
            drop(self.authentications.get_or_create(&Proof { mechanism, outcome }));
        }
    }

    /// The same for handshakes, whose outcomes the caller knows.
    pub fn expect_handshakes(&self, command: impl fmt::Display, outcomes: &[&'static str]) {
        for outcome in outcomes {
            let command = command.to_string();
            drop(self.handshakes.get_or_create(&Handshake { command, outcome }));
        }
    }

    /// The same for what has the name of a connector, or of the service that it belongs to.
    pub fn expect(&self, connector: &str, source: Source) {
        let on = On { connector: connector.to_owned() };
        drop(self.sessions.get_or_create(&on));
        drop(self.sessions_open.get_or_create(&on));
        drop(self.messages.get_or_create(&on));
        for definition in catalogue::of_sessions() {
            drop(self.events.get_or_create(&Id::of(definition, source)));
        }
    }

    pub fn connection_refused(&self, why: Refused) {
        self.connections_refused.get_or_create(&Why { reason: why.name() }).inc();
    }

    /// A session on `connector` begins; it ends when what this gives is dropped.
    pub fn session(&self, connector: &str) -> OpenSession {
        let on = On { connector: connector.to_owned() };
        self.sessions.get_or_create(&on).inc();
        let open = self.sessions_open.get_or_create_owned(&on);
        open.inc();
        OpenSession(open)
    }

    /// `outcome` is `ok`, or the status name of the failure.
    pub fn authentication(&self, mechanism: impl fmt::Display, outcome: impl fmt::Display) {
        let (mechanism, outcome) = (mechanism.to_string(), outcome.to_string());
        self.authentications.get_or_create(&Proof { mechanism, outcome }).inc();
    }

    /// `outcome` is `ok`, or the status name of the failure.
    pub fn handshake(&self, command: impl fmt::Display, outcome: &'static str) {
        self.handshakes.get_or_create(&Handshake { command: command.to_string(), outcome }).inc();
    }

    pub fn message(&self, connector: &str) {
        self.messages.get_or_create(&On { connector: connector.to_owned() }).inc();
    }

    pub fn event(&self, event: &Event, source: Source) {
        self.events.get_or_create(&Id::of(event.definition(), source)).inc();
    }

    pub fn octets(&self, received: usize, sent: usize) {
        self.received.inc_by(received as u64);
        self.sent.inc_by(sent as u64);
    }

    pub fn selected(&self, took: Duration) {
        self.select.observe(took.as_secs_f64());
    }

    /// The counters of what sessions say.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// More metrics, of what has counters of its own.
    pub fn register(&mut self, collector: Box<dyn Collector>) {
        self.registry.register_collector(collector);
    }
}

/// How often each failure rule has bitten, as metrics.
#[derive(Debug)]
pub struct RuleHits(pub Arc<Rules>);

impl Collector for RuleHits {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (name, help) = ("rule_hits", "How often a failure rule has bitten");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for counted in self.0.list() {
            let rule = [("rule", counted.rule.name())];
            ConstCounter::new(counted.hits).encode(family.encode_family(&rule)?)?;
        }
        Ok(())
    }
}

/// The exposition format of OpenMetrics 1.0, which Prometheus reads.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        encode(f, &self.registry)
    }
}

/// A session that is counted as open.
#[derive(Debug)]
pub struct OpenSession(Gauge);

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The tally of commands and replies, as counters with labels.
#[derive(Debug)]
struct Dialogue(Arc<Tally>);

impl Collector for Dialogue {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut commands =
            encoder.encode_descriptor("commands", "Commands by verb", None, MetricType::Counter)?;
        for (verb, count) in self.0.commands() {
            ConstCounter::new(count).encode(commands.encode_family(&[("verb", verb)])?)?;
        }
        let mut replies =
            encoder.encode_descriptor("replies", "Replies by code", None, MetricType::Counter)?;
        for (code, count) in self.0.replies() {
            ConstCounter::new(count)
                .encode(replies.encode_family(&[("code", u32::from(code))])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::command::Verb;

    #[test]
    fn the_exposition_has_prometheus_names_and_units() {
        let metrics = Metrics::default();
        metrics.connection_refused(Refused::NoConnector);
        let open = metrics.session(r"EX01\Default EX01");
        metrics.authentication("NTLM", "LogonDenied");
        metrics.handshake("STARTTLS", "ok");
        metrics.message(r"EX01\Default EX01");
        metrics.octets(10, 20);
        metrics.selected(Duration::from_nanos(90));
        metrics.tally().command(Some(Verb::Ehlo));
        metrics.tally().reply(250);
        let text = metrics.to_string();
        for line in [
            "# TYPE expsd_connections_refused counter",
            "expsd_connections_refused_total{reason=\"no_connector\"} 1",
            r#"expsd_sessions_total{connector="EX01\\Default EX01"} 1"#,
            r#"expsd_sessions_open{connector="EX01\\Default EX01"} 1"#,
            "expsd_authentications_total{mechanism=\"NTLM\",outcome=\"LogonDenied\"} 1",
            "expsd_tls_handshakes_total{command=\"STARTTLS\",outcome=\"ok\"} 1",
            r#"expsd_messages_total{connector="EX01\\Default EX01"} 1"#,
            "expsd_received_bytes_total 10",
            "expsd_sent_bytes_total 20",
            "expsd_select_duration_seconds_count 1",
            "expsd_commands_total{verb=\"EHLO\"} 1",
            "expsd_replies_total{code=\"250\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        drop(open);
        assert!(
            metrics
                .to_string()
                .contains(r#"expsd_sessions_open{connector="EX01\\Default EX01"} 0"#)
        );
    }
}
