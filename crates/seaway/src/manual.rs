//! `seaway man`: the manual page, all commands on one page.
//!
//! The generator makes a page for each command and refers from one to the other, but there is one file to install, so
//! the commands' pages become sections of it.

use std::io;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::Cli;

/// The page, in roff.
pub fn page() -> io::Result<Vec<u8>> {
    let mut root = Cli::command();
    root.build();
    let mut page = Vec::new();
    let man = Man::new(root.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    page.extend_from_slice(b".SH COMMANDS\n");
    for command in root.get_subcommands().filter(|c| c.get_name() != "help") {
        section(command, &mut page)?;
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// The page of a command, one level down.
fn section(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let mut text = Vec::new();
    let man = Man::new(command.clone());
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    man.render_extra_section(&mut text)?;
    page.extend_from_slice(format!(".SS seaway {}\n", command.get_name()).as_bytes());
    for line in String::from_utf8_lossy(&text).lines() {
        match line.strip_prefix(".SH ") {
            // The command's own heading says these.
            Some("SYNOPSIS" | "DESCRIPTION") => page.extend_from_slice(b".PP"),
            Some(heading) => page.extend_from_slice(format!(".PP\n\\fB{heading}\\fR").as_bytes()),
            None => page.extend_from_slice(line.as_bytes()),
        }
        page.push(b'\n');
    }
    Ok(())
}
