//! Prometheus' older text format, version 0.0.4, from OpenMetrics text.
//!
//! The samples are the same. A counter's family is named with its suffix `_total`, and an info with `_info`; there are
//! no units and no end mark.

/// Converts what [`Metrics::encode`](super::Metrics::encode) returns.
pub(super) fn plain(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    // The metadata of a family: its name and its help. The type comes last but decides about the name.
    let mut help = None;
    for line in openmetrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(_), about) => help = about,
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    other => ("", other),
                };
                let about = help.take().unwrap_or_default();
                text.push_str(&format!("# HELP {name}{suffix} {about}\n# TYPE {name}{suffix} {kind}\n"));
            }
            (Some("#"), ..) => {}
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_named_as_their_samples() {
        let new = "# HELP a_b It is so.\n# TYPE a_b counter\n# UNIT a_b seconds\na_b_total{x=\"# y\"} 1.5\n\
                   # HELP c It.\n# TYPE c info\nc_info{v=\"1\"} 1\n# HELP d D.\n# TYPE d gauge\nd 2\n# EOF\n";
        let old = "# HELP a_b_total It is so.\n# TYPE a_b_total counter\na_b_total{x=\"# y\"} 1.5\n\
                   # HELP c_info It.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n# HELP d D.\n# TYPE d gauge\nd 2\n";
        assert_eq!(plain(new), old);
    }
}
