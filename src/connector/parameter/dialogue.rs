//! What the connector says of itself, the extensions it offers, and the recipients it takes.

use super::reader::{banner, domain};
use super::{Parameter, parameter};
use crate::connector::Version;

pub(super) const PARAMETERS: &[Parameter] = &[
    parameter!(Fqdn, fqdn, domain)
        .acts(
            "The name in the banner and in the hello reply, and the one that the STARTTLS \
             certificate must hold; blank is the server's own.",
        )
        .by("Set-ReceiveConnector; Inbound STARTTLS selection"),
    parameter!(Banner, banner, banner)
        .acts("Stands in place of the whole greeting.")
        .by("Set-ReceiveConnector; Modify SMTP banners"),
    parameter!(SizeEnabled, size_enabled).acts(
        "`SIZE n` in the EHLO reply, `SIZE` alone, or neither; without it MAIL takes no SIZE.",
    ),
    parameter!(PipeliningEnabled, pipelining_enabled)
        .acts("`PIPELINING` in the EHLO reply; commands sent ahead are taken either way."),
    parameter!(DeliveryStatusNotificationEnabled, delivery_status_notification_enabled)
        .acts("`DSN` in the EHLO reply; without it RET, ENVID, NOTIFY and ORCPT get 501 5.5.4."),
    parameter!(EnhancedStatusCodesEnabled, enhanced_status_codes_enabled)
        .acts("`ENHANCEDSTATUSCODES` in the EHLO reply; replies have their codes either way."),
    parameter!(EightBitMimeEnabled, eight_bit_mime_enabled)
        .acts("`8BITMIME` in the EHLO reply; without it BODY=8BITMIME gets 501 5.5.4."),
    parameter!(BinaryMimeEnabled, binary_mime_enabled)
        .acts("`BINARYMIME` in the EHLO reply; without it BODY=BINARYMIME gets 501 5.5.4."),
    parameter!(ChunkingEnabled, chunking_enabled)
        .acts("`CHUNKING` in the EHLO reply; without it BDAT gets 500 5.3.3."),
    parameter!(SmtpUtf8Enabled, smtp_utf8_enabled)
        .acts(
            "`SMTPUTF8` in the EHLO reply of 2019; without it the parameter of that name and \
             addresses beyond ASCII get 501.",
        )
        .since(Version::E2013)
        .by("Set-ReceiveConnector; exported 2019 set"),
    parameter!(LongAddressesEnabled, long_addresses_enabled).acts(
        "On a Hub: `XLONGADDR` in the EHLO reply, addresses of up to 1,860 octets instead \
             of 571, and lines of 8,000 (2007: from SP1).",
    ),
    parameter!(OrarEnabled, orar_enabled)
        .acts("`XORAR` in the EHLO reply; RCPT with XORAR gets 504 5.7.1, without it 501 5.5.4 (2007: from SP1)."),
    parameter!(RequireEHLODomain, require_ehlo_domain)
        .acts("HELO and EHLO without a name get 501 5.0.0, and the connection is closed."),
    parameter!(DefaultDomain, default_domain, domain)
        .acts("Completes an address that has no domain; without one such an address gets 501.")
        .by("Set-ReceiveConnector; that it completes addresses: unconfirmed"),
    parameter!(RejectReservedTopLevelRecipientDomains, reject_reserved_top_level_recipient_domains)
        .acts("RCPT to a domain under test, example, invalid or localhost gets 501 5.1.4.")
        .since(Version::E2016)
        .by("Set-ReceiveConnector; NDR page; Q&A 389033"),
    parameter!(
        RejectReservedSecondLevelRecipientDomains,
        reject_reserved_second_level_recipient_domains
    )
    .acts("RCPT to example.com, example.net, example.org or what is below gets 501 5.1.5.")
    .since(Version::E2016)
    .by("Set-ReceiveConnector; NDR page"),
    parameter!(RejectSingleLabelRecipientDomains, reject_single_label_recipient_domains)
        .acts("RCPT to a domain of one label gets 501 5.1.6.")
        .since(Version::E2016)
        .by("Set-ReceiveConnector; NDR page"),
];
