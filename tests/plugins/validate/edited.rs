//! Cases about opening, the schema and requests: the example in C, after an edit of its source, fails each of them.

use super::{Row, check, in_parallel};
use auricle_tests::compile_loudness;

const OPEN: &str = "{ return &plugin; }";
const SCOPE: &str = r#"\"x-auricle-scope\": \"load\""#;
const UNIT: &str = r#"\"unit\": {\"enum\": [\"dB\", \"rms\"], \"default\": \"dB\","#;
/// Where the model and a stream read the field `unit`.
const OF_MODEL: &str = r#"strcmp(config->text(config, "unit"), "rms") == 0"#;
const OF_STREAM: &str = "second->unit = model;";

/// What is replaced in the source, and by what.
type Edits = &'static [(&'static str, &'static str)];

/// The table: the edits take the place of fields.
pub(super) const EDITED: &[Row<Edits>] = &[
    (
        "open.opens",
        "fail",
        &[("static void unload(void *model) {", "void absent(void);\nstatic void unload(void *model) { absent();")],
        "undefined symbol: absent",
    ),
    (
        "open.time",
        "warning",
        &[(OPEN, "{ sleep(3); return &plugin; }"), ("#include <math.h>", "#include <math.h>\n#include <unistd.h>")],
        "servers wait 10 s, on a busy machine too",
    ),
    (
        "open.names",
        "fail",
        &[("{ &engine };", "{ &engine, &engine };"), ("engines, 1,", "engines, 2,")],
        "the same name",
    ),
    (
        "open.names",
        "fail",
        &[
            (OPEN, "{ engine.backend = engine.backend[0] == 'l' ? \"meter\" : \"loudness-c\"; return &plugin; }"),
            ("static const auricle_engine engine", "static auricle_engine engine"),
        ],
        "at first, then",
    ),
    (
        "open.quiet",
        "warning",
        &[(OPEN, "{ host->log(host, 2, \"no meter is connected\"); return &plugin; }")],
        "no meter",
    ),
    ("config.valid", "fail", &[(r#"\"enum\": [\"dB\", \"rms\"]"#, r#"\"type\": \"words\""#)], "/properties/unit"),
    (
        "config.stable",
        "fail",
        &[
            (OPEN, "{ static int n; if (n++) engine.schema = NULL; return &plugin; }"),
            ("static const auricle_engine engine", "static auricle_engine engine"),
        ],
        "when the plugin is opened again",
    ),
    ("config.scopes", "warning", &[(SCOPE, r#"\"x-scope\": \"load\""#)], "field `unit` has no scope"),
    ("config.scopes", "fail", &[(SCOPE, r#"\"x-auricle-scope\": \"session\""#)], "has the scope \"session\""),
    ("config.defaults", "fail", &[(r#"\"default\": \"dB\""#, r#"\"default\": 7"#)], "the default of field `unit`"),
    ("config.descriptions", "warning", &[("what to report", "")], "without a description: unit"),
    ("config.reserved", "fail", &[(r#"{\"unit\""#, r#"{\"host\""#)], "field `host` never reaches the plugin"),
    (
        "config.required",
        "fail",
        &[(r#""{\"properties\""#, r#""{\"required\": [\"level\"], \"properties\""#)],
        "`level` is required but not listed",
    ),
    (
        "config.required",
        "warning",
        &[(r#""{\"properties\""#, r#""{\"required\": [\"unit\"], \"properties\""#)],
        "its default is never used",
    ),
    (
        "model.separator",
        "warning",
        &[(r#"\"replay\": \"exact\""#, r#"\"separator\": \"\\u0007\""#)],
        "between all segments",
    ),
    (
        "options.choices",
        "warning",
        &[
            (SCOPE, r#"\"x-auricle-scope\": \"stream\""#),
            (OF_STREAM, r#"if (!strcmp(options->text(options, "unit"), "rms")) return auricle_fail(reply, 1, "no");"#),
        ],
        "`unit` = \"rms\", and the error names no field",
    ),
    (
        "options.limits",
        "warning",
        &[
            (SCOPE, r#"\"x-auricle-scope\": \"stream\""#),
            (UNIT, r#"\"unit\": {\"type\": \"number\", \"minimum\": 0, \"maximum\": 1, \"default\": 0,"#),
            (OF_MODEL, "0"),
            (OF_STREAM, r#"if (options->number(options, "unit", 0) > 0.5) return auricle_fail(reply, 1, "no");"#),
        ],
        "`unit` = 1, and the error names no field",
    ),
    (
        "options.hotwords",
        "warning",
        &[
            (SCOPE, r#"\"x-auricle-scope\": \"stream\""#),
            (UNIT, r#"\"hotwords\": {\"type\": \"string\", \"default\": \"\","#),
            (OF_MODEL, "0"),
            (OF_STREAM, r#"if (*options->text(options, "hotwords")) return auricle_fail(reply, 1, "no");"#),
        ],
        "`hotwords` = \"hello world\", and the error names no field",
    ),
];

#[test]
fn the_example_after_an_edit_fails_a_case() {
    in_parallel(EDITED, |row| {
        let folder = tempfile::tempdir().unwrap();
        check(&compile_loudness(folder.path(), row.2, &[]), &[], row)
    });
}
