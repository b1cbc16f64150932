//! Sets of connectors that are larger than life.

use std::net::Ipv4Addr;

use expsd::connector::{ReceiveConnector, TransportRole, Version};

/// Single addresses and ranges of eleven, turn by turn, of a network of its own.
pub fn relay(n: u32, ranges: u32) -> ReceiveConnector {
    let mut connector = ReceiveConnector::new(format!("Relay {n}"), Version::E2019);
    connector.transport_role = TransportRole::FrontendTransport;
    connector.bindings = vec!["0.0.0.0:25".parse().unwrap()];
    connector.remote_ip_ranges = (0..ranges)
        .map(|i| {
            let low = 0x0a00_0000 + (n << 16) + 16 * i;
            let high = low + 10 * (i % 2);
            format!("{}-{}", Ipv4Addr::from(low), Ipv4Addr::from(high)).parse().unwrap()
        })
        .collect();
    connector
}
