//! Splits and faults.

use http::StatusCode;
use seaway_model::*;
use seaway_telemetry::Flag;

use super::support::*;

async fn two_versions(weights: [u32; 2]) -> (Vec<Route>, Vec<Cluster>) {
    let v1 = upstream(|_| async { text(200, "v1") }).await;
    let v2 = upstream(|_| async { text(200, "v2") }).await;
    let split = Forward {
        destinations: vec![destination("v1", weights[0]), destination("v2", weights[1])],
        ..Forward::default()
    };
    let clusters = vec![cluster("v1", &[v1]), cluster("v2", &[v2])];
    (vec![route(Action::Forward(split))], clusters)
}

#[tokio::test]
async fn five_per_cent_of_a_thousand_requests_are_fifty() {
    let (routes, clusters) = two_versions([95, 5]).await;
    let gateway = Gateway::start(routes, clusters).await;
    let mut client = connect(gateway.http1).await;
    let mut canary = 0;
    for _ in 0..1000 {
        let (_, body) = read(client.send_request(get("/")).await.unwrap()).await;
        canary += usize::from(body == "v2");
    }
    assert_eq!(canary, 50);
}

#[tokio::test]
async fn a_split_goes_on_where_it_was_when_something_else_changes() {
    let (routes, clusters) = two_versions([19, 1]).await;
    let mut gateway = Gateway::start(routes.clone(), clusters.clone()).await;
    let mut client = connect(gateway.http1).await;
    let mut canary = 0;
    for turn in 0..200 {
        let mut routes = routes.clone();
        routes[0].response_headers = HeaderMutation::from(FieldChanges {
            set: vec![("x-turn".into(), turn.to_string().into())],
            ..FieldChanges::default()
        });
        gateway.publish(routes, clusters.clone());
        let (_, body) = read(client.send_request(get("/")).await.unwrap()).await;
        canary += usize::from(body == "v2");
    }
    assert_eq!(canary, 10);
}

#[tokio::test]
async fn a_share_without_a_backend_fails_alone() {
    let (mut routes, clusters) = two_versions([1, 1]).await;
    if let Action::Forward(forward) = &mut routes[0].action {
        forward.destinations[1].target = Target::Fail(Failure {
            status: 500,
            reason: FailureReason::ServiceNotFound,
            message: "no such Service".into(),
        });
    }
    let gateway = Gateway::start(routes, clusters).await;
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(fetch(gateway.http1, get("/")).await.0.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 500]);
}

fn abort(millionths: u32) -> Option<Box<Fault>> {
    Some(Box::new(Fault {
        delay: None,
        abort: Some(Abort {
            fraction: Fraction::from_millionths(millionths),
            status: 418,
            grpc_status: None,
        }),
    }))
}

#[tokio::test]
async fn about_the_configured_share_of_requests_fails_on_purpose() {
    let (mut routes, clusters) = two_versions([1, 1]).await;
    routes[0].fault = abort(300_000);
    let gateway = Gateway::start(routes, clusters).await;
    let mut client = connect(gateway.http1).await;
    let mut failed = 0;
    for _ in 0..1000 {
        let response = client.send_request(get("/")).await.unwrap();
        failed += usize::from(response.status().as_u16() == 418);
        read(response).await;
    }
    // Five standard deviations around 300.
    assert!((228..=372).contains(&failed), "{failed} of 1000");
}

#[tokio::test]
async fn a_grpc_client_gets_the_faults_grpc_status_and_others_its_status() {
    let (mut routes, clusters) = two_versions([1, 1]).await;
    routes[0].fault = Some(Box::new(Fault {
        delay: None,
        abort: Some(Abort {
            fraction: Fraction::ALL,
            status: 503,
            grpc_status: Some(8),
        }),
    }));
    let mut gateway = Gateway::start(routes, clusters).await;
    let mut call = post("/shop.Cart/Add", empty());
    call.headers_mut()
        .insert("content-type", "application/grpc".parse().unwrap());
    let response = send(gateway.http1, call).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "8");
    assert_eq!(gateway.record().await.grpc_status, Some(8));
    assert_eq!(
        fetch(gateway.http1, get("/")).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn a_fault_is_marked_in_the_record() {
    let (mut routes, clusters) = two_versions([1, 1]).await;
    routes[0].fault = abort(1_000_000);
    let mut gateway = Gateway::start(routes, clusters).await;
    assert_eq!(fetch(gateway.http1, get("/")).await.0, StatusCode::IM_A_TEAPOT);
    let seen = gateway.record().await;
    assert_eq!((seen.flags, seen.status), (vec![Flag::FaultInjected], 418));
}

#[tokio::test]
async fn a_delay_comes_before_the_answer_and_is_marked() {
    let (mut routes, clusters) = two_versions([1, 1]).await;
    routes[0].fault = Some(Box::new(Fault {
        delay: Some(Delay {
            fraction: Fraction::ALL,
            duration: Millis(60),
        }),
        abort: None,
    }));
    let mut gateway = Gateway::start(routes, clusters).await;
    let before = std::time::Instant::now();
    assert_eq!(fetch(gateway.http1, get("/")).await.0, StatusCode::OK);
    assert!(before.elapsed().as_millis() >= 60);
    assert_eq!(gateway.record().await.flags, [Flag::DelayInjected]);
}
