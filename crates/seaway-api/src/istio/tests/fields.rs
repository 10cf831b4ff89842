//! Every field, by the reference: each is written in the samples, and every mistake that its shape knows is made there.
//!
//! The table is not written by hand: a new field, enum or range that has no place in a sample fails these tests, and one
//! that has is tried without a word more. What spans several fields is in `mistakes`.

use super::{SAMPLES, documents, without_places};
use crate::node::{Entry, Node, Value};
use crate::parse::parse;
use crate::{ObjectReference, Pos, ProblemKind, istio_reference};

/// One step into a value.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Item(usize),
}

/// A mapping of a sample, and which object of the reference it is.
struct Place<'t> {
    kind: &'static str,
    document: &'t Node<'t>,
    path: Vec<Step>,
    object: ObjectReference,
}

/// Every mapping of every sample.
fn places<'t>(samples: &'t [(&'static str, Vec<Node<'t>>)]) -> Vec<Place<'t>> {
    let mut places = Vec::new();
    for reference in istio_reference() {
        let (kind, all) = samples.iter().find(|(kind, _)| *kind == reference.kind).unwrap();
        for object in reference.objects {
            for document in all {
                for pattern in &object.paths {
                    let parts: Vec<String> = pattern
                        .replace("[]", ".[]")
                        .split('.')
                        .map(str::to_owned)
                        .collect();
                    places.extend(found(document, &parts).into_iter().map(|path| Place {
                        kind,
                        document,
                        path,
                        object: object.clone(),
                    }));
                }
            }
        }
    }
    places
}

/// The paths that a pattern stands for in a value.
fn found(node: &Node<'_>, pattern: &[String]) -> Vec<Vec<Step>> {
    let Some((part, rest)) = pattern.split_first() else {
        return vec![Vec::new()];
    };
    let children: Vec<(Step, &Node<'_>)> = match &node.value {
        Value::Seq(items) if part == "[]" => items
            .iter()
            .enumerate()
            .map(|(index, item)| (Step::Item(index), item))
            .collect(),
        Value::Map(entries) => entries
            .iter()
            .filter(|entry| part == "*" || *part == entry.key)
            .map(|entry| (Step::Key(entry.key.to_string()), &entry.value))
            .collect(),
        _ => Vec::new(),
    };
    let deeper = |(step, child): (Step, &Node<'_>)| {
        let paths = found(child, rest).into_iter();
        paths
            .map(move |path| [vec![step.clone()], path].concat())
            .collect::<Vec<_>>()
    };
    children.into_iter().flat_map(deeper).collect()
}

fn at<'n>(node: &'n Node<'_>, path: &[Step]) -> &'n Node<'n> {
    path.iter().fold(node, |node, step| match (&node.value, step) {
        (Value::Seq(items), Step::Item(index)) => &items[*index],
        (_, Step::Key(key)) => node.get(key).unwrap_or(node),
        _ => node,
    })
}

fn at_mut<'n, 'a>(node: &'n mut Node<'a>, path: &[Step]) -> &'n mut Node<'a> {
    path.iter()
        .fold(node, |node, step| match (&mut node.value, step) {
            (Value::Seq(items), Step::Item(index)) => &mut items[*index],
            (Value::Map(entries), Step::Key(key)) => {
                &mut entries.iter_mut().find(|e| e.key == *key).unwrap().value
            }
            _ => panic!("{step:?} leads nowhere"),
        })
}

/// As a problem names it.
fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Item(index) => text += &format!("[{index}]"),
            Step::Key(key)
                if key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') =>
            {
                let dot = if text.is_empty() { "" } else { "." };
                text += &format!("{dot}{key}");
            }
            Step::Key(key) => text += &format!("[{key}]"),
        }
    }
    text
}

/// Block style, one value a line.
fn written(node: &Node<'_>, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let below = |child: &Node<'_>| match &child.value {
        Value::Map(entries) if !entries.is_empty() => format!("\n{}", written(child, indent + 2)),
        Value::Seq(items) if !items.is_empty() => format!("\n{}", written(child, indent + 2)),
        _ => format!(" {}\n", written(child, 0)),
    };
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => entries
            .iter()
            .map(|entry| format!("{pad}{:?}:{}", entry.key, below(&entry.value)))
            .collect(),
        Value::Seq(items) if !items.is_empty() => items
            .iter()
            .map(|item| format!("{pad}-{}", below(item)))
            .collect(),
        Value::Map(_) => "{}".to_owned(),
        Value::Seq(_) => "[]".to_owned(),
        Value::Null => "~".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::String(text) => format!("{text:?}"),
    }
}

