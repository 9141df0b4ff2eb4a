//! The predictor (the file `decoder`): computes the joiner's other input from the tokens so far.

use super::most_rows;
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::{Lent, Sessions};
use ort::value::{DynValue, Tensor};
use serde::{Deserialize, Serialize};

/// More values are an error.
const MOST_NUMBERS: usize = 1 << 20;

/// The state of a predictor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// The last tokens, this many.
    Tokens(usize),
    /// The states of this many layers.
    States { layers: usize, hidden: usize },
}

/// The predictor's output after the tokens so far, and its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Prediction {
    /// The input of the joiner.
    pub(crate) predicted: Vec<f32>,
    past: PredictorState,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum PredictorState {
    Tokens(Vec<i64>),
    /// Hidden and cell states, [layers, hidden] each.
    States([Vec<f32>; 2]),
}

pub(crate) struct Predictor {
    sessions: Sessions,
    memory: Memory,
    most_rows: usize,
    begin: Prediction,
}

impl Predictor {
    pub(crate) fn open(sessions: Sessions, memory: Memory, blank: usize) -> Result<Self, Error> {
        let (count, most_rows) = {
            let session = sessions.lend()?;
            (session.inputs().len(), most_rows(&session, 0))
        };
        let (wanted, past, numbers) = match memory {
            // There is no token before the first blank.
            Memory::Tokens(context) => (1, PredictorState::Tokens(vec![-1; context.min(MOST_NUMBERS)]), context),
            Memory::States { layers, hidden } => {
                let numbers = layers.saturating_mul(hidden);
                let zeros = vec![0.0; numbers.min(MOST_NUMBERS)];
                (4, PredictorState::States([zeros.clone(), zeros]), numbers)
            }
        };
        if count != wanted || !(1..=MOST_NUMBERS).contains(&numbers) {
            return Err(Error::model(format!("has {count} inputs, but the metadata require {wanted} for {memory:?}")));
        }
        let begin = Prediction { predicted: Vec::new(), past };
        let mut predictor = Self { sessions, memory, most_rows, begin };
        let begin = predictor.predict(&[(&predictor.begin, blank)])?;
        if let Some(begin) = begin.into_iter().next() {
            predictor.begin = begin;
        }
        Ok(predictor)
    }

    /// The output before any token.
    pub(crate) fn begin(&self) -> &Prediction {
        &self.begin
    }

    /// Whether the state is kept for the next utterance; hidden states would degrade.
    pub(crate) fn remembers(&self) -> bool {
        matches!(self.memory, Memory::Tokens(_))
    }

    /// Number of tokens before the first one.
    pub(crate) fn context(&self) -> usize {
        match self.memory {
            Memory::Tokens(context) => context,
            Memory::States { .. } => 0,
        }
    }

    /// Whether a prediction belongs to this predictor.
    pub(crate) fn is_of(&self, prediction: &Prediction) -> bool {
        let same = match (&prediction.past, &self.begin.past) {
            (PredictorState::Tokens(one), PredictorState::Tokens(other)) => one.len() == other.len(),
            (PredictorState::States(one), PredictorState::States(other)) => {
                one.iter().zip(other).all(|(one, other)| one.len() == other.len())
            }
            _ => false,
        };
        same && prediction.predicted.len() == self.begin.predicted.len()
    }

    /// The outputs after each of these predictions and one more token.
    pub(crate) fn predict(&self, asked: &[(&Prediction, usize)]) -> Result<Vec<Prediction>, Error> {
        let mut predictions = Vec::with_capacity(asked.len());
        let mut session = self.sessions.lend()?;
        for asked in asked.chunks(self.most_rows) {
            predictions.extend(match self.memory {
                Memory::Tokens(context) => Self::after_tokens(&mut session, asked, context)?,
                Memory::States { layers, hidden } => Self::after_states(&mut session, asked, layers, hidden)?,
            });
        }
        Ok(predictions)
    }

    fn after_tokens(
        session: &mut Lent<'_>,
        asked: &[(&Prediction, usize)],
        context: usize,
    ) -> Result<Vec<Prediction>, Error> {
        let pasts = asked.iter().map(|(before, token)| match &before.past {
            PredictorState::Tokens(tokens) => tokens.iter().skip(1).copied().chain([*token as i64]).collect(),
            PredictorState::States(_) => Vec::new(),
        });
        let pasts: Vec<Vec<i64>> = pasts.collect();
        let input = Tensor::from_array(([asked.len(), context], pasts.concat()))?;
        let outputs = session.run(ort::inputs![input])?;
        let predicted = rows(&outputs[0], asked.len())?;
        Ok(predicted
            .zip(pasts)
            .map(|(predicted, past)| Prediction { predicted: predicted.to_vec(), past: PredictorState::Tokens(past) })
            .collect())
    }

    fn after_states(
        session: &mut Lent<'_>,
        asked: &[(&Prediction, usize)],
        layers: usize,
        hidden: usize,
    ) -> Result<Vec<Prediction>, Error> {
        let count = asked.len();
        let tokens: Vec<i32> = asked.iter().map(|(_, token)| *token as i32).collect();
        let states = |which: usize| {
            let mut states = Vec::with_capacity(layers * count * hidden);
            for layer in 0..layers {
                for (before, _) in asked {
                    if let PredictorState::States(past) = &before.past {
                        states.extend_from_slice(&past[which][layer * hidden..(layer + 1) * hidden]);
                    }
                }
            }
            Tensor::from_array(([layers, count, hidden], states))
        };
        let inputs = ort::inputs![
            Tensor::from_array(([count, 1], tokens))?,
            Tensor::from_array(([count], vec![1i32; count]))?,
            states(0)?,
            states(1)?
        ];
        let outputs = session.run(inputs)?;
        if outputs.len() != 4 {
            return Err(Error::model(format!("has {} outputs instead of 4", outputs.len())));
        }
        let (after, cells) = (floats(&outputs[2])?, floats(&outputs[3])?);
        if [after, cells].iter().any(|states| states.len() != layers * count * hidden) {
            return Err(Error::model(format!("returned states of another shape than [{layers}, {count}, {hidden}]")));
        }
        let of = |states: &[f32], row: usize| -> Vec<f32> {
            states.chunks_exact(hidden).skip(row).step_by(count).flatten().copied().collect()
        };
        let predicted = rows(&outputs[0], count)?.enumerate();
        Ok(predicted
            .map(|(row, predicted)| Prediction {
                predicted: predicted.to_vec(),
                past: PredictorState::States([of(after, row), of(cells, row)]),
            })
            .collect())
    }
}

fn floats(value: &DynValue) -> Result<&[f32], Error> {
    Ok(value.try_extract_tensor::<f32>()?.1)
}

/// The rows of an output [rows, ...].
fn rows(value: &DynValue, count: usize) -> Result<std::slice::ChunksExact<'_, f32>, Error> {
    let (shape, values) = value.try_extract_tensor::<f32>()?;
    if shape.first() != Some(&(count as i64)) || values.is_empty() {
        return Err(Error::model(format!("returned {shape:?} for {count} rows")));
    }
    Ok(values.chunks_exact(values.len() / count))
}
