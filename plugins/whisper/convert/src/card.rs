//! The model card of a converted folder.

use crate::{
    convert::{DECODER, ENCODER, LAYOUT, Precision},
    model::Sizes,
};

/// The text of the card: the model's name, layout, precision and sizes.
pub(crate) fn card(name: &str, sizes: &Sizes, precision: Precision, bytes: u64) -> String {
    let name = name.replace(char::is_control, " ");
    let Sizes { width, encoder_layers, decoder_layers, bins, vocabulary, .. } = sizes;
    let numbers = match precision {
        Precision::Fp32 => "all weights have 32 bits",
        Precision::Mixed => "the encoder has 32 bits; the decoder's matrices have 8 bits, in blocks of 128",
        Precision::Int8 => {
            "the encoder's matrices have 8 bits and their inputs are rounded; convolutions and attention have 32 bits. The decoder's \
             matrices have 8 bits, in blocks of 128"
        }
    };
    let megabytes = bytes as f64 / 1e6;
    format!(
        "# {name}, fast layout ({precision})\n\n\
         Whisper for Auricle's engine `whisper`, converted by `auricle convert` from the CTranslate2 model `{name}`. The weights \
         and their licence are those of that model.\n\n\
         | | |\n| --- | --- |\n\
         | layout | `{LAYOUT}`: `{ENCODER}`, `{DECODER}` ({megabytes:.1} MB) |\n\
         | precision | `{precision}`: {numbers} |\n\
         | sizes | width {width}, {encoder_layers} encoder and {decoder_layers} decoder layers, {bins} mel bands, {vocabulary} tokens |\n"
    )
}
