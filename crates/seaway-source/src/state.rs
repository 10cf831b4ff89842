//! What one file serves, while it is being written, broken, moved away and put back.
//!
//! Nobody writes files atomically. An editor replaces one by renaming, `cp` truncates it and fills it again, a person
//! saves it with a bracket missing. None of that may take down what the file said before. So every reading of a file is
//! compared with what serves:
//!
//! | the newest reading | what happens |
//! |---|---|
//! | is fine and loses no object | serves at once |
//! | is not YAML, or cannot be read | the last good state of the whole file keeps serving, until the file is mended; reported at once |
//! | has an object with an error | the last good version of that object keeps serving, if the file had one; reported at once |
//! | loses objects, or ends in the middle of a line, or lost its end | maybe half written: the last good state serves on until nothing has changed for [`Policy::settle`] |
//! | is empty, or the file is gone | maybe being replaced: the same for [`Policy::vanish`]; then its objects go |
//!
//! When a file is read for the first time there is no last good state, and what can be used of it is used.
//!
//! Pure: the time is passed in, and readings are. Rejected: to guess from the time of modification whether a writer is
//! done, since it says nothing about whether there is more to come.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use seaway_api::{Fate, Pos, Problem, ProblemKind, Resource};

/// How long a reading that may be half of something is not believed, and other patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// For a reading that loses objects, or ends in the middle of a line, or lost its end.
    pub settle: Duration,
    /// For a file that is empty or gone.
    pub vanish: Duration,
    /// How often files are read when their changes cannot be watched.
    pub poll: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(500),
            vanish: Duration::from_secs(2),
            poll: Duration::from_secs(2),
        }
    }
}

/// What a file said when it was read.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    /// Objects and problems.
    Text(Parsed),
    /// The file is gone. A file that was named itself is missed; one of a folder is not.
    Gone(Option<Problem>),
    /// The file is there and cannot be read.
    Unreadable(Problem),
}

/// What was in a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parsed {
    pub resources: Vec<Resource>,
    pub problems: Vec<Problem>,
    pub outline: Outline,
}

/// What of a text tells whether somebody has finished writing it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// As nearly all files do that are whole.
    ends_a_line: bool,
    lines: usize,
    last_line: Box<str>,
}

impl Outline {
    pub fn of(text: &str) -> Self {
        Self {
            ends_a_line: text.is_empty() || text.ends_with('\n'),
            lines: text.lines().count(),
            last_line: text.lines().next_back().unwrap_or_default().into(),
        }
    }

    /// Whether this may be the first part of something like `before`. A person who takes lines out seldom changes the
    /// last one; a writer who is half done always does.
    fn may_be_cut(&self, before: &Self) -> bool {
        let lost_its_end = self.lines < before.lines && self.last_line != before.last_line;
        lost_its_end || (before.ends_a_line && !self.ends_a_line)
    }
}

/// One file over time.
#[derive(Debug, Default)]
pub(crate) struct FileState {
    serving: Vec<Resource>,
    problems: Vec<Problem>,
    /// Whether what serves is all of a file without syntax errors.
    is_good: bool,
    /// Of the text that serves.
    outline: Outline,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    reading: Reading,
    until: Instant,
}

impl FileState {
    /// What serves.
    pub fn resources(&self) -> &[Resource] {
        &self.serving
    }

