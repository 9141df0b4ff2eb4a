//! An engine with a model file, whose errors say what to do.

use auricle_plugin_api::{
    AsrProcessor, Config, Error, ErrorCode, Field, Host, Metadata, Model, ModelLoader, Schema, Sink,
};
use std::{fs, sync::Arc};

pub struct Loader;

// ANCHOR: load
impl ModelLoader for Loader {
    type Model = Words;

    fn backend(&self) -> &str {
        "words"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .field(Field::load("model").required().describe("a text file with a word in each line"))
            .field(Field::stream("word").describe("a word of the model that the stream waits for"))
    }

    fn load(&self, config: &Config, host: &Host) -> Result<Words, Error> {
        // `get` returns an error that names the field.
        let name: String = config.get("model")?;
        // In the engine's own folder, or in a resource directory of the server.
        let path = host.find(&name).ok_or_else(|| {
            let places: Vec<_> = host.resource_dirs().iter().map(|dir| dir.display().to_string()).collect();
            Error::config("model", format!("there is no {name} in {}", places.join(", ")))
        })?;
        let text = fs::read_to_string(&path).map_err(|error| Error::model(format!("{}: {error}", path.display())))?;
        Ok(Words { words: text.lines().map(str::to_owned).collect() })
    }
}
// ANCHOR_END: load

pub struct Words {
    words: Vec<String>,
}

// ANCHOR: model
impl Model for Words {
    type Processor = Stream;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, 1_600)
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Stream, Error> {
        let word = options.get_optional::<String>("word")?;
        match word.filter(|word| !self.words.contains(word)) {
            Some(word) => Err(Error::config("word", format!("the model has no word `{word}`"))),
            None => Ok(Stream { begun: false }),
        }
    }
}
// ANCHOR_END: model

pub struct Stream {
    begun: bool,
}

impl AsrProcessor for Stream {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        self.begun = true;
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        if !self.begun {
            return Err(Error::new(ErrorCode::CONTRACT, "audio came before init"));
        }
        assert!(samples.len() <= 1_600, "a chunk of {} samples", samples.len());
        Ok(())
    }

    fn process_iter(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn errors_say_what_was_wrong() {
    use auricle_plugin_test::{StubHost, TestEngine};
    use serde_json::json;

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("words.txt"), "one\ntwo\n").unwrap();
    let engine = TestEngine::in_process(Loader, &StubHost::new().resource_dir(folder.path()));
    // ANCHOR: test
    let refusal = engine.refusal(json!({"model": "none.txt"}));
    assert!(refusal.message.starts_with("field `model`: there is no none.txt in "), "{refusal}");
    let model = engine.load(json!({"model": "words.txt"}));
    assert_eq!(model.refusal(json!({"word": "three"})).message, "field `word`: the model has no word `three`");
    // A panic is an error of its stream.
    let mut stream = model.stream().in_chunks(5_000);
    let error = stream.push(&[0.0; 5_000]).unwrap_err();
    assert!(error.code == ErrorCode::PANIC && error.message.contains("a chunk of 5000 samples"), "{error}");
    // Another stream does not notice.
    model.stream().push(&[0.0; 5_000]).unwrap();
    // ANCHOR_END: test
}