/// The object with one mistake, and where it must be found.
struct Mistake {
    text: String,
    kind: ProblemKind,
    field: String,
    pos: Pos,
}

impl Place<'_> {
    /// Changes the mapping, and says at which path of the result the mistake is.
    fn with(
        &self,
        kind: ProblemKind,
        change: impl FnOnce(&mut Vec<Entry<'_>>),
        at_fault: &[Step],
        seen_at: &[Step],
    ) -> Mistake {
        let mut object = self.document.clone();
        let Value::Map(entries) = &mut at_mut(&mut object, &self.path).value else {
            panic!("{} is no mapping", shown(&self.path));
        };
        change(entries);
        let text = written(&object, 0);
        let again = documents(&text);
        let full = |steps: &[Step]| [self.path.clone(), steps.to_vec()].concat();
        Mistake {
            kind,
            field: shown(&full(at_fault)),
            pos: at(&again[0], &full(seen_at)).pos,
            text,
        }
    }

    /// Without a field.
    fn without(&self, name: &str) -> Mistake {
        let change = |entries: &mut Vec<Entry<'_>>| {
            entries.retain(|entry| entry.key != name);
        };
        self.with(
            ProblemKind::MissingField,
            change,
            &[Step::Key(name.to_owned())],
            &[],
        )
    }

    /// With another value for a field, or for the first item of it.
    fn instead(&self, name: &str, value: &str, kind: ProblemKind, in_item: bool) -> Mistake {
        let value = format!("v: {value}");
        let parsed = documents(&value);
        let value = parsed[0].get("v").unwrap();
        let mut path = vec![Step::Key(name.to_owned())];
        if in_item {
            let field = at(self.document, &[self.path.clone(), path.clone()].concat());
            match &field.value {
                Value::Seq(_) => path.push(Step::Item(0)),
                Value::Map(entries) => path.push(Step::Key(entries[0].key.to_string())),
                _ => {}
            }
        }
        let change = |entries: &mut Vec<Entry<'_>>| {
            let field = &mut entries.iter_mut().find(|entry| entry.key == name).unwrap().value;
            // The value is written out and read again, so that it need not live as long as the sample.
            at_mut(field, &path[1..]).value = owned(&value.value);
        };
        self.with(kind, change, &path, &path)
    }

    /// With a field more. Its key is the place.
    fn with_also(&self, name: &'static str, kind: ProblemKind) -> Mistake {
        let change = |entries: &mut Vec<Entry<'_>>| {
            let nowhere = Pos::default();
            entries.insert(
                0,
                Entry {
                    key: name.into(),
                    pos: nowhere,
                    value: Node {
                        pos: nowhere,
                        value: Value::String("x".into()),
                    },
                },
            );
        };
        // The first key of a block mapping stands where the mapping does.
        self.with(kind, change, &[Step::Key(name.to_owned())], &[])
    }
}

fn owned<'a>(value: &Value<'_>) -> Value<'a> {
    match value {
        Value::Bool(value) => Value::Bool(*value),
        Value::Int(value) => Value::Int(*value),
        Value::Float(value) => Value::Float(*value),
        Value::String(text) => Value::String(text.to_string().into()),
        Value::Seq(_) => Value::Seq(Vec::new()),
        Value::Map(_) => Value::Map(Vec::new()),
        Value::Null => Value::Null,
    }
}

impl Mistake {
    /// Adds what is amiss with the answer, if anything is.
    fn check(&self, kind: &str, amiss: &mut Vec<String>) {
        let (resources, problems) = parse("f", &self.text);
        let found = problems
            .iter()
            .find(|p| p.kind == self.kind && p.field == self.field && p.pos == self.pos);
        let Mistake { field, pos, .. } = self;
        let Some(found) = found else {
            amiss.push(format!(
                "{kind} {field}: no {:?} at {}:{} in {problems:#?}\n{}",
                self.kind, pos.line, pos.column, self.text
            ));
            return;
        };
        if found.message.is_empty() || found.help.is_empty() {
            amiss.push(format!("{kind} {field}: says nothing"));
        }
        let in_part = [
            "spec.http[",
            "spec.tls[",
            "spec.tcp[",
            "spec.servers[",
            "spec.subsets[",
        ]
        .iter()
        .any(|part| field.starts_with(part) && field.contains("]."));
        if self.kind.is_fatal() && found.is_contained() != in_part {
            amiss.push(format!("{kind} {field}: contained {}", found.is_contained()));
        }
        if resources.is_empty() != problems.iter().any(crate::Problem::is_fatal) {
            amiss.push(format!(
                "{kind} {field}: there are {} objects beside {problems:?}",
                resources.len()
            ));
        }
    }
}

