//! What inputs are made from.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Target;
use crate::project;
use xtask::fuzz::{decode, http2};

/// Every field of every kind of Istio's, as the tests of `seaway-api` have them.
const ISTIO: &str = "crates/seaway-api/src/istio/tests/samples";

/// Every seed of a target: real manifests for one, the same in Envoy's words for another, requests for the others, and
/// what `fuzz/corpus` has.
pub fn load(target: Target) -> Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    match target {
        Target::Config => {
            for folder in ["testdata/cases", "examples", ISTIO] {
                collect(&project::path(folder), &mut seeds)?;
            }
        }
        Target::Decode | Target::Turn => {
            collect(&project::path("testdata/cases"), &mut seeds)?;
            seeds = seeds
                .iter()
                .filter_map(|text| decode::seed(&String::from_utf8_lossy(text)))
                .collect();
        }
        Target::Answer => seeds.extend(ANSWERS.iter().map(|answer| answer.as_bytes().to_vec())),
        Target::Http2 => seeds.extend(http2::seeds()),
        Target::Guard | Target::Proxy => {
            seeds.extend(REQUESTS.iter().map(|request| request.as_bytes().to_vec()));
        }
    }
    collect(&project::path("fuzz/corpus").join(target.name()), &mut seeds)?;
    Ok(seeds)
}

/// Files below a folder that hold input; goldens and probes do not. A folder that is not there has none.
fn collect(folder: &Path, seeds: &mut Vec<Vec<u8>>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let mut entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    // The order of a folder is not the same everywhere, and a seed should repeat a run.
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, seeds)?;
        } else if !["model.yaml", "status.yaml", "probes.yaml", "README.md"]
            .iter()
            .any(|other| path.ends_with(other))
        {
            seeds.push(fs::read(&path).with_context(|| path.display().to_string())?);
        }
    }
    Ok(())
}

/// Words that mean something to a target, so that chance need not spell them.
pub fn words(target: Target) -> Vec<Vec<u8>> {
    let words: &[&str] = match target {
        Target::Config => YAML_WORDS,
        Target::Decode | Target::Turn => XDS_WORDS,
        Target::Http2 => return http2::words(),
        Target::Answer | Target::Guard | Target::Proxy => HTTP_WORDS,
    };
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

const YAML_WORDS: &[&str] = &[
    "---\n",
    "\n- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: ",
    "!!binary ",
    "null",
    "~",
    "\"\"",
    "true",
    "'*'",
    "*.example.com",
    "mesh",
    "./a",
    "regex: ",
    "-1s",
    "/",
    "//",
    "/../",
    "%2e",
    "%2F",
    "(a|b)*",
    "[0-9]{1,1000}",
    "\\1",
    "apiVersion: core.kalm.dev/v1alpha1\n",
    "apiVersion: seaway.dev/v1alpha1\n",
    "kind: HttpRoute\n",
    "kind: List\n",
    "namespace: ",
    "weight: 0",
    "destinations:\n",
    "conditions:\n",
    "stripPath: true\n",
    "rewrite: {path: /x}\n",
    "pathType: Prefix\n",
    "ingressClassName: ",
    "\u{feff}",
    "\u{0}",
    "\t",
];

const XDS_WORDS: &[&str] = &[
    "---\n",
    "\n- ",
    ": ",
    "{}",
    "[]",
    "null",
    "\"\"",
    "true",
    "-1",
    "'*'",
    "'*.a.test'",
    "'*a'",
    "a.test:80",
    "[::1]",
    "::",
    "0s",
    "-1s",
    "0.000000001s",
    "315576000000s",
    "NaN",
    "Infinity",
    "\"@type\": type.googleapis.com/google.protobuf.Struct\n",
    "metadata: {}\n",
    "filter_metadata:\n",
    "seaway: {copy: true}\n",
    "oneLabel: 99\n",
    "both: true\n",
    "name: ''\n",
    "domains: ['*']\n",
    "domains: []\n",
    "server_names: ['*.a.test']\n",
    "weight: 0\n",
    "prefix: ''\n",
    "regex: '('\n",
    "regex: '.*'\n",
    "invert_match: true\n",
    "treat_missing_header_as_empty: true\n",
    "numerator: 4294967295\n",
    "denominator: MILLION\n",
    "port_value: 65536\n",
    "\u{feff}",
    "\u{0}",
];

const HTTP_WORDS: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "GET / HTTP/1.1\r\n",
    "POST / HTTP/1.1\r\n",
    "CONNECT a:80 HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "HTTP/1.0",
    "HTTP/2.0",
    "Host: a\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "transfer-encoding : chunked\r\n",
    "Connection: upgrade\r\nUpgrade: websocket\r\n",
    "Connection: close\r\n",
    "Expect: 100-continue\r\n",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "ffffffffffffffff\r\n",
    ";x=\"y\"",
    "http://a/",
    "..%2f",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\0",
    "\u{7f}",
    "\u{e9}",
];

const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a?b=c HTTP/1.1\r\nHost: a:80\r\nX: y\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n",
    "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0",
];

const ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n006\r\n world\r\n0\r\nT: v\r\n\r\n",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 5, 5\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello",
];
