//! What a dump may cost, however it was made.
//!
//! A real object of Export-Clixml takes 60 KB, and 1.2 KB more for each address range; a
//! connector holds some 1,250 ranges at most. The figures are ours.

use super::error::Stop;

/// Octets of a dump, as read and as decoded.
pub const MAX_DUMP: usize = 64 << 20;
/// Elements of XML, or values of JSON, within each other. Real dumps have ten.
pub const MAX_DEPTH: usize = 32;
/// Connectors.
pub const MAX_CONNECTORS: usize = 1_000;
/// Entries of permissions.
pub const MAX_PERMISSIONS: usize = 50_000;
/// Properties and items of lists that are taken over, all together.
pub const MAX_VALUES: usize = 400_000;
/// Values in one object, with those within values.
pub const MAX_NODES: usize = 200_000;
/// Octets of one object in JSON or CSV.
pub const MAX_OBJECT: usize = 4 << 20;
/// Octets of one value that is no list.
pub const MAX_TEXT: usize = 64 << 10;

/// What is left of the limits while a dump is read.
#[derive(Debug)]
pub(super) struct Budget {
    max_objects: usize,
    objects: usize,
    nodes: usize,
    values: usize,
    text: usize,
}

impl Budget {
    pub(super) fn new(max_objects: usize) -> Self {
        Self { max_objects, objects: 0, nodes: 0, values: 0, text: 0 }
    }

    /// An object is at its end.
    pub(super) fn object(&mut self) -> Result<(), Stop> {
        self.nodes = 0;
        self.objects += 1;
        if self.objects > self.max_objects {
            return Err(Stop::Objects(self.max_objects));
        }
        Ok(())
    }

    pub(super) fn node(&mut self) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(Stop::Nodes(MAX_NODES)) } else { Ok(()) }
    }

    pub(super) fn values(&mut self, count: usize) -> Result<(), Stop> {
        self.values += count;
        if self.values > MAX_VALUES { Err(Stop::Values(MAX_VALUES)) } else { Ok(()) }
    }

    /// Text that was taken over. Only what refers to one text many times can pass the limit.
    pub(super) fn text(&mut self, octets: usize) -> Result<(), Stop> {
        self.text += octets;
        if self.text > MAX_DUMP { Err(Stop::Text(MAX_DUMP)) } else { Ok(()) }
    }
}
