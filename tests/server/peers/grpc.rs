//! The client of Riva, over HTTP/2.

use super::{Ask, Channels, KeyPlace, NoPlace, Peer, Told};
use auricle_dialects::riva::messages::{
    RecognitionConfig, STREAMING_RECOGNIZE, SpeechContext, StreamingRecognitionConfig, StreamingRecognizeRequest,
    StreamingRecognizeResponse, StreamingRequest,
};
use auricle_tests::{Host, bytes, limit};
use tokio::{
    runtime::Runtime,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Status, client::Grpc, transport::Endpoint};
use tonic_prost::ProstCodec;

/// The listener for Riva.
const LISTENER: usize = 2;

struct Riva {
    runtime: Runtime,
    /// `None` after the end of the audio.
    messages: Option<UnboundedSender<StreamingRecognizeRequest>>,
    reader: JoinHandle<Told>,
    config: StreamingRecognitionConfig,
}

pub(super) fn connect(host: &Host, ask: &Ask<'_>) -> Result<Box<dyn Peer>, NoPlace> {
    let key = match ask.key {
        Some((KeyPlace::Header, key)) => Some(format!("Bearer {key}")),
        Some(_) => return Err(NoPlace),
        None => None,
    };
    let config = RecognitionConfig {
        sample_rate_hertz: 16_000,
        audio_channel_count: if ask.channels == Channels::One { 1 } else { 2 },
        enable_separate_recognition_per_channel: ask.channels == Channels::Apart,
        language_code: ask.language.unwrap_or_default().to_owned(),
        model: ask.model.unwrap_or_default().to_owned(),
        enable_word_time_offsets: ask.times,
        speech_contexts: ask
            .phrase
            .map(|phrase| SpeechContext { phrases: vec![phrase.to_owned()] })
            .into_iter()
            .collect(),
        ..RecognitionConfig::default()
    };
    let config = StreamingRecognitionConfig { config: Some(config), interim_results: true };
    let (messages, outgoing) = unbounded_channel();
    let runtime = Runtime::new().unwrap();
    let reader = runtime.spawn(converse(format!("http://{}", host.listener(LISTENER)), key, outgoing));
    let peer = Riva { runtime, messages: Some(messages), reader, config };
    if !ask.silent {
        peer.configure();
    }
    Ok(Box::new(peer))
}

/// Calls the method. Returns what was told until its end.
async fn converse(url: String, key: Option<String>, outgoing: UnboundedReceiver<StreamingRecognizeRequest>) -> Told {
    let mut told = Told::default();
    if let Err(status) = call(url, key, outgoing, &mut told).await {
        (told.refused, told.reason) = (Some(format!("`{}`", name(&status))), status.message().to_owned());
    }
    told
}

async fn call(
    url: String,
    key: Option<String>,
    outgoing: UnboundedReceiver<StreamingRecognizeRequest>,
    told: &mut Told,
) -> Result<(), Status> {
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let mut request = Request::new(UnboundedReceiverStream::new(outgoing));
    if let Some(key) = key {
        request.metadata_mut().insert("authorization", key.parse().unwrap());
    }
    let codec = ProstCodec::<StreamingRecognizeRequest, StreamingRecognizeResponse>::default();
    let mut responses = client.streaming(request, STREAMING_RECOGNIZE.parse().unwrap(), codec).await?.into_inner();
    while let Some(response) = responses.message().await? {
        for result in response.results {
            let text = &result.alternatives[0];
            if !result.is_final {
                told.partials += 1;
                continue;
            }
            told.finals.push((result.channel_tag as usize - 1, text.transcript.clone()));
            told.confidences += usize::from(text.confidence > 0.0);
            let seconds = |milliseconds: i32| f64::from(milliseconds) / 1000.0;
            let words = text.words.iter();
            told.times.extend(words.map(|word| (word.word.clone(), seconds(word.start_time), seconds(word.end_time))));
        }
    }
    Ok(())
}

/// The name of a status as gRPC writes it.
fn name(status: &Status) -> String {
    let mut name = String::new();
    for letter in format!("{:?}", status.code()).chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}

impl Riva {
    /// If the call has ended, the end says why.
    fn say(&self, request: StreamingRequest) {
        if let Some(messages) = &self.messages {
            let message = StreamingRecognizeRequest { streaming_request: Some(request), ..Default::default() };
            let _ = messages.send(message);
        }
    }

    fn configure(&self) {
        self.say(StreamingRequest::StreamingConfig(self.config.clone()));
    }
}

impl Peer for Riva {
    fn audio(&mut self, audio: &[i16]) {
        for piece in audio.chunks(3_200) {
            self.say(StreamingRequest::AudioContent(bytes(piece).into()));
        }
    }

    fn flush(&mut self) -> bool {
        false
    }

    fn keep_alive(&mut self) -> bool {
        false
    }

    fn babble(&mut self) -> bool {
        self.configure();
        true
    }

    fn finish(mut self: Box<Self>) -> Told {
        self.messages = None;
        self.listen()
    }

    fn listen(self: Box<Self>) -> Told {
        let Self { runtime, messages, reader, .. } = *self;
        let told = runtime.block_on(async { timeout(limit(), reader).await }).expect("the end of the call").unwrap();
        drop(messages);
        told
    }
}
