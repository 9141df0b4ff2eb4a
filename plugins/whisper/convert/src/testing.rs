//! Small CTranslate2 models with random weights, for tests: English only, a tokenizer with one token per byte, windows of 1 s.

use half::f16;
use serde_json::{Value, json};
use std::{fs, io, path::Path};

/// Number of tokens before the special ones: one per byte.
const BYTES: u32 = 256;
const SPECIAL: [&str; 7] = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
];
/// Number of timestamp tokens: steps of 20 ms from 0 to 1 s.
const TIMES: u32 = 51;
/// Mel bands.
const BINS: u32 = 80;
/// Frames that the encoder outputs.
const STATES: u32 = 50;
/// The decoder's maximum number of tokens.
const POSITIONS: u32 = 32;
const LAYERS: usize = 2;
const FLOAT32: u8 = 0;
const INT8: u8 = 1;
const INT16: u8 = 2;
const FLOAT16: u8 = 4;

/// A variable of `model.bin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// The length of each axis.
    pub shape: Vec<u32>,
    /// CTranslate2's number of the type.
    pub kind: u8,
    /// The values, little endian.
    pub bytes: Vec<u8>,
}

/// A model that a test can change and write.
#[derive(Debug, Clone)]
pub struct Model {
    /// The binary version.
    pub version: u32,
    /// The name of the specification.
    pub specification: String,
    /// The variables, in the file's order.
    pub variables: Vec<Variable>,
    /// Aliases, each with the variable's name.
    pub aliases: Vec<(String, String)>,
    /// `config.json`
    pub config: Value,
    /// `tokenizer.json`
    pub tokenizer: Value,
    /// `vocabulary.txt`
    pub vocabulary: Vec<String>,
}

impl Model {
    /// A model of this width with 16-bit weights, which depend on the seed only.
    pub fn new(width: u32, heads: u8, seed: u64) -> Self {
        let mut made = Self {
            version: 6,
            specification: "WhisperSpec".to_owned(),
            variables: Vec::new(),
            aliases: vec![("decoder/projection/weight".to_owned(), "decoder/embeddings/weight".to_owned())],
            config: json!({
                "alignment_heads": [[1, 1], [0, 0], [1, 0]],
                "lang_ids": [],
                "suppress_ids": [1, 2, BYTES + 1],
                "suppress_ids_begin": [32, BYTES],
            }),
            tokenizer: tokenizer(),
            vocabulary: vocabulary(),
        };
        let (mut random, inner, tokens) = (Random(seed), 2 * width, made.vocabulary.len() as u32);
        for (side, positions) in [("encoder", STATES), ("decoder", POSITIONS)] {
            made.integer(&format!("{side}/num_heads"), INT16, &[heads, 0]);
            made.floats(&mut random, &format!("{side}/position_encodings/encodings"), &[positions, width]);
            made.norm(&mut random, &format!("{side}/layer_norm"), width);
            for layer in 0..LAYERS {
                let layer = format!("{side}/layer_{layer}");
                made.norm(&mut random, &format!("{layer}/self_attention/layer_norm"), width);
                made.linear(
                    &mut random,
                    &format!("{layer}/self_attention/linear_0"),
                    &[3 * width, width],
                    width..2 * width,
                );
                made.linear(&mut random, &format!("{layer}/self_attention/linear_1"), &[width, width], 0..0);
                if side == "decoder" {
                    made.norm(&mut random, &format!("{layer}/attention/layer_norm"), width);
                    made.linear(&mut random, &format!("{layer}/attention/linear_0"), &[width, width], 0..0);
                    made.linear(&mut random, &format!("{layer}/attention/linear_1"), &[2 * width, width], 0..width);
                    made.linear(&mut random, &format!("{layer}/attention/linear_2"), &[width, width], 0..0);
                }
                made.norm(&mut random, &format!("{layer}/ffn/layer_norm"), width);
                made.linear(&mut random, &format!("{layer}/ffn/linear_0"), &[inner, width], 0..0);
                made.linear(&mut random, &format!("{layer}/ffn/linear_1"), &[width, inner], 0..0);
            }
        }
        made.linear(&mut random, "encoder/conv1", &[width, BINS, 3], 0..0);
        made.linear(&mut random, "encoder/conv2", &[width, width, 3], 0..0);
        made.floats(&mut random, "decoder/embeddings/weight", &[tokens, width]);
        for (name, value) in [("activation", 3), ("alibi", 0), ("pre_norm", 1), ("scale_embeddings", 0)] {
            made.integer(&format!("decoder/{name}"), INT8, &[value]);
        }
        made.integer("decoder/alignment_layer", INT16, &[255, 255]);
        made.integer("decoder/alignment_heads", INT16, &[1, 0]);
        made
    }

    fn integer(&mut self, name: &str, kind: u8, bytes: &[u8]) {
        self.variables.push(Variable { name: name.to_owned(), shape: Vec::new(), kind, bytes: bytes.to_vec() });
    }

