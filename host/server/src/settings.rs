//! The server's settings in `auricle.toml`, with their defaults.

mod cluster;
mod error;
mod limits;
mod webrtc;

pub use cluster::{ClusterSettings, Role};
pub use error::{SettingsError, SettingsFileError, TomlError};
pub use limits::{Limits, Timeouts};
pub use webrtc::{PublicAddress, WebRtc};

use super::address::ListenAddress;
use auricle_core::{text_file, times::is_wait};
use auricle_dialects::{
    assembly_ai::AssemblyAiSettings, deepgram::DeepgramSettings, hisi::HisiSettings, moshi::MoshiSettings,
    realtime::RealtimeSettings, riva::RivaSettings, sherpa::SherpaSettings, telephone::TelephoneSettings,
    vosk::VoskSettings, webrtc::WebRtcSettings, whisper_live::WhisperLiveSettings,
    whisper_live_kit::WhisperLiveKitSettings, wyoming::WyomingSettings,
};
use auricle_engines::plugins::Need;
use auricle_session::{ModelNames, ResumeSettings, journal::JournalSettings};
use ipnet::IpNet;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use tracing_subscriber::EnvFilter;

/// The server's settings. Relative paths are relative to the directory of `auricle.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address to listen on. The short form of a single entry in `listeners`.
    pub listen: ListenAddress,
    /// Addresses to listen on, each with its dialects, instead of `listen`.
    pub listeners: Vec<ListenerSettings>,
    /// Presets for the model names of clients.
    pub models: ModelNames,
    /// Settings of the dialects.
    pub dialects: DialectSettings,
    /// Log filter, in the syntax of `--log`; read again on SIGHUP.
    pub log: String,
    /// Directories with plugin files and engine folders.
    pub plugins: Vec<PathBuf>,
    /// Directories where engines look for models and shared runtimes, in order.
    pub resources: Vec<PathBuf>,
    /// Directory of the presets.
    pub presets: PathBuf,
    /// Directory for private copies of plugin files while the server runs; by default in the system's cache directory.
    pub cache: Option<PathBuf>,
    /// The plugin to use for a backend that several plugins provide: backend name to plugin id, or to `id@version`.
    pub backends: BTreeMap<String, String>,
    /// Ids of the plugins whose engines run in the server's own process, unless a preset sets it otherwise. All other
    /// engines run in worker processes.
    pub trusted: Vec<String>,
    /// Directory for crash reports of engines; by default beside the private copies.
    pub crash_reports: Option<PathBuf>,
    /// SHA-256 of the plugin files and engine folders that may run, by name. If it has any entry, nothing else may run.
    pub pins: BTreeMap<String, String>,
    /// What plugins may have of what they claim to need beyond files, by plugin id. Plugins in `trusted` may have everything.
    pub grants: BTreeMap<String, Vec<Need>>,
    /// The key file; without one, no keys are required.
    pub keys: Option<PathBuf>,
    /// Origins of the web pages that may use the server, as browsers send them (`https://app.example`); `*` allows any.
    pub origins: Vec<String>,
    /// The web page.
    pub page: PageSettings,
    /// Media over WebRTC.
    pub webrtc: WebRtc,
    /// Certificate and private key; without them the server does not use TLS.
    pub tls: Option<Tls>,
    /// How sessions wait for clients that resume them.
    pub resume: ResumeSettings,
    /// Journal of the sessions; none by default.
    pub journal: Option<JournalSettings>,
    /// Allows listening for other machines without API keys.
    pub allow_network_without_keys: bool,
    /// Allows listening for other machines without TLS.
    pub allow_network_without_tls: bool,
    /// Fronts and engine hosts.
    pub cluster: ClusterSettings,
    /// What the server does. The command decides, not the file.
    #[serde(skip)]
    pub role: Role,
    /// Limits.
    pub limits: Limits,
    /// Timeouts.
    pub timeouts: Timeouts,
}

