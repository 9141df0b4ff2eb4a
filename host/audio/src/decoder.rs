//! What a codec is to the intake.

/// Decodes one client's packets to mono samples, in their order.
///
/// A packet is what the client sent as one: a frame of a WebSocket, the payload of an RTP packet. Where the codec lets
/// packets be cut anywhere, as PCM does, the samples depend only on the bytes. What cannot be decoded never fails: it is
/// silenced or concealed, so that times stay right.
pub(super) trait Decoder: Send {
    /// Appends the mono samples of a packet to `out`. Returns how many frames, at the client's rate, it made whole: the time
    /// that the packet took.
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> u64;

    /// Forgets what came before the next packet.
    fn reset(&mut self);
}