    fn put(&mut self, name: &str, shape: &[u32], numbers: impl Iterator<Item = f32>) {
        let bytes = numbers.flat_map(|number| f16::from_f32(number).to_le_bytes()).collect();
        self.variables.push(Variable { name: name.to_owned(), shape: shape.to_vec(), kind: FLOAT16, bytes });
    }

    /// Random numbers. Longer rows get smaller numbers, so that the products keep their size.
    fn floats(&mut self, random: &mut Random, name: &str, shape: &[u32]) {
        let (count, row) = (shape.iter().product::<u32>(), shape[1..].iter().product::<u32>());
        let scale = 2.5 / (row as f32).sqrt();
        self.put(name, shape, (0..count).map(|_| scale * random.next()));
    }

    fn norm(&mut self, random: &mut Random, name: &str, width: u32) {
        self.put(&format!("{name}/gamma"), &[width], (0..width).map(|_| 1.0 + 0.5 * random.next()));
        self.put(&format!("{name}/beta"), &[width], (0..width).map(|_| 0.5 * random.next()));
    }

    /// A matrix with a bias. The bias of the rows `keys` is zero.
    fn linear(&mut self, random: &mut Random, name: &str, shape: &[u32], keys: std::ops::Range<u32>) {
        self.floats(random, &format!("{name}/weight"), shape);
        let bias = (0..shape[0]).map(|row| if keys.contains(&row) { 0.0 } else { 0.5 * random.next() });
        self.put(&format!("{name}/bias"), &shape[..1], bias);
    }

    /// The variable `name`.
    ///
    /// # Panics
    /// If it does not exist.
    pub fn variable(&mut self, name: &str) -> &mut Variable {
        let found = self.variables.iter_mut().find(|variable| variable.name == name);
        found.unwrap_or_else(|| panic!("no variable {name}"))
    }

    /// Converts the weights to 32 bits.
    pub fn widen(&mut self) {
        for variable in self.variables.iter_mut().filter(|variable| variable.kind == FLOAT16) {
            let numbers = variable.numbers();
            variable.bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            variable.kind = FLOAT32;
        }
    }

    /// The bytes of `model.bin`.
    pub fn model_bin(&self) -> Vec<u8> {
        let mut file = self.version.to_le_bytes().to_vec();
        let text = |file: &mut Vec<u8>, text: &str| {
            file.extend((text.len() as u16 + 1).to_le_bytes());
            file.extend(text.as_bytes());
            file.push(0);
        };
        text(&mut file, &self.specification);
        file.extend(3_u32.to_le_bytes());
        file.extend((self.variables.len() as u32).to_le_bytes());
        for Variable { name, shape, kind, bytes } in &self.variables {
            text(&mut file, name);
            file.push(shape.len() as u8);
            file.extend(shape.iter().flat_map(|length| length.to_le_bytes()));
            file.push(*kind);
            file.extend((bytes.len() as u32).to_le_bytes());
            file.extend(bytes);
        }
        file.extend((self.aliases.len() as u32).to_le_bytes());
        for (alias, name) in &self.aliases {
            text(&mut file, alias);
            text(&mut file, name);
        }
        file
    }

    /// The names and contents of the model's files.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("model.bin", self.model_bin()),
            ("config.json", self.config.to_string().into_bytes()),
            ("tokenizer.json", self.tokenizer.to_string().into_bytes()),
            ("vocabulary.txt", self.vocabulary.iter().flat_map(|token| format!("{token}\n").into_bytes()).collect()),
        ]
    }

    /// Writes the files into a folder.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        self.files().into_iter().try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
    }
}

impl Variable {
    /// The values of a float variable; empty for other types.
    pub fn numbers(&self) -> Vec<f32> {
        match self.kind {
            FLOAT16 => self.bytes.as_chunks().0.iter().map(|x| f16::from_le_bytes(*x).to_f32()).collect(),
            FLOAT32 => self.bytes.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Random numbers between -1 and 1 (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}

/// The character that stands for a byte in GPT-2's vocabulary.
fn letter(byte: u32) -> char {
    let is_shown = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let hidden = (0..byte).filter(|byte| !is_shown(*byte)).count() as u32;
    char::from_u32(if is_shown(byte) { byte } else { BYTES + hidden }).unwrap_or('?')
}

fn vocabulary() -> Vec<String> {
    let times = (0..TIMES).map(|time| format!("<|{:.2}|>", f64::from(time) * 0.02));
    (0..BYTES).map(|byte| letter(byte).to_string()).chain(SPECIAL.map(str::to_owned)).chain(times).collect()
}

fn tokenizer() -> Value {
    let added = |(at, content): (usize, &&str)| json!({"id": BYTES as usize + at, "content": content, "special": true, "normalized": false, "single_word": false, "lstrip": false, "rstrip": false});
    let added: Vec<_> = SPECIAL.iter().enumerate().map(added).collect();
    let letters: serde_json::Map<_, _> = (0..BYTES).map(|byte| (letter(byte).to_string(), byte.into())).collect();
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": bytes,
        "decoder": bytes,
        "model": {"type": "BPE", "vocab": letters, "merges": []},
    })
}