/// An address to listen on, with its dialects and access rules.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerSettings {
    /// The address.
    pub address: ListenAddress,
    /// Names of the dialects; by default all, each at its own paths. A single one is served at every path.
    #[serde(default)]
    pub dialects: Option<Vec<String>>,
    /// TLS settings that differ from the server's: none (`false`), or a certificate of its own.
    #[serde(default)]
    pub tls: Option<ListenerTls>,
    /// Name of the key whose presets and limits apply to all clients of this listener.
    #[serde(default)]
    pub key: Option<String>,
    /// The networks that are served; all by default.
    #[serde(default)]
    pub allow: Vec<IpNet>,
}

impl ListenerSettings {
    /// A listener for everything at one address.
    pub fn at(address: ListenAddress) -> Self {
        Self { address, dialects: None, tls: None, key: None, allow: Vec::new() }
    }

    /// The files of its own certificate, if it has one.
    pub(crate) fn own_tls(&self) -> Option<&Tls> {
        match &self.tls {
            Some(ListenerTls::Own(tls)) => Some(tls),
            _ => None,
        }
    }
}

/// TLS of one listener.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "must be true, false, or { certificate = \"FILE\", key = \"FILE\" }")]
pub enum ListenerTls {
    /// Whether the server's certificate is used.
    Use(bool),
    /// A certificate of its own.
    Own(Tls),
}

/// Settings of the dialects, by name.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DialectSettings {
    /// The dialect of vosk-server.
    pub vosk: VoskSettings,
    /// The dialects of sherpa-onnx's servers.
    pub sherpa: SherpaSettings,
    /// The dialect of WhisperLive.
    #[serde(rename = "whisper-live")]
    pub whisper_live: WhisperLiveSettings,
    /// The dialect of WhisperLiveKit.
    #[serde(rename = "whisper-live-kit")]
    pub whisper_live_kit: WhisperLiveKitSettings,
    /// The dialect of Deepgram.
    pub deepgram: DeepgramSettings,
    /// The dialect of AssemblyAI.
    pub assemblyai: AssemblyAiSettings,
    /// The dialect of moshi-server.
    pub moshi: MoshiSettings,
    /// The dialect of telephone calls.
    pub telephone: TelephoneSettings,
    /// The dialect of OpenAI for live audio.
    #[serde(rename = "openai-realtime")]
    pub openai_realtime: RealtimeSettings,
    /// The dialect of HISI-interface.
    pub hisi: HisiSettings,
    /// The dialect of NVIDIA Riva.
    pub riva: RivaSettings,
    /// Sessions over WebRTC.
    pub webrtc: WebRtcSettings,
    /// The dialect of Wyoming.
    pub wyoming: WyomingSettings,
}

/// The web pages at `/` and `/admin`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageSettings {
    /// Whether listeners with the native protocol have it.
    pub enabled: bool,
}

impl Default for PageSettings {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Certificate and key, as PEM files that are read again when they change.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain: the certificate first, then the intermediate ones.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
}

