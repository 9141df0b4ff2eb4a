//! Live streams of Whisper tiny.en: how many one machine follows at a delay, compared with other servers that have the same
//! weights.
//!
//! Streams of real speech with pauses are sent at the speed of speech. A word is final when the text that a client sees no
//! longer changes up to it; all servers are measured alike (`auricle bench --labels`). Each other server runs with one stream
//! first, with each of its settings: the settings with the least 95th percentile of the delay count, and that percentile, but at
//! least [`LEAST_BOUND`], is the bound. Then both sides are measured at this bound: the most streams that a server follows within
//! it, with at most [`TOLERANCE`] more wrong words than that one stream had. A server that follows no stream within
//! [`GIVE_UP`] is reported and not compared.

mod level;
mod ours;
mod peers;
mod speech;

use crate::{Done, from_xtask};
use level::{Bound, Measured, head};
use ours::Ours;
use peers::{PEERS, Peer};
use speech::Speech;
use std::path::Path;

const AIM: f64 = 10.0;
/// In seconds.
const LEAST_BOUND: f64 = 2.0;
const GIVE_UP: f64 = 8.0;
/// Share of the words.
const TOLERANCE: f64 = 0.005;
/// A search for the most streams goes no further.
const MOST: usize = 64;

/// Another server at its best.
struct Best {
    settings: &'static [&'static str],
    alone: Measured,
}

/// `work` has what `bench/live/prepare.py` made. With `only`, one other server is measured.
pub(crate) fn run(work: &Path, only: Option<&str>) -> Done {
    let peers: Vec<&Peer> = PEERS.iter().filter(|peer| only.is_none_or(|only| peer.key == only)).collect();
    if peers.is_empty() {
        let known: Vec<_> = PEERS.iter().map(|peer| peer.key).collect();
        return Err(format!("there is no other server of this name; there are {}", known.join(", ")).into());
    }
    let speech = Speech::find(work)?;
    let mut ours = Ours::new(from_xtask("AURICLE_PLUGINS")?, from_xtask("AURICLE_RUNTIME")?, work, &speech);
    println!("{}", head());
    let (mut ratios, mut rows) = (Vec::new(), Vec::new());
    for peer in peers {
        println!("{}, one stream", peer.name);
        let Some(Best { settings, alone }) = best(peer, work, &speech)? else {
            rows.push(format!("{:<24} does not follow one stream within {GIVE_UP} s", peer.name));
            continue;
        };
        let bound = Bound { seconds: alone.p95.max(LEAST_BOUND), errors: alone.errors + TOLERANCE };
        println!("{} with {settings:?}: {bound}", peer.name);
        let theirs = most(peer, settings, work, &speech, bound, alone)?;
        println!("Auricle: {bound}");
        let own = ours.most(bound)?.map_or(0, |own| own.streams);
        let ratio = own as f64 / theirs.streams as f64;
        ratios.push(ratio);
        rows.push(format!(
            "{:<24} {:>7.2} {:>9.1} {:>9} {:>9} {ratio:>7.2}",
            peer.name,
            bound.seconds,
            bound.errors * 100.0,
            theirs.streams,
            own
        ));
    }
    let own = ours.most(Bound { seconds: LEAST_BOUND, errors: 1.0 })?;
    println!("\n{:<24} {:>7} {:>9} {:>9} {:>9} {:>7}", "", "bound s", "% wrong", "streams", "Auricle", "ratio");
    rows.iter().for_each(|row| println!("{row}"));
    match own {
        Some(own) => {
            println!("Auricle within {LEAST_BOUND} s: {} streams, {:.1} % wrong", own.streams, own.errors * 100.0)
        }
        None => println!("Auricle follows no stream within {LEAST_BOUND} s"),
    }
    match ratios.into_iter().reduce(f64::min) {
        Some(ratio) => println!("ratio {ratio:.2} (aim {AIM})"),
        None => println!("no other server follows a stream within {GIVE_UP} s"),
    }
    Ok(())
}

/// The settings with which a server's words are final soonest, with one stream.
fn best(peer: &Peer, work: &Path, speech: &Speech) -> Done<Option<Best>> {
    let mut best: Option<Best> = None;
    for settings in peer.settings {
        let server = peer.start(work, settings)?;
        let measured = speech.level(&server.end()?, 1)?;
        println!("{measured}  {settings:?}");
        let better = best.as_ref().is_none_or(|best| measured.p95 < best.alone.p95);
        if measured.is_complete() && measured.p95 <= GIVE_UP && better {
            best = Some(Best { settings, alone: measured });
        }
    }
    Ok(best)
}

/// The most streams that another server follows within a bound: one more at a time, as they are few.
fn most(peer: &Peer, settings: &[&str], work: &Path, speech: &Speech, bound: Bound, alone: Measured) -> Done<Measured> {
    let mut held = alone;
    while held.streams < MOST {
        let server = peer.start(work, settings)?;
        let measured = speech.level(&server.end()?, held.streams + 1)?;
        println!("{measured}");
        if !measured.is_within(bound) {
            break;
        }
        held = measured;
    }
    Ok(held)
}
