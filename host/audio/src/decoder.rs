//! The trait of the decoders that the intake uses.

/// Decodes one client's packets in order to mono samples.
///
/// A packet is one message of the client: a frame of a WebSocket, the payload of an RTP packet. If the codec lets packets be cut
/// anywhere, as PCM does, the samples depend only on the bytes. Decoding never fails: bad packets are silenced or concealed, so
/// that times stay correct.
pub(super) trait Decoder: Send {
    /// Appends a packet's mono samples to `out`. Returns the number of frames that it completed, at the client's rate.
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> u64;

    /// Appends samples in place of so many frames that were lost, at the client's rate. `next` is the packet after them, in which the
    /// codec may have the last of them again; it is not decoded by this.
    fn conceal(&mut self, frames: u64, next: Option<&[u8]>, out: &mut Vec<f32>);

    /// Appends silence of so many frames, at the client's rate.
    fn silence(&mut self, frames: u64, out: &mut Vec<f32>);

    /// Whether the channels were found to be in opposite phase, so that their mix is nearly silent. True only once. `ended`: there
    /// is no more audio.
    fn opposite_phase(&mut self, ended: bool) -> bool;

    /// Discards all state from before the next packet.
    fn reset(&mut self);
}