impl Tls {
    fn within(&self, dir: &Path) -> Self {
        Self { certificate: dir.join(&self.certificate), key: dir.join(&self.key) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: ListenAddress::Tcp(([127, 0, 0, 1], 8770).into()),
            listeners: Vec::new(),
            models: ModelNames::default(),
            dialects: DialectSettings::default(),
            log: "info".into(),
            plugins: Vec::new(),
            resources: Vec::new(),
            presets: PathBuf::from("presets"),
            cache: None,
            backends: BTreeMap::new(),
            trusted: Vec::new(),
            crash_reports: None,
            pins: BTreeMap::new(),
            grants: BTreeMap::new(),
            keys: None,
            origins: Vec::new(),
            page: PageSettings::default(),
            webrtc: WebRtc::default(),
            tls: None,
            resume: ResumeSettings::default(),
            journal: None,
            allow_network_without_keys: false,
            allow_network_without_tls: false,
            cluster: ClusterSettings::default(),
            role: Role::Serve,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

impl Settings {
    /// Reads `auricle.toml` in `dir`; without the file all settings have their defaults.
    ///
    /// # Errors
    /// The file cannot be read or is invalid.
    pub fn read(dir: &Path) -> Result<Self, SettingsFileError> {
        let file = dir.join("auricle.toml");
        let mut settings = match text_file::read(&file) {
            Ok(text) => Self::parse(&text).map_err(|problem| SettingsFileError::Content { file, problem })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(SettingsFileError::Read { file, error }),
        };
        settings.presets = dir.join(&settings.presets);
        for list in [&mut settings.plugins, &mut settings.resources] {
            for path in list {
                *path = dir.join(&*path);
            }
        }
        for path in [&mut settings.cache, &mut settings.crash_reports, &mut settings.keys] {
            *path = path.take().map(|path| dir.join(path));
        }
        settings.tls = settings.tls.map(|tls| tls.within(dir));
        for listener in &mut settings.listeners {
            if let Some(ListenerTls::Own(tls)) = &mut listener.tls {
                *tls = tls.within(dir);
            }
            if let ListenAddress::Unix(path) = &mut listener.address {
                *path = dir.join(&*path);
            }
        }
        if let ListenAddress::Unix(path) = &mut settings.listen {
            *path = dir.join(&*path);
        }
        settings.cluster = settings.cluster.within(dir);
        settings.resume.dir = settings.resume.dir.map(|path| dir.join(path));
        settings.journal = settings.journal.map(|journal| JournalSettings { dir: dir.join(journal.dir), ..journal });
        Ok(settings)
    }

    /// Parses settings; paths are not resolved.
    ///
    /// # Errors
    /// The text is invalid.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = TomlError::parse(text)?;
        settings.check()?;
        Ok(settings)
    }

    /// The listeners, from `listeners` or `listen`.
    pub fn listeners(&self) -> Vec<ListenerSettings> {
        if self.listeners.is_empty() { vec![ListenerSettings::at(self.listen.clone())] } else { self.listeners.clone() }
    }

    fn check(&self) -> Result<(), SettingsError> {
        if let Err(error) = EnvFilter::try_new(&self.log) {
            return Err(SettingsError::Log { directives: self.log.clone(), error });
        }
        if !self.listeners.is_empty() && self.listen != Self::default().listen {
            return Err(SettingsError::ListenTwice);
        }
        self.webrtc.check()?;
        self.cluster.check()?;
        if self.resume.seconds != 0.0 && !is_wait(self.resume.seconds) {
            return Err(SettingsError::NoWait { field: "resume.seconds" });
        }
        for (field, seconds) in
            [("resume.store_seconds", self.resume.store_seconds), ("resume.keep_seconds", self.resume.keep_seconds)]
        {
            if !is_wait(seconds) {
                return Err(SettingsError::NotPositive { field });
            }
        }
        limits::check(&self.limits, &self.timeouts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(text: &str) -> Result<Settings, SettingsFileError> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("auricle.toml"), text).unwrap();
        let mut settings = Settings::read(dir.path())?;
        settings.presets = settings.presets.strip_prefix(dir.path()).unwrap().to_owned();
        Ok(settings)
    }

    #[test]
    fn nothing_means_the_defaults() {
        let settings = read("").unwrap();
        assert!(settings.listen.is_local());
        assert_eq!(settings.presets, Path::new("presets"));
    }

    #[test]
    fn files_of_windows_are_read_and_utf16_is_named() {
        for text in
            ["\u{feff}log = \"debug\"\r\n[limits]\r\nmax_streams = 7\r\n", "log = \"debug\"\r[limits]\rmax_streams = 7"]
        {
            let settings = read(text).unwrap();
            assert_eq!((settings.log.as_str(), settings.limits.max_streams), ("debug", 7));
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("auricle.toml"), b"\xff\xfea\0").unwrap();
        let error = Settings::read(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("auricle.toml: the file is UTF-16: save it as UTF-8"), "{error}");
    }

    #[test]
    fn the_file_that_is_shipped_states_the_defaults() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        assert!(dir.join("auricle.toml").is_file());
        let mut shipped = Settings::read(&dir).unwrap();
        shipped.presets = Settings::default().presets;
        assert_eq!(format!("{shipped:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let error = read("[limits]\nmax_steams = 3").unwrap_err().to_string();
        assert!(
            error.contains(
                "auricle.toml: line 2, `max_steams = 3`: unknown field `limits.max_steams`; known are `max_streams`, "
            ),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(read("[limits").unwrap_err().to_string().contains("line 1, `[limits`: "));
        let hidden = read("\"a\\u001b[2Kb\" = 3").unwrap_err().to_string();
        assert!(!hidden.contains(char::is_control), "{hidden:?}");
    }

    #[test]
    fn a_wrong_value_is_named_with_what_it_must_be() {
        for (text, problem) in [
            (
                "[limits]\nmax_streams = \"many\"",
                "line 2, `max_streams = \"many\"`: `limits.max_streams` must be a whole number, 0 or more, not the string \"many\"",
            ),
            ("plugins = \"here\"", "line 1, `plugins = \"here\"`: `plugins` must be a list, not the string \"here\""),
            (
                "[[listeners]]\naddress = \"localhost:1\"\ntls = 1",
                "`listeners[0].tls`: must be true, false, or { certificate",
            ),
            ("[[listeners]]\ndialects = []", "line 1, `[[listeners]]`: the field `listeners[0].address` is missing"),
            ("[tls]\ncertificate = \"a\"", "the field `tls.key` is missing"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn listeners_are_read_and_checked() {
        let settings = read("[[listeners]]\naddress = \"localhost:1\"\n[[listeners]]\naddress = \"0.0.0.0:2700\"\ndialects = [\"vosk\"]\ntls = false\nkey = \"kitchen\"\nallow = [\"192.168.0.0/16\"]").unwrap();
        let listeners = settings.listeners();
        assert_eq!((listeners.len(), listeners[0].address.to_string()), (2, "127.0.0.1:1".to_owned()));
        assert_eq!((&listeners[1].tls, listeners[1].key.as_deref()), (&Some(ListenerTls::Use(false)), Some("kitchen")));
        assert_eq!(read("listen = \"localhost:0\"").unwrap().listeners().len(), 1);
        for (wrong, problem) in [
            ("listen = \"example.org:1\"", "`example.org:1` is not an address"),
            ("listen = \"127.0.0.1:1\"\n[[listeners]]\naddress = \"localhost:1\"", "set only one of them"),
            ("[[listeners]]\ndialects = []", "address"),
            ("[[listeners]]\naddress = \"localhost:1\"\nallow = [\"here\"]", "invalid IP address"),
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn what_to_log_must_be_directives() {
        assert_eq!(read("log = \"info,auricle::engine=debug\"").unwrap().log, "info,auricle::engine=debug");
        let error = read("log = \"auricle=loud\"").unwrap_err().to_string();
        assert!(error.contains("auricle.toml: `log` is \"auricle=loud\": "), "{error}");
    }

    #[test]
    fn a_limit_that_would_serve_nobody_is_refused() {
        for field in ["max_streams", "max_connections", "max_unsent_events", "max_call_timeouts", "quarantine_streams"]
        {
            let error = read(&format!("[limits]\n{field} = 0")).unwrap_err().to_string();
            assert!(error.ends_with(&format!("`limits.{field}` must be at least 1")), "{error}");
        }
        assert!(read("[limits]\nmax_dedicated_workers = 0\nmax_crash_reports = 0").is_ok());
    }

    #[test]
    fn a_wait_must_be_positive() {
        assert!(read("[timeouts]\ncall_seconds = -1.0").unwrap_err().to_string().contains("timeouts.call_seconds"));
        assert!(read("[timeouts]\ncall_seconds = nan").unwrap_err().to_string().contains("timeouts.call_seconds"));
        // A timer without length, and one that ends after the clock does.
        assert!(read("[timeouts]\nidle_seconds = 1e-9").unwrap_err().to_string().contains("timeouts.idle_seconds"));
        assert!(read("[timeouts]\nprobe_seconds = 1e19").unwrap_err().to_string().contains("timeouts.probe_seconds"));
        assert!(read("[timeouts]\ndrain_seconds = 0.0").is_ok());
        assert!(read("[resume]\nseconds = 0").is_ok());
        let problem = read("[resume]\nstore_seconds = 0").unwrap_err().to_string();
        assert!(problem.contains("`resume.store_seconds` must be a positive number"), "{problem}");
        for seconds in ["-1", "nan", "inf", "1e300"] {
            let problem = read(&format!("[resume]\nseconds = {seconds}")).unwrap_err().to_string();
            assert!(problem.contains("`resume.seconds` must be 0, or "), "{problem}");
        }
    }
}
