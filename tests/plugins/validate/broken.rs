//! What the engine `faulty` must do to fail each case of `auricle validate` about models, streams and what they use.

use super::{Row, check, in_parallel, text};
use auricle_tests::{fixture, library};

/// Fields of the engine.
type Fields = &'static [&'static str];

/// The table.
pub(super) const BROKEN: &[Row<Fields>] = &[
    // As long as an operator waits before the case warns. It comes first, because the others run meanwhile.
    ("model.time", "warning", &["model_fault=sleep", "model_seconds=30.5"], "servers wait `load_seconds`"),
    ("config.given", "fail", &["sample_rate=fast"], "\"fast\""),
    ("model.loads", "fail", &["model_fault=panic"], "the panic asked for in Load"),
    ("model.loads", "fail", &["model_fault=error"], "the error asked for in Load"),
    ("model.loads", "fail", &["model_fault=bad-metadata", "model_at=metadata"], "sample_rate is 0"),
    ("model.loads", "fail", &["model_fault=panic", "model_at=metadata"], "the panic asked for in Metadata"),
    ("model.loads", "fail", &["model_fault=hang"], "did not end within"),
    ("model.loads", "crashed", &["model_fault=sigsegv"], "SIGSEGV at 0x40 in load"),
    ("model.loads", "crashed", &["model_fault=exit"], "ended with status 3"),
    ("model.loads", "crashed", &["model_fault=sigabrt", "model_at=model-drop"], "SIGABRT in drop of a model"),
    ("model.time", "fail", &["model_fault=hang"], "did not end within"),
    ("model.claims", "fail", &["neglect=claims"], "claims `partials`, but it is not among the model's capabilities"),
    ("model.twice", "fail", &["neglect=second-model"], "there is a model already"),
    ("model.threads", "fail", &["neglect=second-model"], "there is a model already"),
    ("model.unloads", "warning", &["neglect=unload"], "16 MiB"),
    ("model.metadata-stable", "fail", &["neglect=metadata"], "differ"),
    ("model.chunk", "warning", &["chunk_samples=16"], "1.0 ms"),
    ("model.limits", "fail", &["neglect=limits"], "max_batch is 0"),
    ("model.languages", "fail", &["neglect=languages"], "the English one"),
    ("model.capabilities", "fail", &["neglect=capabilities"], "two words"),
    ("model.wrong-values", "warning", &["neglect=errors"], "does not name the field"),
    ("model.unknown-field", "fail", &["neglect=unknown-field"], "panicked"),
    ("model.missing-file", "warning", &["model=/proc/self/status"], "is not noticed"),
    ("stream.runs", "fail", &["fault=panic", "at=init"], "the panic asked for in Init"),
    ("stream.runs", "fail", &["fault=panic", "at=process_iter"], "the panic asked for in ProcessIter"),
    ("stream.runs", "fail", &["fault=error", "at=finish"], "the error asked for in Finish"),
    ("stream.runs", "fail", &["fault=hang"], "did not end within"),
    ("stream.runs", "crashed", &["fault=sigsegv", "at=insert_audio_chunk"], "in insert_audio_chunk of plugin"),
    ("stream.runs", "crashed", &["fault=sigkill"], "crashed (SIGKILL)"),
    ("stream.runs", "crashed", &["fault=exit", "at=finish"], "ended with status 3"),
    ("stream.runs", "crashed", &["fault=thread-exit"], "ended with status 3"),
    ("stream.runs", "crashed", &["fault=stack-overflow"], "SIGSEGV"),
    ("stream.runs", "crashed", &["fault=sigabrt", "at=drop"], "in drop of a processor"),
    ("stream.empty", "fail", &["neglect=empty"], "reports `nothing`"),
    ("stream.one-sample", "fail", &["neglect=short"], "not what it expects"),
    ("stream.short-end", "fail", &["neglect=short"], "not what it expects"),
    ("stream.whole-chunks", "fail", &["neglect=whole-chunks"], "no audio to finish"),
    ("stream.silence", "fail", &["neglect=silence"], "not what it expects"),
    ("stream.noise", "fail", &["fault=error", "after_chunks=90"], "the error asked for"),
    ("stream.clipped", "fail", &["neglect=loud"], "not what it expects"),
    ("stream.constant", "fail", &["neglect=loud"], "not what it expects"),
    ("stream.nan", "warning", &["neglect=not-finite"], "not finite"),
    ("stream.infinite", "warning", &["neglect=not-finite"], "not finite"),
    ("stream.any-chunks", "warning", &["neglect=any-chunks"], "chunks of 3201 samples"),
    ("stream.pieces", "fail", &["neglect=again"], "in packets of"),
    ("state.init-resets", "fail", &["neglect=reset"], "after a reset"),
    ("state.init-twice", "fail", &["neglect=init-twice"], "init was called before"),
    ("state.flush", "fail", &["neglect=offset"], "after a flush"),
    ("state.offset", "fail", &["neglect=offset"], "from offset 1000003"),
    ("state.far-offset", "fail", &["neglect=far-offset"], "from offset 1099511627776"),
    ("state.after-finish", "warning", &["neglect=calls"], "audio at the wrong time"),
    ("state.no-audio", "warning", &["neglect=calls"], "without new audio"),
    ("state.before-init", "warning", &["neglect=calls"], "audio at the wrong time"),
    ("state.dropped", "fail", &["neglect=dropped"], "beside streams that are dropped"),
    ("state.model-dropped", "crashed", &["model_fault=sigabrt", "model_at=model-drop"], "drop of a"),
    ("state.cancelled", "warning", &["neglect=cancelled"], "cannot be cancelled"),
    ("together.interleaved", "fail", &["neglect=others"], "beside another stream"),
    ("together.threads", "fail", &["neglect=thread"], "on another thread"),
    ("together.many", "fail", &["neglect=thread"], "16 streams at once"),
    ("together.moves", "fail", &["neglect=thread"], "on a new thread"),
    ("together.all-streams", "fail", &["neglect=one-stream"], "max_streams is 2"),
    ("together.again", "fail", &["neglect=again"], "in a second stream"),
    ("together.new-model", "fail", &["neglect=loads"], "loaded again"),
    ("batch.one", "fail", &["neglect=batch-ends", "segment_chunks=30", "max_batch=4"], "in a batch of one"),
    ("batch.two", "fail", &["neglect=batch", "max_batch=4"], "only the first stream"),
    ("batch.full", "fail", &["neglect=batch", "max_batch=4"], "only the first stream"),
    ("batch.lengths", "fail", &["neglect=batch", "max_batch=4"], "only the first stream"),
    ("batch.ends", "fail", &["neglect=batch-ends", "segment_chunks=30", "max_batch=4"], "without new audio"),
    ("events.times-in-order", "fail", &["fault=disordered", "after_chunks=12"], "after a segment"),
    ("events.words-in-order", "fail", &["fault=not-a-number"], "the word `backwards`"),
    ("events.inside", "fail", &["fault=outside"], "was reported when the engine had"),
    ("events.partials-follow", "fail", &["fault=disordered", "after_chunks=12"], "starts before the last segment"),
    ("events.utf8", "fail", &["fault=invalid-utf8"], "is not UTF-8"),
    ("events.control", "fail", &["neglect=control"], "control characters"),
    ("events.size", "fail", &["fault=huge-text", "megabytes=1"], "a text of 1048576 bytes"),
    ("events.count", "fail", &["fault=flood"], "events in one call: servers accept"),
    ("events.blank", "warning", &["neglect=blank"], "has no text"),
    ("events.language", "fail", &["lan=the English one"], "not a BCP 47 tag"),
    ("events.moments", "fail", &["fault=disordered", "after_chunks=12"], "comes after"),
    ("events.last-words", "warning", &["neglect=last-words", "segment_chunks=30"], "never followed by a segment"),
    ("events.claims", "warning", &["neglect=claims"], "word-times"),
    ("restart.claim", "fail", &["neglect=replay-claim"], "claim none"),
    ("restart.resumes-from-each", "fail", &["neglect=restore"], "from sample"),
    ("restart.another-model", "fail", &["neglect=other-model"], "this is not its state"),
    ("restart.state-size", "fail", &["fault=bad-state"], "1048577 bytes"),
    ("restart.order", "fail", &["neglect=point-order"], "follows a later one"),
    ("restart.offset", "fail", &["neglect=point-offset"], "a point at sample"),
    ("restart.spoilt-state", "fail", &["neglect=spoilt-state"], "a state is not empty"),
    ("restart.unsupported", "fail", &["neglect=supported"], "succeeds"),
    ("options.wrong-values", "warning", &["neglect=errors"], "does not name the field"),
    ("options.unknown", "fail", &["neglect=unknown-field"], "panicked"),
    ("options.per-stream", "fail", &["neglect=others"], "another option"),
    ("extension.loader", "fail", &["neglect=extension"], "an answer of 0 bytes"),
    ("extension.model", "fail", &["neglect=extension"], "an answer of 0 bytes"),
    ("extension.stream", "fail", &["neglect=extension"], "an answer of 0 bytes"),
    ("extension.files", "fail", &["neglect=files"], "a/relative/path"),
    ("resources.prints", "warning", &["fault=print"], "the plugin printed"),
    ("resources.sandbox", "fail", &["neglect=socket"], "in the sandbox"),
    ("resources.directory", "warning", &["neglect=directory"], "another working directory"),
    ("resources.log", "warning", &["neglect=log"], "lines for one stream"),
    ("resources.call-time", "warning", &["fault=sleep", "seconds=3.1"], "a call took 3."),
    ("resources.hour", "fail", &["fault=leak", "megabytes=1", "times=1000000", "chunk_samples=160000"], "each hour"),
    ("resources.memory", "fail", &["fault=leak", "megabytes=1", "at=drop"], "MiB behind"),
    ("resources.descriptors", "fail", &["fault=descriptors"], "open files"),
    ("resources.threads", "fail", &["neglect=threads"], "threads behind"),
];

/// What it must do with a recording of three seconds.
pub(super) const WITH_SPEECH: &[Row<Fields>] = &[
    ("events.words", "warning", &["neglect=last-words", "segment_chunks=10000"], "no text for the recording"),
    ("resources.cost", "warning", &["fault=sleep", "seconds=3"], "live streams fall behind"),
];

/// Checks the engine with the fields of the row.
fn check_fields(row: &Row<Fields>, args: &[&str]) -> Option<String> {
    let fields = row.2;
    let timeout = match fields {
        _ if fields.iter().any(|field| field.ends_with("=hang")) => "0.5",
        ["model_fault=sleep", ..] => "60",
        _ => "8",
    };
    let mut args = [&["--timeout", timeout], args].concat();
    fields.iter().for_each(|field| args.extend(["--set", field]));
    check(&library("faulty"), &args, row)
}

#[test]
fn an_engine_that_breaks_a_clause_fails_its_case() {
    in_parallel(BROKEN, |row| check_fields(row, &[]));
}

#[test]
fn an_engine_that_hears_speech_badly_fails_a_case() {
    let speech = text(fixture("welcome_8k.wav"));
    in_parallel(WITH_SPEECH, |row| check_fields(row, &["--audio", &speech]));
}
