//! Comparing what was heard with what was said.

/// Lower case, without punctuation.
pub fn words(text: &str) -> Vec<String> {
    let plain = |c: char| if c.is_alphanumeric() || c == '\'' { c.to_ascii_lowercase() } else { ' ' };
    text.chars().map(plain).collect::<String>().split_whitespace().map(str::to_owned).collect()
}

/// Words to insert, remove or replace to get from one text to the other.
pub fn errors(spoken: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in spoken.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in heard.iter().enumerate() {
            let cost = (corner + usize::from(word != other)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[heard.len()]
}
