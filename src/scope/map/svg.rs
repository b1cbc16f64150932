//! A page as SVG: colours, hatching, and the sheet that changes them for a dark screen.
//!
//! Every shape says its colour itself, for light and for paper; where style sheets are kept,
//! one changes it for a dark screen.

use std::fmt::{self, Write as _};

use super::page::{Area, Ink, Item, Page, Paint, Shape, Text};
use super::text::{Escaped, Font};

/// Of a light and of a dark screen, as RRGGBB.
type Shade = (u32, u32);

const PAGE: Shade = (0xffffff, 0x11161e);
const LANE: Shade = (0xf1f4f8, 0x1b222d);
const LINE: Shade = (0x6b7587, 0x8791a3);
const HIGHLIGHT: Shade = (0xfff3c9, 0x3a331a);
const PLAIN: Shade = (0x17202e, 0xe9edf4);
const MUTED: Shade = (0x525c6e, 0xabb4c4);

/// Told apart by people who are colour-blind: those of Okabe and Ito (jfly.uni-koeln.de,
/// "Color Universal Design"), darkened for text in white or lightened for text in black.
const TAKEN: [Shade; COLOURS + 1] = [
    (0x0069a8, 0x62b6ef),
    (0xb34700, 0xf39350),
    (0x005c3f, 0x37c49a),
    (0xa0417a, 0xe696c2),
    (0x564b00, 0xd6c33e),
    (0x3d3296, 0xaea6f7),
    (0x73202c, 0xf08f8f),
    (0x566072, 0xabb4c4),
];

/// How many there are for connectors; the one after them is of the legend.
pub(super) const COLOURS: usize = 7;
pub(super) const NEUTRAL: usize = COLOURS;

/// `page` as an SVG document. `title` and `description` are for those who do not see it.
pub(super) fn document(page: &Page, title: &str, description: &str) -> String {
    let mut out = String::with_capacity(page.items.len() * 160 + 4096);
    // A String takes whatever is written to it.
    let _ = write(&mut out, page, title, description);
    out
}

fn write(out: &mut String, page: &Page, title: &str, description: &str) -> fmt::Result {
    let (width, height) = (Px(page.width), Px(page.height));
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"expsd-map\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" \
         aria-labelledby=\"expsd-map-title expsd-map-desc\" \
         font-family=\"ui-sans-serif,system-ui,sans-serif\" font-size=\"{}\" fill=\"{}\" \
         direction=\"ltr\">",
        Font::SMALL.size,
        Hex(PLAIN.0)
    )?;
    writeln!(out, "<title id=\"expsd-map-title\">{}</title>", Escaped(title))?;
    writeln!(out, "<desc id=\"expsd-map-desc\">{}</desc>", Escaped(description))?;
    let colours = used(page);
    sheet(out, &colours)?;
    writeln!(
        out,
        "<rect class=\"b\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>",
        Hex(PAGE.0)
    )?;
    for shape in &page.ground {
        write_shape(out, shape)?;
    }
    for item in &page.items {
        match item {
            Item::Shape(shape) => write_shape(out, shape)?,
            Item::Text(text) => write_text(out, text)?,
        }
    }
    out.write_str("</svg>\n")
}

fn used(page: &Page) -> Vec<usize> {
    let mut colours: Vec<usize> = page
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Shape(Shape { paint: Paint::Taken(c) | Paint::Shadowed(c), .. }) => Some(*c),
            _ => None,
        })
        .collect();
    colours.sort_unstable();
    colours.dedup();
    colours
}

/// Paper is light whatever the screen is, and what is filled must come out so.
fn sheet(out: &mut String, colours: &[usize]) -> fmt::Result {
    out.write_str("<style>.expsd-map{max-width:100%;height:auto}")?;
    out.write_str(".expsd-map text{pointer-events:none}")?;
    out.write_str(
        "@media print{.expsd-map{print-color-adjust:exact;-webkit-print-color-adjust:exact}}",
    )?;
    out.write_str("@media screen and (prefers-color-scheme:dark){")?;
    write!(out, ".expsd-map{{fill:{}}}", Hex(PLAIN.1))?;
    for (class, shade) in [("b", PAGE), ("l", LANE), ("h", HIGHLIGHT), ("m", MUTED), ("g", PLAIN)] {
        write!(out, ".expsd-map .{class}{{fill:{}}}", Hex(shade.1))?;
    }
    for (class, shade) in [("n", LINE), ("f", LINE), ("a", PLAIN), ("p", MUTED)] {
        write!(out, ".expsd-map .{class}{{stroke:{}}}", Hex(shade.1))?;
    }
    for &c in colours {
        let hex = Hex(TAKEN[c].1);
        write!(out, ".expsd-map .k{c}{{fill:{hex}}}.expsd-map .s{c}{{stroke:{hex}}}")?;
    }
    out.write_str("}</style>\n")
}

fn write_shape(out: &mut String, shape: &Shape) -> fmt::Result {
    let area = shape.area;
    write!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}",
        Px(area.x),
        Px(area.y),
        Px(area.width),
        Px(area.height),
        shape.paint
    )?;
    for (name, value) in &shape.data {
        write!(out, " data-{name}=\"{}\"", Escaped(value))?;
    }
    match &shape.title {
        Some(title) => writeln!(out, "><title>{}</title></rect>", Escaped(title))?,
        None => out.write_str("/>\n")?,
    }
    match shape.paint {
        Paint::Shadowed(c) => hatching(out, c, area),
        _ => Ok(()),
    }
}

