use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::bands::{Column, Content};
use super::page::{Area, Item, Page, Paint};
use super::*;
use crate::connector::{IpRange, ReceiveConnector, Version, default_set};
use crate::scope::tests::{Random, random_set, random_source};
use crate::scope::{Piece, Standing};

/// A set, where it is asked, and what is marked.
struct Case {
    name: &'static str,
    set: Vec<ReceiveConnector>,
    local: &'static str,
    marks: Vec<Mark>,
}

impl Case {
    fn svg(&self, width: u32) -> String {
        let scope = Scope::new(self.set.clone());
        svg(&scope, &Server::default(), self.local.parse().unwrap(), &self.marks, width)
    }

    fn page(&self, width: u32) -> Page {
        let scope = Scope::new(self.set.clone());
        let server = Server::default();
        let map = Map::new(&scope, &server, self.local.parse().unwrap(), &self.marks);
        layout::page(&map, width as f32)
    }
}

const NARROW: u32 = 400;

const IPV4: &[&str] = &["0.0.0.0:25"];
const IPV6: &[&str] = &["[::]:25"];
const BOTH: &[&str] = &["0.0.0.0:25", "[::]:25"];

fn connector(name: &str, bindings: &[&str], ranges: &[&str]) -> ReceiveConnector {
    let mut connector = ReceiveConnector::new(name, Version::E2019);
    connector.bindings = bindings.iter().map(|b| b.parse().unwrap()).collect();
    connector.remote_ip_ranges = ranges.iter().map(|r| r.parse().unwrap()).collect();
    connector
}

fn asked(address: &str) -> Mark {
    Mark { name: None, address: address.parse().unwrap(), asked: true }
}

fn named(name: &str, address: &str) -> Mark {
    Mark { name: Some(name.to_owned()), address: address.parse().unwrap(), asked: false }
}

/// What the README tells.
fn readme() -> Case {
    let set = vec![
        connector("Default Frontend EX01", IPV4, &["0.0.0.0-255.255.255.255"]),
        connector("App relay", IPV4, &["10.0.0.10-10.0.0.20"]),
    ];
    let marks = vec![Mark { asked: true, ..named("EX02", "10.0.0.12") }];
    Case { name: "readme", set, local: "0.0.0.0:25", marks }
}

fn default_with_relay() -> Case {
    let mut set = default_set(&Server::default());
    set.push(connector("App relay", IPV4, &["10.0.0.10-10.0.0.20"]));
    Case { name: "default", set, local: "0.0.0.0:25", marks: vec![asked("10.0.0.12")] }
}

fn shadows() -> Case {
    let mut set = vec![
        connector("Default Frontend EX01", IPV4, &["0.0.0.0/0"]),
        connector("App relay", IPV4, &["10.0.0.10-10.0.0.20"]),
        connector("Scanners", IPV4, &["10.0.0.0/24", "10.0.3.7"]),
        connector("Old relay", IPV4, &["10.0.0.12-10.0.0.13"]),
        connector("Two hosts", IPV4, &["10.0.0.12", "10.0.0.13"]),
        connector("Partner fabrikam", IPV4, &["203.0.113.0/24"]),
        connector("Put away", IPV4, &["10.9.0.0/16"]),
        connector("Without", IPV4, &[]),
    ];
    set[6].enabled = false;
    let marks = vec![
        asked("10.0.0.12"),
        named("EX02", "10.0.0.12"),
        named("LB1", "10.0.0.5"),
        named("scan-to-mail gateway of the second floor", "10.0.3.7"),
        asked("203.0.113.77"),
    ];
    Case { name: "shadows", set, local: "10.0.0.5:25", marks }
}

fn ipv6() -> Case {
    let links = ["fe80::215:5dff:fe00:1%11", "fe80::215:5dff:fe00:1%12"];
    let set = vec![
        connector("Default Frontend EX01", BOTH, &["::/0", "0.0.0.0/0"]),
        connector("Link relay", IPV6, &links),
        connector("Site", IPV6, &["2001:db8:42::/48"]),
        connector("Host", IPV6, &["2001:db8:42:1:cafe:babe:dead:beef"]),
    ];
    let marks = vec![
        asked(links[0]),
        named("EX02", "fe80::215:5dff:fe00:1%13"),
        named("EX03", "2001:db8:42:1:cafe:babe:dead:beef"),
        named("EX04", "10.0.0.12"),
    ];
    Case { name: "ipv6", set, local: "[::]:25", marks }
}

