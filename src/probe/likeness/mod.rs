//! A server that looks like the one that was probed: a configuration whose connector offers the
//! same.

mod nearest;

use super::report::{Direction, Outcome, Product, ProofOutcome, Report, Stage};
use crate::config::Configuration;
use crate::connector::{
    AuthMechanism, Binding, PermissionGroups, Server, Toml, Value, find_parameter,
};

pub(super) use nearest::version;
use nearest::{Like, best};

/// Why there is no such configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLikeness {
    #[error("the server gave no EHLO reply, so there is nothing to be like")]
    NoOffer,
    #[error("it is no Exchange server, and expsd plays no other")]
    NotExchange,
    #[error("what it offered makes no configuration that expsd would load")]
    DoesNotLoad,
}

impl Report {
    /// A configuration whose connector offers what this server offered. What EHLO does not show
    /// is a guess, and comments say so.
    pub fn likeness(&self) -> Result<String, NoLikeness> {
        if self.peer.product.is_foreign() || self.peer.product == Product::OldMicrosoft {
            return Err(NoLikeness::NotExchange);
        }
        let best = best(&self.hellos);
        let Some(mut like) = best.into_iter().next() else { return Err(NoLikeness::NoOffer) };
        like.adorn(self);
        let text = like.write(self);
        if loads(&text) {
            return Ok(text);
        }
        // The words of a stranger may be such as no parameter takes.
        like.with_plain_words();
        let text = like.write(self);
        if loads(&text) { Ok(text) } else { Err(NoLikeness::DoesNotLoad) }
    }
}

fn loads(text: &str) -> bool {
    Configuration::parse(text, "likeness").is_ok()
}

const PLAIN_NAME: &str = "Like the probed server";

impl Like {
    /// What EHLO does not show.
    fn adorn(&mut self, report: &Report) {
        let Self { server, connector, .. } = self;
        connector.name = PLAIN_NAME.to_owned();
        if let Some(parameter) = find_parameter("Name") {
            // A long one stays away.
            let name = format!("Like {}", server.fqdn);
            let _ = parameter.set(connector, &Value::Text(name.into()));
        }
        // A short name is one that a connector may show.
        let hello = report.hellos.iter().find(|hello| hello.verb == "EHLO" && hello.code == 250);
        let short = hello.and_then(|hello| hello.greeting.split(' ').next());
        let short = short.filter(|name| name.eq_ignore_ascii_case(&server.name));
        connector.fqdn = Some(short.unwrap_or(&server.fqdn).to_owned());
        // Not beyond this machine, unless whoever runs it says so.
        let here = std::net::Ipv4Addr::LOCALHOST.into();
        connector.bindings = vec![Binding(std::net::SocketAddr::new(here, report.target.port))];
        if let Some(banner) = &report.banner
            && !banner.masked
            && !banner.text.contains("Microsoft ESMTP MAIL Service ready at")
            && let Some(parameter) = find_parameter("Banner")
        {
            // One that the parameter does not take stays away.
            let _ = parameter.set(connector, &Value::Text(banner.text.as_str().into()));
        }
        connector.permission_groups = groups(report, connector.auth_mechanism);
    }

    /// Names and banner of no one in particular.
    fn with_plain_words(&mut self) {
        let plain = Server::default();
        (self.server.name, self.server.fqdn) = (plain.name, plain.fqdn);
        self.connector.name = PLAIN_NAME.to_owned();
        (self.connector.fqdn, self.connector.banner) = (None, None);
    }

    fn write(&self, report: &Report) -> String {
        let mut toml = Toml::default();
        let target = &report.target;
        toml.comment(&format!(
            "A connector that offers what {}, port {}, offered on {}.",
            target.host,
            target.port,
            report.began.strftime("%Y-%m-%d")
        ));
        toml.comment(
            "Version and role are those whose EHLO reply fits best. Permission groups, limits and \
             ranges do not show from outside: what stands here of them is a guess.",
        );
        if report.hellos.iter().any(|hello| hello.keywords.iter().any(|keyword| keyword.masked)) {
            toml.comment(
                "Something between had overwritten keywords; what they were is not known.",
            );
        }
        if !self.differences.texts.is_empty() {
            toml.comment(&format!("Not the same: {}.", self.differences.texts.join("; ")));
        }
        toml.0 += "\n";
        toml.server(&self.server);
        toml.0 += "\n";
        toml.connector(&self.connector, &self.server);
        toml.0
    }
}

/// What was proved to work, or else what such a connector usually has.
fn groups(report: &Report, auth: AuthMechanism) -> PermissionGroups {
    let mut groups = PermissionGroups::empty();
    let proved = report.authentication.as_ref();
    let proved = proved.filter(|proof| proof.outcome == ProofOutcome::Accepted);
    let past_mail = match &report.stopped {
        None => report
            .dialogue
            .iter()
            .any(|line| line.direction == Direction::Sent && line.text.starts_with("MAIL FROM")),
        Some(stopped) => stopped.stage > Stage::Mail,
    };
    if past_mail && proved.is_none() && report.outcome != Outcome::Unreachable {
        groups |= PermissionGroups::AnonymousUsers;
    }
    if auth.contains(AuthMechanism::ExchangeServer) {
        groups |= PermissionGroups::ExchangeServers;
    } else if auth.intersects(AuthMechanism::Integrated | AuthMechanism::BasicAuth) {
        groups |= PermissionGroups::ExchangeUsers;
    }
    if groups.is_empty() { PermissionGroups::AnonymousUsers } else { groups }
}
