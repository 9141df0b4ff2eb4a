//! A network for media (UDP) that loses, delays, and corrupts packets.
//!
//! Each client has a socket of its own towards the server, so that the server sees it at one address. Threads: one reads what clients
//! send, one for each client reads what the server sends, and one for each direction sends what is due.

use std::{
    collections::{BinaryHeap, HashMap},
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// What a network does to packets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// The share of packets that are lost.
    pub loss: f64,
    /// The longest additional delay of a packet.
    pub jitter: Duration,
    /// The share of packets of which a corrupted copy is sent, too.
    pub corrupted: f64,
}

/// A network between clients and a server.
#[derive(Debug)]
pub struct MediaRelay {
    port: u16,
}

struct Due {
    at: Instant,
    order: u64,
    packet: Vec<u8>,
    target: SocketAddr,
}

impl MediaRelay {
    /// A network to the server at this address, until the test ends.
    pub fn new(server: &str, weather: Weather) -> Self {
        let server: SocketAddr = server.parse().unwrap();
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = front.local_addr().unwrap().port();
        let towards_clients = sender(front.try_clone().unwrap());
        thread::spawn(move || {
            let mut clients: HashMap<SocketAddr, Sender<Due>> = HashMap::new();
            let (mut random, mut buffer) = (Random(1), [0; 2_000]);
            while let Ok((length, client)) = front.recv_from(&mut buffer) {
                let towards_server = clients.entry(client).or_insert_with(|| {
                    let back = UdpSocket::bind("127.0.0.1:0").unwrap();
                    let (answers, reading) = (towards_clients.clone(), back.try_clone().unwrap());
                    thread::spawn(move || {
                        let (mut random, mut buffer) = (Random(2), [0; 2_000]);
                        while let Ok((length, _)) = reading.recv_from(&mut buffer) {
                            pass(
                                &buffer[..length],
                                client,
                                Weather { corrupted: 0.0, ..weather },
                                &mut random,
                                &answers,
                            );
                        }
                    });
                    sender(back)
                });
                pass(&buffer[..length], server, weather, &mut random, towards_server);
            }
        });
        Self { port }
    }

    /// The port at 127.0.0.1 to which clients send.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn pass(packet: &[u8], target: SocketAddr, weather: Weather, random: &mut Random, out: &Sender<Due>) {
    let send = |packet: Vec<u8>, random: &mut Random| {
        let at = Instant::now() + weather.jitter.mul_f64(random.share());
        // The thread that sends ends with the test.
        let _ = out.send(Due { at, order: random.0, packet, target });
    };
    if random.share() < weather.corrupted {
        let mut bad = packet.to_vec();
        for _ in 0..=random.below(4) {
            let index = random.below(bad.len());
            bad[index] = random.below(256) as u8;
        }
        if random.below(3) == 0 {
            bad.truncate(random.below(bad.len()));
        }
        send(bad, random);
    }
    if random.share() >= weather.loss {
        send(packet.to_vec(), random);
    }
}

/// A thread that sends each packet when it is due.
fn sender(socket: UdpSocket) -> Sender<Due> {
    let (into, packets): (Sender<Due>, Receiver<Due>) = channel();
    let socket = Arc::new(socket);
    thread::spawn(move || {
        let mut waiting = BinaryHeap::new();
        loop {
            let wait = waiting
                .peek()
                .map_or(Duration::from_secs(1), |due: &Due| due.at.saturating_duration_since(Instant::now()));
            match packets.recv_timeout(wait) {
                Ok(due) => waiting.push(due),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while waiting.peek().is_some_and(|due| due.at <= Instant::now()) {
                let due = waiting.pop().unwrap();
                // The other side may be gone.
                let _ = socket.send_to(&due.packet, due.target);
            }
        }
    });
    into
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The first is the one that is due first.
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// The same numbers in each run (SplitMix64).
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
