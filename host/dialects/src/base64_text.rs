//! Audio in messages of text.

use base64::{
    DecodeError, Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Base64 with or without the characters that fill it up.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes base64.
///
/// # Errors
/// The text is something else.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    BASE64.decode(text)
}
