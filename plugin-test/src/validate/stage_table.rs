//! The table of cases for stages, as in `table`.

use super::{Case, Section, stage_events, stage_load, stage_resources, stage_state, stage_stream, table::cases};

cases! {
    /// The cases that only stages have, in the order in which they run.
    STAGE_SECTIONS:
    "Stages", true {
        stage_load::loads: "The configuration loads the stage; its delay is 0 s to an hour." => "The message is what an operator reads: it should say what to do. --resources names directories of models.";
        stage_load::names: "Names of stages are unique, and the same at every call." => "Return a constant from `StageLoader::name`.";
        stage_load::metadata_stable: "Metadata are the same at every call." => "Derive them from the configuration only.";
        stage_load::rate: "The sample rate, if it is set, is one that models have." => "Leave it out if any rate will do.";
        stage_load::capabilities: "Capabilities are names." => "Use names without spaces.";
        stage_load::twice: "A process may hold several." => "Keep no state in a global variable.";
        stage_load::wrong_values: "A field with a wrong value is an error of one line that names the field." => "Read fields with `Config::get`; report with `Error::config`.";
        stage_load::unknown_field: "A field that the schema does not list is ignored, or refused by name." => "Do not `unwrap` what a configuration may hold.";
        stage_load::requests: "An unknown request gets `None`." => "Return `Ok(None)` for ids that you do not know.";
        stage_load::files: "`StageLoader::files` lists absolute paths that exist." => "Resolve paths with `Host::find`.";
    }
    "Streams of stages", true {
        stage_stream::runs: "A stream gets `init`, audio and events, and `finish`." => "No error may be returned for sound audio and events.";
        stage_stream::empty: "A stream may end without audio and events, and then reports nothing." => "Return from `finish` at once if nothing is withheld.";
        stage_stream::any_audio: "Silence, noise, clipped audio and a single sample are no errors." => "Guard divisions by energy and by length.";
        stage_stream::nan: "Samples that are not numbers are an error at most, and `init` repairs the stream." => "Discard all state in `init`.";
        stage_stream::pieces: "The same audio and events lead to the same events, however the audio is cut." => "Work on windows that are counted from the start of the stream, not on the pieces of a call.";
        stage_stream::again: "The same calls lead to the same events, in any stream and process." => "Use no clock, no random numbers, and no state of other streams.";
        stage_stream::interleaved: "Streams do not influence each other." => "Keep the state of a stream in its own object.";
        stage_stream::threads: "A stream may be called by any thread; several streams are called at once." => "Use no thread-local state; guard what streams share.";
        stage_stream::init_resets: "`init` discards all state." => "Set all fields of the stream in `init`.";
        stage_stream::offset: "Samples count from the start of the stream: `init` says where it is." => "Add the offset of `init`.";
        stage_stream::end_turn: "A client may end a turn at any time." => "Report an end only if a turn is open.";
        stage_stream::dropped: "A stream may be dropped at any time, without `finish`." => "Free everything in `Drop`.";
    }
    "Events of stages", false {
        stage_events::inside: "An event's times lie within the audio that was heard." => "Report no time that lies ahead.";
        stage_events::order: "Final texts are in order of their times, and words lie within their text." => "Pass texts on in the order in which they came.";
        stage_events::utf8: "Texts are UTF-8 without control characters." => "Cut texts at characters, not at bytes.";
        stage_events::size: "A text has at most 64 KiB, and a call reports at most 10,000 events." => "Report what is new only.";
        stage_events::kept: "A stage that does not say that it changes final text leaves it as it is." => "Set `changes_text` in the metadata.";
        stage_events::delay: "Final text comes no later than the metadata say." => "Set `delay_seconds` in the metadata.";
        stage_events::turns: "A stage that reports turns has the capability `turns`; a turn starts before it ends, and ends with the audio." => "Set the capability; end an open turn in `finish`.";
    }
    "The state of stages", false {
        stage_state::save_changes_nothing: "`save` changes nothing." => "Take nothing out of the state.";
        stage_state::resumes_from_each: "A new stream goes on from each state as if nothing had happened." => "Save everything: what is withheld, audio that waits for a window, and counters.";
        stage_state::loaded_again: "A state is good in another process." => "Put no addresses or indices of this process into the state.";
        stage_state::size: "All states of a stream together have at most 1 MiB." => "Save what is needed, not all that was heard.";
        stage_state::spoilt: "An invalid state is an error, not a panic." => "Check lengths and a version before you use it.";
    }
    "Resources of stages", false {
        stage_resources::prints: "The stage prints nothing: programs may read the output of the process." => "Log with `tracing`; switch off the messages of C libraries.";
        stage_resources::sandbox: "The stage needs only its own files, the resource directories, and the files that it names." => "List further files in `StageLoader::files`; open no sockets, start no programs, write no files.";
        stage_resources::log: "The log at level `info` is for operators: a few lines for each stream." => "Use `debug` for what happens with each call.";
        stage_resources::cost: "A second of audio takes less than a tenth of a second." => "Use a smaller model, or optimised builds: `cargo build --release`.";
        stage_resources::hour: "A long stream does not grow." => "Trim buffers; drop what was passed on.";
        stage_resources::leaves_nothing: "Streams that ended leave no memory, files or threads behind." => "Free in `Drop`; open files in `StageLoader::load`.";
    }
}