/// Makes mistakes at every place of the samples.
fn try_all(mistakes: impl Fn(&Place<'_>) -> Vec<Mistake>) {
    let samples = SAMPLES.map(|(kind, text)| (kind, documents(text)));
    let mut amiss = Vec::new();
    let mut tried = 0;
    for place in places(&samples) {
        for mistake in mistakes(&place) {
            tried += 1;
            mistake.check(place.kind, &mut amiss);
        }
    }
    assert!(tried > 5, "only {tried} mistakes were tried");
    assert!(
        amiss.is_empty(),
        "{} of {tried}:\n{}",
        amiss.len(),
        amiss.join("\n")
    );
}

#[test]
fn every_field_of_the_reference_is_written_in_a_sample() {
    let samples = SAMPLES.map(|(kind, text)| (kind, documents(text)));
    let places = places(&samples);
    let mut missing = Vec::new();
    for reference in istio_reference() {
        for object in &reference.objects {
            for field in &object.fields {
                let is_written = places.iter().any(|place| {
                    place.object == *object && at(place.document, &place.path).get(field.name).is_some()
                });
                if !is_written {
                    missing.push(format!("{} {}.{}", reference.kind, object.paths[0], field.name));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_field_can_be_written_without_a_word_of_complaint() {
    for (kind, text) in SAMPLES {
        let (resources, problems) = parse("f", text);
        assert_eq!(problems, [], "{kind}");
        assert_eq!(resources.len(), documents(text).len(), "{kind}");
    }
}

#[test]
fn every_required_field_is_missed_at_its_place() {
    try_all(|place| {
        let required = place.object.fields.iter().filter(|field| field.is_required);
        required.map(|field| place.without(field.name)).collect()
    });
}

#[test]
fn every_misspelt_word_and_every_value_out_of_range_is_refused_at_its_place() {
    try_all(|place| {
        let mapping = at(place.document, &place.path);
        let written = place
            .object
            .fields
            .iter()
            .filter(|field| mapping.get(field.name).is_some());
        written
            .flat_map(|field| {
                let values = field.refused.iter();
                values.map(|value| place.instead(field.name, value, ProblemKind::InvalidValue, true))
            })
            .collect()
    });
}

#[test]
fn every_value_of_the_wrong_type_is_refused_at_its_place() {
    try_all(|place| {
        let mapping = at(place.document, &place.path);
        let of_field = |name: &'static str| {
            let wrong = match mapping.get(name)?.value {
                Value::Seq(_) | Value::Map(_) => "text",
                _ => "[]",
            };
            Some(place.instead(name, wrong, ProblemKind::WrongType, false))
        };
        place
            .object
            .fields
            .iter()
            .filter_map(|field| of_field(field.name))
            .collect()
    });
}

#[test]
fn every_field_that_is_not_implemented_is_warned_of_at_its_place() {
    try_all(|place| {
        let names = place.object.unimplemented.iter();
        names
            .map(|name| place.with_also(name, ProblemKind::IgnoredField))
            .collect()
    });
}

#[test]
fn every_unknown_field_is_warned_of_at_its_place() {
    try_all(|place| vec![place.with_also("noSuchField", ProblemKind::UnknownField)]);
}

/// What was read, without where it stood.
#[test]
fn a_field_may_be_written_by_its_name_in_protobuf() {
    let samples = SAMPLES.map(|(kind, text)| (kind, documents(text)));
    for (kind, all) in &samples {
        for document in all {
            let mut object = document.clone();
            // Inner ones first, since the path to them has the names that they had.
            let mut inside: Vec<Place<'_>> = places(&samples)
                .into_iter()
                .filter(|place| place.document == document)
                .collect();
            inside.sort_by_key(|place| std::cmp::Reverse(place.path.len()));
            for place in inside {
                let Value::Map(entries) = &mut at_mut(&mut object, &place.path).value else {
                    continue;
                };
                for entry in entries {
                    if place.object.fields.iter().any(|field| field.name == entry.key) {
                        entry.key = snake(&entry.key).into();
                    }
                }
            }
            let (plain, _) = parse("f", &written(document, 0));
            let (snake, problems) = parse("f", &written(&object, 0));
            assert_eq!(problems, [], "{kind}");
            assert_eq!(without_places(&snake[0]), without_places(&plain[0]), "{kind}");
        }
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    // The one field with a number in the middle of its name.
    snake.replace("consecutive5xx", "consecutive_5xx")
}
