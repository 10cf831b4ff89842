//! Diagnostics, for people and for scripts.

use std::collections::HashMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use seaway_model::{Diagnostic, ObjectRef, Position, Severity};
use serde::Serialize;

/// A diagnostic as one line of JSON, as `docs/cli.md` promises it.
#[derive(Serialize)]
struct Line<'a> {
    severity: Severity,
    code: seaway_model::Code,
    message: &'a str,
    help: &'a str,
    object: ObjectRef,
    field: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
}

/// Writes one JSON object a line.
pub fn json(out: &mut dyn Write, diagnostics: &[Diagnostic]) -> io::Result<()> {
    for diagnostic in diagnostics {
        let position = diagnostic.origin.position.clone().unwrap_or_default();
        let line = Line {
            severity: diagnostic.severity(),
            code: diagnostic.code,
            message: &diagnostic.message,
            help: &diagnostic.help,
            object: ObjectRef::from(&diagnostic.origin),
            field: &diagnostic.origin.field,
            file: &position.file,
            line: position.line,
            column: position.column,
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes diagnostics as people read them, with the line of the file that each is about.
pub fn text(out: &mut dyn Write, diagnostics: &[Diagnostic]) -> io::Result<()> {
    let mut sources = Sources::default();
    for diagnostic in diagnostics {
        one(out, diagnostic, &mut sources)?;
    }
    Ok(())
}

fn one(out: &mut dyn Write, diagnostic: &Diagnostic, sources: &mut Sources) -> io::Result<()> {
    let severity = diagnostic.severity();
    let colour = style(severity);
    let bold = Style::new().bold();
    let dim = AnsiColor::BrightBlue.on_default();
    writeln!(
        out,
        "{colour}{}[{}]{colour:#}{bold}: {}{bold:#}",
        severity.as_str(),
        diagnostic.code,
        diagnostic.message
    )?;
    if let Some(position) = &diagnostic.origin.position {
        write!(out, "  {dim}-->{dim:#} {position}")?;
    }
    if !diagnostic.origin.name.is_empty() {
        write!(out, "  ({}", diagnostic.origin)?;
        if !diagnostic.origin.field.is_empty() {
            write!(out, ", {}", diagnostic.origin.field)?;
        }
        write!(out, ")")?;
    }
    writeln!(out)?;
    if let Some((position, line)) = diagnostic
        .origin
        .position
        .as_ref()
        .and_then(|p| Some((p, sources.line(p)?)))
    {
        let number = position.line.to_string();
        let caret = position.column.saturating_sub(1) as usize;
        writeln!(out, "{dim}{:width$} |{dim:#}", "", width = number.len())?;
        writeln!(out, "{dim}{number} |{dim:#} {line}")?;
        writeln!(
            out,
            "{dim}{:width$} |{dim:#} {:caret$}{colour}^{colour:#}",
            "",
            "",
            width = number.len()
        )?;
    }
    if !diagnostic.help.is_empty() {
        writeln!(out, "  {dim}={dim:#} help: {}", diagnostic.help)?;
    }
    writeln!(out)
}

fn style(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Info => AnsiColor::Cyan,
    };
    colour.on_default().bold()
}

/// `2 errors, 1 warning`
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let mut parts = Vec::new();
    for (severity, word) in [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Info, "note"),
    ] {
        let count = diagnostics.iter().filter(|d| d.severity() == severity).count();
        if count > 0 {
            parts.push(format!("{count} {word}{}", if count == 1 { "" } else { "s" }));
        }
    }
    if parts.is_empty() {
        "no findings".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Lines of the files that diagnostics are about, each file read once.
#[derive(Default)]
struct Sources(HashMap<String, Option<String>>);

impl Sources {
    /// The line at a position, without tabs, which would move the caret.
    fn line(&mut self, position: &Position) -> Option<String> {
        let text = self
            .0
            .entry(position.file.to_string())
            .or_insert_with(|| std::fs::read_to_string(&*position.file).ok())
            .as_ref()?;
        let index = usize::try_from(position.line).ok()?.checked_sub(1)?;
        let line = text.lines().nth(index)?;
        // A line that nobody would read in a terminal says nothing.
        (line.len() <= 200).then(|| line.replace('\t', " "))
    }
}
