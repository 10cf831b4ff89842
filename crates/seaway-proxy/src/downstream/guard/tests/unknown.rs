//! What is well-formed and not ours to understand, told from what is malformed.

use super::*;

#[test]
fn a_version_that_is_not_ours_is_told_from_what_is_none() {
    for version in ["2.0", "0.9", "1.2", "1.9", "9.9"] {
        refused(&format!("GET / HTTP/{version}\r\n"), Reason::VersionUnsupported);
    }
    for none in [
        "01.1", "1.10", "1", "2", "2.", "2.x", "1. 1", "2.0 ", "x.1", "-1.1",
    ] {
        refused(&format!("GET / HTTP/{none}\r\n"), Reason::Version);
    }
    refused("GET / HTTP/2.0\n", Reason::BareLf);
    refused("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", Reason::VersionUnsupported);
}

#[test]
fn codings_that_we_do_not_know_are_told_from_an_end_that_nobody_knows() {
    for unknown in ["gzip, chunked", "identity,chunked", "a , b,\tCHUNKED"] {
        refused(
            &with(&format!("Transfer-Encoding: {unknown}")),
            Reason::EncodingUnknown,
        );
    }
    for uncertain in [
        "gzip",
        "chunked, gzip",
        "chunked, chunked",
        ",chunked",
        "a b, chunked",
        "x;y=z, chunked",
    ] {
        refused(
            &with(&format!("Transfer-Encoding: {uncertain}")),
            Reason::Encoding,
        );
    }
    refused(
        &with("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip, chunked"),
        Reason::Encoding,
    );
}
