use std::time::Duration;

use futures_util::FutureExt as _;

use super::super::balance::Rng as _;
use super::super::balance::tests::Seeded;
use super::super::transport::Transports;
use super::*;

/// Makes a place whose connections are counted by these breakers. Kept alive by its home.
fn place(breakers: &Arc<Breakers>, port: u16) -> Arc<super::super::endpoint::Home> {
    use seaway_model::{Cluster, ClusterName, EndpointSource, Model, Origin};
    let source = EndpointSource::Static(Vec::new());
    let mut cluster = Cluster::new(ClusterName("limited".into()), Origin::default(), source);
    cluster.circuit_breakers = limits(1, None);
    let transport = Transports::default().of(&cluster, &Model::default());
    let spot = super::super::endpoint::Spot::Address(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    super::super::endpoint::Homes::default().at(&spot, &transport, breakers)
}

fn limits(connections: u32, pending: Option<u32>) -> CircuitBreakers {
    CircuitBreakers {
        max_connections: Some(connections),
        max_pending_requests: pending,
        ..CircuitBreakers::default()
    }
}

fn nothing(_: &mut Pool, _: &Label) -> Option<Grant> {
    None
}

fn ask(breakers: &Arc<Breakers>, place: &Place, limits: &CircuitBreakers) -> Result<Turn, Failure> {
    breakers.turn(place, &None, limits, nothing)
}

fn permit(turn: Result<Turn, Failure>) -> ConnectionPermit {
    match turn.unwrap() {
        Turn::Now(Grant::Permit(permit)) => permit,
        other => panic!("no leave: {other:?}"),
    }
}

fn waiting(turn: Result<Turn, Failure>) -> Waiting {
    match turn.unwrap() {
        Turn::Later(waiting) => waiting,
        other => panic!("nobody waits: {other:?}"),
    }
}

#[test]
fn a_limit_is_exact_whichever_threads_take_and_give() {
    let breakers = Arc::new(Breakers::default());
    let (most, granted) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    if let Some(_permit) = breakers.try_connect(Some(3)) {
                        granted.fetch_add(1, Ordering::Relaxed);
                        most.fetch_max(breakers.connections(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(most.into_inner() <= 3 && granted.into_inner() > 0);
    assert_eq!(breakers.connections(), 0);
}

#[test]
fn what_is_refused_takes_no_place() {
    let breakers = Arc::new(Breakers::default());
    let first = breakers.try_connect(Some(1));
    assert!(breakers.try_connect(Some(1)).is_none());
    drop(first);
    assert!(breakers.try_connect(Some(1)).is_some());
}

#[test]
fn a_leave_that_ends_goes_to_who_waited_longest() {
    let breakers = Arc::new(Breakers::default());
    let (home, limits) = (place(&breakers, 1), limits(1, None));
    let held = permit(ask(&breakers, &home.place, &limits));
    let first = waiting(ask(&breakers, &home.place, &limits));
    let second = waiting(ask(&breakers, &home.place, &limits));
    drop(held);
    // Over the counter: it never went down.
    assert_eq!((breakers.connections(), breakers.waiting()), (1, 1));
    let granted = first.grant().now_or_never();
    assert!(matches!(granted, Some(Ok(Grant::Permit(_)))));
    let second = second.grant().now_or_never();
    assert!(second.is_none());
}

#[test]
fn who_would_wait_beyond_the_limit_is_refused() {
    let breakers = Arc::new(Breakers::default());
    let (home, limits) = (place(&breakers, 1), limits(1, Some(1)));
    let _held = permit(ask(&breakers, &home.place, &limits));
    let waits = waiting(ask(&breakers, &home.place, &limits));
    assert_eq!(
        ask(&breakers, &home.place, &limits).unwrap_err(),
        Failure::Overflow
    );
    drop(waits);
    let _waits = waiting(ask(&breakers, &home.place, &limits));
}

#[test]
fn who_leaves_the_queue_is_passed_over_even_with_a_leave_in_hand() {
    let breakers = Arc::new(Breakers::default());
    let (home, limits) = (place(&breakers, 1), limits(1, None));
    let held = permit(ask(&breakers, &home.place, &limits));
    let first = waiting(ask(&breakers, &home.place, &limits));
    let second = waiting(ask(&breakers, &home.place, &limits));
    drop(held);
    drop(first);
    assert!(matches!(
        second.grant().now_or_never(),
        Some(Ok(Grant::Permit(_)))
    ));
    assert_eq!((breakers.connections(), breakers.waiting()), (0, 0));
}

/// Who comes, ends and gives up, as a seed says. The queue must never be wrong in between.
#[test]
fn whatever_comes_and_goes_the_limits_hold_and_nobody_waits_beside_a_free_place() {
    const CONNECTIONS: usize = 4;
    const PENDING: usize = 6;
    for seed in 1..=20 {
        let mut rng = Seeded(seed);
        let breakers = Arc::new(Breakers::default());
        let home = place(&breakers, 1);
        let limits = limits(4, Some(6));
        let mut held: Vec<Grant> = Vec::new();
        let mut waits: Vec<Waiting> = Vec::new();
        for _ in 0..2_000 {
            let mut below = |bound: usize| usize::try_from(rng.next() % bound.max(1) as u64).unwrap();
            match below(4) {
                0 | 1 => match ask(&breakers, &home.place, &limits) {
                    Ok(Turn::Now(grant)) => held.push(grant),
                    Ok(Turn::Later(waiting)) => waits.push(waiting),
                    Err(failure) => assert_eq!((failure, waits.len()), (Failure::Overflow, PENDING)),
                },
                2 if !held.is_empty() => drop(held.swap_remove(below(held.len()))),
                3 if !waits.is_empty() => drop(waits.swap_remove(below(waits.len()))),
                _ => {}
            }
            waits.retain_mut(|waiting| {
                let granted = waiting.told.try_recv().ok();
                let still = granted.is_none();
                held.extend(granted);
                still
            });
            assert_eq!(breakers.connections(), held.len() as u64);
            assert_eq!(breakers.waiting(), waits.len());
            assert!(held.len() <= CONNECTIONS && waits.len() <= PENDING);
            assert!(waits.is_empty() || held.len() == CONNECTIONS);
        }
    }
}

#[test]
fn a_thousand_who_want_connections_never_have_more_than_the_limit_and_all_get_one() {
    const LIMIT: u32 = 7;
    let breakers = Arc::new(Breakers::default());
    let home = place(&breakers, 1);
    let limits = limits(LIMIT, None);
    let (under_way, served) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let one = || async {
                    let permit = match ask(&breakers, &home.place, &limits).unwrap() {
                        Turn::Now(grant) => grant,
                        Turn::Later(waiting) => waiting.grant().await.unwrap(),
                    };
                    assert!(under_way.fetch_add(1, Ordering::SeqCst) < u64::from(LIMIT));
                    tokio::task::yield_now().await;
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                    served.fetch_add(1, Ordering::SeqCst);
                };
                let all = futures_util::future::join_all((0..250).map(|_| one()));
                let soon = Duration::from_secs(20);
                runtime.block_on(async { tokio::time::timeout(soon, all).await.unwrap() });
            });
        }
    });
    assert_eq!(served.into_inner(), 1_000);
    assert_eq!((breakers.connections(), breakers.waiting()), (0, 0));
}
