//! A strict reader of Prometheus' text formats: what `promtool check metrics` and the OpenMetrics specification complain of
//! fails here.

use std::collections::{BTreeMap, BTreeSet};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    OpenMetrics,
    Plain,
}

/// A metric family.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) kind: String,
    /// Values by name and labels, as they are written.
    pub(crate) samples: BTreeMap<String, f64>,
}

/// Units that are not base units, as parts of names.
const DERIVED_UNITS: [&str; 12] = [
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "ms",
    "minutes",
    "hours",
    "days",
    "kilobytes",
    "megabytes",
    "mb",
    "kib",
    "percent",
];

/// Reads all families by name.
///
/// # Panics
/// The text breaks a rule.
pub(crate) fn read(text: &str, format: Format) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "no line feed at the end");
    assert_eq!(text.ends_with("\n# EOF\n"), format == Format::OpenMetrics, "{text}");
    let mut families = BTreeMap::<String, Family>::new();
    let (mut current, mut helped) = (None::<String>, None::<String>);
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(about) = line.strip_prefix("# HELP ") {
            let (name, help) = about.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
            assert!(!help.trim().is_empty() && name_is_valid(name), "{line}");
            helped = Some(name.to_owned());
        } else if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, kind) = about.split_once(' ').unwrap();
            assert_eq!(helped.take().as_deref(), Some(name), "TYPE without HELP before it: {line}");
            let kinds: &[_] = match format {
                Format::OpenMetrics => &["counter", "gauge", "histogram", "info"],
                Format::Plain => &["counter", "gauge", "histogram"],
            };
            assert!(kinds.contains(&kind), "{line}");
            let parts: Vec<_> = name.split('_').collect();
            assert!(!parts.iter().any(|part| DERIVED_UNITS.contains(part)), "not a base unit: {line}");
            // In the older format the family has the name of its samples.
            let total = kind == "counter" && format == Format::Plain;
            assert_eq!(name.ends_with("_total"), total, "{line}");
            let family = Family { kind: kind.to_owned(), samples: BTreeMap::new() };
            assert!(families.insert(name.to_owned(), family).is_none(), "twice: {line}");
            current = Some(name.to_owned());
        } else if let Some(about) = line.strip_prefix("# UNIT ") {
            let (name, unit) = about.split_once(' ').unwrap();
            assert!(format == Format::OpenMetrics && name.ends_with(&format!("_{unit}")), "{line}");
            assert_eq!(current.as_deref(), Some(name), "{line}");
        } else {
            let name = current.as_deref().unwrap_or_else(|| panic!("a sample without a family: {line}"));
            let family = families.get_mut(name).unwrap();
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let (metric, labels) = sample.split_once('{').map_or((sample, ""), |(metric, labels)| (metric, labels));
            check_labels(labels, line);
            let suffix = metric.strip_prefix(name).unwrap_or_else(|| panic!("not of the family {name}: {line}"));
            let suffixes: &[_] = match (family.kind.as_str(), format) {
                ("counter", Format::OpenMetrics) => &["_total"],
                ("histogram", _) => &["_bucket", "_sum", "_count"],
                ("info", _) => &["_info"],
                _ => &[""],
            };
            assert!(suffixes.contains(&suffix), "{line}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
            assert!(family.kind == "gauge" || value >= 0.0, "{line}");
            assert!(family.samples.insert(sample.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    families.iter().filter(|(_, family)| family.kind == "histogram").for_each(|(name, family)| check(name, family));
    families
}

fn name_is_valid(name: &str) -> bool {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(part)
}

/// Checks labels, the closing brace included.
fn check_labels(labels: &str, line: &str) {
    let (mut rest, mut names) = (labels, BTreeSet::new());
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(name_is_valid(name) && !name.starts_with("__") && names.insert(name), "{line}");
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next() {
                Some((_, '\\')) => assert!(matches!(chars.next(), Some((_, '\\' | '"' | 'n'))), "{line}"),
                Some((end, '"')) => break end,
                Some(_) => {}
                None => panic!("{line}"),
            }
        };
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or_else(|| rest.strip_prefix('}').unwrap_or_else(|| panic!("{line}")));
    }
}

/// Checks that the buckets of a histogram grow, and that the last one has all observations.
fn check(name: &str, family: &Family) {
    let mut series = BTreeMap::<String, Vec<(f64, f64)>>::new();
    for (sample, value) in family.samples.iter().filter(|(sample, _)| sample.starts_with(&format!("{name}_bucket"))) {
        let (before, after) = sample.split_once("le=\"").unwrap();
        let (limit, after) = after.split_once('"').unwrap();
        let limit = if limit == "+Inf" { f64::INFINITY } else { limit.parse().unwrap() };
        let labels = format!("{}{}", before.split_once('{').unwrap().1, after.trim_start_matches(','));
        series.entry(labels).or_default().push((limit, *value));
    }
    for (labels, mut buckets) in series {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.is_sorted_by(|one, other| one.1 <= other.1), "{name} {labels}");
        assert_eq!(buckets.last().unwrap().0, f64::INFINITY, "{name} {labels}");
        let count = family.samples[&format!("{name}_count{{{labels}")];
        assert_eq!(buckets.last().unwrap().1, count, "{name} {labels}");
    }
}
