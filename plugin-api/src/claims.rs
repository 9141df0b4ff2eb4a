//! What a plugin says of itself before any of its code runs: what all of its models can do, and what they need.
//!
//! Exported as the data symbol [`Claims::SYMBOL`]: the length of the text in 4 bytes, little-endian, then the text, a JSON object.
//! Fields that are unknown are ignored, so that claims can grow.

use crate::{Metadata, Schema, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// What a plugin can do and needs, for every model that it loads. What depends on the model is left out.
///
/// Authors write them as JSON, behind the engines in [`export_engine!`](crate::export_engine). A host that finds claims grants what
/// they need and no more, and refuses a model that does not do what they say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Claims {
    /// What each model does: `partials`, `word-times`, `confidence` or `endpoints`, as in
    /// [`Metadata::capabilities`]; `batches` ([`Metadata::max_batch`] above 1); `hotwords` (a stream field of that name, or
    /// `phrases`). Hosts ignore names that they do not know.
    pub can: Vec<String>,
    /// BCP 47 tags of all languages of all models. If empty, nothing is said.
    pub languages: Vec<String>,
    /// What the engines need beyond their own files, the resource directories and the paths in their configuration.
    pub needs: Vec<Need>,
}

/// Something that an engine needs and that a host grants only if it is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Need {
    /// To read the files that [`ModelLoader::files`](crate::ModelLoader::files) names.
    Files,
    /// To connect to other machines.
    Network,
    /// To use the machine's graphics processors.
    Gpu,
    /// To run without a sandbox: it may do what the server may do.
    NoSandbox,
}

