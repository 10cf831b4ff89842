use proptest::prelude::*;

use super::*;

fn plain(raw: &str) -> String {
    path(raw).map_or_else(|e| format!("{e:?}"), Cow::into_owned)
}

#[test]
fn a_normal_path_is_borrowed() {
    for raw in [
        "/",
        "/a",
        "/a/",
        "/a/b.c/d..e/...",
        "/a%20b",
        "/a%2fb",
        "/a;b/c",
        "*",
    ] {
        assert!(matches!(path(raw), Ok(Cow::Borrowed(p)) if p == raw), "{raw}");
    }
}

#[test]
fn slashes_are_merged() {
    for (raw, normal) in [
        ("//", "/"),
        ("//a", "/a"),
        ("/a//b", "/a/b"),
        ("/a///", "/a/"),
        ("///a//b//", "/a/b/"),
    ] {
        assert_eq!(plain(raw), normal, "{raw}");
    }
}

#[test]
fn dot_segments_are_resolved_in_every_spelling() {
    for (raw, normal) in [
        ("/.", "/"),
        ("/a/.", "/a/"),
        ("/a/./b", "/a/b"),
        ("/a/%2e/b", "/a/b"),
        ("/a/..", "/"),
        ("/a/b/..", "/a/"),
        ("/a/b/../", "/a/"),
        ("/a/../b", "/b"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/%2E./b", "/b"),
        ("/a/.%2e/b", "/b"),
        ("/a//../b", "/b"),
        ("/a/%2e%2E", "/"),
    ] {
        assert_eq!(plain(raw), normal, "{raw}");
    }
}

#[test]
fn nothing_climbs_above_the_root() {
    assert_eq!(plain("/../../etc/passwd"), "/etc/passwd");
    assert_eq!(plain("/a/../../../b"), "/b");
}

#[test]
fn escapes_of_what_needs_none_are_undone() {
    for (raw, normal) in [
        ("/%61dmin", "/admin"),
        ("/%41%5a%7A%30%39", "/AZz09"),
        ("/%2d%2E%5f%7e", "/-._~"),
        ("/%2E%2E%2e", "/..."),
        ("/a%2Fb//%41", "/a%2Fb/A"),
        ("/a/%2e%2e/%62", "/b"),
        ("/%25%36%31", "/%2561"),
    ] {
        assert_eq!(plain(raw), normal, "{raw}");
    }
}

#[test]
fn other_encodings_stay_as_they_are() {
    for raw in ["/a%2Fb", "/%20%C3%A4", "/%5c", "/%2561", "/%3b%3F%23"] {
        assert_eq!(plain(raw), raw);
    }
    assert_eq!(plain("/%252e%252e/a/./b"), "/%252e%252e/a/b");
}

#[test]
fn an_empty_path_is_the_root() {
    assert_eq!(plain(""), "/");
}

#[test]
fn what_two_readers_read_differently_is_refused() {
    for (raw, error) in [
        ("a", BadPath::NotAbsolute),
        ("**", BadPath::NotAbsolute),
        ("/a b", BadPath::Character),
        ("/a\\b", BadPath::Character),
        ("/a#b", BadPath::Character),
        ("/a?b", BadPath::Character),
        ("/\u{7f}", BadPath::Character),
        ("/ä", BadPath::Character),
        ("/a\tb", BadPath::Character),
        ("/%", BadPath::Escape),
        ("/%2", BadPath::Escape),
        ("/%zz", BadPath::Escape),
        ("/%+1", BadPath::Escape),
        ("/a%00", BadPath::Nul),
        ("/..%2fb", BadPath::HiddenDots),
        ("/a%2f..", BadPath::HiddenDots),
        ("/a%2F%2e%2E%2Fb", BadPath::HiddenDots),
        ("/..%5cb", BadPath::HiddenDots),
        ("/%2e%2e%5Cb", BadPath::HiddenDots),
        ("/a%5c.%5cb", BadPath::HiddenDots),
        ("/..;/b", BadPath::HiddenDots),
        ("/..;x=1/b", BadPath::HiddenDots),
        ("/%2e%2e%3b/b", BadPath::HiddenDots),
        ("/.;/b", BadPath::HiddenDots),
        ("/a%2f..;/b", BadPath::HiddenDots),
        ("/%c0%ae%c0%ae/b", BadPath::Overlong),
        ("/%e0%80%af", BadPath::Overlong),
        ("/%F0%80%80%AF", BadPath::Overlong),
    ] {
        assert_eq!(path(raw), Err(error), "{raw}");
    }
}

#[test]
fn a_query_is_visible_ascii() {
    assert_eq!(query("a=1&b=?/%zz"), Ok(()));
    for raw in ["a b", "a#b", "ä", "a\u{0}"] {
        assert_eq!(query(raw), Err(BadPath::Character), "{raw}");
    }
}

proptest! {
    #[test]
    fn a_normal_path_is_normal_for_good(raw in "/([ab./;6]|%2e|%2f|%5C|%25|%61|//|/\\.\\./){0,12}") {
        if let Ok(once) = path(&raw) {
            let again = path(&once);
            prop_assert!(matches!(again, Ok(Cow::Borrowed(p)) if p == once), "{} to {}", raw, once);
            prop_assert!(!once.contains("//"));
            prop_assert!(once.split('/').all(|s| s != "." && s != ".."));
        }
    }

    #[test]
    fn no_input_is_too_strange(raw in any::<String>()) {
        let _ = (path(&raw), super::super::host(&raw), query(&raw));
    }
}
