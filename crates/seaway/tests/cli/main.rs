//! The command line as `docs/cli.md` promises it, by the real binary.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod check;
mod explain;
mod explain_nothing;
#[path = "../support/mod.rs"]
mod support;
mod translate;

use std::io::Read as _;
use std::process::{Command, Stdio};

use support::command::{Done, seaway_in, seaway_with};
use support::files::Folder;
use support::manifests;

/// Nobody listens there: these tests send nothing.
fn backend() -> std::net::SocketAddr {
    ([10, 0, 0, 1], 8080).into()
}

fn seaway(args: &[&str]) -> Done {
    seaway_in(Folder::new().path(), args)
}

const COMMANDS: [&str; 8] = [
    "run",
    "demo",
    "check",
    "explain",
    "translate",
    "completions",
    "man",
    "version",
];

#[test]
fn every_command_has_help_with_an_example_on_standard_output() {
    for command in COMMANDS {
        let done = seaway(&[command, "--help"]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{command}");
        let (usage, example) = (
            format!("Usage: seaway {command}"),
            format!("\n  seaway {command}"),
        );
        assert!(done.out.contains(&usage), "{}", done.out);
        assert!(
            done.out.contains("Example") && done.out.contains(&example),
            "{}",
            done.out
        );
        assert!(done.out.contains("--output <FORMAT>"), "{}", done.out);
    }
}

#[test]
fn help_fits_a_terminal_and_names_every_command() {
    let done = seaway(&["--help"]);
    for command in COMMANDS {
        assert!(
            done.out.contains(&format!("\n  {command} ")),
            "{command}: {}",
            done.out
        );
        let help = seaway(&[command, "--help"]);
        assert!(help.out.lines().all(|line| line.len() <= 110), "{}", help.out);
    }
}

#[test]
fn help_of_run_states_the_default_of_every_limit() {
    let help = seaway(&["run", "--help"]).out;
    let limits = help.split("Limits:").nth(1).expect("a heading");
    let limits = limits.split("Example").next().expect("its text");
    let flags = limits.matches("--").count();
    assert_eq!(flags, 14, "{limits}");
    assert_eq!(limits.matches("[default:").count(), flags, "{limits}");
}

#[test]
fn wrong_usage_ends_with_2_and_writes_nothing_to_standard_output() {
    for args in [
        &["nonsense"][..],
        &[],
        &["check"],
        &["run", ".", "--map-port", "80"],
        &["run", ".", "--map-port", "80:65536"],
        &["run", ".", "--admin", "nowhere"],
        &["run", ".", "--workers", "0"],
        &["run", ".", "--trusted-proxy", "10.0.0.0/33"],
        &["run", ".", "--drain-timeout", "long"],
        &["explain", "."],
        &["explain", ".", "--request", "GET http://a/", "--requests", "f"],
        &["explain", ".", "--request", "GET nowhere"],
        &["explain", ".", "--request", "GET http://a/", "-H", "no colon"],
        &["explain", ".", "--requests", "not-there.jsonl"],
        &["translate", "."],
        &["translate", ".", "--to", "poetry"],
        &["version", "-o", "poetry"],
    ] {
        let done = seaway(args);
        assert_eq!(
            (done.code, done.out.as_str()),
            (Some(2), ""),
            "{args:?}: {}",
            done.err
        );
        assert!(!done.err.is_empty(), "{args:?}");
    }
}

#[test]
fn a_mistake_in_a_flag_of_run_ends_with_2_before_anything_serves() {
    let folder = Folder::with(&[("a.yaml", &manifests::route("a.example.com", backend()))]);
    let args = [
        "run",
        ".",
        "--map-port",
        "80:0",
        "--admin",
        "off",
        "--access-log",
        "%NONSENSE%",
    ];
    let done = seaway_in(folder.path(), &args);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{}", done.err);
    assert!(
        done.err.contains("--access-log") && done.err.contains("%NONSENSE%"),
        "{}",
        done.err
    );
    assert!(!done.err.contains("ready"), "{}", done.err);
}

#[test]
fn a_fault_of_seaways_own_ends_with_70() {
    let broken = Command::new(support::SEAWAY)
        .arg("version")
        // Writing there fails, and not because somebody has read enough.
        .stdout(
            std::fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .expect("Linux"),
        )
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let output = broken.wait_with_output().expect("its output");
    assert_eq!(output.status.code(), Some(70));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("seaway: "),
        "{output:?}"
    );
}

