//! A connection that breaks while somebody speaks.

use crate::{
    driver::Options,
    stand::{check_words, picture, recording, setup, spoken, turn, visit},
};
use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Forwards connections to a server until it is told to cut them. Threads: one accepts, two for each connection.
struct Network {
    address: String,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Network {
    fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let sockets = Arc::clone(&open);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    sockets.lock().unwrap().push(from.try_clone().unwrap());
                    thread::spawn(move || {
                        // It ends when either side does.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { address, open }
    }

    /// Ends all connections.
    fn cut(&self) {
        for socket in self.open.lock().unwrap().drain(..) {
            // It may have ended already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

#[test]
fn no_word_is_lost_when_the_connection_breaks() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = recording(folder.path());
    let host = setup().start();
    let network = Network::to(host.address().to_owned());
    let browser = visit(&host, &Options { microphone: Some(&file), ..Options::default() });
    browser.open(&format!("http://{}/", network.address));
    browser.wait("document.querySelector('#preset').value");
    browser.script(
        "window.states = [];
         new MutationObserver(() => states.push(document.querySelector('#state').textContent))
             .observe(document.querySelector('#state'), { childList: true, characterData: true, subtree: true });",
    );
    browser.click("#record");
    // In the middle of unstable text, and again after a segment.
    browser.wait("document.querySelector('#partial-text').textContent");
    network.cut();
    browser.wait("states.some((state) => state.startsWith('Connected again'))");
    browser.screenshot(&picture("page-connected-again"));
    browser.wait("document.querySelectorAll('#segments li').length > 1");
    browser.script("states.length = 0");
    network.cut();
    browser.wait("states.some((state) => state.includes('Nothing was lost'))");
    browser.wait("document.querySelector('#problem').textContent.includes('The microphone sends nothing')");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    check_words(&browser, &spoken(), 3);
}
