//! Reads the form of a request with an audio file, and its parameters. The first byte is the size of the pieces in which it arrives.
//!
//! Checks: a form is refused with a one-line error, or its fields and its file are within their limits; the pieces do not matter;
//! parameters are refused with a one-line error that names one of them, or are read.

use crate::assert_one_line;
use auricle_dialects::{
    Uploads,
    openai::{Problem, form::Form, parameters::Parameters},
};
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use std::{convert::Infallible, io::Read};

/// The largest file, in bytes.
const MAX_BYTES: usize = 1_000;

type Fields = Vec<(String, String)>;

/// The target; see the module.
pub fn openai_forms(bytes: &[u8]) {
    let Some((piece, body)) = bytes.split_first() else { return };
    let whole = read(body, body.len().max(1));
    let cut = read(body, usize::from(*piece).max(1));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole, cut);
            let (fields, file) = whole;
            assert!(file.is_none_or(|file| file.len() <= MAX_BYTES));
            if let Err(problem) = Parameters::read(&fields) {
                assert_one_line(&problem);
                assert!(problem.param.is_some_and(|param| problem.to_string().contains(param)), "{problem}");
            }
        }
        (Err(one), Err(other)) => [one, other].iter().for_each(assert_one_line),
        (whole, cut) => panic!("read as a whole: {whole:?}, in pieces: {cut:?}"),
    }
}

fn read(body: &[u8], piece: usize) -> Result<(Fields, Option<Vec<u8>>), Problem> {
    let pieces = body.chunks(piece).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)));
    let uploads = Uploads::new(MAX_BYTES, 1.0, u64::MAX);
    let form = Form::read(stream::iter(pieces), "B", &uploads).now_or_never().expect("all of it has arrived")?;
    let file = form.file.map(|mut file| {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("it is in memory");
        bytes
    });
    Ok((form.fields, file))
}
