//! A later version of the plugin API, made from the current source by edits, so that it never falls behind: 1.1 grown in several places
//! at once. It adds, to engines the method `hint`, to the sink the event `keyword`, to the host the service `clock`, and a field
//! `revision` to the root module.

/// A change of a file: the text that occurs once in it, and its replacement.
pub(crate) type Edit = (&'static str, &'static str, &'static str);

/// The edits of the source.
pub(crate) const EDITS: &[Edit] = &[
    (
        "src/abi/traits.rs",
        "    #[sabi(last_prefix_field)]\n    fn cancelled(&self) -> bool;\n",
        "    #[sabi(last_prefix_field)]\n    fn cancelled(&self) -> bool;\n    fn keyword(&mut self, sample: u64, text: RSlice<'_, u8>) {\n        \
         let _ = (sample, text);\n    }\n",
    ),
    (
        "src/abi/traits.rs",
        "    fn extension(&self, id: RStr<'_>, request: RSlice<'_, u8>) -> ROption<RVec<u8>>;\n",
        "    fn extension(&self, id: RStr<'_>, request: RSlice<'_, u8>) -> ROption<RVec<u8>>;\n    fn clock(&self) -> ROption<u64> {\n        \
         ROption::RNone\n    }\n",
    ),
    (
        "src/abi/traits.rs",
        "    fn extension(&mut self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>>;\n",
        "    fn extension(&mut self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>>;\n    \
         fn hint(&mut self, text: RStr<'_>) -> AbiResult<bool> {\n        let _ = text;\n        \
         abi_stable::std_types::RResult::ROk(false)\n    }\n",
    ),
    (
        "src/abi/traits.rs",
        "    pub stages: extern \"C\" fn(AbiHostBox) -> AbiResult<RVec<AbiStageLoaderBox>>,\n",
        "    pub stages: extern \"C\" fn(AbiHostBox) -> AbiResult<RVec<AbiStageLoaderBox>>,\n    /// A number.\n    \
         #[sabi(missing_field(option))]\n    pub revision: u32,\n",
    ),
    ("src/abi/adapter.rs", "stages: stages::<P> }", "stages: stages::<P>, revision: 7 }"),
    (
        "src/abi/adapter.rs",
        "impl<M: Model> AbiProcessor for GuardedProcessor<M> {\n",
        "impl<M: Model> AbiProcessor for GuardedProcessor<M> {\n    fn hint(&mut self, text: RStr<'_>) -> AbiResult<bool> {\n        \
         self.call(|processor| processor.hint(text.as_str()))\n    }\n\n",
    ),
    (
        "src/engine.rs",
        "    fn extension(&mut self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {\n",
        "    fn hint(&mut self, text: &str) -> Result<bool, Error> {\n        let _ = text;\n        Ok(false)\n    }\n\n    /// As above.\n    \
         fn extension(&mut self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {\n",
    ),
    (
        "src/host/engine.rs",
        "impl LoadedProcessor {\n",
        "impl LoadedProcessor {\n    /// See `AsrProcessor::hint`.\n    pub fn hint(&mut self, text: &str) -> Result<bool, Error> {\n        \
         plain(self.processor.hint(text.into()))\n    }\n\n",
    ),
    (
        "src/host/services.rs",
        "    fn resource_dirs(&self) -> Vec<PathBuf>;\n",
        "    fn resource_dirs(&self) -> Vec<PathBuf>;\n\n    /// See `Host::clock`.\n    fn clock(&self) -> Option<u64> {\n        \
         None\n    }\n",
    ),
    (
        "src/host/services.rs",
        "impl AbiHost for Adapter {\n",
        "impl AbiHost for Adapter {\n    fn clock(&self) -> ROption<u64> {\n        self.ask(|services| services.clock()).into()\n    }\n\n",
    ),
    (
        "src/host/sink.rs",
        "    fn restart_point(&mut self, sample: u64, state: &[u8]);\n",
        "    fn restart_point(&mut self, sample: u64, state: &[u8]);\n    /// See `Sink::keyword`.\n    \
         fn keyword(&mut self, sample: u64, text: &str) {\n        let _ = (sample, text);\n    }\n",
    ),
    (
        "src/host/sink.rs",
        "impl AbiSink for Adapter<'_> {\n",
        "impl AbiSink for Adapter<'_> {\n    fn keyword(&mut self, sample: u64, text: RSlice<'_, u8>) {\n        \
         self.tell(|sink| sink.keyword(sample, &String::from_utf8_lossy(&text)));\n    }\n\n",
    ),
    (
        "src/services.rs",
        "    /// The most detailed level that the server logs:",
        "    /// The server's clock, if it has one.\n    pub fn clock(&self) -> Option<u64> {\n        \
         self.inner.host.clock().into_option()\n    }\n\n    /// The most detailed level that the server logs:",
    ),
    (
        "src/sink.rs",
        "    /// Whether the result of this call",
        "    /// A keyword ended at this sample.\n    pub fn keyword(&mut self, sample: u64, text: &str) {\n        \
         self.sink.keyword(sample, text.as_bytes().into());\n    }\n\n    /// Whether the result of this call",
    ),
];

/// The manifest of the later version: that of the current one, outside its workspace.
pub(crate) fn manifest(current: &str) -> String {
    let own = current.split("[dev-dependencies]").next().unwrap();
    [
        ("version = \"1.0.0\"", "version = \"1.1.0\""),
        ("edition.workspace = true", "edition = \"2024\""),
        ("rust-version.workspace = true\n", ""),
        ("license.workspace = true\n", ""),
        ("serde.workspace = true", "serde = { version = \"1\", features = [\"derive\"] }"),
        ("serde_json.workspace = true", "serde_json = \"1\""),
        ("tracing = { workspace = true }", "tracing = \"0.1\""),
    ]
    .into_iter()
    .fold(own.to_owned(), |text, (old, new)| super::workshop::replace(&text, old, new))
}
