//! What proxies hold.

use anyhow::Result;

use super::{Metric, Samples, Stage};
use crate::bench::load::saturate;
use crate::bench::peer::Peer;
use crate::bench::scenario::http1;
use crate::bench::site::{Job, Routes};

const LANES: usize = 64;

pub fn measure(stage: &Stage, peers: &[&dyn Peer]) -> Result<Vec<Samples>> {
    let mut all = Vec::new();
    for peer in peers {
        let few = Job::Web(Routes::One);
        let running = stage.start(*peer, few, http1::plain)?;
        let idle = running.process.memory("VmRSS")?;
        stage.runtime.block_on(async {
            let lanes = http1::plain(stage.way(running.target, few, LANES)).await?;
            saturate(lanes, stage.settings.time).await
        })?;
        let loaded = running.process.memory("VmRSS")?;
        drop(running);
        let many = stage.start(*peer, Job::Web(Routes::Hosts(10_000)), http1::plain)?;
        let many = many.process.memory("VmRSS")?;
        all.push(Samples::from([
            (Metric::IdleMib, vec![idle]),
            (Metric::LoadedMib, vec![loaded]),
            (Metric::ManyRoutesMib, vec![many]),
        ]));
    }
    Ok(all)
}
