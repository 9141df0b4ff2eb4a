//! Streams over WebRTC, compared with streams over WebSocket: the host's processor time, and the delay of its texts.
//!
//! Both send speech-like audio at the speed of speech, in packets of 20 ms, to engine `tone`, which tells a text for each second. The
//! delay is from the packet that completes a second to the text. Each client is a task here; both sides take turns.

mod peer;
mod socket;

use crate::{
    Done,
    host::server::{self, cpu_with_workers},
    stats,
};
use auricle_plugin_test::server::Process;
use std::time::{Duration, Instant};
use tokio::{runtime::Runtime, task::JoinSet};

const STREAMS: usize = 200;
const ROUNDS: usize = 3;
/// Seconds of audio of a stream in a round.
const SECONDS: u32 = 20;
const PACKET: Duration = Duration::from_millis(20);
/// Packets for each text.
const PACKETS_PER_TEXT: u32 = 50;
const PRESET: &str = r#"{"backend": "tone", "host": {"preload": true, "isolation": "in-process"}}"#;
const MEDIA: &str = "[webrtc]\nlisten = \"127.0.0.1:0\"\n";

/// What a client measures: delays of texts, in milliseconds.
type Delays = Vec<f64>;

pub(crate) fn run() -> Done {
    let tone = crate::plugin_file("tone")?;
    let host = server::setup(&format!("{MEDIA}{}", server::SETTINGS), &[("plain", PRESET)])?.plugin(&tone).start();
    let runtime = Runtime::new()?;
    println!("{STREAMS} streams, {ROUNDS} rounds of {SECONDS} s, in turns; engine `tone`");
    let (mut rtc, mut plain) = (Side::default(), Side::default());
    for _ in 0..ROUNDS {
        rtc.round(&host, &runtime, true)?;
        plain.round(&host, &runtime, false)?;
    }
    println!("{:<12}{:>22}{:>12}{:>12}", "", "CPU % of a core/stream", "p50 ms", "p99 ms");
    for (name, side) in [("WebRTC", &mut rtc), ("WebSocket", &mut plain)] {
        let cpu = stats::median(&side.cpu);
        println!("{name:<12}{cpu:>22.3}{:>12.1}{:>12.1}", side.delay(0.5), side.delay(0.99));
    }
    println!("delay added at p99: {:.1} ms (aim 60)", rtc.delay(0.99) - plain.delay(0.99));
    println!("ratio {:.2}, of the processor time of a stream", stats::ratio(&rtc.cpu, &plain.cpu));
    Ok(())
}

/// What was measured on one side.
#[derive(Default)]
struct Side {
    cpu: Vec<f64>,
    delays: Delays,
}

impl Side {
    fn round(&mut self, host: &Process, runtime: &Runtime, over_webrtc: bool) -> Done {
        let address = host.address().to_owned();
        let before = cpu_with_workers(host)?;
        let delays: Done<Vec<Delays>> = runtime.block_on(async {
            let mut clients = JoinSet::new();
            for n in 0..STREAMS {
                let address = address.clone();
                // The packets of the streams are spread over the 20 ms.
                let start = Instant::now() + Duration::from_secs(2) + PACKET * n as u32 / STREAMS as u32;
                match over_webrtc {
                    true => clients.spawn(peer::speak(address, n, start)),
                    false => clients.spawn(socket::speak(address, start)),
                };
            }
            let mut all = Vec::new();
            while let Some(client) = clients.join_next().await {
                all.push(client??);
            }
            Ok(all)
        });
        let used = cpu_with_workers(host)? - before;
        self.cpu.push(100.0 * used / (STREAMS as f64 * f64::from(SECONDS)));
        self.delays.extend(delays?.into_iter().flatten());
        Ok(())
    }

    fn delay(&mut self, share: f64) -> f64 {
        self.delays.sort_by(f64::total_cmp);
        let index = (self.delays.len() as f64 * share) as usize;
        self.delays.get(index.min(self.delays.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }
}

/// When each second of audio was complete, and the delays of the texts for them.
#[derive(Default)]
struct Stopwatch {
    complete: Vec<Instant>,
    delays: Delays,
}

impl Stopwatch {
    /// A packet was sent, from 0.
    fn sent(&mut self, packet: u32) {
        if (packet + 1).is_multiple_of(PACKETS_PER_TEXT) {
            self.complete.push(Instant::now());
        }
    }

    /// A text came. Returns whether it was the last message.
    fn heard(&mut self, text: &str) -> bool {
        if text.contains(r#""type":"segment""#)
            && let Some(complete) = self.complete.get(self.delays.len())
        {
            self.delays.push(complete.elapsed().as_secs_f64() * 1e3);
        }
        text.contains(r#""type":"done""#)
    }
}
