//! The results as JUnit XML, which build servers show: a suite for each section.

use super::runner::CaseReport;
use auricle_plugin_test::validate::Outcome;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};
use std::io;

/// Writes the document. Warnings are cases that passed, with the text in their output.
pub(super) fn document(reports: &[CaseReport]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("testsuites").with_attribute(("name", "auricle validate")).write_inner_content(|writer| {
        reports.chunk_by(|one, next| one.section == next.section).try_for_each(|suite| write_suite(writer, suite))
    })?;
    Ok(writer.into_inner())
}

fn write_suite(writer: &mut Writer<Vec<u8>>, cases: &[CaseReport]) -> io::Result<()> {
    let of = |outcome| cases.iter().filter(|case| case.verdict.outcome == outcome).count().to_string();
    let time = seconds(cases.iter().map(|case| case.seconds).sum());
    let attributes = [
        ("name", cases.first().map_or("", |case| case.section).to_owned()),
        ("tests", cases.len().to_string()),
        ("failures", of(Outcome::Fail)),
        ("errors", of(Outcome::Crashed)),
        ("skipped", of(Outcome::Skipped)),
        ("time", time),
    ];
    let attributes = attributes.iter().map(|(name, value)| (*name, value.as_str()));
    writer
        .create_element("testsuite")
        .with_attributes(attributes)
        .write_inner_content(|writer| cases.iter().try_for_each(|case| write_case(writer, case)))?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, report: &CaseReport) -> io::Result<()> {
    let CaseReport { case, verdict, clause, advice, seconds: time, .. } = report;
    let (group, time) = (case.split('.').next().unwrap_or_default(), seconds(*time));
    let attributes = [("classname", group), ("name", case.as_str()), ("time", time.as_str())];
    let reason = printable(&verdict.reason);
    let advice = format!("{clause} {advice}");
    writer.create_element("testcase").with_attributes(attributes).write_inner_content(|writer| {
        let message = [("message", reason.as_str())];
        match verdict.outcome {
            Outcome::Pass => {}
            Outcome::Warning => {
                let text = format!("warning: {reason} {advice}");
                writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
            }
            Outcome::Skipped => drop(writer.create_element("skipped").with_attributes(message).write_empty()?),
            Outcome::Fail | Outcome::Crashed => {
                let name = if verdict.outcome == Outcome::Fail { "failure" } else { "error" };
                let element = writer.create_element(name).with_attributes(message);
                element.write_text_content(BytesText::new(&advice))?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn seconds(time: f64) -> String {
    format!("{time:.3}")
}

/// XML allows no control characters, not even escaped.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
