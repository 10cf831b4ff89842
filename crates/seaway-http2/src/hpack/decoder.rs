//! From a header block to fields.

use super::Broken;
use super::arena::Arena;
use super::dynamic::{Entry, Table};
use super::field::{Field, Name, OVERHEAD, Store};
use super::reader::Reader;

/// One direction of a connection: the blocks must come here in the order in which they arrived.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: Table,
    /// The table size that we announced.
    most: usize,
    arena: Arena,
    /// Where a string in Huffman code is decoded.
    scratch: Vec<u8>,
}

/// More is not kept from one block to the next.
const SCRATCH: usize = 1024;

/// What was wrong with a block that did not break the connection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The list of fields is larger than the limit; the fields past it were not given out.
    pub(crate) too_large: bool,
    /// A field was not given out because HTTP does not allow it.
    pub(crate) malformed: bool,
}

/// What becomes of a literal field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Literal {
    Added,
    Plain,
    Never,
}

impl Decoder {
    /// `most` is the SETTINGS_HEADER_TABLE_SIZE that we announced.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            table: Table::new(most),
            most,
            arena: Arena::default(),
            scratch: Vec::new(),
        }
    }

    /// Decodes a whole header block and gives its fields to `take`, as long as their list is not larger than `limit`
    /// (RFC 9113, 6.5.2).
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        limit: usize,
        take: &mut impl FnMut(Field),
    ) -> Result<Outcome, Broken> {
        let mut block = Reader::new(block);
        let mut list = List {
            left: limit,
            outcome: Outcome::default(),
        };
        self.updates(&mut block)?;
        while let Some(first) = block.peek() {
            let entry = match first {
                0x80.. => {
                    let entry = self.table.get(block.integer(7)?)?;
                    if list.admits(entry) {
                        entry.field.iter().cloned().for_each(&mut *take);
                    }
                    continue;
                }
                0x40..0x80 => self.literal(&mut block, 6, Literal::Added)?,
                0x20..0x40 => return Err(Broken::Update),
                0x10..0x20 => self.literal(&mut block, 4, Literal::Never)?,
                0x00..0x10 => self.literal(&mut block, 4, Literal::Plain)?,
            };
            if list.admits(&entry) {
                entry.field.into_iter().for_each(&mut *take);
            }
        }
        if self.scratch.len() > SCRATCH {
            self.scratch = Vec::new();
        }
        Ok(list.outcome)
    }

    /// Changes of the table size, which may only begin a block.
    fn updates(&mut self, block: &mut Reader<'_>) -> Result<(), Broken> {
        while let Some(0x20..0x40) = block.peek() {
            let most = block.integer(5)?;
            if most > self.most {
                return Err(Broken::Update);
            }
            self.table.resize(most);
        }
        Ok(())
    }

    fn literal(&mut self, block: &mut Reader<'_>, bits: u32, literal: Literal) -> Result<Entry, Broken> {
        let name = match block.integer(bits)? {
            0 => Name::parse(block.string(&mut self.scratch)?),
            index => self.table.name(index)?,
        };
        let value = block.string(&mut self.scratch)?;
        let size = name.len() + value.len() + OVERHEAD;
        let store = if literal == Literal::Added {
            Store::Own
        } else {
            Store::Arena(&mut self.arena)
        };
        let mut entry = Entry {
            size,
            field: name.with(value, store),
        };
        match (literal, &mut entry.field) {
            (Literal::Added, _) => self.table.insert(entry.clone()),
            (Literal::Never, Ok(Field::Header(_, value))) => value.set_sensitive(true),
            _ => {}
        }
        Ok(entry)
    }

    #[cfg(test)]
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    #[cfg(test)]
    pub(super) fn scratch(&self) -> usize {
        self.scratch.len()
    }
}

/// The list of fields as it grows.
struct List {
    left: usize,
    outcome: Outcome,
}

impl List {
    /// Whether there is room for one more field. After the first for which there is none, there is none for any.
    fn admits(&mut self, entry: &Entry) -> bool {
        self.outcome.malformed |= entry.field.is_err();
        match self.left.checked_sub(entry.size) {
            Some(left) if !self.outcome.too_large => {
                self.left = left;
                true
            }
            _ => {
                self.outcome.too_large = true;
                false
            }
        }
    }
}
