//! A job, as it is in the queue.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The version of the messages. Workers refuse later ones.
const VERSION: u32 = 1;

/// A file to transcribe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    version: u32,
    /// The name of its result: a hash of the audio, the preset and the options, in hexadecimal.
    pub key: String,
    /// What the submitter calls the file.
    pub name: String,
    /// Where the audio is.
    pub audio: Audio,
    /// The hash of the audio, in hexadecimal.
    pub sha256: String,
    /// The preset.
    pub preset: String,
    /// The options of the stream.
    pub options: Map<String, Value>,
}

/// Where a job's audio is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audio {
    /// In the store of the results, under its hash.
    Store,
    /// At this address, such as `s3://bucket/talk.flac`.
    Url(String),
}

/// A message is not a job for this version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error("not a job: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a job of version {0}, and this program knows {VERSION}: update the worker")]
    Version(u32),
    #[error("a job whose key is not the hash of what it says")]
    Key,
}

impl Job {
    /// A job for audio with this hash.
    pub fn new(name: String, audio: Audio, sha256: String, preset: String, options: Map<String, Value>) -> Self {
        let key = key(&sha256, &preset, &options);
        Self { version: VERSION, key, name, audio, sha256, preset, options }
    }

    pub(crate) fn read(message: &[u8]) -> Result<Self, JobError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_slice(message)?;
        if version > VERSION {
            return Err(JobError::Version(version));
        }
        let job: Self = serde_json::from_slice(message)?;
        // The key is a path in the store.
        if job.key == key(&job.sha256, &job.preset, &job.options) { Ok(job) } else { Err(JobError::Key) }
    }

    /// The path of its result in the store.
    pub fn result(&self) -> String {
        format!("results/{}.json", self.key)
    }

    /// The path of its audio in the store.
    pub(crate) fn upload(&self) -> String {
        format!("audio/{}", self.sha256)
    }
}

fn key(sha256: &str, preset: &str, options: &Map<String, Value>) -> String {
    // Fields of a map are in order.
    let options = Value::Object(options.clone());
    hex::encode(Sha256::digest(format!("{sha256}\n{preset}\n{options}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(options: Value) -> Job {
        let Value::Object(options) = options else { panic!("{options}") };
        Job::new("a.wav".into(), Audio::Store, "00ff".into(), "english".into(), options)
    }

    #[test]
    fn a_key_is_of_audio_preset_and_options() {
        assert_eq!(job(json!({"b": 1, "a": 2})).key, job(json!({"a": 2, "b": 1})).key);
        assert_ne!(job(json!({"a": 2})).key, job(json!({})).key);
    }

    #[test]
    fn what_is_no_job_is_refused() {
        let job = job(json!({"a": 2}));
        let mut message = serde_json::to_value(&job).unwrap();
        assert_eq!(Job::read(message.to_string().as_bytes()).unwrap(), job);
        message["key"] = json!("../../etc/passwd");
        assert!(matches!(Job::read(message.to_string().as_bytes()), Err(JobError::Key)));
        message["version"] = json!(7);
        assert!(matches!(Job::read(message.to_string().as_bytes()), Err(JobError::Version(7))));
        assert!(matches!(Job::read(b"[]"), Err(JobError::Json(_))));
    }
}
