//! Values with the place where they were written.

use std::ops::Deref;

/// A place in a file. Counts from 1; the default, 0:0, means that nobody wrote it (a default value).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pos {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A value and where it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where its first character stands.
    pub pos: Pos,
}

impl<T> Spanned<T> {
    /// A value that was written there.
    pub const fn new(value: T, pos: Pos) -> Self {
        Self { value, pos }
    }

    /// A default value, which nobody wrote.
    pub fn unwritten(value: impl Into<T>) -> Self {
        Self {
            value: value.into(),
            pos: Pos::default(),
        }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
