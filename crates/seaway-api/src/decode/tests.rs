use super::suggest::enumerate;
use super::*;

#[test]
fn a_slip_of_the_finger_is_recognised() {
    let words = ["timeout", "retries", "httpRedirectToHttps", "hosts"];
    for (written, meant) in [
        ("timout", Some("timeout")),
        ("Timeout", Some("timeout")),
        ("http_redirect_to_https", Some("httpRedirectToHttps")),
        ("host", Some("hosts")),
        ("colour", None),
        ("x", None),
    ] {
        assert_eq!(nearest(written, words.into_iter()), meant, "{written}");
    }
}

#[test]
fn words_are_listed_as_one_says_them() {
    assert_eq!(enumerate(["a", "b", "c"].into_iter(), "or"), "a, b or c");
    assert_eq!(enumerate(["a"].into_iter(), "or"), "a");
    assert_eq!(enumerate([].into_iter(), "or"), "");
}