#[test]
fn a_reader_who_has_read_enough_is_no_error() {
    let mut routes = Vec::new();
    for i in 0..800 {
        routes.push(manifests::route(&format!("h{i}.example.com"), backend()) + "  nonsense: 1\n");
    }
    let folder = Folder::with(&[("many.yaml", &manifests::documents(&routes))]);
    let request = r#"{"url":"http://h1.example.com/"}"#;
    folder.write("many.jsonl", &format!("{request}\n").repeat(3_000));
    for args in [
        &["check", "many.yaml"][..],
        &["check", "many.yaml", "-o", "json"],
        &["translate", "many.yaml", "--to", "model"],
        &["translate", "many.yaml", "--to", "model", "-o", "json"],
        &["explain", "many.yaml", "--requests", "many.jsonl"],
    ] {
        let mut child = Command::new(support::SEAWAY)
            .args(args)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut [0; 10]).expect("some output");
        drop(out);
        assert_eq!(child.wait().expect("its end").code(), Some(0), "{args:?}");
    }
}

#[test]
fn version_is_one_line_or_one_object() {
    assert_eq!(
        seaway(&["version"]).out,
        format!("seaway {}\n", env!("CARGO_PKG_VERSION"))
    );
    let json = seaway(&["version", "-o", "json"]).json();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(seaway(&["--version"]).out, seaway(&["version"]).out);
}

#[test]
fn completions_know_every_command_in_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let done = seaway(&["completions", shell]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{shell}");
        for command in COMMANDS {
            assert!(done.out.contains(command), "{shell}: {command}");
        }
        assert!(done.out.contains("map-port"), "{shell}");
    }
}

#[test]
fn completions_for_bash_are_a_script_that_bash_reads() {
    let script = seaway(&["completions", "bash"]).out;
    let folder = Folder::with(&[("seaway.bash", &script)]);
    let checked = Command::new("bash")
        .arg("-n")
        .arg(folder.file("seaway.bash"))
        .output();
    // Where there is no bash nobody needs its completions.
    let Ok(checked) = checked else { return };
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn the_manual_page_is_roff_and_documents_every_command_with_its_flags() {
    let done = seaway(&["man"]);
    assert_eq!(done.code, Some(0));
    assert!(done.out.contains(".TH seaway 1"), "{}", done.out);
    for word in COMMANDS
        .iter()
        .copied()
        .chain(["map\\-port", "drain\\-timeout", "requests"])
    {
        assert!(done.out.contains(word), "{word}");
    }
}

#[test]
fn there_is_no_colour_where_there_is_no_terminal() {
    let bad = manifests::route_to("a.example.com", "nobody:80") + "  nonsense: 1\n";
    let folder = Folder::with(&[("a.yaml", &bad)]);
    for args in [
        &["check", "a.yaml"][..],
        &["explain", "a.yaml", "--request", "GET http://a.example.com/"],
        &["translate", "a.yaml", "--to", "model"],
        &["check", "--help"],
    ] {
        let done = seaway_in(folder.path(), args);
        assert!(!(done.out + &done.err).contains('\u{1b}'), "{args:?}");
    }
}

#[test]
fn standard_input_is_read_where_the_path_is_a_dash() {
    let folder = Folder::new();
    let text = manifests::route("a.example.com", backend());
    let request = [
        "explain",
        "-",
        "--request",
        "GET http://a.example.com/",
        "-o",
        "json",
    ];
    let done = seaway_with(folder.path(), &request, &text);
    assert_eq!(done.json()["action"], "forward", "{}", done.err);
}
