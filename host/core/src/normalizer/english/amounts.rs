//! Numbers and what belongs to them, as one word: "10 million" is `10000000`, "10 dollars" is `$10`, "5 percent" is `5%`.

/// Words that multiply the number before them.
const MULTIPLES: [(&str, f64); 5] =
    [("hundred", 1e2), ("thousand", 1e3), ("million", 1e6), ("billion", 1e9), ("trillion", 1e12)];

/// Units: their names, and the sign before or behind the number.
const UNITS: [(&[&str], &str, &str); 5] = [
    (&["dollar", "dollars"], "$", ""),
    (&["pound", "pounds"], "£", ""),
    (&["euro", "euros"], "€", ""),
    (&["cent", "cents"], "¢", ""),
    (&["percent"], "", "%"),
];

/// The largest number whose digits are exact.
const EXACT: f64 = 9e15;

/// Multiplies numbers in digits by the words after them. For use before words become digits.
pub(super) fn multiplied<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let (mut done, mut words) = (Vec::new(), words.peekable());
    while let Some(word) = words.next() {
        let mut product = word.to_owned();
        if let Some((sign, digits)) = number(word) {
            let mut value: f64 = digits.parse().unwrap_or(f64::INFINITY);
            while let Some((_, factor)) = words.peek().and_then(|next| MULTIPLES.iter().find(|(name, _)| name == next))
            {
                if value * factor > EXACT {
                    break;
                }
                value *= factor;
                product = format!("{sign}{value}");
                words.next();
            }
        }
        done.push(product);
    }
    done
}

/// Joins numbers with their units.
pub(super) fn with_units(text: &str) -> Vec<String> {
    let (mut done, text) = (Vec::new(), format!(" {text} ").replace(" per cent ", " percent "));
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let unit = words.peek().and_then(|next| UNITS.iter().find(|(names, ..)| names.contains(next)));
        match (number(word), unit) {
            // "$5 dollars" is one amount, "$5 pounds" two things.
            (Some((sign, digits)), Some((_, before, behind))) if sign.is_empty() || sign == *before => {
                done.push(format!("{before}{digits}{behind}"));
                words.next();
            }
            _ => done.push(word.to_owned()),
        }
    }
    done
}

/// The sign of a currency, or nothing, and the digits behind it. `None` if the word is no number in digits.
fn number(word: &str) -> Option<(&str, &str)> {
    let digits = word.trim_start_matches(['$', '£', '€']);
    let is_number = digits.starts_with(|letter: char| letter.is_ascii_digit())
        && digits.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    is_number.then(|| (&word[..word.len() - digits.len()], digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_multiplied() {
        for (text, words) in [
            ("10 thousand and $2.5 million", "10000 and $2500000"),
            ("1.5 hundred thousand", "150000"),
            ("million 10th 1.2.3 million 0012", "million 10th 1.2.3 million 0012"),
        ] {
            assert_eq!(multiplied(text.split_whitespace()).join(" "), words);
        }
        let large = format!("{} trillion", "9".repeat(300));
        assert_eq!(multiplied(large.split_whitespace()).join(" "), large);
    }

    #[test]
    fn numbers_have_their_units() {
        for (text, words) in [
            ("10 dollars", "$10"),
            ("$5 dollars", "$5"),
            ("5 per cent of 10 percent", "5% of 10%"),
            ("5 per century", "5 per century"),
            ("20 pounds 30 euros 7 cents", "£20 €30 ¢7"),
            ("$5 pounds of dollars", "$5 pounds of dollars"),
        ] {
            assert_eq!(with_units(text).join(" "), words);
        }
    }
}
