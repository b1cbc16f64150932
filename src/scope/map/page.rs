//! The picture as data: shapes and lines of text with their places, in pixels.

use super::text::{Font, elide};

#[derive(Debug)]
pub(super) struct Page {
    pub(super) width: f32,
    /// Left free at either side.
    pub(super) margin: f32,
    /// Down to where it is filled.
    pub(super) height: f32,
    /// Drawn before the items.
    pub(super) ground: Vec<Shape>,
    pub(super) items: Vec<Item>,
}

#[derive(Debug)]
pub(super) enum Item {
    Shape(Shape),
    Text(Text),
}

/// A rectangle.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) area: Area,
    pub(super) paint: Paint,
    /// What a pointer that rests on it is shown.
    pub(super) title: Option<String>,
    /// `data-…` attributes, for programs that read the picture.
    pub(super) data: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

/// One line.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) x: f32,
    /// Of the baseline.
    pub(super) y: f32,
    /// Whether `x` is its middle, not its beginning.
    pub(super) middle: bool,
    pub(super) font: Font,
    pub(super) ink: Ink,
    pub(super) text: String,
}

/// A colour out of those for connectors, by number.
pub(super) type Colour = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// The ground of a lane and of an answer.
    Lane,
    /// The ground of a column that is asked about.
    Highlight,
    Taken(Colour),
    Shadowed(Colour),
    Nobody,
    Folded,
    /// Around a column that is asked about, or one with a name.
    AskedFrame,
    NamedFrame,
    AskedFlag,
    NamedFlag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Muted,
    /// On a shape that is painted [`Taken`](Paint::Taken), or on a flag.
    OnFilled,
}

impl Page {
    pub(super) fn room(&self) -> f32 {
        self.width - 2.0 * self.margin
    }

    pub(super) fn ground(&mut self, shape: Shape) {
        self.ground.push(shape);
    }

    pub(super) fn shape(&mut self, shape: Shape) {
        self.items.push(Item::Shape(shape));
    }

    /// A line that begins at `x`, with its top at `y`.
    pub(super) fn text(&mut self, x: f32, y: f32, font: Font, ink: Ink, text: impl Into<String>) {
        let (y, text) = (y + font.ascent(), text.into());
        self.items.push(Item::Text(Text { x, y, middle: false, font, ink, text }));
    }

    /// The same, in so much room.
    pub(super) fn elided(&mut self, x: f32, y: f32, font: Font, ink: Ink, text: &str, room: f32) {
        self.text(x, y, font, ink, elide(text, font, room));
    }

    /// Lines in the middle of `area`, both ways.
    pub(super) fn centred(&mut self, area: Area, font: Font, ink: Ink, lines: &[String]) {
        let top = area.y + (area.height - font.line() * lines.len() as f32) / 2.0;
        let x = area.x + area.width / 2.0;
        for (i, line) in lines.iter().enumerate() {
            let y = top + i as f32 * font.line() + font.ascent();
            let text = line.clone();
            self.items.push(Item::Text(Text { x, y, middle: true, font, ink, text }));
        }
    }

    /// Lines one below the other, from `x` and the end of the page, which moves down.
    pub(super) fn lines(&mut self, x: f32, font: Font, ink: Ink, lines: Vec<String>) {
        for line in lines {
            self.text(x, self.height, font, ink, line);
            self.height += font.line();
        }
    }
}

impl Shape {
    pub(super) fn new(area: Area, paint: Paint) -> Self {
        Self { area, paint, title: None, data: Vec::new() }
    }

    pub(super) fn title(self, title: impl Into<String>) -> Self {
        Self { title: Some(title.into()), ..self }
    }

    pub(super) fn data(mut self, name: &'static str, value: impl ToString) -> Self {
        self.data.push((name, value.to_string()));
        self
    }
}

impl Area {
    pub(super) fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height }
    }

    /// Smaller by `by` at each side.
    pub(super) fn inset(self, by: f32) -> Self {
        Self::new(self.x + by, self.y + by, self.width - 2.0 * by, self.height - 2.0 * by)
    }
}