/// One thick line across `area`, of dashes that lean: unlike a pattern it prints at once, and
/// a viewer of any kind has it.
fn hatching(out: &mut String, colour: usize, area: Area) -> fmt::Result {
    const DASH: f32 = 1.6;
    const PERIOD: f32 = 6.4;
    const TAN_30: f32 = 0.577_35;

    let middle = area.y + area.height / 2.0;
    let room = area.width - area.height * TAN_30;
    let length = ((room - DASH) / PERIOD).floor().max(0.0) * PERIOD + DASH;
    let x = area.x + (area.width - length) / 2.0 + middle * TAN_30;
    writeln!(
        out,
        "<path class=\"s{colour}\" d=\"M{} {}h{}\" stroke=\"{}\" stroke-width=\"{}\" \
         stroke-dasharray=\"{DASH} {}\" transform=\"skewX(-30)\"/>",
        Px(x),
        Px(middle),
        Px(length),
        Hex(TAKEN[colour].0),
        Px(area.height),
        Px(PERIOD - DASH)
    )
}

fn write_text(out: &mut String, text: &Text) -> fmt::Result {
    write!(out, "<text x=\"{}\" y=\"{}\"", Px(text.x), Px(text.y))?;
    // What most of it has, it has from the root.
    if text.font.size != Font::SMALL.size {
        write!(out, " font-size=\"{}\"", Px(text.font.size))?;
    }
    if text.font.bold {
        out.write_str(" font-weight=\"600\"")?;
    }
    if text.middle {
        out.write_str(" text-anchor=\"middle\"")?;
    }
    match text.ink {
        Ink::Plain => {}
        Ink::Muted => write!(out, " class=\"m\" fill=\"{}\"", Hex(MUTED.0))?,
        Ink::OnFilled => write!(out, " class=\"b\" fill=\"{}\"", Hex(PAGE.0))?,
    }
    writeln!(out, ">{}</text>", Escaped(&text.text))
}

/// The class, and the looks without a sheet.
impl fmt::Display for Paint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fill =
            |class: &str, shade: Shade| format!("class=\"{class}\" fill=\"{}\"", Hex(shade.0));
        let stroke = |class: &str, shade: Shade, more: &str| {
            format!("class=\"{class}\" fill=\"none\" stroke=\"{}\" {more}", Hex(shade.0))
        };
        let text = match self {
            Self::Lane => fill("l", LANE) + " rx=\"4\"",
            Self::Highlight => fill("h", HIGHLIGHT),
            Self::Taken(c) => fill(&format!("k{c}"), TAKEN[*c]) + " rx=\"3\"",
            Self::Shadowed(c) => format!(
                "class=\"b s{c}\" fill=\"{}\" stroke=\"{}\" rx=\"3\"",
                Hex(PAGE.0),
                Hex(TAKEN[*c].0)
            ),
            Self::Nobody => stroke("n", LINE, "stroke-dasharray=\"4 3\" rx=\"3\""),
            Self::Folded => stroke("f", LINE, "stroke-dasharray=\"1 3\" rx=\"3\""),
            Self::AskedFrame => stroke("a", PLAIN, "stroke-width=\"2\" rx=\"5\""),
            Self::NamedFrame => stroke("p", MUTED, "stroke-width=\"1.2\" rx=\"5\""),
            Self::AskedFlag => fill("g", PLAIN) + " rx=\"4\"",
            Self::NamedFlag => stroke("p", MUTED, "stroke-width=\"1.2\" rx=\"4\""),
        };
        f.write_str(&text)
    }
}

struct Hex(u32);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:06x}", self.0)
    }
}

/// Pixels, to a tenth.
struct Px(f32);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.1}", self.0);
        f.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, "relative luminance".
    fn luminance(colour: u32) -> f64 {
        let [_, red, green, blue] = colour.to_be_bytes().map(|byte| {
            let part = f64::from(byte) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn contrast(one: u32, other: u32) -> f64 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    /// WCAG 2.2, level AA: 4.5 for text, 3 for what carries a meaning.
    #[test]
    fn everything_stands_out_enough_in_light_and_dark() {
        let screens: [fn(Shade) -> u32; 2] = [|shade| shade.0, |shade| shade.1];
        for of in screens {
            for ground in [PAGE, LANE, HIGHLIGHT] {
                for text in [PLAIN, MUTED] {
                    assert!(contrast(of(text), of(ground)) >= 4.5, "{text:x?} on {ground:x?}");
                }
                for shape in TAKEN.into_iter().chain([LINE]) {
                    assert!(contrast(of(shape), of(ground)) >= 3.0, "{shape:x?} on {ground:x?}");
                }
            }
            for taken in TAKEN {
                assert!(contrast(of(PAGE), of(taken)) >= 4.5, "text on {taken:x?}");
            }
            assert!(contrast(of(PAGE), of(PLAIN)) >= 4.5);
        }
    }
}
