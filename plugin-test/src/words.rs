//! Compares the recognised text with the spoken text.

/// The words of a text in lower case, without punctuation.
pub fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The number of words to insert, delete or replace to turn the spoken text into the recognised one. Divided by the
/// number of spoken words this is the word error rate.
pub fn word_errors(said: &[String], recognised: &[String]) -> usize {
    let [said, recognised]: [Vec<&String>; 2] = [said, recognised].map(|words| words.iter().collect());
    strsim::generic_levenshtein(&said, &recognised)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_neither_case_nor_punctuation() {
        assert_eq!(words("Über -- it's 5, ÉTÉ!"), ["über", "it's", "5", "été"]);
    }

    #[test]
    fn errors_are_counted_in_words() {
        let count = |said: &str, recognised: &str| word_errors(&words(said), &words(recognised));
        assert_eq!(count("One, two, three.", "one two three"), 0);
        assert_eq!(count("one two three", "one too three four"), 2);
        assert_eq!(count("one two three", "three"), 2);
        assert_eq!(count("", "a b"), 2);
    }
}
