//! What connections hold that do nothing.
//!
//! Each has asked once, as the connections of browsers and of pools have. They are made one after the other, so that
//! no more than one connection to the upstream is needed. The kernel's part is not in it: it is the same for all.

use anyhow::Result;

use super::{Metric, Samples, Stage};
use crate::bench::peer::Peer;
use crate::bench::scenario::http1;
use crate::bench::site::Job;

const CONNECTIONS: u16 = 5_000;

pub fn measure(stage: &Stage, job: Job, peers: &[&dyn Peer], tls: bool) -> Result<Vec<Samples>> {
    let mut all = Vec::new();
    for peer in peers {
        let connect = if tls { http1::tls } else { http1::plain };
        let running = stage.start(*peer, job, connect)?;
        let before = running.process.memory("VmRSS")?;
        let open = stage.runtime.block_on(async {
            let mut open = Vec::new();
            for _ in 0..CONNECTIONS {
                let mut some = connect(stage.way(running.target, job, 1)).await?;
                for lane in &mut some {
                    lane.ask().await?;
                }
                open.extend(some);
            }
            anyhow::Ok(open)
        })?;
        let after = running.process.memory("VmRSS")?;
        let kib = (after - before) * 1024.0 / f64::from(CONNECTIONS);
        all.push(Samples::from([
            (Metric::KibPerConnection, vec![kib]),
            (Metric::IdleMib, vec![before]),
            (Metric::LoadedMib, vec![after]),
        ]));
        drop(open);
    }
    Ok(all)
}
