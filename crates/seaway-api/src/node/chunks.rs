//! Cuts a text at its `---` lines.

/// A part of a text that holds whole documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// From its `---` line, if it has one, to before the next.
    pub text: &'a str,
    /// How many lines stand before it.
    pub lines_before: u32,
}

/// The parts of a text, without those that hold nothing but comments and directives.
pub(super) fn chunks(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut start, mut lines_before) = (0, 0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if at > start && is_document_start(line) {
            lines_before += push(&mut chunks, text.get(start..at), lines_before);
            start = at;
        }
        at += line.len();
    }
    push(&mut chunks, text.get(start..), lines_before);
    chunks
}

/// Adds a chunk unless it is empty, and answers how many lines it has.
fn push<'a>(chunks: &mut Vec<Chunk<'a>>, text: Option<&'a str>, lines_before: u32) -> u32 {
    let text = text.unwrap_or_default();
    if !text.lines().all(says_nothing) {
        chunks.push(Chunk { text, lines_before });
    }
    line_breaks(text)
}

fn is_document_start(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// A line without content: blank, a comment, a directive, or a bare marker.
fn says_nothing(line: &str) -> bool {
    let content = line.strip_prefix("---").unwrap_or(line).trim();
    content.is_empty() || content.starts_with('#') || line.starts_with('%') || content == "..."
}

/// Line breaks as YAML counts them: LF, CRLF, or CR alone.
fn line_breaks(text: &str) -> u32 {
    let mut count = 0u32;
    let mut after_cr = false;
    for byte in text.bytes() {
        if byte == b'\r' || (byte == b'\n' && !after_cr) {
            count = count.saturating_add(1);
        }
        after_cr = byte == b'\r';
    }
    count
}
