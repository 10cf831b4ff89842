use super::*;

/// The tree as text: values with their places.
fn show(node: &Node<'_>) -> String {
    let Pos { line, column } = node.pos;
    let value = match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::String(value) => format!("{value:?}"),
        Value::Seq(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|e| format!("{}@{}:{}={}", e.key, e.pos.line, e.pos.column, show(&e.value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    };
    format!("{value}@{line}:{column}")
}

fn shown(text: &str) -> Vec<String> {
    documents(text)
        .map(|document| match document {
            Ok(node) => show(&node),
            Err(error) => format!("{}:{} {}", error.pos.line, error.pos.column, error.message),
        })
        .collect()
}

fn value(text: &str) -> Value<'_> {
    documents(text).next().unwrap().unwrap().value
}

fn error(text: &str) -> SyntaxError {
    documents(text).find_map(Result::err).expect("an error")
}

#[test]
fn every_value_and_key_has_its_place() {
    assert_eq!(
        shown("a: 1\nb:\n  - x\n  - \"y\"\nc: {d: true}\n"),
        ["{a@1:1=1@1:4, b@2:1=[\"x\"@3:5, \"y\"@4:5]@3:3, c@5:1={d@5:5=true@5:8}@5:4}@1:1"]
    );
}

#[test]
fn columns_count_characters_and_not_bytes() {
    assert_eq!(
        shown("äöü: [é, ñ]\n"),
        ["{äöü@1:1=[\"é\"@1:7, \"ñ\"@1:10]@1:6}@1:1"]
    );
    assert_eq!(shown("{\"äö\": \"é\"}"), ["{äö@1:2=\"é\"@1:8}@1:1"]);
}

#[test]
fn plain_scalars_follow_the_core_schema() {
    let cases: &[(&str, Value<'_>)] = &[
        ("~", Value::Null),
        ("TRUE", Value::Bool(true)),
        ("yes", Value::String("yes".into())),
        ("on", Value::String("on".into())),
        ("0x1F", Value::Int(31)),
        ("0o17", Value::Int(15)),
        ("017", Value::Int(17)),
        ("-3", Value::Int(-3)),
        ("+3", Value::Int(3)),
        ("1_000", Value::String("1_000".into())),
        ("1.50", Value::Float(1.5)),
        (".5", Value::Float(0.5)),
        ("1e3", Value::Float(1000.0)),
        ("-.inf", Value::Float(f64::NEG_INFINITY)),
        ("1.2.3", Value::String("1.2.3".into())),
        ("-", Value::String("-".into())),
        (".", Value::String(".".into())),
        ("10.0.0.1", Value::String("10.0.0.1".into())),
        ("99999999999999999999", Value::Float(1e20)),
    ];
    for (text, expected) in cases {
        assert_eq!(scalar::resolve((*text).into()), *expected, "{text}");
    }
}

#[test]
fn a_quoted_scalar_is_text() {
    assert_eq!(
        shown("[\"1\", '1', 1, !!str 1, ! 1]"),
        ["[\"1\"@1:2, \"1\"@1:7, 1@1:12, \"1\"@1:15, \"1\"@1:24]@1:1"]
    );
}

#[test]
fn empty_documents_are_passed_over() {
    assert_eq!(shown(""), [""; 0]);
    assert_eq!(shown("---\n---\n# nothing\n---\n...\n"), [""; 0]);
    assert_eq!(shown("---\na: 1\n---\n\n---\nb: 2\n...\n").len(), 2);
}

#[test]
fn a_broken_document_leaves_those_before_and_after_it() {
    let shown = shown("a: 1\n---\nb: [1, 2\n---\nc: 3\n");
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert_eq!(shown[0], "{a@1:1=1@1:4}@1:1");
    assert!(shown[1].contains("not valid YAML"), "{shown:?}");
    assert_eq!(shown[2], "{c@5:1=3@5:4}@5:1");
}

#[test]
fn an_open_quote_does_not_swallow_the_next_document() {
    let shown = shown("a: \"open\n---\nb: 2\n");
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_eq!(shown[1], "{b@3:1=2@3:4}@3:1");
}

#[test]
fn a_mistake_is_placed_in_its_line_and_says_what_to_do() {
    let tab = error("a:\n\tb: 1\n");
    assert_eq!(
        (tab.pos.line, tab.help.as_str()),
        (2, "indent with spaces; YAML allows no tab there")
    );
    let colon = error("---\na: 1\n---\na: b: c\n");
    assert_eq!(colon.pos.line, 4);
    assert!(colon.help.contains("in quotes"), "{colon:?}");
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_fine() {
    assert_eq!(
        shown("\u{feff}a: x\r\nb: y\r\n---\r\nc: z\r\n"),
        ["{a@1:1=\"x\"@1:4, b@2:1=\"y\"@2:4}@1:1", "{c@4:1=\"z\"@4:4}@4:1"]
    );
}

#[test]
fn directives_before_the_first_document_are_fine() {
    assert_eq!(shown("%YAML 1.2\n---\na: 1\n"), ["{a@3:1=1@3:4}@3:1"]);
}

#[test]
fn a_nul_is_refused_rather_than_ending_the_text() {
    let error = error("a: 1\nb: \0\nc: 3\n");
    assert_eq!(error.pos, Pos { line: 2, column: 4 });
}

#[test]
fn aliases_stand_for_what_they_name() {
    assert_eq!(
        strip(&value("a: &x {k: v}\nb: *x\n")),
        strip(&value("a: {k: v}\nb: {k: v}\n"))
    );
}

/// A value without places.
fn strip(value: &Value<'_>) -> String {
    match value {
        Value::Seq(items) => format!(
            "[{}]",
            items
                .iter()
                .map(|i| strip(&i.value))
                .collect::<Vec<_>>()
                .join(",")
        ),
        Value::Map(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|e| format!("{}={}", e.key, strip(&e.value.value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn merge_keys_add_what_is_not_written_out() {
    let merged = "base: &b {a: 1, b: 2}\nmore: &m {b: 3, c: 4}\nall:\n  b: 9\n  <<: [*b, *m]\n";
    let written = "base: {a: 1, b: 2}\nmore: {b: 3, c: 4}\nall: {b: 9, a: 1, c: 4}\n";
    assert_eq!(strip(&value(merged)), strip(&value(written)));
    assert!(error("a: {<<: 1}").message.contains("needs a mapping"));
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..10 {
        let previous = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![previous; 10].join(", "));
    }
    assert!(error(&text).message.contains("too large"));
}

#[test]
fn a_value_that_contains_itself_is_refused() {
    assert!(!error("a: &x [*x]\n").message.is_empty());
}

#[test]
fn deep_nesting_is_refused() {
    assert!(
        error(&format!("a: {}", "[".repeat(100_000)))
            .message
            .contains("deep")
    );
    assert!(error(&"[".repeat(100_000)).message.contains("deep"));
    assert!(error(&"- ".repeat(1000)).message.contains("deep"));
}

#[test]
fn unknown_tags_and_keys_that_are_no_text_are_refused() {
    assert!(error("a: !secret x\n").message.contains("!secret"));
    assert!(error("{a: 1}: b\n").message.contains("key"));
    assert!(error("a: *nothing\n").help.contains("anchor"));
}

#[test]
fn json_may_have_tabs_escapes_and_pairs() {
    assert_eq!(
        shown("{\n\t\"a\": [1, -2.5e1, true, null],\n\t\"b\": \"\\u0041\\ud83d\\ude00\\/\\n\"\n}\n"),
        ["{a@2:2=[1@2:8, -25.0@2:11, true@2:19, null@2:25]@2:7, b@3:2=\"A😀/\\n\"@3:7}@1:1"]
    );
}

#[test]
fn several_json_values_may_follow_each_other() {
    assert_eq!(
        shown("{\"a\":1}\n{\"b\":2}"),
        ["{a@1:2=1@1:6}@1:1", "{b@2:2=2@2:6}@2:1"]
    );
}

#[test]
fn a_mistake_in_json_is_placed() {
    let error = error("{\n  \"a\": \"b\" \"c\"\n}");
    assert_eq!(error.pos, Pos { line: 2, column: 12 });
    assert_eq!(
        error.message,
        "not valid JSON: expected a comma or \"}\", found '\"'"
    );
}

#[test]
fn yaml_in_flow_style_is_not_mistaken_for_json() {
    assert_eq!(shown("{a: 1, b: [x]}\n---\nc: 2\n").len(), 2);
    assert_eq!(
        shown("{a: 1, b: [x]}\n")[0],
        "{a@1:2=1@1:5, b@1:8=[\"x\"@1:12]@1:11}@1:1"
    );
}

/// As libyaml takes them, and with it `kubectl`.
#[test]
fn lines_of_texts_and_collections_may_stand_under_their_key() {
    for (outdented, indented) in [
        ("a:\n  b: [\n    x,\n  ]\n  c: 1\n", "a:\n  b: [x]\n  c: 1\n"),
        ("a:\n  - b: {\n    x: 1,\n  }\n", "a:\n  - b: {x: 1}\n"),
        ("a:\tb\nc:\t[\n]\nd:\t1\n", "{a: b, c: [], d: 1}"),
        (
            "a:\n  b: 'x\n  y''s\n\n  z'\n  c: 1\n",
            "a:\n  b: \"x y's\\nz\"\n  c: 1\n",
        ),
        (
            "a:\n  b: \"x \\\n  y: [\\\"\"\n  c: |\n    d: 'x\n    y'\n",
            "a:\n  b: 'x y: [\"'\n  c: \"d: 'x\\ny'\\n\"\n",
        ),
    ] {
        assert_eq!(strip(&value(outdented)), strip(&value(indented)), "{outdented}");
    }
}

#[test]
fn what_stands_under_its_key_keeps_its_place() {
    assert_eq!(
        shown("---\na:\n  b: [\n  x,\n  ]\n  c: 1\n"),
        ["{a@2:1={b@3:3=[\"x\"@4:3]@3:6, c@6:3=1@6:6}@3:3}@1:1"].map(|s| s.replace("}@1:1", "}@2:1"))
    );
    let error = error("a:\n  b: [\n  x,\n  ]\n  c: [}\n");
    assert_eq!(error.pos.line, 5, "{}", error.message);
}

#[test]
fn a_template_is_called_one() {
    for text in [
        "{{- if .Values.x }}\na: 1\n{{- end }}\n",
        "a: {{ .Values.x }}\n",
        "a: 1\n{{- if x }}\n",
    ] {
        assert!(
            error(text).help.contains("template"),
            "{text}: {}",
            error(text).help
        );
    }
}

#[test]
fn a_key_that_is_written_twice_stands_there_twice() {
    assert_eq!(shown("a: 1\na: 2\n"), ["{a@1:1=1@1:4, a@2:1=2@2:4}@1:1"]);
}
