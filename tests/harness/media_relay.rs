//! A network for media (UDP) that loses, delays, and corrupts packets.
//!
//! Each client has a socket of its own towards the server, so that the server sees it at one address. Threads: one reads what clients
//! send, one for each client reads what the server sends, and one for each direction sends what is due.

use fastrand::Rng;
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
            let (mut random, mut buffer) = (Rng::with_seed(1), [0; 2_000]);
            while let Ok((length, client)) = front.recv_from(&mut buffer) {
                let towards_server = clients.entry(client).or_insert_with(|| {
                    let back = UdpSocket::bind("127.0.0.1:0").unwrap();
                    let (answers, reading) = (towards_clients.clone(), back.try_clone().unwrap());
                    thread::spawn(move || {
                        let (mut random, mut buffer) = (Rng::with_seed(2), [0; 2_000]);
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

fn pass(packet: &[u8], target: SocketAddr, weather: Weather, random: &mut Rng, out: &Sender<Due>) {
    let send = |packet: Vec<u8>, random: &mut Rng| {
        let at = Instant::now() + weather.jitter.mul_f64(random.f64());
        // The thread that sends ends with the test.
        let _ = out.send(Due { at, order: random.u64(..), packet, target });
    };
    if random.f64() < weather.corrupted {
        let mut bad = packet.to_vec();
        for _ in 0..=random.usize(..4) {
            let index = random.usize(..bad.len());
            bad[index] = random.u8(..);
        }
        if random.u8(..3) == 0 {
            bad.truncate(random.usize(..bad.len()));
        }
        send(bad, random);
    }
    if random.f64() >= weather.loss {
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