impl Need {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Files, Self::Network, Self::Gpu, Self::NoSandbox];

    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Network => "network",
            Self::Gpu => "gpu",
            Self::NoSandbox => "no-sandbox",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Claims {
    /// The symbol's name in the file.
    pub const SYMBOL: &'static str = "AURICLE_PLUGIN_CLAIMS";
    /// The largest size of the text, in bytes.
    pub const MOST_BYTES: usize = 1 << 16;

    /// The names in [`can`](Self::can) that hosts know.
    pub const ABILITIES: [&'static str; 6] =
        ["partials", "word-times", "confidence", "endpoints", "batches", "hotwords"];

    /// The bytes at the symbol, for [`export_engine!`](crate::export_engine). `N` is the length of the text and 4.
    #[doc(hidden)]
    pub const fn encode<const N: usize>(text: &str) -> [u8; N] {
        let text = text.as_bytes();
        assert!(text.len() + 4 == N && text.len() <= Self::MOST_BYTES, "claims have at most 65,536 bytes");
        let length = (text.len() as u32).to_le_bytes();
        let mut bytes = [0; N];
        let mut at = 0;
        while at < N {
            bytes[at] = if at < 4 { length[at] } else { text[at - 4] };
            at += 1;
        }
        bytes
    }

    /// Reads claims from the bytes at their symbol.
    ///
    /// # Errors
    /// They are not valid. The message is one line.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (length, rest) = bytes.split_first_chunk().ok_or("the claims are cut short")?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > Self::MOST_BYTES {
            return Err(format!("the claims have {length} bytes: the limit is {}", Self::MOST_BYTES));
        }
        Self::from_json(rest.get(..length).ok_or("the claims are cut short")?)
    }

    /// Reads claims from JSON text.
    ///
    /// # Errors
    /// It is not a JSON object of the form of this type, or has a need that this host does not know. The message is one line.
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        let invalid = |error: serde_json::Error| {
            format!("the claims are not valid: {error}").replace(|c: char| c.is_control(), " ")
        };
        let object: Map<String, Value> = serde_json::from_slice(text).map_err(invalid)?;
        let claims: Self = serde_json::from_value(Value::Object(object)).map_err(invalid)?;
        let is_name = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        match claims.can.iter().chain(&claims.languages).find(|name| !is_name(name)) {
            Some(name) => Err(format!("the claims are not valid: {name:?} is not a name of 1 to 64 letters")),
            None => Ok(claims),
        }
    }

    /// Whether this is needed.
    pub fn need(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }

    /// Checks the claims against a loaded model, with the schema of its engine.
    ///
    /// # Errors
    /// The first claim that the model does not keep. The message is one line.
    pub fn check(&self, metadata: &Metadata, schema: &Schema) -> Result<(), String> {
        let has_field = |name| schema.scope(name) == Some(Scope::Stream);
        for name in &self.can {
            let missing = match name.as_str() {
                "batches" if metadata.max_batch < 2 => "the model's `max_batch` is 1",
                "hotwords" if !has_field("hotwords") && !has_field("phrases") => "no stream field has that name",
                "batches" | "hotwords" => continue,
                known if Self::ABILITIES.contains(&known) && !metadata.capabilities.contains(name) => {
                    "it is not among the model's capabilities"
                }
                _ => continue,
            };
            return Err(format!("the plugin claims `{name}`, but {missing}"));
        }
        let base = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let is_claimed = |tag: &&String| self.languages.iter().any(|claim| base(claim) == base(tag));
        match metadata.languages.iter().find(|tag| !is_claimed(tag)) {
            Some(tag) if !self.languages.is_empty() => Err(format!(
                "the model has the language {tag:?}, but the plugin claims {} only",
                self.languages.join(", ")
            )),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Claims {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String], none: &str| if names.is_empty() { none.to_owned() } else { names.join(", ") };
        let needs: Vec<_> = self.needs.iter().map(Need::to_string).collect();
        write!(f, "can {}; needs {}", list(&self.can, "nothing in particular"), list(&needs, "nothing"))?;
        if !self.languages.is_empty() {
            write!(f, "; languages {}", self.languages.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Field;
    use proptest::prelude::*;

    fn claims(json: &str) -> Result<Claims, String> {
        Claims::from_json(json.as_bytes())
    }

    #[test]
    fn what_the_macro_writes_is_read_back() {
        const TEXT: &str =
            r#"{"can": ["partials", "a-later-ability"], "needs": ["gpu", "no-sandbox"], "later": {"x": [1]}}"#;
        static BYTES: [u8; TEXT.len() + 4] = Claims::encode(TEXT);
        let read = Claims::parse(&BYTES).unwrap();
        assert_eq!((read.can.len(), &read.needs[..]), (2, &[Need::Gpu, Need::NoSandbox][..]));
        assert!(read.need(Need::Gpu) && !read.need(Need::Network));
        assert_eq!(read.to_string(), "can partials, a-later-ability; needs gpu, no-sandbox");
        // What follows belongs to other symbols.
        assert_eq!(Claims::parse(&[&BYTES[..], b"more"].concat()), Ok(read));
        assert!(Claims::parse(&BYTES[..BYTES.len() - 1]).unwrap_err().contains("cut short"));
        for need in Need::ALL {
            assert_eq!(serde_json::to_value(need).unwrap(), need.name());
        }
    }

    #[test]
    fn malformed_claims_say_what_is_wrong() {
        for (json, problem) in [
            ("[]", "expected a map"),
            (r#"{"can": "partials"}"#, "expected a sequence"),
            (r#"{"needs": ["camera"]}"#, "unknown variant `camera`, expected one of `files`, `network`"),
            (r#"{"needs": ["a\nb"]}"#, "unknown variant `a b`"),
            (r#"{"can": ["two words"]}"#, "\"two words\" is not a name"),
            ("{", "EOF"),
        ] {
            let reason = claims(json).unwrap_err();
            assert!(reason.starts_with("the claims are not valid: ") && reason.contains(problem), "{reason}");
        }
        let long = Claims::parse(&[0, 0, 1, 0, b'{']).unwrap_err();
        assert!(long.contains("cut short"), "{long}");
        assert!(Claims::parse(&[1, 0, 1, 0]).unwrap_err().contains("the limit is 65536"));
    }

    #[test]
    fn a_model_keeps_the_claims_or_the_first_that_it_breaks_is_named() {
        let model = Metadata::default().capabilities(["partials"]).max_batch(4).languages(["en-GB"]);
        let schema = Schema::new().field(Field::stream("hotwords"));
        let check = |json: &str| claims(json).unwrap().check(&model, &schema);
        for kept in ["{}", r#"{"can": ["partials", "batches", "hotwords", "turns"], "languages": ["de", "en"]}"#] {
            assert_eq!(check(kept), Ok(()), "{kept}");
        }
        for (broken, named) in [
            (r#"{"can": ["partials", "word-times"]}"#, "claims `word-times`"),
            (r#"{"languages": ["de"]}"#, "the language \"en-GB\""),
        ] {
            assert!(check(broken).unwrap_err().contains(named), "{broken}");
        }
        let bare = |json: &str| claims(json).unwrap().check(&Metadata::default(), &Schema::new()).unwrap_err();
        assert!(bare(r#"{"can": ["batches"]}"#).contains("`max_batch` is 1"));
        assert!(bare(r#"{"can": ["hotwords"]}"#).contains("no stream field"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_in_one_line(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Err(problem) = Claims::parse(&noise) {
                prop_assert!(!problem.contains(|c: char| c.is_control()), "{:?}", problem);
            }
        }

        #[test]
        fn any_text_is_read_or_refused_in_one_line(
            field in "can|needs|languages|later",
            value in r#"\[("[a-z \\n-]{0,9}",?){0,3}\]|"[^"]{0,9}"|[0-9]{1,3}|\{"#,
        ) {
            let json = format!(r#"{{"{field}": {value}}}"#);
            let mut bytes = (json.len() as u32).to_le_bytes().to_vec();
            bytes.extend(json.as_bytes());
            match Claims::parse(&bytes) {
                Ok(claims) => prop_assert_eq!(Claims::from_json(&serde_json::to_vec(&claims).unwrap()), Ok(claims)),
                Err(problem) => prop_assert!(!problem.contains(|c: char| c.is_control()), "{:?}", problem),
            }
        }
    }
}
