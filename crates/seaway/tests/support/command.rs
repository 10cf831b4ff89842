//! A command that ends by itself.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use serde_json::Value;

use super::{DEADLINE, SEAWAY};

/// What a command left behind.
#[derive(Debug)]
pub struct Done {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Done {
    /// Standard output, a JSON value on each line.
    pub fn json_lines(&self) -> Vec<Value> {
        let value = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{}", self.err));
        self.out.lines().map(value).collect()
    }

    /// Standard output as one JSON value.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Runs it in a folder, with nothing on standard input.
pub fn seaway_in(folder: &Path, args: &[&str]) -> Done {
    seaway_with(folder, args, "")
}

/// Runs it in a folder with this standard input.
pub fn seaway_with(folder: &Path, args: &[&str], input: &str) -> Done {
    let mut child = Command::new(SEAWAY)
        .args(args)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // On a thread of its own: a command that writes before it has read all would otherwise wait for us, and we for it.
    std::thread::spawn(move || {
        // One that does not read its input may be gone by now.
        let _ = stdin.write_all(input.as_bytes());
    });
    let pid = child.id();
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(DEADLINE) else {
        super::process::kill(pid);
        panic!("seaway {args:?} did not end");
    };
    let output = output.expect("its output");
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}
