//! The host's services: the trait that a host implements, and the object at the boundary.

use crate::{
    Error, Host,
    abi::{AbiHost, AbiHost_TO, AbiHostBox},
    guard::guard,
};
use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{ROption, RSlice, RStr, RString, RVec},
};
use std::{path::PathBuf, sync::Arc};

/// A log level, most severe first. Its number crosses the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the usual names")]
pub enum LogLevel {
    Error = 1,
    Warn = 2,
    Info = 3,
    Debug = 4,
    Trace = 5,
}

impl LogLevel {
    /// Converts a number to a level. A number out of range becomes the nearest level, because it comes from the other
    /// side.
    pub fn from_number(number: u32) -> Self {
        match number {
            0 | 1 => Self::Error,
            2 => Self::Warn,
            3 => Self::Info,
            4 => Self::Debug,
            _ => Self::Trace,
        }
    }

    /// The number of the level.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// The services of a host for one plugin. Called from any thread, including the plugin's own.
pub trait HostServices: Send + Sync + 'static {
    /// The most detailed level that is logged.
    fn log_level(&self) -> LogLevel;

    /// Logs a line of the plugin.
    fn log(&self, level: LogLevel, target: &str, message: &str);

    /// See [`crate::Host::origin_dir`]. UTF-8 by contract of the boundary.
    fn origin_dir(&self) -> PathBuf;

    /// See [`crate::Host::resource_dirs`].
    fn resource_dirs(&self) -> Vec<PathBuf>;
}

impl Host {
    /// Creates a host from its services, for tests of code that takes a `Host`.
    pub fn from_services(services: Arc<dyn HostServices>) -> Self {
        Self::new(cross(services))
    }
}

/// Wraps services for the boundary. A panic in them is caught on the host's side.
pub(super) fn cross(services: Arc<dyn HostServices>) -> AbiHostBox {
    AbiHost_TO::from_value(Adapter(services), TD_Opaque)
}

struct Adapter(Arc<dyn HostServices>);

impl Adapter {
    fn ask<T: Default>(&self, question: impl FnOnce(&dyn HostServices) -> T) -> T {
        guard(|| Ok::<_, Error>(question(self.0.as_ref()))).unwrap_or_default()
    }
}

fn path_text(path: PathBuf) -> RString {
    path.to_string_lossy().into_owned().into()
}

impl AbiHost for Adapter {
    fn log_level(&self) -> u32 {
        self.ask(|services| u32::from(services.log_level().number()))
    }

    fn log(&self, level: u32, target: RStr<'_>, message: RStr<'_>) {
        self.ask(|services| services.log(LogLevel::from_number(level), target.as_str(), message.as_str()));
    }

    fn origin_dir(&self) -> RString {
        self.ask(|services| path_text(services.origin_dir()))
    }

    fn resource_dirs(&self) -> RVec<RString> {
        self.ask(|services| services.resource_dirs().into_iter().map(path_text).collect::<Vec<_>>()).into()
    }

    fn extension(&self, _: RStr<'_>, _: RSlice<'_, u8>) -> ROption<RVec<u8>> {
        ROption::RNone
    }
}

#[cfg(test)]
mod tests {
    use super::LogLevel;

    #[test]
    fn numbers_are_levels_and_what_is_beyond_them_is_the_nearest() {
        let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
        for (level, number) in levels.into_iter().zip(1..) {
            assert_eq!((level.number(), LogLevel::from_number(number.into())), (number, level));
        }
        assert_eq!((LogLevel::from_number(0), LogLevel::from_number(u32::MAX)), (LogLevel::Error, LogLevel::Trace));
    }
}
