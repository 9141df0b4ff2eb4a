//! The table of cases for engines: `group::check: "clause" => "what to do"`.
//!
//! A section with `gate` begins with the case that all later cases need.

use super::{
    Case, Section, batch, config, events, extension, file, model, open, options, resources, restart, state, stream,
    together,
};

/// Defines a list of sections.
macro_rules! cases {
    ($(#[$doc:meta])* $name:ident: $($title:literal, $gate:literal { $($group:ident::$check:ident: $clause:literal => $advice:literal;)+ })+) => {
        $(#[$doc])*
        pub const $name: &[Section] = &[$(Section {
            title: $title,
            is_gate: $gate,
            cases: &[$(Case {
                group: stringify!($group),
                check_name: stringify!($check),
                clause: $clause,
                advice: $advice,
                check: $group::$check,
            }),+],
        }),+];
    };
}
pub(super) use cases;

cases! {
    /// All cases for engines, in the order in which they run.
    SECTIONS:
    "The file", true {
        file::manifest: "The file is a shared library with a manifest." => "Build a crate of type `cdylib` with `export_engine!`; `cargo build` must end without errors.";
        file::name: "Servers find the file by its name." => "Keep the name that Cargo gives it.";
        file::target: "The file is built for this system." => "Build it for the target triple of the server: `cargo build --target`.";
        file::api: "The file is built against the plugin API of this host's major version." => "Rebuild it with `auricle-plugin-api` of that version.";
        file::version: "The version is a semantic one, because the highest version of an id is used." => "Correct `version` in `Cargo.toml`.";
        file::identity: "The manifest has an id and a description." => "Set `name` and `description` in `Cargo.toml`.";
        file::claims: "Claims are valid, and their names are known." => "Correct the JSON behind `claims:` in `export_engine!`, or in `AURICLE_CLAIMS`.";
        file::unwinds: "A panic unwinds, so that it ends one stream and not the process." => "Remove `panic = \"abort\"` from the profile.";
    }
    "Opening", true {
        open::opens: "The library opens with all symbols resolved, and both sides agree on every type." => "Link what is missing statically, or put it into an engine folder `NAME.engine/`; build with one version of the plugin API.";
        open::time: "Opening is fast: servers open each new file in a child process." => "Load models and runtimes in `ModelLoader::load`, not in constructors or when the loader is created.";
        open::names: "Backend names are unique, and the same at every call." => "Return a constant from `ModelLoader::backend`.";
        open::quiet: "Opening is not a place for warnings: servers open each file several times." => "Log in `ModelLoader::load`.";
    }
    "Configuration", false {
        config::valid: "The schema is a JSON Schema (2020-12)." => "Use `Field`'s methods; check keywords that `Field::set` sets.";
        config::stable: "The schema is the same at every call." => "Build it from constants.";
        config::scopes: "Each field has the scope `load` or `stream`." => "Create fields with `Field::load` or `Field::stream`.";
        config::defaults: "A default is a value that its field allows." => "Correct the default, or the limits.";
        config::descriptions: "A field's description tells operators its unit and its effect." => "Add `.describe(...)`.";
        config::reserved: "`backend` and `host` belong to the server." => "Rename the field.";
        config::required: "Required fields are listed, and have no default." => "Remove `.required()` or `.default(...)`.";
        config::given: "The configuration fits the schema." => "Correct the preset, or add the field to the schema.";
    }
    "Models", true {
        model::loads: "The configuration loads a model, with a rate of 1,000 to 384,000 Hz and chunks of at most a minute." => "The message is what an operator reads: it should say what to do. --resources names directories of models.";
        model::time: "Loading ends within the server's `load_seconds`." => "Load less, or tell operators to raise the limit.";
        model::twice: "A process may hold several models." => "Keep no model in a global variable.";
        model::threads: "A loader is called from any thread, several at once." => "Guard what loads share, above all the initialisation of C libraries.";
        model::unloads: "Dropping a model frees its memory." => "Free what the C library allocated in `Drop`.";
        model::metadata_stable: "Metadata are the same at every call." => "Derive them from the configuration only.";
        model::chunk: "The chunk is the unit of work: short for live text, long for low cost." => "20 ms to 1 s suit most engines.";
        model::limits: "`max_batch` and `max_streams` are at least 1." => "Leave them out if there is no limit.";
        model::languages: "Languages are BCP 47 tags." => "Use tags such as `en` or `pt-BR`.";
        model::capabilities: "Capabilities are names: `partials`, `word-times`, `confidence`, `endpoints`, or the engine's own." => "Use names without spaces.";
        model::claims: "The model does what the plugin claims." => "Correct the claims, or the metadata; leave out what depends on the model.";
        model::separator: "The separator joins segments: a space, or nothing." => "Set `Metadata::separator`.";
        model::wrong_values: "A load field with a wrong value is an error of one line that names the field." => "Read fields with `Config::get`; report with `Error::config`.";
        model::unknown_field: "A field that the schema does not list is ignored, or refused by name." => "Do not `unwrap` what a configuration may hold.";
        model::missing_file: "A missing file is an error that names the file or its field." => "Report it with `Error::model` and the path.";
    }
    "Streams", true {
        stream::runs: "A stream gets `init`, whole chunks, and `finish`." => "No error may be returned for sound audio.";
        stream::empty: "A stream may end without any audio, and then has no text." => "Return from `finish` at once if there was no audio.";
        stream::one_sample: "A stream may have one sample." => "Pad what is too short for the model.";
        stream::short_end: "The last chunk may be shorter." => "Pad it in `finish`, not in `insert_audio_chunk`.";
        stream::whole_chunks: "`finish` may come without new audio." => "Do not expect a chunk before `finish`.";
        stream::silence: "Silence is audio." => "Guard divisions by the energy or the length of speech.";
        stream::noise: "Ten seconds of noise cause no error." => "Report nothing if nothing is recognised.";
        stream::clipped: "Audio may be at full scale." => "Check what the features do at the limits.";
        stream::constant: "Audio may be constant." => "Guard divisions by the variance.";
        stream::nan: "The process survives NaN, which servers replace, and `init` clears its effect." => "Reset every buffer in `init`.";
        stream::infinite: "The process survives infinite samples, which servers replace, and `init` clears their effect." => "Reset every buffer in `init`.";
        stream::any_chunks: "Chunks of other lengths, which servers never send, cause no crash." => "Append to a buffer; do not index by the chunk's length.";
        stream::pieces: "The same audio gives the same text, however clients cut it into packets." => "Look for state that depends on time or on addresses.";
    }
    "State of a stream", false {
        state::init_resets: "`init` discards all state." => "Reset buffers, decoder and counters in `init`.";
        state::init_twice: "`init` may be called again before any audio." => "Do not allocate in `init` what is never freed.";
        state::flush: "A flush is `finish` and then `init`; what follows is as in a new stream." => "Clear the end of the utterance in `init`.";
        state::offset: "`init(offset)` moves all times by the offset." => "Add the offset to every time, also those of words.";
        state::far_offset: "Offsets may be above 2^32." => "Keep samples in `u64`; `f32` holds 17 minutes at 16 kHz.";
        state::after_finish: "Audio after `finish`, which servers never send, is ignored or an error, not a panic." => "Return an error with `ErrorCode::CONTRACT`.";
        state::no_audio: "`process_iter` without audio, which servers never call, is ignored or an error, not a panic." => "Return `Ok(())` if there is nothing new.";
        state::before_init: "Audio before `init`, which servers never send, is ignored or an error, not a panic." => "Make the new processor as `init(0)` does.";
        state::dropped: "A stream may be dropped at any time, and others go on." => "Free only what belongs to the stream.";
        state::model_dropped: "A model outlives its processors: the boundary keeps it." => "Keep an `Arc` of what processors use.";
        state::cancelled: "A long decode whose result is no longer needed may stop." => "Ask `Sink::cancelled` in the decoder's loop.";
    }
    "Streams at once", false {
        together::interleaved: "Streams share a model and nothing else." => "Move state from the model into the processor.";
        together::threads: "A model is called by several threads at once." => "Guard what processors share.";
        together::many: "Many streams give the same texts as one." => "Set `Metadata::max_streams` if there is a limit.";
        together::moves: "A processor is called by one thread at a time, not always the same one." => "Use no thread-local state.";
        together::all_streams: "The model serves as many streams as `max_streams` says." => "Correct `max_streams`.";
        together::again: "The same audio gives the same text again." => "Seed what is random with a constant.";
        together::new_model: "The same audio gives the same text with the model loaded again." => "Look for memory that is not initialised.";
    }
    "Batches", false {
        batch::one: "A batch of one does what `process_iter` does." => "Implement single calls by batches of one.";
        batch::two: "A batch gives each stream its own result." => "Do not mix up the items; padding must not reach the model.";
        batch::full: "A batch may have `max_batch` streams." => "Lower `max_batch`.";
        batch::lengths: "Streams join and leave batches at any time." => "Keep no state of a batch from call to call.";
        batch::ends: "With `ends_in_batch`, a batch ends a stream that has no new audio." => "Look at `BatchItem::ends` before the audio.";
    }
    "Texts and times", false {
        events::words: "The engine recognises speech." => "Check the language of the recording, and the level and rate that the model expects.";
        events::times_in_order: "Segments follow one another, start before they end, and end within the audio." => "Cut times at the last segment and at the audio's end.";
        events::words_in_order: "Words follow one another within their segment." => "Cut times of words at those of the segment.";
        events::inside: "Times lie within the audio that the engine has received." => "Do not count padding as audio.";
        events::partials_follow: "A partial is the text after the last segment." => "Leave the text of segments out of partials.";
        events::utf8: "Texts are UTF-8." => "Join the bytes of tokens before you report them.";
        events::control: "Texts have no control characters." => "Remove line ends and tokens such as \\x00.";
        events::size: "Texts have at most 64 KiB." => "End segments at pauses.";
        events::count: "A call reports at most 10,000 events." => "Report one partial for each call.";
        events::blank: "Segments have text; servers drop the others." => "Report no segment if there is no text.";
        events::language: "A segment's language is a BCP 47 tag, one of the metadata's." => "Map the model's names to tags.";
        events::moments: "Starts of speech and endpoints are in order." => "Report each once, when it is known.";
        events::last_words: "`finish` reports all text that is left as segments." => "Decode what is buffered in `finish`.";
        events::claims: "The engine does what its capabilities say." => "Correct `Metadata::capabilities`.";
    }
    "Restart points", false {
        restart::claim: "The engine reports restart points if `Metadata::replay` says so, and only then." => "Set `Metadata::replay`.";
        restart::resumes_from_each: "From each point a new processor continues: with the same text (`exact`), without a repeated segment (`lossless`)." => "Put into the state what `init` resets; or claim less.";
        restart::another_model: "A point is restored in another process." => "Put no addresses or indices of this process into the state.";
        restart::state_size: "A state has at most 1 MiB." => "Report a point where the state is small, after a segment.";
        restart::order: "Points are in order, within the audio." => "Report the first sample that is still needed.";
        restart::offset: "Points count samples from the stream's start, like all times." => "Add the offset of `init`.";
        restart::spoilt_state: "An invalid state is an error, not a panic." => "Check lengths and a version before you use it.";
        restart::unsupported: "Without restart points, `restore` is unsupported." => "Leave out `restore`.";
    }
    "Options of a stream", false {
        options::wrong_values: "A stream field with a wrong value is an error of one line that names the field." => "Read fields with `Config::get`; report with `Error::config`.";
        options::choices: "Each choice that the schema lists is accepted, or refused by name." => "List the choices of the loaded model, or name the field in the error.";
        options::limits: "The limits that the schema lists are accepted, or refused by name." => "Correct the limits in the schema.";
        options::hotwords: "Hotwords that the model cannot use are refused, not ignored." => "Return `Error::config(\"hotwords\", ...)`.";
        options::unknown: "A field that the schema does not list is ignored, or refused by name." => "Do not `unwrap` what a client may set.";
        options::per_stream: "A stream's fields hold for this stream." => "Keep options in the processor.";
    }
    "Extensions", false {
        extension::loader: "An unknown request to the loader gets `None`." => "Return `Ok(None)` for ids that you do not know.";
        extension::model: "An unknown request to a model gets `None`." => "Return `Ok(None)` for ids that you do not know.";
        extension::stream: "An unknown request to a stream gets `None`." => "Return `Ok(None)` for ids that you do not know.";
        extension::files: "`ModelLoader::files` lists absolute paths that exist." => "Resolve paths with `Host::find`.";
    }
    "Resources", false {
        resources::prints: "The engine prints nothing: programs may read the output of the process." => "Log with `tracing`; switch off the messages of C libraries.";
        resources::sandbox: "The engine needs only its own files, the resource directories, and the files that it names." => "List further files in `ModelLoader::files`; open no sockets, start no programs, write no files.";
        resources::directory: "The working directory does not matter." => "Resolve paths with `Host::find`.";
        resources::log: "The log at level `info` is for operators: a few lines for each stream." => "Use `debug` for what happens with each chunk.";
        resources::cost: "A second of audio takes less than a second." => "Use a smaller model, or optimised builds: `cargo build --release`.";
        resources::call_time: "A call ends within the server's `call_seconds`." => "Use shorter chunks, or do part of the work in each call.";
        resources::hour: "A long stream does not grow." => "Trim buffers; drop what segments have settled.";
        resources::memory: "Streams that ended leave no memory behind." => "Free what the C library allocated in `Drop`.";
        resources::descriptors: "Streams that ended leave no files open." => "Open files in `ModelLoader::load`.";
        resources::threads: "Streams that ended leave no threads behind." => "Join threads in `Drop`, or share a pool.";
    }
}
