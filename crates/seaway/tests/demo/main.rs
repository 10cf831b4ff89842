//! `seaway demo`, as a newcomer meets it: every request that it prints is made, and what it says to expect must come.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod guide;
#[path = "../support/mod.rs"]
mod support;

use std::net::TcpListener;

use guide::Guide;
use support::files::Folder;
use support::process::Process;

const WORKERS: usize = 2;

/// A demonstration on ports of the system's choice.
async fn demo(folder: &Folder) -> Guide {
    let workers = WORKERS.to_string();
    let args = [
        "demo",
        "--address",
        "127.0.0.1",
        "--admin",
        "127.0.0.1:0",
        "--workers",
        &workers,
    ];
    let ports = ["--map-port", "80:0", "--map-port", "443:0", "--dir", "there"];
    Guide::of(Process::start(folder.path(), &[&args[..], &ports].concat())).await
}

#[tokio::test]
async fn every_printed_request_is_answered_as_the_text_says() {
    let folder = Folder::new();
    let guide = demo(&folder).await;
    // A canary: "95 answers name v1, 5 name v2 (one more or less for each worker thread)".
    let canary = guide.urls("A canary").remove(0);
    let mut new = 0_usize;
    for _ in 0..100 {
        new += usize::from(guide.version(&canary, &[]).await == "v2");
    }
    assert!(new.abs_diff(5) <= WORKERS, "{new} of 100");

    let phones = guide.urls("iPhones").remove(0);
    assert_eq!(guide.version(&phones, &[("user-agent", "iPhone")]).await, "v2");
    assert_eq!(guide.version(&phones, &[("user-agent", "Android")]).await, "v1");

    let mirror = guide.urls("A mirror");
    let before = guide.count_of(&mirror[1]).await;
    for _ in 0..10 {
        assert_eq!(guide.version(&mirror[0], &[]).await, "v1");
    }
    // Asking counts too. Copies arrive a little later, so this asks until they have.
    let copies = guide.copies(&mirror[1], before, 5 - WORKERS as u64).await;
    assert!(copies <= 5 + WORKERS as u64, "{copies} copies of 10");

    let fault = guide.urls("A fault");
    let mut failed = 0;
    for _ in 0..100 {
        failed += usize::from(guide.get(&fault[0], &[]).await.status == 503);
    }
    assert!((5..=50).contains(&failed), "{failed} of 100 orders");
    let asked = std::time::Instant::now();
    assert_eq!(guide.get(&fault[1], &[]).await.status, 200);
    assert!(asked.elapsed().as_millis() >= 500, "{:?}", asked.elapsed());

    let ingress = guide.urls("An Ingress");
    assert_eq!(guide.get(&ingress[0], &[]).await.status, 200);
    let missed = guide.get(&ingress[1], &[]).await;
    assert_eq!(missed.status, 404);
}

#[tokio::test]
async fn the_printed_authority_is_that_of_the_printed_https_address() {
    let folder = Folder::new();
    let guide = demo(&folder).await;
    let urls = guide.urls("TLS");
    assert!(guide.https(folder.path(), &urls[0]).await.text().contains("v1"));
    let sent = guide.get(&urls[1], &[]).await;
    assert_eq!(
        (sent.status, sent.header("location")),
        (301, Some("https://tls.localhost/"))
    );
}

#[tokio::test]
async fn the_printed_explain_command_works() {
    let folder = Folder::new();
    let guide = demo(&folder).await;
    let command = guide.commands("Why does").remove(0);
    let words: Vec<String> = command
        .split('\'')
        .enumerate()
        .fold(Vec::new(), |mut words, (i, part)| {
            if i % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(ToOwned::to_owned));
            }
            words
        });
    let args: Vec<_> = words.iter().skip(1).map(String::as_str).collect();
    let done = support::command::seaway_in(folder.path(), &args);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert!(done.out.contains("HttpRoute phones/iphone"), "{}", done.out);
}

#[tokio::test]
async fn the_printed_metrics_and_dashboard_are_there() {
    let folder = Folder::new();
    let guide = demo(&folder).await;
    let metrics = guide.urls("See what happens").remove(0);
    assert!(
        guide
            .get(&metrics, &[])
            .await
            .text()
            .contains("seaway_config_version")
    );
}

#[tokio::test]
async fn an_edited_manifest_takes_effect() {
    let folder = Folder::new();
    let guide = demo(&folder).await;
    let phones = guide.urls("iPhones").remove(0);
    assert_eq!(guide.version(&phones, &[("user-agent", "Android")]).await, "v1");
    let route = "there/examples/phones/route.yaml";
    let text = std::fs::read_to_string(folder.file(route)).expect("the manifest");
    folder.write(route, &text.replace("iPhone", "Android"));
    guide.process.line("configuration 2 serves").await;
    assert_eq!(guide.version(&phones, &[("user-agent", "Android")]).await, "v2");
    assert_eq!(guide.version(&phones, &[("user-agent", "iPhone")]).await, "v1");
}

#[tokio::test]
async fn it_starts_with_other_ports_where_the_usual_ones_are_taken() {
    // Whoever has them, we or somebody else: they are taken.
    let _taken = [8080, 8443, 7001, 7002].map(|port| TcpListener::bind(("0.0.0.0", port)));
    let folder = Folder::new();
    let process = Process::start(folder.path(), &["demo", "--admin", "127.0.0.1:0"]);
    let guide = Guide::of(process).await;
    let canary = guide.urls("A canary").remove(0);
    assert!(!canary.contains(":8080/"), "{canary}");
    assert!(["v1", "v2"].contains(&guide.version(&canary, &[]).await.as_str()));
    let tls = guide.urls("TLS").remove(0);
    assert!(!tls.contains(":8443/"), "{tls}");
}

#[tokio::test]
async fn it_leaves_nothing_behind() {
    let folder = Folder::new();
    let args = [
        "demo",
        "--admin",
        "off",
        "--map-port",
        "80:0",
        "--map-port",
        "443:0",
        "--address",
        "127.0.0.1",
    ];
    let guide = Guide::of(Process::start(folder.path(), &args)).await;
    let manifests = guide.manifests();
    assert!(manifests.is_dir(), "{}", manifests.display());
    guide.process.signal(rustix::process::Signal::INT);
    assert_eq!(guide.process.exit().await, 0);
    assert!(!manifests.exists(), "{}", manifests.display());
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn its_manifests_have_no_findings() {
    let folder = Folder::new();
    let guide = demo(&folder).await;
    let lines = guide.process.err.all();
    assert!(
        lines
            .iter()
            .all(|l| !l.contains("error") && !l.contains("warning")),
        "{lines:?}"
    );
    let done = support::command::seaway_in(folder.path(), &["check", "there/examples"]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), ""));
}
