//! Finds the name that was probably meant by a misspelt one. Threads: any.

/// ` (did you mean `NAME`?)` if one of the known names differs by at most a third of the letters, else nothing.
pub(super) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let lower = name.to_lowercase();
    let letters = lower.chars().count();
    let distance = |known: &str| strsim::osa_distance(&lower, &known.to_lowercase());
    let nearest = known.into_iter().map(|known| (distance(known), known)).min();
    match nearest {
        // A name of one or two letters resembles too many.
        Some((distance, known)) if letters > 2 && distance <= (letters / 3).max(1) => {
            format!(" (did you mean `{known}`?)")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = ["threshold", "lan", "chunk_samples"];
        for (name, meant) in [
            ("treshold", Some("threshold")),
            ("thershold", Some("threshold")),
            ("chunkSamples", Some("chunk_samples")),
            ("lang", Some("lan")),
            ("beam", None),
            ("la", None),
            ("", None),
        ] {
            let expected = meant.map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
            assert_eq!(suggestion(name, known), expected, "{name}");
        }
        assert_eq!(suggestion("beam", []), "");
    }
}
