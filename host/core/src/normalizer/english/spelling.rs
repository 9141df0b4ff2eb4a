//! American spelling for British: of common words, and of the common endings of listed stems.

/// Whole words, sorted.
const WORDS: [(&str, &str); 67] = [
    ("acknowledgement", "acknowledgment"),
    ("aeroplane", "airplane"),
    ("aeroplanes", "airplanes"),
    ("ageing", "aging"),
    ("analogue", "analog"),
    ("centimetre", "centimeter"),
    ("centimetres", "centimeters"),
    ("centre", "center"),
    ("centred", "centered"),
    ("centres", "centers"),
    ("cheque", "check"),
    ("cheques", "checks"),
    ("cosy", "cozy"),
    ("defence", "defense"),
    ("defences", "defenses"),
    ("distil", "distill"),
    ("enrol", "enroll"),
    ("enrolment", "enrollment"),
    ("enrols", "enrolls"),
    ("fibre", "fiber"),
    ("fibres", "fibers"),
    ("fulfil", "fulfill"),
    ("fulfilment", "fulfillment"),
    ("fulfils", "fulfills"),
    ("gaol", "jail"),
    ("grey", "gray"),
    ("greyer", "grayer"),
    ("greys", "grays"),
    ("instalment", "installment"),
    ("instalments", "installments"),
    ("judgement", "judgment"),
    ("judgements", "judgments"),
    ("kerb", "curb"),
    ("kerbs", "curbs"),
    ("kilometre", "kilometer"),
    ("kilometres", "kilometers"),
    ("licence", "license"),
    ("licences", "licenses"),
    ("litre", "liter"),
    ("litres", "liters"),
    ("lustre", "luster"),
    ("manoeuvre", "maneuver"),
    ("manoeuvred", "maneuvered"),
    ("manoeuvres", "maneuvers"),
    ("manoeuvring", "maneuvering"),
    ("meagre", "meager"),
    ("metre", "meter"),
    ("metres", "meters"),
    ("millimetre", "millimeter"),
    ("millimetres", "millimeters"),
    ("offence", "offense"),
    ("offences", "offenses"),
    ("practise", "practice"),
    ("practised", "practiced"),
    ("practises", "practices"),
    ("practising", "practicing"),
    ("pretence", "pretense"),
    ("programme", "program"),
    ("programmes", "programs"),
    ("skilful", "skillful"),
    ("sombre", "somber"),
    ("spectre", "specter"),
    ("theatre", "theater"),
    ("theatres", "theaters"),
    ("tyre", "tire"),
    ("tyres", "tires"),
    ("wilful", "willful"),
];

/// Starts of words.
const STARTS: [(&str, &str); 49] = [
    ("aluminium", "aluminum"),
    ("anaemi", "anemi"),
    ("anaesthe", "anesthe"),
    ("armour", "armor"),
    ("behaviour", "behavior"),
    ("candour", "candor"),
    ("catalogue", "catalog"),
    ("clamour", "clamor"),
    ("colour", "color"),
    ("counsellor", "counselor"),
    ("draught", "draft"),
    ("encyclopaedi", "encyclopedi"),
    ("endeavour", "endeavor"),
    ("favour", "favor"),
    ("fervour", "fervor"),
    ("flavour", "flavor"),
    ("foetus", "fetus"),
    ("gynaecolog", "gynecolog"),
    ("haemo", "hemo"),
    ("harbour", "harbor"),
    ("honour", "honor"),
    ("humour", "humor"),
    ("jewellery", "jewelry"),
    ("labour", "labor"),
    ("leukaemi", "leukemi"),
    ("marvellous", "marvelous"),
    ("mould", "mold"),
    ("moult", "molt"),
    ("moustache", "mustache"),
    ("neighbour", "neighbor"),
    ("odour", "odor"),
    ("oestrogen", "estrogen"),
    ("orthopaedic", "orthopedic"),
    ("paediatr", "pediatr"),
    ("parlour", "parlor"),
    ("plough", "plow"),
    ("pyjama", "pajama"),
    ("rigour", "rigor"),
    ("rumour", "rumor"),
    ("saviour", "savior"),
    ("savour", "savor"),
    ("sceptic", "skeptic"),
    ("smoulder", "smolder"),
    ("splendour", "splendor"),
    ("tumour", "tumor"),
    ("valour", "valor"),
    ("vapour", "vapor"),
    ("vigour", "vigor"),
    ("woollen", "woolen"),
];

/// Stems of verbs in -ise.
const ISE: &str = "apolog author capital categor character civil colon commercial computer critic custom digit econom emphas \
    equal familiar final formal general global harmon hospital ideal industrial initial internal jeopard legal \
    local magnet material maxim memor minim mobil modern monopol neutral normal optim organ patron penal personal \
    popular priorit privat public random real recogn reorgan revolution scrutin sensit social special stabil \
    standard steril subsid summar symbol sympath synchron util vandal victim visual";

/// Stems of verbs in -yse.
const YSE: &str = "anal catal paral";

/// Verbs whose last letter is doubled in British spelling only.
const DOUBLED: &str = "cancel channel counsel dial duel fuel label level marvel model panel quarrel refuel rival shovel signal travel \
    tunnel";

/// The endings of verbs in -ise and of what is made of them.
const OF_ISE: [&str; 8] = ["ise", "ised", "iser", "isers", "ises", "ising", "isation", "isations"];
/// The endings of verbs in -yse. (The plural "analyses" is spelled alike.)
const OF_YSE: [&str; 5] = ["yse", "ysed", "yser", "ysers", "ysing"];
/// The endings of verbs with a doubled letter.
const OF_DOUBLED: [&str; 4] = ["led", "ler", "lers", "ling"];

/// The word in American spelling.
pub(super) fn american(word: String) -> String {
    if let Ok(place) = WORDS.binary_search_by_key(&&*word, |(british, _)| *british) {
        return WORDS[place].1.to_owned();
    }
    if let Some((start, rest)) = STARTS.iter().find_map(|(british, start)| Some((start, word.strip_prefix(british)?))) {
        return format!("{start}{rest}");
    }
    let ending = |stems: &str, endings: &[&'static str]| {
        let is_of = |ending: &&&'static str| {
            let stem = word.strip_suffix(**ending).unwrap_or_default();
            !stem.is_empty() && stems.split_whitespace().any(|known| known == stem)
        };
        endings.iter().find(is_of).copied()
    };
    if let Some(ending) = ending(ISE, &OF_ISE).or_else(|| ending(YSE, &OF_YSE)) {
        return format!("{}{}", &word[..word.len() - ending.len()], ending.replacen('s', "z", 1));
    }
    match ending(DOUBLED, &OF_DOUBLED) {
        Some(ending) => format!("{}{}", &word[..word.len() - ending.len()], &ending[1..]),
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn british_words_are_spelled_as_american_ones() {
        for (british, spelled) in [
            ("colourful", "colorful"),
            ("centred", "centered"),
            ("recognised", "recognized"),
            ("organisation", "organization"),
            ("realise", "realize"),
            ("analysed", "analyzed"),
            ("travelling", "traveling"),
            ("theatre", "theater"),
        ] {
            assert_eq!(american(british.to_owned()), spelled);
        }
    }

    #[test]
    fn other_words_stay_as_they_are() {
        for word in ["realism", "analysis", "analyses", "advise", "surprise", "exercise", "filling", "led", "ise", ""] {
            assert_eq!(american(word.to_owned()), word);
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(WORDS.is_sorted_by_key(|(british, _)| *british));
    }
}