fn odd_names() -> Case {
    let set = vec![
        connector("موصل الاستلام الافتراضي للخادم الأول", IPV4, &["0.0.0.0/0"]),
        connector("Connector for \"multifunction\" devices & <scanners>", IPV4, &["10.0.0.0/24"]),
        connector(&"W".repeat(64), IPV4, &["10.0.0.16/28"]),
        connector(
            "\u{202e}drawkcab\u{0}\u{1b}]]> 受信コネクタ 📨",
            IPV4,
            &["10.0.0.24\u{c}-10.0.0.24"],
        ),
        connector("الترحيل (2)", &["0.0.0.0:587"], &["10.0.0.25"]),
        connector("ترحيل آخر", &["0.0.0.0:465"], &["10.0.0.25"]),
    ];
    let marks = vec![
        Mark { asked: true, ..named("خادم البريد", "10.0.0.20") },
        named("مكتب", "10.0.0.1"),
        named(&"m".repeat(64), "10.0.0.24"),
        named("", "10.0.0.25"),
    ];
    Case { name: "odd-names", set, local: "0.0.0.0:25", marks }
}

/// The default connector and others with ranges here and there, which overlap.
fn many(connectors: u32, ranges: u32) -> Vec<ReceiveConnector> {
    let mut random = Random(0x6d61_7073);
    let mut set = vec![connector("Default Frontend EX01", BOTH, &["0.0.0.0/0", "::/0"])];
    set.extend((1..connectors).map(|n| {
        let mut relay = connector(&format!("Relay {n} for building {}", n % 7), IPV4, &[]);
        relay.remote_ip_ranges = (0..ranges)
            .map(|_| {
                let low = 0x0a00_0000 + random.below(1 << 20) as u32;
                let high = low + [0, 9, 255, 4095][random.below(4)];
                format!("{}-{}", Ipv4Addr::from(low), Ipv4Addr::from(high)).parse().unwrap()
            })
            .collect();
        relay
    }));
    set
}

fn fifty() -> Case {
    let marks = vec![asked("10.7.1.1"), named("EX02", "10.0.7.7"), named("EX03", "10.0.7.8")];
    Case { name: "fifty", set: many(50, 20), local: "0.0.0.0:25", marks }
}

fn hundreds_of_marks() -> Case {
    let address = |n: u32| Ipv4Addr::from(0x0a00_0000 + n * 2600).to_string();
    let mark = |n| Mark { asked: n % 9 == 0, ..named(&format!("HOST{n:03}"), &address(n)) };
    let marks = (0..400).map(mark).collect();
    Case { name: "hundreds-of-marks", set: many(50, 20), local: "0.0.0.0:25", marks }
}

/// Every connector holds every piece.
fn nested() -> Case {
    let range = |n: u32| format!("10.0.0.{n}-10.0.0.{}", 255 - n);
    let set = (0..60).map(|n| connector(&format!("Nested {n}"), IPV4, &[&range(n)])).collect();
    let marks = vec![asked("10.0.0.128"), named("EX02", "10.0.0.128")];
    Case { name: "nested", set, local: "0.0.0.0:25", marks }
}

fn one() -> Case {
    let set = vec![connector("Only this", IPV4, &["10.0.0.0/24"])];
    Case { name: "one", set, local: "0.0.0.0:25", marks: vec![asked("10.0.1.1")] }
}

fn none() -> Case {
    Case { name: "none", set: vec![], local: "0.0.0.0:25", marks: vec![asked("10.0.1.1")] }
}

/// Bounds among the IPv4 addresses that are mapped into IPv6.
fn mapped() -> Case {
    let set =
        vec![connector("Mapped", IPV6, &["::1-::ffff:10.0.0.9", "::ffff:10.0.0.5-::2:0:0:0"])];
    Case { name: "mapped", set, local: "[::]:25", marks: vec![asked("::ffff:10.0.0.7")] }
}

fn only_ipv6() -> Case {
    let set = vec![connector("Default", IPV6, &["2001:db8::/32"])];
    Case { name: "only-ipv6", set, local: "[::]:25", marks: vec![] }
}

