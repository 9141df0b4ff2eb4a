//! The server's services for an engine in C. Threads: any.

use super::config::c_string;
use crate::{
    Host,
    abi::c::{self, OK},
    guard::guard,
    host::LogLevel,
};
use std::{
    ffi::{CStr, CString, c_char},
    mem, ptr,
};

/// Target of the engine's lines in the log.
const TARGET: &str = "engine";

/// The services, and their strings for C.
#[repr(C)]
pub(super) struct Services {
    /// The first field, so that the engine's pointer to it is one to the whole.
    raw: c::Host,
    host: Host,
    /// Keeps the strings that `raw` points to.
    _strings: Vec<CString>,
    _resource_dirs: Vec<*const c_char>,
}

// SAFETY: the pointers are to strings of its own, which never change.
unsafe impl Sync for Services {}

impl Services {
    pub(super) fn new(host: Host) -> Self {
        let dirs = std::iter::once(host.origin_dir()).chain(host.resource_dirs().iter().map(AsRef::as_ref));
        let strings: Vec<CString> = dirs.map(|dir| c_string(&dir.to_string_lossy())).collect();
        let mut pointers: Vec<_> = strings.iter().map(|dir| dir.as_ptr()).collect();
        let origin_dir = pointers.remove(0);
        pointers.push(ptr::null());
        let raw = c::Host {
            size: mem::size_of::<c::Host>(),
            api_major: crate::Manifest::API_MAJOR,
            api_minor: crate::Manifest::API_MINOR,
            origin_dir,
            resource_dirs: pointers.as_ptr(),
            log_level,
            log,
            find,
        };
        Self { raw, host, _strings: strings, _resource_dirs: pointers }
    }

    /// For the engine, as long as `self` lives.
    pub(super) fn raw(&self) -> *const c::Host {
        (&raw const *self).cast()
    }
}

/// The services and a string of the engine, unless one of the pointers is null.
unsafe fn asked<'a>(host: *const c::Host, text: *const c_char) -> Option<(&'a Host, String)> {
    // SAFETY: the pointers are null, or that of `Services::raw` and a string of the engine.
    let (services, text) = unsafe { (host.cast::<Services>().as_ref()?, CStr::from_ptr(text.as_ref()?)) };
    Some((&services.host, text.to_string_lossy().into_owned()))
}

unsafe extern "C" fn log_level(host: *const c::Host) -> u32 {
    // SAFETY: as `asked`.
    let asked = unsafe { asked(host, c"".as_ptr()) };
    guard(|| Ok(asked.map_or(0, |(host, _)| host.log_level()))).unwrap_or_default()
}

unsafe extern "C" fn log(host: *const c::Host, level: u32, message: *const c_char) {
    // SAFETY: as `asked`.
    let asked = unsafe { asked(host, message) };
    let level = u32::from(LogLevel::from_number(level).number());
    let _ = guard(|| {
        if let Some((host, message)) = asked {
            host.log(level, TARGET, &message);
        }
        Ok(())
    });
}

unsafe extern "C" fn find(host: *const c::Host, name: *const c_char, reply: *mut c::Reply) -> c::Status {
    // SAFETY: as `asked`.
    let asked = unsafe { asked(host, name) };
    let found = guard(|| {
        let (host, name) = asked.ok_or_else(|| crate::Error::other("null"))?;
        let path = host.find(&name);
        path.map(|path| path.to_string_lossy().into_owned()).ok_or_else(|| {
            let folders = host.resource_dirs().len();
            crate::Error::model(format!("{name} is in none of the {folders} resource directories of the server"))
        })
    });
    let (status, text) = match found {
        Ok(path) => (OK, path),
        Err(error) => (crate::ErrorCode::MODEL.0, error.message),
    };
    // SAFETY: the engine passes a reply, one of its own or ours.
    if let Some(writer) = unsafe { reply.as_ref() } {
        // SAFETY: as above.
        unsafe { (writer.write)(reply, text.as_ptr().cast(), text.len()) };
    }
    status
}
