//! A PocketSphinx decoder with a safe interface.
//!
//! Invariant: no input from a preset or a client ends the process. The C code calls `exit` or `abort` in these cases,
//! and `bridge/bridge.c` turns each into an error of the call:
//! - a file of the model is truncated, of another version or inconsistent (`bio.c`, `mdef.c`, `tmat.c`, `ms_*.c`,
//!   `ptm_mgau.c`, `s2_semi_mgau.c`, `feat.c`); [`Files`] refuses the most common cases in advance, with the file's
//!   name;
//! - settings that contradict one another (`fe_*.c`, `cmn_live.c`, `lda.c`); they come from the model's `feat.params`;
//! - an utterance of more than 32,767 frames (`acmod.c`); the endpointer splits long before;
//! - grammars, keyphrases and forced alignment (`fsg_*.c`, `jsgf*.c`, `allphone_search.c`); they are not supported;
//! - the search is inconsistent (`ngram_search_fwdtree.c`, assertions), or memory runs out (`ckd_alloc.c`).
//!
//! Not prevented: a maliciously changed model can make the C code write out of bounds. Models belong to the operator,
//! like the engine itself. Files are read, not mapped, so that a file that is replaced in place does not affect
//! streams.
//!
//! After an error the C state is unknown: the decoder is never called again, and leaked instead of freed. Threads: one
//! at a time, not always the same.

use crate::{
    ffi::{self, RawDecoder, RawWord},
    files::Files,
};
use auricle_plugin_api::{Error, ErrorCode};
use std::{
    ffi::{CStr, CString, c_char, c_int},
    ptr::{self, NonNull},
    sync::{Mutex, Once, PoisonError},
};

/// Number of samples in a frame, the decoder's unit of time: 10 ms.
pub(crate) const FRAME: u64 = 160;
/// Number of components of the cepstral mean.
pub(crate) const CEPSTRA: usize = 13;
/// Subtracted from every frame's cepstrum: the characteristics of room, microphone and voice.
pub(crate) type CepstralMean = [f32; CEPSTRA];

/// A word of an utterance; its times are frames of the utterance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DecodedWord {
    pub(crate) text: String,
    pub(crate) first_frame: u64,
    pub(crate) last_frame: u64,
    pub(crate) posterior: f32,
}

/// A decoder, which needs about 110 MB.
pub(crate) struct Decoder {
    raw: NonNull<RawDecoder>,
    in_utterance: bool,
    broken: bool,
}

