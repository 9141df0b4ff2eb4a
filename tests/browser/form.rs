//! The settings of a stream on the page.

use crate::{
    driver::Options,
    stand::{check_log, setup, turn, visit},
};
use serde_json::json;

#[test]
fn a_field_shows_what_applies_without_it() {
    let Some(_turn) = turn() else { return };
    let own = json!({"backend": "tone", "lan": "de", "host": {"open": ["lan", "segment_chunks"]}});
    let host = setup().preset("own", &own).start();
    let browser = visit(&host, &Options::default());
    browser.type_into("#preset", "own");
    browser.wait("document.querySelector('#option-lan')?.placeholder === 'de (as the model has it)'");
    let engines = browser.value("document.querySelector('#option-segment_chunks').placeholder");
    assert_eq!(engines, "10 (as the model has it)");
    // What is shown is not sent: the preset applies if its file changes meanwhile.
    assert_eq!(browser.value("document.querySelector('#option-lan').value"), "");
    check_log(&browser);
}
