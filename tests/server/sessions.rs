//! Sessions as used by a dialect, with a real engine in a real worker, but without a protocol.

use auricle_core::{
    AudioFormat, Encoding, Event, Failure, FailureCode, Pace,
    metrics::{Metrics, TextFormat},
};
use auricle_engines::plugins::{DiscoverySettings, FirstScan, Registry, Watcher};
use auricle_session::{
    AdmissionSettings, Caller, Catalog, CatalogSettings, Codes, Key, KeyLimits, NumberedEvent, Presets, Protocol,
    Session, SessionEvents, SessionRequest, Sessions,
};
use auricle_stream::{SharedBacklog, StreamSettings};
use auricle_tests::{bytes, host_program, library, limit, noise, tone_segments};
use prometheus_client::registry::Registry as MetricRegistry;
use serde_json::Map;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PROTOCOL: Protocol = Protocol { name: "test", codes: Codes::Close(|_| 4000) };

struct Fixture {
    sessions: Arc<Sessions>,
    caller: Caller,
    _watcher: Watcher,
}

/// Sessions on `tone`, for a caller whose key allows one stream.
async fn fixture(dir: &Path) -> Fixture {
    for name in ["plugins", "presets"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    fs::copy(library("tone"), dir.join("plugins").join(library("tone").file_name().unwrap())).unwrap();
    fs::write(dir.join("presets/tone.json"), r#"{"backend": "tone"}"#).unwrap();
    let discovery = DiscoverySettings {
        plugins: vec![dir.join("plugins")],
        cache: Some(dir.join("cache")),
        program: host_program(),
        ..DiscoverySettings::of_this_program().unwrap()
    };
    let registry = Arc::new(Registry::new(discovery.backends.clone()));
    let watcher = Watcher::start(&discovery, Arc::clone(&registry)).unwrap();
    watcher.first_scan().wait_for(|scan| *scan == FirstScan::Done).await.unwrap();
    let catalog = CatalogSettings {
        program: host_program(),
        trusted: Vec::new(),
        call_limit: limit(),
        load_limit: limit(),
        max_call_timeouts: 3,
        max_dedicated_workers: 8,
        crash_reports: dir.join("crashes"),
        max_crash_reports: 5,
    };
    let presets = Arc::new(Presets::read(&dir.join("presets")));
    let metrics = Arc::<Metrics>::default();
    let catalog = Arc::new(Catalog::new(registry, Arc::clone(&presets), catalog, Arc::clone(&metrics)));
    let admission = AdmissionSettings { max_streams: 10, refuse_lag_seconds: 60.0, max_load: 1_000.0 };
    let stream = StreamSettings {
        pace: Pace::Live,
        max_lag_seconds: 60.0,
        report_lag_seconds: 60.0,
        max_backlog_seconds: 60.0,
        shared_backlog: SharedBacklog::new(60.0),
        file_buffer_seconds: 10.0,
        max_unsent_events: 1_000,
        max_text_bytes: 1 << 16,
        max_events_per_call: 1_000,
        replay_seconds: 60.0,
        mute_seconds: None,
    };
    let sessions = Arc::new(Sessions::new(catalog, presets, None, admission, stream, metrics, watcher.first_scan()));
    let limits = KeyLimits { max_streams: Some(1), ..KeyLimits::default() };
    let key = Key::new("one", limits, CancellationToken::new());
    let drain = key.drain().clone();
    let caller = Caller { address: IpAddr::V4(Ipv4Addr::LOCALHOST), key: Some(Arc::new(key)), drain };
    Fixture { sessions, caller, _watcher: watcher }
}

impl Fixture {
    async fn open(&self, audio: AudioFormat) -> Result<(Session, SessionEvents), Failure> {
        let request =
            SessionRequest { preset: "tone".into(), options: Map::new(), audio, multichannel: false, pace: Pace::Live };
        self.sessions.admit(self.caller.clone(), PROTOCOL)?.open(request).await
    }
}

/// Reads events up to one of a kind.
async fn until(events: &mut SessionEvents, kind: impl Fn(&Event) -> bool) -> Vec<Arc<NumberedEvent>> {
    let mut all = Vec::new();
    while !all.iter().any(|event: &Arc<NumberedEvent>| kind(&event.event)) {
        all.extend(timeout(limit(), events.next()).await.unwrap());
    }
    all
}

fn texts(events: &[Arc<NumberedEvent>]) -> Vec<String> {
    let text = |event: &Arc<NumberedEvent>| match &event.event {
        Event::Segment(segment) => Some(segment.text().into_owned()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_its_way_and_gives_its_place_back() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = fixture(dir.path()).await;
    let audio = noise(1, 40_000);
    let (mut session, mut events) = fixture.open(AudioFormat::default()).await.unwrap();
    assert_eq!(fixture.open(AudioFormat::default()).await.err().unwrap().code, FailureCode::KeyStreams);
    assert_eq!(fixture.sessions.registry().report()[0].stream, session.info().id);
    // A sample that is cut in two counts when it is complete.
    session.audio(bytes(&audio)[..20_001].to_vec().into()).await;
    assert_eq!(session.received(), 10_000);
    session.audio(bytes(&audio)[20_001..].to_vec().into()).await;
    session.caught_up().await;
    assert!(!texts(&events.take()).is_empty());
    session.flush();
    let flushed = until(&mut events, |event| matches!(event, Event::Flushed(_))).await;
    assert_eq!(flushed.last().unwrap().event, Event::Flushed(40_000));
    session.reset();
    until(&mut events, |event| *event == Event::Ready { epoch: 1 }).await;
    assert_eq!(session.received(), 0);
    session.audio(bytes(&audio[..20_000]).into()).await;
    session.finish();
    let last = until(&mut events, |event| matches!(event, Event::Done(_))).await;
    assert_eq!(texts(&last), tone_segments(&audio[..20_000], 16_000));
    assert!(timeout(limit(), events.next()).await.unwrap().is_empty(), "nothing follows the end");
    drop((session, events));
    fixture.open(AudioFormat::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_count_without_gaps_over_a_reset() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = fixture(dir.path()).await;
    let (mut session, mut events) = fixture.open(AudioFormat::default()).await.unwrap();
    session.audio(bytes(&noise(2, 40_000)).into()).await;
    let mut all = until(&mut events, |event| matches!(event, Event::Segment(_))).await;
    session.reset();
    session.audio(bytes(&noise(3, 40_000)).into()).await;
    session.finish();
    all.extend(until(&mut events, |event| matches!(event, Event::Done(_))).await);
    let numbers: Vec<_> = all.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_format_may_change_in_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = fixture(dir.path()).await;
    let (mut session, mut events) = fixture.open(AudioFormat::default()).await.unwrap();
    let audio = noise(4, 12_000);
    session.audio(bytes(&audio).into()).await;
    // A second of telephone audio, resampled to twice as many samples.
    session.configure(AudioFormat { encoding: Encoding::Mulaw, sample_rate: 8_000, ..AudioFormat::default() }).unwrap();
    session.audio(vec![0xff; 8_000].into()).await;
    assert_eq!(session.received(), 20_000);
    let wrong = AudioFormat { sample_rate: 1, ..AudioFormat::default() };
    assert_eq!(session.configure(wrong).unwrap_err().code, FailureCode::BadAudio);
    session.finish();
    let last = until(&mut events, |event| matches!(event, Event::Done(_))).await;
    assert_eq!(last.last().unwrap().event, Event::Done(12_000 + 16_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_dropped_is_worked_on_and_its_processor_finished() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = fixture(dir.path()).await;
    let (mut session, events) = fixture.open(AudioFormat::default()).await.unwrap();
    session.audio(bytes(&noise(5, 40_000)).into()).await;
    session.cancel();
    drop(events);
    assert!(fixture.sessions.registry().report().is_empty());
    let finished = r#"auricle_engine_call_seconds_count{preset="tone",engine="tone",call="finish"} 1"#;
    let counted = async {
        while !fixture
            .sessions
            .metrics()
            .encode(&MetricRegistry::default(), TextFormat::Plain)
            .unwrap()
            .lines()
            .any(|line| line == finished)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(limit(), counted).await.unwrap();
}