// SAFETY: the C decoder is not tied to a thread. Its state is its own, except for the random numbers of dithering (off)
// and a cache that only `auricle_ps_open` uses, which is called under a lock.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Opens a decoder for `files` with further settings of PocketSphinx (`-name`, value). Takes 0.3 s.
    pub(crate) fn open(files: &Files, settings: &[(&str, &str)]) -> Result<Self, Error> {
        static LOG: Once = Once::new();
        static OPENING: Mutex<()> = Mutex::new(());
        // SAFETY: `log` is a function of that type and lives forever; no function of PocketSphinx was called before.
        LOG.call_once(|| unsafe { ffi::auricle_ps_log_to(log) });

        let mut arguments = Vec::new();
        let paths = [("-hmm", &files.acoustic_model), ("-lm", &files.language_model), ("-dict", &files.dictionary)];
        for (name, path) in paths {
            arguments.extend([CString::new(name)?, CString::new(path.as_os_str().as_encoded_bytes())?]);
        }
        for (name, value) in [("-mmap", "no"), ("-loglevel", "WARN")].iter().chain(settings) {
            arguments.extend([CString::new(*name)?, CString::new(*value)?]);
        }
        let pointers: Vec<*const c_char> = arguments.iter().map(|argument| argument.as_ptr()).collect();
        let mut raw = ptr::null_mut();
        let opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: `pointers` are that many strings, which the decoder copies; the lock excludes other calls of this
        // function.
        let result = unsafe { ffi::auricle_ps_open(arguments.len() as c_int, pointers.as_ptr(), &raw mut raw) };
        drop(opening);
        let Some(raw) = NonNull::new(raw).filter(|_| result == 0) else {
            let folder = files.acoustic_model.display();
            return Err(Error::model(format!("PocketSphinx cannot use the model at {folder}: {}", complaint())));
        };
        let decoder = Self { raw, in_utterance: false, broken: false };
        decoder.cmn()?;
        Ok(decoder)
    }

    /// Begins an utterance. Its result depends only on its audio and the cepstral mean.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        // SAFETY: the decoder is open and this thread has it to itself; likewise below.
        self.call("begin an utterance", |raw| unsafe { ffi::auricle_ps_start(raw) })?;
        self.in_utterance = true;
        Ok(())
    }

    /// Processes the next samples of the utterance.
    pub(crate) fn process(&mut self, samples: &[i16]) -> Result<(), Error> {
        if !self.in_utterance {
            // The C code would never return.
            return Err(Error::new(ErrorCode::CONTRACT, "audio was inserted after the end of the stream"));
        }
        // SAFETY: as above; the samples are only read, during the call.
        self.call("process audio", |raw| unsafe { ffi::auricle_ps_process(raw, samples.as_ptr(), samples.len()) })?;
        Ok(())
    }

    /// Ends the utterance: [`words`](Self::words) are now final, and the cepstral mean is updated.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        self.in_utterance = false;
        // SAFETY: as above.
        self.call("end the utterance", |raw| unsafe { ffi::auricle_ps_end(raw) })?;
        Ok(())
    }

    /// Ends an utterance whose words are not needed; does nothing outside of an utterance.
    pub(crate) fn abandon(&mut self) -> Result<(), Error> {
        if self.in_utterance && !self.broken { self.end() } else { Ok(()) }
    }

    /// The words of the current or last utterance, without silence and noises.
    pub(crate) fn words(&mut self) -> Result<Vec<DecodedWord>, Error> {
        let none = RawWord { text: ptr::null(), first_frame: 0, last_frame: 0, posterior: 0.0 };
        let mut words = vec![none; 2_048];
        // SAFETY: as above; the buffer has room for this many words.
        let fill = |raw| unsafe { ffi::auricle_ps_words(raw, words.as_mut_ptr(), words.len() as c_int) };
        let count = self.call("return the words", fill)?;
        words.truncate(count);
        Ok(words.into_iter().filter_map(DecodedWord::of).collect())
    }

    /// The cepstral mean at the end of the last utterance.
    pub(crate) fn cmn(&self) -> Result<CepstralMean, Error> {
        let mut mean = [0.0; CEPSTRA];
        // SAFETY: the decoder is open and this thread has it to itself; there is room for that many components.
        match unsafe { ffi::auricle_ps_cmn(self.raw.as_ptr(), mean.as_mut_ptr(), CEPSTRA as c_int) } {
            0 => Ok(mean),
            _ => Err(Error::model(format!("PocketSphinx cannot use the model: {}", complaint()))),
        }
    }

    /// Sets the cepstral mean, with its weight relative to the following audio.
    pub(crate) fn set_cmn(&mut self, mean: &CepstralMean) -> Result<(), Error> {
        // SAFETY: as above; the components are only read, during the call.
        self.call("set the mean", |raw| unsafe { ffi::auricle_ps_set_cmn(raw, mean.as_ptr(), CEPSTRA as c_int) })?;
        Ok(())
    }

    /// Whether a call failed, so that no further calls are allowed.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    fn call(&mut self, what: &str, call: impl FnOnce(*mut RawDecoder) -> c_int) -> Result<usize, Error> {
        if self.broken {
            return Err(Error::other(format!("PocketSphinx cannot {what}: an earlier call failed")));
        }
        usize::try_from(call(self.raw.as_ptr())).map_err(|_| {
            self.broken = true;
            Error::other(format!("PocketSphinx cannot {what}: {}", complaint()))
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        if !self.broken {
            // SAFETY: open, not used by any other thread, and never used again.
            unsafe { ffi::auricle_ps_close(self.raw.as_ptr()) };
        }
    }
}

impl DecodedWord {
    fn of(word: RawWord) -> Option<Self> {
        // SAFETY: the bridge wrote a string that lives as long as the decoder.
        let text = unsafe { CStr::from_ptr(word.text) }.to_string_lossy();
        Some(Self {
            text: spoken(&text)?.to_owned(),
            first_frame: word.first_frame.max(0).unsigned_abs().into(),
            last_frame: word.last_frame.max(0).unsigned_abs().into(),
            posterior: word.posterior.clamp(0.0, 1.0) as f32,
        })
    }
}

/// The word of a dictionary entry: `read(2)` is its second pronunciation; `<sil>`, `[NOISE]` and `+SPN+` are not words.
fn spoken(entry: &str) -> Option<&str> {
    if entry.is_empty() || entry.starts_with(['<', '[', '+']) {
        return None;
    }
    match entry.split_once('(') {
        Some((word, number)) if !word.is_empty() && number.ends_with(')') => Some(word),
        _ => Some(entry),
    }
}

fn complaint() -> String {
    // SAFETY: a string of this thread, always terminated.
    let text = unsafe { CStr::from_ptr(ffi::auricle_ps_complaint()) }.to_string_lossy();
    // Without the level and the location in the C source: `ERROR: "bio.c", line 499: `.
    let message =
        text.split_once("\", line ").and_then(|(_, rest)| rest.split_once(": ")).map_or(&*text, |(_, said)| said);
    if message.is_empty() { "no reason given".to_owned() } else { message.to_owned() }
}

