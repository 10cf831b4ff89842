use super::*;

/// Answers after so many turns of the runtime, the first time later.
struct Slow {
    first: Duration,
}

impl Lane for Slow {
    fn ask(&mut self) -> BoxFuture<'_, Result<()>> {
        let stall = std::mem::take(&mut self.first);
        Box::pin(async move {
            let began = Instant::now();
            while began.elapsed() < stall {
                tokio::task::yield_now().await;
            }
            Ok(())
        })
    }
}

fn slow(first: Duration) -> Lanes {
    vec![Box::new(Slow { first })]
}

#[tokio::test]
async fn a_stall_is_charged_to_every_request_that_was_due_meanwhile() {
    let stall = Duration::from_millis(50);
    let (times, _) = paced(slow(stall), 1000.0, Duration::from_millis(100))
        .await
        .expect("answers");
    assert_eq!(times.len(), 100);
    // Fifty requests were due while the first one stalled; the last of them waited for almost no time.
    let late = times.iter().filter(|time| **time > 5_000.0).count();
    assert!(late >= 44, "only {late} requests waited");
}

#[tokio::test]
async fn a_busy_lane_asks_until_the_time_is_over() {
    let (answers, lanes) = saturate(slow(Duration::ZERO), Duration::from_millis(10))
        .await
        .expect("answers");
    assert!(answers > 1);
    assert_eq!(lanes.len(), 1);
}

#[test]
fn a_quantile_is_a_value_that_was_seen() {
    let sorted: Vec<f64> = (0..100).map(f64::from).collect();
    assert_eq!(
        quantile(&sorted, 0.5).expect("values").to_bits(),
        50.0_f64.to_bits()
    );
    assert_eq!(
        quantile(&sorted, 0.99).expect("values").to_bits(),
        99.0_f64.to_bits()
    );
    assert_eq!(
        quantile(&sorted, 1.0).expect("values").to_bits(),
        99.0_f64.to_bits()
    );
    assert!(quantile(&[], 0.5).is_err());
}
