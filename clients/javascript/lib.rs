//! The client module for JavaScript as files. The server delivers them to browsers, so they are a part of its program.

#![forbid(unsafe_code)]

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("src/", $name)))),*]
    };
}

/// The files: name and text.
pub const FILES: &[(&str, &str)] = files! {
    "backoff.js"
    "captions.js"
    "deferred.js"
    "failure.js"
    "hearing.js"
    "index.js"
    "kept_audio.js"
    "live_captions.js"
    "microphone.js"
    "pcm.js"
    "recorder_worklet.js"
    "rtc_socket.js"
    "sending.js"
    "server_stream.js"
    "stream.js"
    "subtitles.js"
    "times.js"
    "transcript.js"
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn every_file_is_there() {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
