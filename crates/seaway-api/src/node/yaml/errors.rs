//! What is said of a text that is not YAML, or more of it than manifests need.

use saphyr_parser::Tag;

use super::{MAX_DEPTH, SyntaxError};
use crate::Pos;

pub(super) fn unsupported_tag(tag: &Tag, pos: Pos) -> SyntaxError {
    SyntaxError {
        pos,
        message: format!("the tag {tag} is not supported"),
        help: "remove the tag and write the value itself".to_owned(),
    }
}

pub(super) fn too_deep(pos: Pos) -> SyntaxError {
    SyntaxError {
        pos,
        message: "nested too deeply".to_owned(),
        help: format!("no manifest needs more than {MAX_DEPTH} levels"),
    }
}

pub(super) fn complex_key(pos: Pos) -> SyntaxError {
    SyntaxError {
        pos,
        message: "a list or mapping as the key of a mapping".to_owned(),
        help: "a key must be text; text that starts with { or [ needs quotes".to_owned(),
    }
}

/// What to do about a mistake, by what the scanner says.
pub(super) fn advice(info: &str) -> &'static str {
    if info.contains("tab") {
        "indent with spaces; YAML allows no tab there"
    } else if info.contains("quoted scalar") {
        "close the quote"
    } else if info.contains("mapping values") {
        "put text that contains \": \" in quotes, and check that the line is indented like its neighbours"
    } else if info.contains("anchor") || info.contains("alias") {
        "an alias needs an anchor before it; text that starts with * or & needs quotes"
    } else if info.contains("cannot start any token") {
        "put text that starts with this character in quotes"
    } else {
        "check the indentation, and the brackets and quotes before this place"
    }
}
