//! Entry points for the fuzz targets: the reader of stored points.

use super::point_file::{self, PointFile};

/// Reads the file of a stored point and writes it again. Returns what was written, the first of the client's frames that is needed,
/// and the samples before the point that come of it.
///
/// # Errors
/// Why it is not read.
pub fn stored_point(bytes: &[u8]) -> Result<(Vec<u8>, u64, usize), String> {
    let file = PointFile::decode(bytes).map_err(|problem| problem.to_string())?;
    let (identity, point) = (&file.identity, &file.point);
    Ok((file.encode(), identity.frame(point), identity.lead(point)))
}

/// The bytes with the beginning that makes them a file whose checksum is right.
pub fn with_sum(bytes: &[u8]) -> Vec<u8> {
    point_file::with_sum(bytes)
}
