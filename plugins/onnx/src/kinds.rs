//! The networks this engine reads: each kind is a room that tells its files by their metadata and says how they are fed.

mod nemo_ctc;

use crate::network::Layout;
use auricle_plugin_api::Error;
use ort::session::Session;

/// The layout of whatever kind the file is. The error does not name the file.
pub(crate) fn layout(session: &Session) -> Result<Layout, Error> {
    nemo_ctc::layout(session)
}

/// A number of the file's metadata.
fn number(session: &Session, key: &str) -> Result<usize, Error> {
    let value = session.metadata()?.custom(key).ok_or_else(|| Error::model(format!("has no metadata `{key}`")))?;
    value.trim().parse().map_err(|_| Error::model(format!("has metadata `{key}` = `{value}`, which is not a number")))
}
