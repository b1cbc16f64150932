//! Who meets the connector.

use super::reader::name;
use super::{Parameter, parameter};
use crate::connector::Version;
use crate::connector::value::list;

pub(super) const PARAMETERS: &[Parameter] = &[
    parameter!(Name, name, name)
        .acts("What logs, events and `explain` call the connector; no two have the same."),
    parameter!(Enabled, enabled).acts("A connector that is off takes no connections."),
    parameter!(TransportRole, transport_role)
        .acts(
            "Which service listens, Front End or Hub: decides on EHLO keywords, on \
             LongAddressesEnabled, and on bindings that may be shared.",
        )
        .since(Version::E2013)
        .not_on_edge(),
    parameter!(Bindings, bindings, list)
        .acts("Local addresses and ports; `0.0.0.0` and `[::]` are all of a family, port 0 any."),
    parameter!(RemoteIPRanges, remote_ip_ranges, list)
        .acts(
            "Source addresses that meet this connector, unless one on the same binding names \
             them more closely.",
        )
        .by("Set-ReceiveConnector; Receive connectors"),
    parameter!(Comment, comment).acts_never("A note to oneself."),
];
