//! Generates `docs/faults.md` from the table.

use super::{
    cases,
    cell::{Cell, Ending, Outcome},
};
use auricle_dialects::native::codes::close_code;
use std::{env, fmt::Write, fs, path::Path};

const BEGINNING: &str = "\
# Faults and their effects

`cargo xtask faults` generates this page from the table that the tests in [`tests/fault_matrix`](../tests/fault_matrix) check, cell
by cell: on a real server, with a faulty stream and healthy streams beside it, on the same model and on another engine. Each
cell describes the faulty stream from its client's side:

- **whole**: the complete text, as without the fault;
- **sanitised**: the complete text, with invalid data corrected: times within the audio and in order, valid UTF-8;
- a code and a close code of the [protocol](protocol.md): the stream is closed; events that were reported before have arrived;
- **the server ends**, with all its streams, by this signal or with this status.

Unless the server ends or the cell says otherwise, the text of all other streams is word for word the same as on a quiet server, new
streams are accepted, and descriptors, workers and memory are released. Most faults occur once: the new worker that continues from the
stream's last restart point does not meet them again. Faults in `processor` and `init`, and those marked in their row, occur again at the
same place. Where a connection is cut, the client resumes its stream in another one. In the last table the server is a
[front](scaling.md), and the columns say where the engine's code runs on its two engine hosts.
";

fn page() -> String {
    let mut page = BEGINNING.to_owned();
    for (heading, cases) in cases::chapters() {
        page.push_str(&format!("\n## {heading}\n\n| fault | where | in the server's process | in a worker |\n"));
        page.push_str("| --- | --- | --- | --- |\n");
        for case in cases {
            let place = if case.place.contains(' ') || ["mid-stream", "always"].contains(&case.place) {
                case.place.to_owned()
            } else {
                format!("`{}`", case.place)
            };
            let cells = [&case.in_process, &case.worker].map(describe);
            // Writing to a String cannot fail.
            let _ = writeln!(page, "| {} | {place} | {} | {} |", case.fault, cells[0], cells[1]);
        }
    }
    page
}

fn describe(cell: &Cell) -> String {
    let mut text = match cell.outcome {
        Outcome::Whole => "whole".into(),
        Outcome::Sanitised(_) => "sanitised".into(),
        Outcome::Closed(code, _) => format!("`{}` {}", code.name(), close_code(code)),
        Outcome::Stops => "whole; then the server exits with status 0".into(),
        Outcome::Ends(Ending::Signal(name, _)) => format!("**the server ends** by {name}"),
        Outcome::Ends(Ending::Status(status)) => format!("**the server ends** with status {status}"),
        Outcome::Nothing => "not applicable".into(),
    };
    if !cell.log.is_empty() {
        let _ = write!(text, "; log: \u{201c}{}\u{201d}", cell.log.join(" ... ").trim_end());
    }
    if !cell.note.is_empty() {
        let _ = write!(text, "; {}", cell.note);
    }
    text
}

#[test]
fn it_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/faults.md");
    if env::var_os("AURICLE_WRITE_FAULTS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/faults.md is out of date: run `cargo xtask faults`");
}

#[test]
fn it_has_what_was_promised() {
    let rows = cases::chapters().into_iter().flat_map(|(_, cases)| cases);
    let cells = rows.flat_map(|case| [case.in_process, case.worker]);
    assert!(cells.filter(|cell| cell.outcome != Outcome::Nothing).count() >= 40);
}
