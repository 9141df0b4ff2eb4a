//! Models of engines that are on other machines: an [`Engine`](super::Engine) without a plugin. Threads: any.

use auricle_plugin_api::Error;
use auricle_stream::Model;
use std::fmt;

/// Where the models of an engine are that is on other machines.
pub trait Elsewhere: fmt::Debug + Send + Sync {
    /// Why no machine serves it now, or `None` if one does.
    fn unavailable(&self) -> Option<String>;

    /// Has a model loaded. Blocks, possibly for a long time.
    ///
    /// # Errors
    /// No machine can load it.
    fn load(&self) -> Result<Box<dyn Model>, Error>;
}
