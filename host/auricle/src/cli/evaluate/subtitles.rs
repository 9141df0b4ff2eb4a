//! Writes the recognised texts as subtitles, a file for each recording.

use super::Transcript;
use auricle_core::{native::Text, subtitles::SubtitleFormat};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Writes the files. `preset` becomes part of their names.
///
/// # Errors
/// The file or folder that cannot be written.
pub(super) fn write(
    folder: &Path,
    format: SubtitleFormat,
    preset: Option<&str>,
    recognized: &[(Transcript, Vec<Text>)],
) -> Result<(), (PathBuf, io::Error)> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for (transcript, texts) in recognized {
        let path = folder.join(file_name(&transcript.recording, preset, format));
        fs::write(&path, format.file(texts)).map_err(failed(&path))?;
    }
    Ok(())
}

/// The recording's name with another ending. Folders in the name become part of it.
fn file_name(recording: &str, preset: Option<&str>, format: SubtitleFormat) -> PathBuf {
    let parts: Vec<_> = recording.split(['/', '\\', ':']).filter(|part| !matches!(*part, "" | "." | "..")).collect();
    let mut name = PathBuf::from(parts.join("_"));
    name.set_extension(preset.map_or(String::new(), |preset| format!("{preset}.")) + format.extension());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recording_has_a_file_in_the_folder() {
        for (recording, preset, name) in [
            ("talk.wav", None, "talk.srt"),
            ("talk.wav", Some("small"), "talk.small.srt"),
            ("/data/../a/1.flac", None, "data_a_1.srt"),
        ] {
            assert_eq!(file_name(recording, preset, SubtitleFormat::Srt), Path::new(name));
        }
    }
}