fn cases() -> Vec<Case> {
    vec![
        readme(),
        default_with_relay(),
        shadows(),
        ipv6(),
        odd_names(),
        fifty(),
        hundreds_of_marks(),
        nested(),
        one(),
        none(),
        only_ipv6(),
        mapped(),
    ]
}

/// The start tags of a document, with their attributes. Fails where it is not well-formed.
fn tags(svg: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut reader = Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    let mut tags = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    let value = quick_xml::escape::unescape(&attribute.value).unwrap();
                    (attribute.key.as_ref().to_owned(), value.into_owned())
                });
                tags.push((tag.name().as_ref().to_owned(), attributes.collect()));
            }
            Event::Text(text) => {
                assert!(!text.contains(is_forbidden), "{text:?}");
            }
            Event::Eof => return tags,
            _ => {}
        }
    }
}

/// XML 1.0, section 2.2.
fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// With `EXPSD_WRITE_MAPS=DIR` the pictures are written there, to be looked at.
#[test]
fn every_picture_is_well_formed_and_loads_nothing() {
    const TAGS: [&str; 7] = ["svg", "title", "desc", "style", "rect", "path", "text"];
    let dir = std::env::var_os("EXPSD_WRITE_MAPS").map(PathBuf::from);
    for case in cases() {
        for width in [NARROW, 640, WIDTH, 1280] {
            let svg = case.svg(width);
            if let Some(dir) = &dir {
                std::fs::write(dir.join(format!("{}-{width}.svg", case.name)), &svg).unwrap();
            }
            let tags = tags(&svg);
            assert!(tags.iter().all(|(name, _)| TAGS.contains(&name.as_str())), "{}", case.name);
            for word in ["href", "url(", "import", "http"] {
                let root = usize::from(word == "http");
                assert_eq!(svg.matches(word).count(), root, "{word} in {}", case.name);
            }
            let (_, root) = &tags[0];
            assert_eq!(
                (root["role"].as_str(), root["width"].as_str()),
                ("img", &*width.to_string())
            );
            let ids: Vec<_> =
                tags.iter().filter_map(|(_, attributes)| attributes.get("id")).collect();
            assert_eq!(root["aria-labelledby"].split(' ').collect::<Vec<_>>(), ids);
        }
    }
}

/// The boxes of all lines of text, as wide as they come out at most.
fn boxes(page: &Page) -> Vec<(Area, &str)> {
    let boxed = page.items.iter().filter_map(|item| match item {
        Item::Text(text) => {
            let width = text.font.width(&text.text);
            let x = if text.middle { text.x - width / 2.0 } else { text.x };
            let y = text.y - text.font.ascent();
            Some((Area::new(x, y, width, text.font.line()), text.text.as_str()))
        }
        Item::Shape(_) => None,
    });
    boxed.collect()
}

/// How far `one` and `other` overlap, both ways.
fn overlap(one: Area, other: Area) -> f32 {
    let across = (one.x + one.width).min(other.x + other.width) - one.x.max(other.x);
    let down = (one.y + one.height).min(other.y + other.height) - one.y.max(other.y);
    across.min(down)
}

#[test]
fn labels_keep_apart_and_within_the_picture_at_any_width() {
    for case in cases() {
        for width in [320, NARROW, 599, 600, 720, WIDTH, 1280, 4000] {
            let page = case.page(width);
            let mut boxes = boxes(&page);
            let whole = Area::new(0.0, 0.0, page.width, page.height);
            for (area, text) in &boxes {
                let inside = overlap(*area, whole) >= area.width.min(area.height) - 0.01;
                assert!(inside && area.width <= page.width, "{} at {width}: {text}", case.name);
            }
            boxes.sort_by(|(one, _), (other, _)| one.y.total_cmp(&other.y));
            for (i, (area, text)) in boxes.iter().enumerate() {
                let below = boxes[i + 1..].iter();
                for (other, label) in below.take_while(|(other, _)| other.y < area.y + area.height)
                {
                    let name = case.name;
                    assert!(overlap(*area, *other) <= 0.5, "{name} at {width}: {text} | {label}");
                }
            }
        }
    }
}

