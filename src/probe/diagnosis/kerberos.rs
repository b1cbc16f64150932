//! Causes that lie with Kerberos (KB 979174).

use super::{Causes, Evidence, TOLERATED_SKEW, skews};
use crate::session::TlsKind;

impl Causes {
    /// What the preflight found, whatever else is there.
    pub(super) fn kerberos(&mut self, evidence: &Evidence<'_>) {
        let Some(kerberos) = &evidence.seen.kerberos else { return };
        let worst = skews(evidence).into_iter().max_by_key(|(_, ahead)| ahead.unsigned_abs());
        if let Some((whose, ahead)) = worst
            && ahead.unsigned_abs() > TOLERATED_SKEW
        {
            let by = if ahead < 0 { "behind" } else { "ahead" };
            let fits = format!("{whose} is {} s {by} of ours", ahead.unsigned_abs());
            self.skew(evidence, &fits);
        }
        if let Some(service) = kerberos.services.first()
            && service.known == Some(false)
        {
            self.spn_unknown(evidence, service.problem.as_deref().unwrap_or_default());
        }
        let mut kdcs = kerberos.kdcs.iter().filter(|kdc| kdc.port != 464).peekable();
        if kdcs.peek().is_some() && kdcs.all(|kdc| !kdc.reachable) {
            self.no_kdc(evidence, "no configured KDC can be reached");
        }
    }

    pub(super) fn skew(&mut self, evidence: &Evidence<'_>, fits: &str) {
        let told: Vec<_> = skews(evidence)
            .into_iter()
            .map(|(whose, ahead)| format!("{whose} {ahead:+} s"))
            .collect();
        let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) };
        self.put(
            "kerberos-clock-skew",
            format!("{fits}{told}; Kerberos tolerates {TOLERATED_SKEW} s"),
            "set both clocks by the domain's time: w32tm /resync; w32tm /query /status",
            "KB 979174",
        );
    }

    pub(super) fn spn_unknown(&mut self, evidence: &Evidence<'_>, fits: &str) {
        let host = evidence.name.unwrap_or("HOST");
        self.connector_fqdn(evidence);
        let is_elsewhere = self.0.iter().any(|cause| cause.id == "connector-fqdn");
        let next = if is_elsewhere {
            format!(
                "mend the connector first: {host} is not the server's own name, and needs no SPN \
                 then; setspn -Q SMTPSVC/{host} shows whether some account has it all the same"
            )
        } else {
            let short = host.split('.').next().unwrap_or_default().to_ascii_uppercase();
            format!(
                "see first that {host} is the server's own name and not an alias or a connector's \
                 Fqdn; then, if {short} is its account: setspn -L {short} shows what is \
                 registered, setspn -S SMTPSVC/{host} {short} adds it"
            )
        };
        let fits = format!("no ticket for SMTPSVC/{host}: {fits}");
        self.put("kerberos-spn-unknown", fits, next, "KB 979174");
    }

    pub(super) fn no_kdc(&mut self, evidence: &Evidence<'_>, fits: &str) {
        let kdcs = evidence.seen.kerberos.iter().flat_map(|kerberos| &kerberos.kdcs);
        let dead: Vec<_> = kdcs.filter(|kdc| !kdc.reachable).collect();
        let unknown = !dead.is_empty() && dead.iter().all(|kdc| !kdc.known);
        let dead: Vec<_> = dead.iter().map(|kdc| format!("{}:{}", kdc.host, kdc.port)).collect();
        let dead = if dead.is_empty() { String::new() } else { format!(" ({})", dead.join(", ")) };
        if unknown {
            return self.put(
                "kerberos-kdc-unknown",
                format!("{fits}: there is no address for its name{dead}"),
                "mend the name, or its records in DNS; nltest /dsgetdc:DOMAIN shows which domain \
                 controllers a server finds",
                "our choice",
            );
        }
        self.put(
            "kerberos-port-blocked",
            format!("{fits}{dead}"),
            "open ports 88 and 464, TCP and UDP, between the sender and its domain controllers; \
             see that one is up: nltest /dsgetdc:DOMAIN",
            "KB 979174",
        );
    }

    pub(super) fn wrong_key(&mut self, fits: &str) {
        self.put(
            "kerberos-wrong-key",
            format!("{fits}: the server's key is not the one that the ticket was made with"),
            "klist purge on the sender; where that does not help, the machine account's password \
             was reset or is not replicated yet: Test-ComputerSecureChannel -Repair, repadmin \
             /showrepl",
            "KB 979174; case note of 2019-11-04",
        );
    }

    /// KB 979174 has the administrator look at a connector's FQDN that is not the server's own.
    pub(super) fn connector_fqdn(&mut self, evidence: &Evidence<'_>) {
        self.internal_name(evidence);
        let told = evidence.seen.banner.as_ref().and_then(|(banner, _)| banner.host());
        if let (Some(told), Some(name)) = (told, evidence.name)
            && !told.eq_ignore_ascii_case(name)
        {
            self.put(
                "connector-fqdn",
                format!("the banner names {told}, and the ticket is for {name}"),
                "set the connector's Fqdn back to the server's own",
                "KB 979174",
            );
        }
    }

    /// The certificate behind X-ANONYMOUSTLS is the server's own, and has its own name
    /// ("Inbound anonymous TLS selection").
    fn internal_name(&mut self, evidence: &Evidence<'_>) {
        let tls = evidence.seen.tls.as_ref().filter(|tls| tls.verb == TlsKind::XAnonymousTls);
        let details = tls.and_then(|tls| tls.outcome.as_ref().ok()?.details.as_ref());
        if let (Some(details), Some(name), Some(false)) =
            (details, evidence.name, evidence.names_host)
        {
            let own = details.names.iter().find(|name| name.contains('.'));
            self.put(
                "connector-fqdn",
                format!(
                    "the ticket is for {name}, and the server's own certificate is for {}",
                    details.names.join(", ")
                ),
                format!(
                    "set the connector's Fqdn back to the server's own: Set-ReceiveConnector -Fqdn \
                     {}; Banner can show another name",
                    own.map_or("$null", String::as_str)
                ),
                "KB 979174",
            );
        }
    }
}
