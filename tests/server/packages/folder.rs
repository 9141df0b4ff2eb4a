//! A folder of files on this machine by HTTPS. One thread per connection, one request on each.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};
use tokio_rustls::rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// A server for the files of a folder.
pub(super) struct HttpsFolder {
    pub(super) url: String,
}

impl HttpsFolder {
    /// Serves a folder with this certificate and key, which are PEM files, until the test ends.
    pub(super) fn serve(folder: &Path, certificate: &Path, key: &Path) -> Self {
        let certificates = CertificateDer::pem_file_iter(certificate).unwrap().collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, key);
        let (config, folder) = (Arc::new(config.unwrap()), folder.to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (config, folder) = (Arc::clone(&config), folder.clone());
                // A client may disconnect at any time.
                thread::spawn(move || drop(answer(connection, config, &folder)));
            }
        });
        Self { url }
    }
}

fn answer(connection: TcpStream, config: Arc<ServerConfig>, folder: &Path) -> std::io::Result<()> {
    let session = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(session, connection));
    let mut request = String::new();
    stream.read_line(&mut request)?;
    let mut line = String::new();
    while stream.read_line(&mut line)? > 2 {
        line.clear();
    }
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let stream = stream.get_mut();
    match fs::read(PathBuf::from(folder).join(name)) {
        Ok(bytes) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len())?;
            stream.write_all(&bytes)?;
        }
        Err(_) => write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?,
    }
    stream.conn.send_close_notify();
    stream.flush()
}