#[test]
fn text_in_a_cell_does_not_leave_it() {
    for case in cases() {
        for width in [320, NARROW, WIDTH] {
            let page = case.page(width);
            let cells: Vec<Area> = page
                .items
                .iter()
                .filter_map(|item| match item {
                    Item::Shape(shape) => Some(shape),
                    Item::Text(_) => None,
                })
                .filter(|shape| shape.area.height > 14.0)
                .filter(|shape| !matches!(shape.paint, Paint::AskedFrame | Paint::NamedFrame))
                .map(|shape| shape.area)
                .collect();
            for (text, label) in boxes(&page) {
                let (x, y) = (text.x + text.width / 2.0, text.y + text.height / 2.0);
                let around = cells.iter().filter(|cell| {
                    (cell.x..cell.x + cell.width).contains(&x)
                        && (cell.y..cell.y + cell.height).contains(&y)
                });
                for cell in around {
                    let fits = text.x >= cell.x && text.x + text.width <= cell.x + cell.width;
                    assert!(fits, "{} at {width}: {label} in {cell:?}", case.name);
                }
            }
        }
    }
}

fn all_pieces(scope: &Scope, local: SocketAddr) -> Vec<Piece> {
    let family = IpRange::everything().into_iter().find(|r| r.is_ipv6() == local.is_ipv6());
    scope.pieces(local, &family.unwrap())
}

/// What the shapes of a picture say of one family, against [`Scope`]. `local` is where the
/// sources of that family arrive.
fn check(scope: &Scope, svg: &str, local: SocketAddr) {
    let family = if local.is_ipv6() { "IPv6" } else { "IPv4" };
    let shapes: Vec<_> = tags(svg)
        .into_iter()
        .map(|(_, attributes)| attributes)
        .filter(|attributes| attributes.get("data-family").is_some_and(|f| f == family))
        .collect();
    let pieces = all_pieces(scope, local);
    let number = |attributes: &BTreeMap<String, String>, name: &str| -> Option<usize> {
        attributes.get(name)?.parse().ok()
    };
    let mut next = 0;
    // Twice in the picture where it begins with a close-up.
    let cells = shapes.iter().filter(|shape| shape.contains_key("data-first"));
    let cells = cells.map(|cell| (number(cell, "data-piece").unwrap(), cell));
    for (piece, cell) in cells.collect::<BTreeMap<_, _>>() {
        let count = number(cell, "data-pieces").unwrap_or(1);
        assert_eq!(piece, next, "a piece is missing");
        next += count;
        let inside = &pieces[piece..next];
        assert_eq!(cell["data-first"], inside[0].first.to_string());
        assert_eq!(cell["data-last"], inside[count - 1].last.to_string());
        let winners: BTreeSet<_> = inside.iter().map(|piece| piece.winner).collect();
        match cell.get("data-winner").map(String::as_str) {
            Some("none") => assert_eq!(winners, [None].into()),
            Some(_) => assert_eq!(winners, [number(cell, "data-winner")].into()),
            None => assert!(count > 1 && winners.len() > 1),
        }
        if count > 1 {
            continue;
        }
        let selection = scope.select(local, inside[0].first);
        assert_eq!(selection.index(), inside[0].winner);
        let lanes = shapes.iter().filter(|shape| {
            shape.contains_key("data-state") && number(shape, "data-piece") == Some(piece)
        });
        let drawn: BTreeMap<_, _> = lanes
            .map(|lane| (number(lane, "data-connector").unwrap(), lane["data-state"].as_str()))
            .collect();
        let held = selection.standings().enumerate();
        let held: BTreeMap<_, _> = held
            .filter(|(_, (_, standing))| matches!(standing, Standing::Candidate { .. }))
            .map(|(i, _)| (i, if selection.index() == Some(i) { "takes" } else { "shadowed" }))
            .collect();
        assert_eq!(drawn, held, "piece {piece}");
    }
    let listening = scope.connectors().iter().any(|connector| {
        connector.enabled
            && connector.bindings.iter().any(|binding| binding.accepts(local))
            && connector.remote_ip_ranges.iter().any(|range| range.is_ipv6() == local.is_ipv6())
    });
    assert!(next == pieces.len() || (next == 0 && !listening), "{next} of {}", pieces.len());
}

