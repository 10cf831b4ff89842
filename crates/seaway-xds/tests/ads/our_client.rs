//! Our client and our server together.

use seaway_xds::Kind;

use super::*;

#[tokio::test]
async fn a_client_holds_what_is_published_and_follows_it() {
    let first = resources(50, &BTreeMap::new());
    let running = Running::with(&first).await;
    let mut states = start_client(options(running.address), Arc::new(nothing_is_bad));
    until(&mut states, |state| holds(state, &first)).await;
    let before = running.server.clients().counts();
    let second = resources(50, &BTreeMap::from([(7, 1)]));
    let number = running.server.publish(&second);
    until(&mut states, |state| holds(state, &second)).await;
    let after = running.server.clients().counts();
    assert_eq!(after.resources - before.resources, 1);
    assert!(after.bytes - before.bytes < 100);
    running
        .until(|server| server.clients().list()[0].accepted == number)
        .await;
    let client = running.server.clients().list().remove(0);
    assert_eq!(
        (client.node.as_str(), client.cluster.as_str(), client.wire),
        ("node-1", "edge", "delta")
    );
    assert!(client.agent.starts_with("seaway "));
}

#[tokio::test]
async fn a_resource_that_the_client_refuses_is_shown_with_its_words_and_the_rest_arrives() {
    let good = resources(3, &BTreeMap::new());
    let bad = resources(4, &BTreeMap::from([(2, 9)]));
    let judge = |resources: &Resources| -> Vec<Fault> {
        let is_bad = |endpoints: &ClusterLoadAssignment| endpoints.endpoints.iter().any(|e| e.priority == 9);
        let found = resources
            .endpoints
            .iter()
            .filter(|(_, endpoints)| is_bad(endpoints));
        found
            .map(|(name, _)| Fault {
                kind: Kind::Endpoints,
                name: name.clone(),
                reason: "priority 9 is too much".to_owned(),
            })
            .collect()
    };
    let running = Running::with(&good).await;
    let mut states = start_client(options(running.address), Arc::new(judge));
    until(&mut states, |state| holds(state, &good)).await;
    running.server.publish(&bad);
    let mut expected = bad.clone();
    expected
        .endpoints
        .insert("c2".to_owned(), Arc::clone(&good.endpoints["c2"]));
    let state = until(&mut states, |state| {
        holds(state, &expected) && !state.refused.is_empty()
    })
    .await;
    assert_eq!(state.refused[0].reason, "priority 9 is too much");
    running
        .until(|server| server.clients().list()[0].rejected.len() == 1)
        .await;
    let rejected = running.server.clients().list()[0].rejected[0].clone();
    assert_eq!((rejected.kind, rejected.name.as_str()), ("endpoints", "c2"));
    assert!(rejected.message.contains("priority 9 is too much"));
}

#[tokio::test]
async fn a_control_plane_that_comes_back_sends_only_what_is_different() {
    let first = resources(20, &BTreeMap::new());
    let running = Running::with(&first).await;
    let address = running.address;
    let mut states = start_client(options(address), Arc::new(nothing_is_bad));
    until(&mut states, |state| holds(state, &first)).await;
    let server = running.server.clone();
    running.stop().await;
    until(&mut states, |state| !state.connected).await;
    let second = resources(20, &BTreeMap::from([(3, 1)]));
    server.publish(&second);
    let before = server.clients().counts();
    let running = Running::start(server, &address.to_string()).await;
    until(&mut states, |state| state.connected && holds(state, &second)).await;
    let after = running.server.clients().counts();
    assert_eq!(after.resources - before.resources, 1);
}

#[tokio::test]
async fn a_client_with_a_cache_starts_without_its_control_plane() {
    let folder = tempfile::tempdir().unwrap();
    let first = resources(5, &BTreeMap::new());
    let running = Running::with(&first).await;
    let options = client::Options {
        cache: Some(folder.path().join("cache")),
        ..options(running.address)
    };
    let mut states = start_client(options.clone(), Arc::new(nothing_is_bad));
    until(&mut states, |state| holds(state, &first)).await;
    drop(states);
    running.stop().await;
    let mut states = start_client(options, Arc::new(nothing_is_bad));
    let state = until(&mut states, |state| state.trouble.is_some()).await;
    assert!(holds(&state, &first) && state.from_cache && !state.connected);
}
