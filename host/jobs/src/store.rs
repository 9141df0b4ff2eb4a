//! Objects: audio that was uploaded, and results. In a folder, or in storage with the protocol of S3.
//!
//! S3 is configured by the usual variables: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`.

use futures_util::TryStreamExt;
use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, PutOptions, WriteMultipart, local::LocalFileSystem, parse_url_opts,
    path::Path as ObjectPath, prefix::PrefixStore,
};
use sha2::{Digest, Sha256};
use std::{env, fs, io, path::Path, sync::Arc};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
};
use url::Url;

/// The size of the pieces in which files are read, in bytes. S3 has no smaller parts.
const PIECE: usize = 5 << 20;

/// The objects below an address.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    address: String,
}

/// An object cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address cannot be used.
    #[error("the store {address} cannot be used: {reason}")]
    Address {
        /// As it was given.
        address: String,
        /// The cause.
        reason: String,
    },
    /// An operation failed.
    #[error("the store cannot {what} {name}: {error}")]
    Object {
        /// The operation.
        what: &'static str,
        /// The object.
        name: String,
        /// The cause.
        error: object_store::Error,
    },
    /// The file on this side.
    #[error("cannot read or write a file for {name}: {error}")]
    File {
        /// The object.
        name: String,
        /// The cause.
        error: io::Error,
    },
}

impl Store {
    /// Opens a folder, which is made if it is not there, or `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// The folder cannot be made, or the address is neither.
    pub fn open(address: &str) -> Result<Self, StoreError> {
        let refused = |reason: String| StoreError::Address { address: address.to_owned(), reason };
        let objects: Arc<dyn ObjectStore> = if address.contains("://") {
            let (objects, path) = parsed(address).map_err(refused)?;
            Arc::new(PrefixStore::new(objects, path))
        } else {
            fs::create_dir_all(address).map_err(|error| refused(error.to_string()))?;
            Arc::new(LocalFileSystem::new_with_prefix(address).map_err(|error| refused(error.to_string()))?)
        };
        Ok(Self { objects, address: address.trim_end_matches('/').to_owned() })
    }

    /// The address of an object, for people.
    pub fn address_of(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Whether there is such an object.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn has(&self, name: &str) -> Result<bool, StoreError> {
        match self.objects.head(&ObjectPath::from(name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed("look for", name, error)),
        }
    }

    /// Writes an object unless it is there already. Returns whether it was written.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn put_new(&self, name: &str, content: Vec<u8>) -> Result<bool, StoreError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.objects.put_opts(&ObjectPath::from(name), content.into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failed("write", name, error)),
        }
    }

    /// Writes a file as an object. Another writer of the same object writes the same, so either may win.
    pub(crate) async fn upload(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        let in_file = |error| StoreError::File { name: name.to_owned(), error };
        let mut file = File::open(file).await.map_err(in_file)?;
        let parts =
            self.objects.put_multipart(&ObjectPath::from(name)).await.map_err(|error| failed("write", name, error))?;
        let mut parts = WriteMultipart::new_with_chunk_size(parts, PIECE);
        let mut piece = vec![0; PIECE];
        loop {
            let length = file.read(&mut piece).await.map_err(in_file)?;
            if length == 0 {
                break;
            }
            parts.wait_for_capacity(2).await.map_err(|error| failed("write", name, error))?;
            parts.write(&piece[..length]);
        }
        parts.finish().await.map_err(|error| failed("write", name, error))?;
        Ok(())
    }

    /// Reads an object into a file.
    pub(crate) async fn download(&self, name: &str, file: fs::File) -> Result<(), StoreError> {
        read(&self.objects, &ObjectPath::from(name), name, Some(file)).await.map(|_| ())
    }
}

/// Reads the object at an address into a file. Returns the hash of its content.
pub(crate) async fn fetch(address: &str, file: Option<fs::File>) -> Result<String, StoreError> {
    let refused = |reason| StoreError::Address { address: address.to_owned(), reason };
    let (objects, path) = parsed(address).map_err(refused)?;
    read(&objects, &path, address, file).await
}

/// The hash of a file's content, in hexadecimal.
pub(crate) async fn hash_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path).await?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece).await? {
            0 => return Ok(hex::encode(hash.finalize())),
            length => hash.update(&piece[..length]),
        }
    }
}

async fn read(
    objects: &Arc<dyn ObjectStore>,
    path: &ObjectPath,
    name: &str,
    file: Option<fs::File>,
) -> Result<String, StoreError> {
    let mut file = file.map(File::from_std);
    let found = objects.get(path).await.map_err(|error| failed("read", name, error))?;
    let mut pieces = found.into_stream();
    let mut hash = Sha256::new();
    while let Some(piece) = pieces.try_next().await.map_err(|error| failed("read", name, error))? {
        hash.update(&piece);
        if let Some(file) = &mut file {
            file.write_all(&piece).await.map_err(|error| StoreError::File { name: name.to_owned(), error })?;
        }
    }
    if let Some(file) = &mut file {
        file.flush().await.map_err(|error| StoreError::File { name: name.to_owned(), error })?;
    }
    Ok(hex::encode(hash.finalize()))
}

fn parsed(address: &str) -> Result<(Arc<dyn ObjectStore>, ObjectPath), String> {
    // Whoever is first: the provider is the same for the whole program.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = Url::parse(address).map_err(|error| error.to_string())?;
    if url.scheme() != "s3" {
        return Err(format!("`{}://` is not supported: use s3://BUCKET/PREFIX or a folder", url.scheme()));
    }
    let variables = env::vars().filter(|(name, _)| name.starts_with("AWS_"));
    let options = variables.map(|(name, value)| (name.to_lowercase(), value));
    let (objects, path) = parse_url_opts(&url, options).map_err(|error| error.to_string())?;
    Ok((Arc::from(objects), path))
}

fn failed(what: &'static str, name: &str, error: object_store::Error) -> StoreError {
    StoreError::Object { what, name: name.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_object_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        assert!(!store.has("results/a.json").await.unwrap());
        assert!(store.put_new("results/a.json", b"first".to_vec()).await.unwrap());
        assert!(!store.put_new("results/a.json", b"second".to_vec()).await.unwrap());
        assert!(store.has("results/a.json").await.unwrap());
        assert_eq!(fs::read(folder.path().join("results/a.json")).unwrap(), b"first");
    }

    #[tokio::test]
    async fn what_is_uploaded_is_what_is_downloaded() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store").to_str().unwrap()).unwrap();
        let file = folder.path().join("talk.wav");
        fs::write(&file, vec![7; PIECE + 1]).unwrap();
        store.upload("audio/x", &file).await.unwrap();
        let copy = folder.path().join("copy");
        store.download("audio/x", fs::File::create(&copy).unwrap()).await.unwrap();
        assert_eq!(hash_of(&copy).await.unwrap(), hash_of(&file).await.unwrap());
    }

    #[test]
    fn other_addresses_are_refused() {
        let refused = Store::open("ftp://here").unwrap_err().to_string();
        assert!(refused.contains("use s3://BUCKET/PREFIX or a folder"), "{refused}");
    }
}
