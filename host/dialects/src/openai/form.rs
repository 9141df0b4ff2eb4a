//! Reads the form of a request (`multipart/form-data`): its fields, and the file.
//!
//! Invariant: what is read is bounded: the file by [`Uploads`], the number of fields and their size by the constants below. The
//! order of the parts does not matter; some clients send the file first.

use super::{Problem, parameters};
use crate::{
    Uploads,
    upload::{Upload, is_timeout, slow, too_large},
};
use auricle_core::{Failure, FailureCode};
use axum::http::{HeaderMap, header};
use futures_util::Stream;
use multer::{Constraints, Field, Multipart, SizeLimit};
use std::error::Error;
use tokio_tungstenite::tungstenite::Bytes;

/// The largest number of fields.
const MAX_FIELDS: usize = 200;
/// The largest size of a field, in bytes.
const MAX_FIELD_BYTES: usize = 64 << 10;
/// The largest size of all fields with their heads, in bytes.
const MAX_FORM_BYTES: usize = 1 << 20;

/// The boundary of a request's form.
///
/// # Errors
/// The request has no form, or announces one that is too large.
pub(crate) fn boundary(headers: &HeaderMap, uploads: &Uploads) -> Result<String, Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if length.is_some_and(|length: u64| length > max_body_bytes(uploads)) {
        return Err(too_large(uploads.max_bytes).into());
    }
    multer::parse_boundary(text(header::CONTENT_TYPE).unwrap_or_default())
        .map_err(|_| Problem::malformed("the request must be a form: send `Content-Type: multipart/form-data`"))
}

/// The largest size of a body, in bytes.
fn max_body_bytes(uploads: &Uploads) -> u64 {
    (uploads.max_bytes as u64).saturating_add(MAX_FORM_BYTES as u64)
}

/// A form.
#[derive(Debug)]
pub struct Form {
    /// Names and values, in the order of the client.
    pub fields: Vec<(String, String)>,
    /// The file.
    pub file: Option<Upload>,
}

/// What a form may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormParts {
    /// The name of the part that is the file.
    pub(crate) file: &'static str,
    /// Refuses fields by their name.
    pub(crate) check_name: fn(&str) -> Result<(), Problem>,
}

impl Form {
    /// Reads a form of OpenAI's clients to its end.
    ///
    /// # Errors
    /// The body is not a form, a part of it is too large or may not be used, or reading failed.
    pub async fn read<S, E>(body: S, boundary: &str, uploads: &Uploads) -> Result<Self, Problem>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let parts = FormParts { file: "file", check_name: parameters::check_name };
        Self::read_parts(body, boundary, uploads, parts).await
    }

    /// Reads a form with these parts to its end.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) async fn read_parts<S, E>(
        body: S,
        boundary: &str,
        uploads: &Uploads,
        FormParts { file: file_name, check_name }: FormParts,
    ) -> Result<Self, Problem>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let limit = SizeLimit::new().whole_stream(max_body_bytes(uploads));
        let constraints = Constraints::new().size_limit(limit);
        let mut parts = Multipart::with_constraints(body, boundary, constraints);
        let mut form = Self { fields: Vec::new(), file: None };
        let mut parts_left = MAX_FIELDS;
        while let Some(part) = parts.next_field().await.map_err(|error| unread(error, uploads))? {
            parts_left = parts_left
                .checked_sub(1)
                .ok_or_else(|| Problem::malformed(format!("the form has more than {MAX_FIELDS} fields")))?;
            let name = part.name().unwrap_or_default().to_owned();
            check_name(&name)?;
            match name.as_str() {
                name if name == file_name && form.file.is_some() => {
                    return Err(Problem::invalid(file_name, "is there twice: send one file"));
                }
                name if name == file_name => form.file = Some(file(part, uploads).await?),
                _ => {
                    let value = value(part, uploads).await?;
                    form.fields.push((name, value));
                }
            }
        }
        Ok(form)
    }
}

