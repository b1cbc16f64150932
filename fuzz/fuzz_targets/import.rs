//! A dump of connectors and, behind a form feed, one of their permissions.
#![no_main]

use expsd::config::Draft;
use expsd::connector::import::{Choice, import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|dump: &[u8]| {
    let mut parts = dump.splitn(2, |octet| *octet == 0x0C);
    let connectors = parts.next().unwrap_or_default().to_vec();
    let permissions = parts.next().map(<[u8]>::to_vec);
    let Ok(import) = import(connectors, permissions, &Choice::default()) else { return };
    for imported in &import.connectors {
        assert!(import.text.get(imported.at.clone()).is_some());
        assert!(imported.places.iter().all(|(_, at)| import.text.get(at.clone()).is_some()));
    }
    // What is written loads as the same.
    let toml = import.to_toml(0).expect("no port moves");
    let loaded = Draft::parse(&toml, "import.toml").expect("a configuration");
    let connectors: Vec<_> = import.connectors.into_iter().map(|i| i.connector).collect();
    assert_eq!(loaded.configuration.connectors, connectors, "{toml}");
});