#[test]
fn the_picture_agrees_with_the_selection() {
    let mut random = Random(0x7069_6374);
    let locals = ["10.0.0.5:25", "0.0.0.0:25", "[fe80::5]:25", "[::]:25", "1.2.3.4:587"];
    let mut folded = 0;
    for turn in 0..200 {
        let set = if turn % 10 == 0 { many(8, turn as u32 / 10) } else { random_set(&mut random) };
        let scope = Scope::new(set);
        let local: SocketAddr = locals[random.below(locals.len())].parse().unwrap();
        let mark = Mark { name: None, address: random_source(&mut random), asked: true };
        let svg = svg(&scope, &Server::default(), local, &[mark], WIDTH);
        let other = match local {
            SocketAddr::V4(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), local.port()),
            SocketAddr::V6(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), local.port()),
        };
        check(&scope, &svg, local);
        check(&scope, &svg, other);
        folded += usize::from(svg.contains("data-pieces"));
    }
    assert!((5..20).contains(&folded), "{folded} with a fold");
}

#[test]
fn a_mark_stands_at_what_it_meets() {
    let mut random = Random(0x6d61_726b);
    let server = Server::default();
    for _ in 0..400 {
        let scope = Scope::new(random_set(&mut random));
        let marks: Vec<_> = (0..8)
            .map(|n| Mark { name: None, address: random_source(&mut random), asked: n % 2 == 0 })
            .collect();
        let map = Map::new(&scope, &server, "0.0.0.0:25".parse().unwrap(), &marks);
        for (i, mark) in marks.iter().enumerate() {
            let holds = |column: &&Column<'_>| column.marks.contains(&i);
            let columns: Vec<_> =
                map.bands.iter().flat_map(|band| &band.columns).filter(holds).collect();
            let [Column { content: Content::Piece { winner, .. }, first, last, .. }] = columns[..]
            else {
                panic!("{mark:?} is in {} columns, or folded", columns.len());
            };
            assert_eq!(*winner, map.selection(mark).index(), "{mark:?}");
            assert!((first.ip()..=last.ip()).contains(&mark.address.ip()));
        }
    }
}

#[test]
fn all_connectors_are_seen_or_named() {
    for case in cases() {
        let page = case.page(4000);
        let shapes = page.ground.iter().filter_map(|shape| shape.title.as_deref());
        let texts = boxes(&page).into_iter().map(|(_, text)| text);
        let all: Vec<&str> = shapes.chain(texts).collect();
        for connector in &case.set {
            let name = text::clean(&connector.name);
            assert!(all.iter().any(|text| text.contains(&name)), "{}: {name}", case.name);
        }
    }
}

#[test]
fn the_answer_is_a_sentence_for_eyes_and_ears() {
    let page = readme().page(WIDTH);
    let texts: Vec<_> = boxes(&page).into_iter().map(|(_, text)| text).collect();
    assert!(texts.contains(&"EX02 (10.0.0.12) meets EX01\\App relay"), "{texts:#?}");
    let svg = readme().svg(WIDTH);
    let desc = svg.split("</desc>").next().unwrap();
    assert!(desc.contains("&quot;App relay&quot; takes 10.0.0.12 by its range"), "{desc}");
    assert!(desc.contains("10.0.0.21 to 255.255.255.255: Default Frontend EX01."), "{desc}");
}

#[test]
fn the_same_set_gives_the_same_picture() {
    for case in [shadows(), ipv6(), fifty()] {
        assert_eq!(case.svg(WIDTH), case.svg(WIDTH));
    }
}

#[test]
fn however_long_the_set_the_picture_stays_small() {
    let mut long = fifty();
    long.set = many(50, 100);
    let mut crowd = hundreds_of_marks();
    crowd.marks = crowd.marks.iter().cycle().take(20_000).cloned().collect();
    for case in [fifty(), nested(), long, hundreds_of_marks(), crowd] {
        for width in [NARROW, WIDTH] {
            let size = case.svg(width).len();
            assert!(size < 500_000, "{} at {width}: {size} bytes", case.name);
        }
    }
}

#[test]
fn a_small_map() {
    insta::assert_snapshot!(one().svg(NARROW));
}

/// `UPDATE_DOCS=1` draws it anew.
#[test]
fn the_picture_in_the_documents_is_of_today() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/connector-map.svg");
    let svg = readme().svg(720);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &svg).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), svg, "run again with UPDATE_DOCS=1");
}
