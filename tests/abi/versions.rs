//! The versions of the plugin API that the ABI tests build: 1.0 is kept whole in `1.0/plugin-api`; the others are made
//! from it by a few edits, which are all there is to say about them.

/// A version of the API's source.
pub(crate) struct Version {
    /// Its name in the tests.
    pub(crate) name: &'static str,
    /// The package's version.
    pub(crate) number: &'static str,
    /// How its source differs from that of 1.0.
    pub(crate) edits: &'static [Edit],
}

/// In this file of `src`, this text becomes that one. It is there exactly once.
pub(crate) struct Edit(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const KEPT: &[Version] = &[
    Version { name: "1.0", number: "1.0.0", edits: &[] },
    Version { name: "1.1", number: "1.1.0", edits: GROWN },
    Version { name: "1.0.1", number: "1.0.1", edits: SWAPPED },
    Version { name: "2.0", number: "2.0.0", edits: BROKEN },
];

/// What a minor version may do: a method appended to each kind of object, a field to the root module, and what authors
/// and hosts see of them.
const GROWN: &[Edit] = &[
    Edit(
        "abi/traits.rs",
        "}\npub type AbiSinkMut<'a>",
        "    fn keyword(&mut self, sample: u64, text: RSlice<'_, u8>) { let _ = (sample, text); }\n}\npub type AbiSinkMut<'a>",
    ),
    Edit(
        "abi/traits.rs",
        "}\npub type AbiHostBox",
        "    fn clock(&self) -> ROption<u64> { ROption::RNone }\n}\npub type AbiHostBox",
    ),
    Edit(
        "abi/traits.rs",
        "}\npub type AbiProcessorBox",
        "    fn hint(&mut self, text: RStr<'_>) -> AbiResult<bool> { let _ = text; abi_stable::std_types::ROk(false) }\n\
         }\npub type AbiProcessorBox",
    ),
    Edit(
        "abi/traits.rs",
        "AbiResult<RVec<AbiLoaderBox>>,\n}",
        "AbiResult<RVec<AbiLoaderBox>>,\n    #[sabi(missing_field(option))]\n    pub revision: u32,\n}",
    ),
    Edit(
        "abi/adapter.rs",
        "PluginModule { engines: engines::<P> }",
        "PluginModule { engines: engines::<P>, revision: 7 }",
    ),
    Edit(
        "abi/adapter.rs",
        "    fn restore(&mut self, sample: u64,",
        "    fn hint(&mut self, text: RStr<'_>) -> AbiResult<bool> { self.call(|processor| processor.hint(text.as_str())) }\n\
         \n    fn restore(&mut self, sample: u64,",
    ),
    Edit(
        "engine.rs",
        "    fn restore(&mut self, sample: u64,",
        "    fn hint(&mut self, text: &str) -> Result<bool, Error> { let _ = text; Ok(false) }\n\
         \n    fn restore(&mut self, sample: u64,",
    ),
    Edit(
        "sink.rs",
        "    /// Nobody waits",
        "    pub fn keyword(&mut self, sample: u64, text: &str) { self.sink.keyword(sample, text.as_bytes().into()); }\n\
         \n    /// Nobody waits",
    ),
    Edit(
        "services.rs",
        "    /// Asks the server",
        "    pub fn clock(&self) -> Option<u64> { self.inner.host.clock().into_option() }\n\n    /// Asks the server",
    ),
    Edit(
        "host/engine.rs",
        "    /// See [`crate::AsrProcessor::restore`].",
        "    pub fn hint(&mut self, text: &str) -> Result<bool, Error> { plain(self.processor.hint(text.into())) }\n\
         \n    /// See [`crate::AsrProcessor::restore`].",
    ),
    Edit(
        "host/sink.rs",
        "    /// See [`crate::Sink::cancelled`].",
        "    fn keyword(&mut self, sample: u64, text: &str) { let _ = (sample, text); }\n\
         \n    /// See [`crate::Sink::cancelled`].",
    ),
    Edit(
        "host/sink.rs",
        "    fn cancelled(&self) -> bool {\n        guard",
        "    fn keyword(&mut self, sample: u64, text: RSlice<'_, u8>) {\n\
         self.tell(|sink| sink.keyword(sample, &String::from_utf8_lossy(&text)));\n}\n\
         \n    fn cancelled(&self) -> bool {\n        guard",
    ),
    Edit(
        "host/services.rs",
        "    /// See [`crate::Host::origin_dir`].",
        "    fn clock(&self) -> Option<u64> { None }\n\n    /// See [`crate::Host::origin_dir`].",
    ),
    Edit(
        "host/services.rs",
        "    fn extension(&self, _: RStr<'_>",
        "    fn clock(&self) -> ROption<u64> { self.ask(|services| services.clock()).into() }\n\
         \n    fn extension(&self, _: RStr<'_>",
    ),
];

/// What no version may do silently: two fields change places, every type and size staying what it was.
const SWAPPED: &[Edit] = &[Edit(
    "abi/types.rs",
    "pub struct AbiSegment<'a> {\n    /// First sample.\n    pub start: u64,\n    /// One past the last sample.\n    pub end: u64,",
    "pub struct AbiSegment<'a> {\n    /// One past the last sample.\n    pub end: u64,\n    /// First sample.\n    pub start: u64,",
)];

/// What a major version may do: a method's type changes.
const BROKEN: &[Edit] = &[
    Edit("abi/traits.rs", "fn cancelled(&self) -> bool;", "fn cancelled(&self) -> u8;"),
    Edit("sink.rs", "self.sink.cancelled()", "self.sink.cancelled() != 0"),
    Edit(
        "host/sink.rs",
        "    fn cancelled(&self) -> bool {\n        guard",
        "    fn cancelled(&self) -> u8 {\n        guard",
    ),
    Edit("host/sink.rs", "Ok(self.0.cancelled())).unwrap_or(false)", "Ok(u8::from(self.0.cancelled()))).unwrap_or(0)"),
];
