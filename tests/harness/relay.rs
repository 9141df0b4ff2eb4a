//! A network that can break.

use std::{
    io::{self, copy},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Forwards connections to a server, and ends them when asked to, without a word. Threads pass the bytes on.
#[derive(Debug)]
pub struct Relay {
    address: String,
    open: Arc<Mutex<Vec<TcpStream>>>,
    connections: Arc<Mutex<usize>>,
}

impl Relay {
    /// A relay to the server at this address, until the test ends.
    pub fn new(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (open, connections) = (Arc::default(), Arc::default());
        let relay = Self { address, open: Arc::clone(&open), connections: Arc::clone(&connections) };
        let server = server.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                *connections.lock().unwrap() += 1;
                // A server that has gone ends the client's connection.
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let mut open = open.lock().unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    open.push(from.try_clone().unwrap());
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || pass_on(from, to));
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
        *self.connections.lock().unwrap()
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.open.lock().unwrap().drain(..).for_each(end);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let _: io::Result<u64> = copy(&mut from, &mut to);
    end(from);
    end(to);
}

/// The other side may have been faster.
fn end(socket: TcpStream) {
    let _ = socket.shutdown(Shutdown::Both);
}
