//! A network that can break.

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Forwards connections to a server, and ends them when asked to, without a word. Threads pass the bytes on.
#[derive(Debug)]
pub struct Relay {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    server: String,
    open: Vec<TcpStream>,
    connections: usize,
    /// Bytes until each of the next cuts, from the one before.
    cuts: VecDeque<usize>,
}

impl State {
    fn cut(&mut self) {
        self.open.drain(..).for_each(|socket| end(&socket));
    }

    /// How many of so many bytes may pass. If not all, the connections have ended.
    fn pass(&mut self, bytes: usize) -> usize {
        let Some(left) = self.cuts.front_mut() else { return bytes };
        if bytes < *left {
            *left -= bytes;
            return bytes;
        }
        self.cuts.pop_front().unwrap_or_default()
    }
}

impl Relay {
    /// A relay to the server at this address, until the test ends.
    pub fn new(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State { server: server.to_owned(), ..State::default() }));
        let relay = Self { address, state: Arc::clone(&state) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = {
                    let mut state = state.lock().unwrap();
                    state.connections += 1;
                    state.server.clone()
                };
                // A server that has gone ends the client's connection.
                let Ok(server) = TcpStream::connect(&server) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    state.lock().unwrap().open.push(from.try_clone().unwrap());
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let state = Arc::clone(&state);
                    thread::spawn(move || pass_on(from, to, &state));
                }
            }
        });
        relay
    }

    /// Where clients connect.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// From now on connections go to the server at this address.
    pub fn move_to(&self, server: &str) {
        self.state.lock().unwrap().server = server.to_owned();
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.state.lock().unwrap().cut();
    }

    /// Ends all connections when so many bytes have passed, in either direction; then again after the next number.
    pub fn cut_after(&self, bytes: impl IntoIterator<Item = usize>) {
        self.state.lock().unwrap().cuts = bytes.into_iter().collect();
    }

    /// The number of cuts that have not happened yet.
    pub fn cuts_left(&self) -> usize {
        self.state.lock().unwrap().cuts.len()
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, state: &Mutex<State>) {
    let mut bytes = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let passed = state.lock().unwrap().pass(read);
        let sent = to.write_all(&bytes[..passed]);
        if passed < read {
            state.lock().unwrap().cut();
        }
        if passed < read || sent.is_err() {
            break;
        }
    }
    end(&from);
    end(&to);
}

/// The other side may have been faster.
fn end(socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Both);
}
