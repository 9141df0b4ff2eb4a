//! What all peers of this process have in common: the DTLS certificate, the codecs, and what each peer's ICE password is made of.

use std::io;
use str0m::{IceCreds, RtcConfig, config::CryptoProvider, crypto::from_feature_flags};

/// The bytes that the SCTP association of a peer may hold for sending.
const MAX_BUFFERED: usize = 128 << 10;
/// The largest message of a peer, in bytes. Commands are short.
const MAX_MESSAGE: u32 = 16 << 10;

/// The settings of each peer.
pub(super) struct Identity(RtcConfig);

impl Identity {
    /// Makes a certificate, which lives as long as the process.
    ///
    /// # Errors
    /// The certificate cannot be made.
    pub(super) fn new() -> io::Result<Self> {
        let crypto: CryptoProvider = from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate();
        let certificate = certificate.ok_or_else(|| io::Error::other("cannot make a certificate for WebRTC"))?;
        let config = RtcConfig::new()
            .set_crypto_provider(crypto.into())
            .set_dtls_cert(certificate)
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_pcmu(true, false)
            .enable_pcma(true, false)
            .set_sctp_max_buffered_amount(MAX_BUFFERED)
            .set_sctp_max_message_size(MAX_MESSAGE);
        Ok(Self(config))
    }

    /// The settings of a new peer, with an ICE user name and a password that nobody can guess.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn config(&self) -> Result<(RtcConfig, String), getrandom::Error> {
        let mut random = [0; 24];
        getrandom::fill(&mut random)?;
        let (ufrag, pass) = (hex::encode(&random[..8]), hex::encode(&random[8..]));
        let credentials = IceCreds { ufrag: ufrag.clone(), pass };
        Ok((self.0.clone().set_local_ice_credentials(credentials), ufrag))
    }
}
