//! The joiner: computes a score for each symbol from a frame of the encoder and the predictor's output.

use super::most_rows;
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::Sessions;
use ort::{
    session::SessionInputValue,
    value::{TensorRef, ValueType},
};

pub(crate) struct Joiner {
    sessions: Sessions,
    /// Number of values in a frame, and in the predictor's output.
    widths: [usize; 2],
    /// Number of axes of length 1 after the width.
    flat_axes: usize,
    most_rows: usize,
    pub(crate) symbols: usize,
}

/// Unnormalised scores, a row for each request.
pub(crate) struct Logits {
    values: Vec<f32>,
    symbols: usize,
}

impl Joiner {
    pub(crate) fn open(sessions: Sessions, frame: usize, predicted: usize, symbols: usize) -> Result<Self, Error> {
        let (flat_axes, most_rows) = {
            let session = sessions.lend()?;
            let axes = match session.inputs().first().map(|input| input.dtype()) {
                Some(ValueType::Tensor { shape, .. }) => shape.len(),
                _ => 0,
            };
            let inputs = session.inputs().len();
            if inputs != 2 || !(2..=3).contains(&axes) {
                return Err(Error::model(format!(
                    "has {inputs} inputs, the first of {axes} axes: not a supported joiner (two inputs of [batch, width] or \
                     [batch, width, 1])"
                )));
            }
            (axes - 2, most_rows(&session, 0))
        };
        if frame == 0 || predicted == 0 {
            return Err(Error::model(format!("must accept frames of {frame} numbers and predictions of {predicted}")));
        }
        let joiner = Self { sessions, widths: [frame, predicted], flat_axes, most_rows, symbols };
        joiner.join(&vec![0.0; frame], &vec![0.0; predicted])?;
        Ok(joiner)
    }

    /// Computes the scores for each row of frames and predictor outputs.
    pub(crate) fn join(&self, frames: &[f32], predicted: &[f32]) -> Result<Logits, Error> {
        let [frame_width, predicted_width] = self.widths;
        let most = self.most_rows.min(frames.len() / frame_width).max(1);
        let mut values = Vec::with_capacity(frames.len() / frame_width * self.symbols);
        for (frames, predicted) in frames.chunks(most * frame_width).zip(predicted.chunks(most * predicted_width)) {
            let rows = frames.len() / frame_width;
            let shape = |width| [&[rows, width][..], &[1, 1][..self.flat_axes]].concat();
            let inputs: [SessionInputValue<'_>; 2] = [
                TensorRef::from_array_view((shape(frame_width), frames))?.into(),
                TensorRef::from_array_view((shape(predicted_width), predicted))?.into(),
            ];
            let mut session = self.sessions.lend()?;
            let outputs = session.run(inputs)?;
            let (shape, logits) = outputs[0].try_extract_tensor::<f32>()?;
            if logits.len() != rows * self.symbols || shape.last() != Some(&(self.symbols as i64)) {
                let symbols = self.symbols;
                return Err(Error::model(format!(
                    "returned {shape:?}, not scores of {symbols} symbols for {rows} rows"
                )));
            }
            values.extend_from_slice(logits);
        }
        Ok(Logits { values, symbols: self.symbols })
    }
}

impl Logits {
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.symbols)
    }
}
