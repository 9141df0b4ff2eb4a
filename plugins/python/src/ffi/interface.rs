//! The functions and variables of Python's library that this engine uses: those of the stable ABI.
//!
//! Invariant: the library is never closed, because extension modules use it until the process ends. Threads: any.

use std::{
    ffi::{c_char, c_int, c_void},
    path::Path,
};

#[cfg(unix)]
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
#[cfg(not(unix))]
use libloading::os::windows::Library;

/// A pointer to an object, or to a thread state.
pub(super) type Raw = *mut c_void;
/// C's `wchar_t`.
#[cfg(unix)]
type Wide = i32;
/// C's `wchar_t`.
#[cfg(not(unix))]
type Wide = u16;

/// `Py_file_input`: source text of a module.
pub(super) const FILE_INPUT: c_int = 257;

macro_rules! interface {
    ($($name:ident = $symbol:ident: $kind:ty;)*) => {
        /// Functions and variables of Python's library, by what they are used for.
        pub(super) struct Interface { $(pub(super) $name: $kind),* }

        impl Interface {
            /// # Safety
            /// The library must be Python's.
            unsafe fn find(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: the types are those of Python's documentation; for a variable, the address is taken.
                Ok(Self { $($name: unsafe { *library.get::<$kind>(stringify!($symbol).as_bytes())? }),* })
            }
        }
    };
}

interface! {
    set_program = Py_SetProgramName: unsafe extern "C" fn(*const Wide);
    initialize = Py_InitializeEx: unsafe extern "C" fn(c_int);
    ensure_thread = PyGILState_Ensure: unsafe extern "C" fn() -> c_int;
    save_thread = PyEval_SaveThread: unsafe extern "C" fn() -> Raw;
    restore_thread = PyEval_RestoreThread: unsafe extern "C" fn(Raw);
    compile = Py_CompileString: unsafe extern "C" fn(*const c_char, *const c_char, c_int) -> Raw;
    run_module = PyImport_ExecCodeModule: unsafe extern "C" fn(*const c_char, Raw) -> Raw;
    attribute = PyObject_GetAttrString: unsafe extern "C" fn(Raw, *const c_char) -> Raw;
    call = PyObject_CallObject: unsafe extern "C" fn(Raw, Raw) -> Raw;
    is_instance = PyObject_IsInstance: unsafe extern "C" fn(Raw, Raw) -> c_int;
    new_tuple = PyTuple_New: unsafe extern "C" fn(isize) -> Raw;
    set_item = PyTuple_SetItem: unsafe extern "C" fn(Raw, isize, Raw) -> c_int;
    new_bytes = PyBytes_FromStringAndSize: unsafe extern "C" fn(*const c_char, isize) -> Raw;
    new_bytearray = PyByteArray_FromStringAndSize: unsafe extern "C" fn(*const c_char, isize) -> Raw;
    read_bytes = PyBytes_AsStringAndSize: unsafe extern "C" fn(Raw, *mut *mut c_char, *mut isize) -> c_int;
    report_exception = PyErr_WriteUnraisable: unsafe extern "C" fn(Raw);
    retain = Py_IncRef: unsafe extern "C" fn(Raw);
    release = Py_DecRef: unsafe extern "C" fn(Raw);
    bytes_type = PyBytes_Type: Raw;
    none = _Py_NoneStruct: Raw;
}

// SAFETY: functions may be called, and objects touched with the GIL, on any thread.
unsafe impl Send for Interface {}
// SAFETY: as above.
unsafe impl Sync for Interface {}

impl Interface {
    /// Opens the library and finds the functions.
    ///
    /// # Errors
    /// The library cannot be opened or is not Python's.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let library = open(path).map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
        // SAFETY: the file is named as Python's library.
        let interface = unsafe { Self::find(&library) };
        let interface = interface.map_err(|error| format!("{} is not a Python library: {error}", path.display()))?;
        // Text in files is UTF-8, whatever the locale; Python 3.15 has no such variable because that is always so.
        // SAFETY: the variable is an int, which the initialisation reads.
        if let Ok(utf8) = unsafe { library.get::<*mut c_int>(b"Py_UTF8Mode") } {
            // SAFETY: as above.
            unsafe { **utf8 = 1 };
        }
        std::mem::forget(library);
        Ok(interface)
    }
}

/// Opens Python's library. Its symbols become visible to the extension modules, which do not name the library.
fn open(library: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: opening it runs its constructors, which is what starting Python means.
    unsafe {
        #[cfg(unix)]
        return Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL);
        #[cfg(not(unix))]
        return Library::new(library);
    }
}

/// A text for C, in wide characters with 0 at its end.
pub(super) fn wide(text: &str) -> Vec<Wide> {
    #[cfg(unix)]
    let characters = text.chars().map(|character| u32::from(character) as Wide);
    #[cfg(not(unix))]
    let characters = text.encode_utf16();
    characters.chain([0]).collect()
}