extern "C" fn log(level: c_int, text: *const c_char) {
    // SAFETY: the bridge passes a terminated string, valid during the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    // A panic in the server's log must not reach the C frames below.
    let _ = std::panic::catch_unwind(|| match level {
        0 | 1 => tracing::trace!("{text}"),
        2 => tracing::debug!("{text}"),
        _ => tracing::warn!("{text}"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn only_words_are_words() {
        assert_eq!(spoken("read(2)"), Some("read"));
        assert_eq!(spoken("don't"), Some("don't"));
        assert_eq!([spoken("<sil>"), spoken("[NOISE]"), spoken("+SPN+"), spoken("")], [None; 4]);
    }

    #[test]
    fn settings_that_are_none_are_errors() {
        let files = Files::in_folder(testing::model_folder()).unwrap();
        let error = Decoder::open(&files, &[("-no-such-thing", "1")]).err().unwrap();
        assert!(error.message.contains("Unknown argument name 'no-such-thing'"), "{error}");
    }

    /// A copy of the model whose text files were changed.
    fn edited(name: &str, edit: impl Fn(&str) -> Vec<u8>) -> std::path::PathBuf {
        let sound = testing::model_folder();
        let folder = testing::scratch(name).join("en-us");
        std::fs::create_dir_all(folder.join("en-us")).unwrap();
        for file in ["mdef", "means", "variances", "transition_matrices", "sendump"].map(|name| format!("en-us/{name}"))
        {
            std::fs::copy(sound.join(&file), folder.join(&file)).unwrap();
        }
        std::fs::copy(sound.join("en-us.lm.bin"), folder.join("en-us.lm.bin")).unwrap();
        for file in ["en-us/noisedict", "en-us/feat.params", "cmudict-en-us.dict"] {
            let text = std::fs::read_to_string(sound.join(file)).unwrap();
            std::fs::write(folder.join(file), edit(&text)).unwrap();
        }
        folder
    }

    #[test]
    fn text_files_may_come_from_windows() {
        let mut samples = vec![0; 8_000];
        samples.extend(testing::fixture("digits.wav"));
        let words = |folder: &std::path::Path| {
            let mut decoder = Decoder::open(&Files::in_folder(folder).unwrap(), &[]).unwrap();
            decoder.start().unwrap();
            decoder.process(&samples).unwrap();
            decoder.end().unwrap();
            let words = decoder.words().unwrap();
            words.into_iter().map(|word| word.text).collect::<Vec<_>>()
        };
        let folder = edited("windows-model", |text| format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes());
        let expected = words(testing::model_folder());
        assert!(!expected.is_empty());
        assert_eq!(words(&folder), expected);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn text_files_in_other_encodings_are_named() {
        let utf16 =
            |text: &str| [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let cr = |text: &str| text.replace('\n', "\r").into_bytes();
        let refused = |folder: std::path::PathBuf, problem: &str| {
            let error = Files::in_folder(&folder).unwrap_err();
            assert!(error.message.ends_with(problem), "{error}");
            std::fs::remove_dir_all(folder).unwrap();
        };
        refused(edited("utf16-model", utf16), "noisedict: is UTF-16: save it as UTF-8");
        refused(edited("mac-model", cr), "noisedict: its lines end in CR: save it with line ends of Unix or Windows");
    }

    /// Truncates each file of the model: the result is an error, or a decoder that recognises less; the process never
    /// ends.
    #[test]
    fn model_files_cut_short_are_errors() {
        let sound = testing::model_folder();
        let folder = testing::scratch("cut-model").join("en-us");
        let names = ["mdef", "means", "variances", "transition_matrices", "sendump", "noisedict", "feat.params"];
        let mut files: Vec<String> = names.iter().map(|name| format!("en-us/{name}")).collect();
        files.extend(["en-us.lm.bin".to_owned(), "cmudict-en-us.dict".to_owned()]);
        std::fs::create_dir_all(folder.join("en-us")).unwrap();
        for file in &files {
            std::fs::copy(sound.join(file), folder.join(file)).unwrap();
        }
        let mut refused = Vec::new();
        for file in &files {
            let bytes = std::fs::read(sound.join(file)).unwrap();
            for length in [0, bytes.len() / 2, bytes.len() - 1] {
                std::fs::write(folder.join(file), &bytes[..length]).unwrap();
                let outcome = Files::in_folder(&folder).and_then(|files| Decoder::open(&files, &[]));
                if let Err(error) = outcome {
                    refused.push(format!("{file}: {error}"));
                }
            }
            std::fs::write(folder.join(file), bytes).unwrap();
        }
        // Truncated text files are shorter lists; all others are refused at every length.
        for file in files.iter().filter(|file| !file.contains("dict") && !file.ends_with("params")) {
            assert_eq!(refused.iter().filter(|case| case.starts_with(&**file)).count(), 3, "{file}: {refused:?}");
        }
        // Upstream calls exit() in this case.
        assert!(refused.iter().any(|case| case.contains(": Failed to read transition matrix 20 from")), "{refused:?}");
        assert!(refused.iter().all(|case| !case.contains('\n')), "{refused:?}");
        Decoder::open(&Files::in_folder(&folder).unwrap(), &[]).map(|_| ()).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