    /// What is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// When a reading that is held back will be believed.
    pub fn due(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.until)
    }

    /// Whether anything serves.
    pub fn is_serving(&self) -> bool {
        !self.serving.is_empty()
    }

    /// Takes a reading that differs from the one before.
    pub fn observe(&mut self, reading: Reading, now: Instant, policy: Policy) {
        let patience = self.patience(&reading, policy);
        if patience.is_zero() {
            self.held = None;
            self.believe(reading);
        } else {
            self.held = Some(Held {
                reading,
                until: now + patience,
            });
        }
    }

    /// Takes note of the time: what was held back for long enough is believed.
    pub fn tick(&mut self, now: Instant) {
        if let Some(held) = self.held.take_if(|held| held.until <= now) {
            self.believe(held.reading);
        }
    }

    /// How long to wait before a reading is believed.
    fn patience(&self, reading: &Reading, policy: Policy) -> Duration {
        if self.serving.is_empty() {
            return Duration::ZERO;
        }
        match reading {
            Reading::Gone(_) => policy.vanish,
            Reading::Unreadable(_) => Duration::ZERO,
            Reading::Text(parsed) if parsed.resources.is_empty() && parsed.problems.is_empty() => {
                policy.vanish
            }
            Reading::Text(parsed) if self.is_good && has_syntax_error(parsed) => Duration::ZERO,
            Reading::Text(parsed) if parsed.outline.may_be_cut(&self.outline) => policy.settle,
            Reading::Text(parsed) if self.loses_objects(parsed) => policy.settle,
            Reading::Text(_) => Duration::ZERO,
        }
    }

    /// Whether an object that serves is not in a text any more, not even with errors.
    fn loses_objects(&self, parsed: &Parsed) -> bool {
        let there: HashSet<Identity<'_>> = parsed
            .resources
            .iter()
            .map(of_resource)
            .chain(broken(&parsed.problems))
            .collect();
        self.serving
            .iter()
            .any(|resource| !there.contains(&of_resource(resource)))
    }

    fn believe(&mut self, reading: Reading) {
        match reading {
            Reading::Text(parsed) => self.believe_text(parsed),
            Reading::Gone(problem) => {
                *self = Self {
                    problems: problem.into_iter().collect(),
                    ..Self::default()
                };
            }
            Reading::Unreadable(mut problem) => {
                if !self.serving.is_empty() {
                    say_what_serves(&mut problem, "the last good state of the file");
                }
                self.problems = vec![problem];
            }
        }
    }

    fn believe_text(&mut self, mut parsed: Parsed) {
        let is_broken = has_syntax_error(&parsed);
        if is_broken && self.is_good && !self.serving.is_empty() {
            for problem in parsed
                .problems
                .iter_mut()
                .filter(|p| p.kind == ProblemKind::Syntax)
            {
                say_what_serves(problem, "the last good state of the file");
            }
            self.problems = parsed.problems;
            return;
        }
        self.keep_broken_objects(&mut parsed);
        self.serving = parsed.resources;
        self.problems = parsed.problems;
        self.outline = parsed.outline;
        self.is_good = !is_broken;
    }

    /// Adds the last good version of each object that has an error now.
    fn keep_broken_objects(&self, parsed: &mut Parsed) {
        let kept: Vec<Resource> = {
            let there: HashSet<Identity<'_>> = parsed.resources.iter().map(of_resource).collect();
            let broken: HashSet<Identity<'_>> = broken(&parsed.problems).collect();
            let is_kept = |resource: &&Resource| {
                let identity = of_resource(resource);
                broken.contains(&identity) && !there.contains(&identity)
            };
            self.serving.iter().filter(is_kept).cloned().collect()
        };
        let identities: HashSet<Identity<'_>> = kept.iter().map(of_resource).collect();
        for problem in parsed.problems.iter_mut().filter(|p| p.is_fatal()) {
            if identities.contains(&of_problem(problem)) {
                say_what_serves(problem, "the last good version of the object");
            }
        }
        parsed.resources.extend(kept);
    }
}

/// `apiVersion`, kind, namespace and name.
type Identity<'a> = [&'a str; 4];

fn of_resource(resource: &Resource) -> Identity<'_> {
    let meta = resource.meta();
    [&meta.api_version, &meta.kind, &meta.namespace, &meta.name.value]
}

fn of_problem(problem: &Problem) -> Identity<'_> {
    [
        &problem.api_version,
        &problem.object_kind,
        &problem.namespace,
        &problem.name,
    ]
}

/// The objects that have an error, as far as they have a name.
fn broken(problems: &[Problem]) -> impl Iterator<Item = Identity<'_>> {
    problems
        .iter()
        .filter(|problem| problem.is_fatal() && !problem.name.is_empty())
        .map(of_problem)
}

fn has_syntax_error(parsed: &Parsed) -> bool {
    parsed
        .problems
        .iter()
        .any(|problem| problem.kind == ProblemKind::Syntax)
}

fn say_what_serves(problem: &mut Problem, what: &str) {
    problem.help = format!("{}; until then {what} keeps serving", problem.help);
}

/// A problem of a whole file.
pub(crate) fn file_problem(kind: ProblemKind, file: &str, pos: Pos, message: String, help: &str) -> Problem {
    Problem {
        kind,
        api_version: Arc::default(),
        object_kind: Arc::default(),
        namespace: Arc::default(),
        name: Arc::default(),
        field: String::new(),
        file: file.into(),
        pos,
        message,
        help: help.to_owned(),
        fate: Fate::default(),
    }
}

#[cfg(test)]
mod tests;
