//! Packets of G.711, 160 frames in 20 ms, whose first byte is their number.

use super::*;
use proptest::prelude::*;

const FRAMES: u64 = 160;

fn packet(sequence: u64) -> Bytes {
    let mut bytes = vec![0; FRAMES as usize];
    bytes[0] = sequence as u8;
    bytes.into()
}

struct Line {
    buffer: JitterBuffer,
    start: Instant,
    pieces: Vec<Piece>,
}

impl Line {
    fn new() -> Self {
        Self { buffer: JitterBuffer::new(PacketCodec::Pcmu), start: Instant::now(), pieces: Vec::new() }
    }

    /// A packet arrives, so many milliseconds after the start.
    fn arrive(&mut self, sequence: u64, at: u64) {
        self.arrive_with(sequence, sequence * FRAMES, at);
    }

    fn arrive_with(&mut self, sequence: u64, time: u64, at: u64) {
        self.buffer.push(sequence, time, packet(sequence), self.at(at));
        self.pass(at);
    }

    fn pass(&mut self, at: u64) {
        while let Some(piece) = self.buffer.pop(self.at(at)) {
            self.pieces.push(piece);
        }
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.start + Duration::from_millis(milliseconds)
    }

    /// What passed: the numbers of packets, lost frames as `L160`, silent ones as `S160`.
    fn said(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Packet(packet) => packet[0].to_string(),
            Piece::Lost { frames, next } => {
                assert!(next.is_some());
                format!("L{frames}")
            }
            Piece::Silence { frames } => format!("S{frames}"),
        };
        self.pieces.iter().map(piece).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn packets_in_order_pass_at_once() {
    let mut line = Line::new();
    for sequence in 7..12 {
        line.arrive(sequence, sequence * 20);
        assert_eq!(line.pieces.len() as u64, sequence - 6);
    }
    assert_eq!(line.said(), "7 8 9 10 11");
    assert_eq!(line.buffer.deadline(line.at(300)), None);
}

#[test]
fn a_late_packet_is_waited_for_and_a_second_copy_is_dropped() {
    let mut line = Line::new();
    for (sequence, at) in [(0, 0), (2, 40), (3, 50), (2, 52), (1, 55), (1, 56), (4, 80)] {
        line.arrive(sequence, at);
    }
    assert_eq!(line.said(), "0 1 2 3 4");
}

#[test]
fn a_lost_packet_is_given_up_and_is_not_wanted_later() {
    let mut line = Line::new();
    for (sequence, at) in [(0, 0), (1, 20), (4, 80)] {
        line.arrive(sequence, at);
    }
    assert_eq!(line.buffer.deadline(line.at(80)), Some(line.at(170)));
    line.pass(169);
    assert_eq!(line.said(), "0 1");
    line.pass(170);
    assert_eq!(line.said(), "0 1 L320 4");
    line.arrive(2, 175);
    line.arrive(5, 180);
    assert_eq!(line.said(), "0 1 L320 4 5");
}

#[test]
fn a_sender_that_pauses_is_silent() {
    let mut line = Line::new();
    line.arrive_with(0, 0, 0);
    line.arrive_with(1, 160 + 3_200, 420);
    // Lost, and silent for an unknown time before or after it.
    line.arrive_with(3, 160 * 3 + 3_200 + 8_000, 1_480);
    line.pass(2_000);
    assert_eq!(line.said(), "0 S3200 1 L8160 3");
}

#[test]
fn a_timestamp_cannot_claim_more_than_the_time_that_passed() {
    let mut line = Line::new();
    line.arrive_with(0, 0, 0);
    // An hour in 20 ms is a new clock; a clock that goes back, too.
    line.arrive_with(1, 8_000 * 3_600, 20);
    line.arrive_with(2, 5, 40);
    line.arrive_with(3, 5 + 160, 60);
    assert_eq!(line.said(), "0 1 2 3");
    // A pause of five minutes is shortened.
    line.arrive_with(4, 5 + 320 + 8_000 * 300, 300_080);
    assert_eq!(line.said(), "0 1 2 3 S240000 4");
}

#[test]
fn the_wait_grows_with_what_comes_late_and_shrinks_again() {
    let mut line = Line::new();
    let wait = |line: &Line, at| line.buffer.wait(line.at(at)).as_millis();
    assert_eq!(wait(&line, 0), 90);
    line.arrive(0, 0);
    line.arrive(2, 40);
    line.pass(200);
    line.arrive(1, 240);
    // Packet 1 was given up, but now it is known how late packets can be.
    assert_eq!((line.said().as_str(), wait(&line, 240)), ("0 L160 2", 300));
    assert_eq!(wait(&line, 10_240), 150);
    assert_eq!(wait(&line, 3_600_000), MIN_WAIT.as_millis());
    line.arrive(4, 3_600_000);
    line.arrive(3, 3_609_000);
    assert_eq!(wait(&line, 3_609_000), MAX_WAIT.as_millis());
}

#[test]
fn few_packets_wait_and_at_the_end_none() {
    let mut line = Line::new();
    line.arrive(0, 0);
    (2..=101).for_each(|sequence| line.arrive(sequence, 1));
    assert_eq!(line.pieces.len(), 102);
    line.arrive(103, 2);
    let rest: Vec<_> = std::iter::from_fn(|| line.buffer.rest()).collect();
    assert_eq!(rest, [Piece::Lost { frames: 160, next: Some(packet(103)) }, Piece::Packet(packet(103))]);
}

proptest! {
    #[test]
    fn any_network_keeps_the_order_and_the_time(
        arrivals in proptest::collection::vec((0u64..40, any::<u64>(), 0u64..100, any::<bool>()), 1..60),
    ) {
        let (mut line, mut now, mut accepted) = (Line::new(), 0, 0);
        for (sequence, odd, pause, is_steady) in arrivals {
            now += pause;
            line.arrive_with(1_000 + sequence, if is_steady { (1_000 + sequence) * FRAMES } else { odd }, now);
            accepted += FRAMES;
        }
        line.pass(now + MAX_WAIT.as_millis() as u64);
        prop_assert!(line.buffer.rest().is_none() && line.buffer.waiting.is_empty());
        let mut numbers = Vec::new();
        let mut frames = 0;
        for piece in &line.pieces {
            frames += match piece {
                Piece::Packet(packet) => {
                    numbers.push(packet[0]);
                    FRAMES
                }
                Piece::Lost { frames, .. } | Piece::Silence { frames } => u64::from(*frames),
            };
        }
        prop_assert!(numbers.windows(2).all(|pair| pair[0].wrapping_sub(1_000u64 as u8) < pair[1].wrapping_sub(1_000u64 as u8)));
        // Each packet that passes can bring the slack once.
        let slack = numbers.len() as u64 * 8_000;
        prop_assert!(frames <= accepted + now * 8 + slack, "{frames} of {accepted} in {now} ms");
    }

    #[test]
    fn jitter_within_the_bounds_loses_nothing(delays in proptest::collection::vec(0u64..=50, 20..200)) {
        let mut line = Line::new();
        let mut arrivals: Vec<_> =
            delays.iter().enumerate().map(|(n, delay)| (n as u64 * 20 + delay, n as u64)).collect();
        // The first packet is not overtaken: what comes before it is unknown.
        arrivals[0].0 = 0;
        arrivals.sort_unstable();
        let mut last = 0;
        for (at, sequence) in arrivals {
            (last..at).for_each(|at| line.pass(at));
            line.arrive(sequence, at);
            last = at;
        }
        let all: Vec<_> = (0..delays.len() as u64).map(|n| Piece::Packet(packet(n))).collect();
        prop_assert_eq!(line.pieces, all);
    }
}