async fn file(mut part: Field<'_>, uploads: &Uploads) -> Result<Upload, Problem> {
    let mut upload = Upload::new(uploads.clone());
    while let Some(bytes) = part.chunk().await.map_err(|error| unread(error, uploads))? {
        upload.push(&bytes)?;
    }
    Ok(upload)
}

async fn value(mut part: Field<'_>, uploads: &Uploads) -> Result<String, Problem> {
    let mut value = Vec::new();
    while let Some(bytes) = part.chunk().await.map_err(|error| unread(error, uploads))? {
        if value.len() + bytes.len() > MAX_FIELD_BYTES {
            let message = format!("a field of the form has more than {MAX_FIELD_BYTES} bytes");
            return Err(Failure::new(FailureCode::TooLarge, message).into());
        }
        value.extend_from_slice(&bytes);
    }
    String::from_utf8(value).map_err(|_| Problem::malformed("a field of the form is not UTF-8"))
}

/// The problem of a body that cannot be read.
fn unread(error: multer::Error, uploads: &Uploads) -> Problem {
    match error {
        multer::Error::StreamSizeExceeded { .. } => too_large(uploads.max_bytes).into(),
        multer::Error::StreamReadFailed(cause) if is_timeout(&*cause) => slow().into(),
        error => Problem::malformed(format!("the form cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, stream};
    use std::io::{self, ErrorKind, Read};

    fn read(text: &str, piece: usize, max_bytes: usize) -> Result<Form, Problem> {
        let pieces = text.as_bytes().chunks(piece).map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece)));
        let uploads = Uploads::new(max_bytes, 1.0, u64::MAX);
        Form::read(stream::iter(pieces), "B", &uploads).now_or_never().unwrap()
    }

    fn part(name: &str, value: &str) -> String {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    #[test]
    fn fields_and_file_are_read_in_any_order_and_pieces() {
        let parts = [part("file", "RIFF\r\n--A"), part("model", "whisper-1"), part("include[]", "logprobs")];
        for order in [[0, 1, 2], [1, 2, 0]] {
            let text = order.map(|n| parts[n].as_str()).concat() + "--B--\r\n";
            for piece in [1, 7, 1_000] {
                let form = read(&text, piece, 100).unwrap();
                assert_eq!(
                    form.fields,
                    [("model", "whisper-1"), ("include[]", "logprobs")]
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                );
                let mut file = String::new();
                form.file.unwrap().read_to_string(&mut file).unwrap();
                assert_eq!(file, "RIFF\r\n--A");
            }
        }
    }

    #[test]
    fn what_is_too_large_or_no_form_is_refused() {
        let code = |text: &str| read(text, 100, 10).unwrap_err().failure.code;
        assert_eq!(code(&(part("file", "0123456789a") + "--B--")), FailureCode::TooLarge);
        assert_eq!(code(&(part("prompt", &"x".repeat(MAX_FIELD_BYTES + 1)) + "--B--")), FailureCode::TooLarge);
        assert_eq!(code(&(part("file", "a") + &part("file", "a") + "--B--")), FailureCode::InvalidOption);
        assert_eq!(code(&part("x", "").repeat(MAX_FIELDS + 1)), FailureCode::BadMessage);
        assert_eq!(code(&part("model", "cut off")), FailureCode::BadMessage);
        assert_eq!(code("RIFF"), FailureCode::BadMessage);
        assert_eq!(code(&part("known_speaker_names[]", "agent")), FailureCode::ForbiddenField);
    }

    #[test]
    fn a_body_that_is_too_slow_is_named() {
        let late = io::Error::new(ErrorKind::TimedOut, "too slow");
        let pieces = [Ok(Bytes::from_static(b"--B\r\n")), Err(late)];
        let uploads = Uploads::new(1, 1.0, 1);
        let problem = Form::read(stream::iter(pieces), "B", &uploads).now_or_never().unwrap().unwrap_err();
        assert_eq!(problem.failure.code, FailureCode::SlowRequest);
    }
}
