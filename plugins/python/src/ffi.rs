//! Python's C interface, loaded at run time. All `unsafe` code of this engine is here.
//!
//! Only functions of Python's stable ABI are used. Invariant: an object is touched only inside [`Python::locked`], that
//! is with the GIL. Each thread keeps its thread state from its first call to its end, because thread-local values of
//! Python libraries belong to it. The interpreter and its library are never closed. Threads: any.

use auricle_plugin_api::Error;
use std::{
    cell::Cell,
    ffi::{CStr, CString, c_char, c_int, c_void},
    path::Path,
    ptr::{self, NonNull},
    slice,
    sync::OnceLock,
};

#[cfg(unix)]
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
#[cfg(not(unix))]
use libloading::os::windows::Library;

/// A pointer to an object, or to a thread state.
type Raw = *mut c_void;
/// C's `wchar_t`.
type Wide = if_wide::Wide;

#[cfg(unix)]
mod if_wide {
    pub(super) type Wide = i32;
}
#[cfg(not(unix))]
mod if_wide {
    pub(super) type Wide = u16;
}

/// `Py_file_input`: source text of a module.
const FILE_INPUT: c_int = 257;

macro_rules! interface {
    ($($name:ident = $symbol:ident: $kind:ty;)*) => {
        /// Functions and variables of Python's library, by what they are used for.
        struct Interface { $($name: $kind),* }

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

thread_local! {
    /// This thread's state in the interpreter, while it does not hold the GIL; null before its first call.
    static STATE: Cell<Raw> = const { Cell::new(ptr::null_mut()) };
    /// Whether this thread holds the GIL.
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// The running interpreter.
pub(crate) struct Python {
    interface: Interface,
}

/// An argument of a call.
pub(crate) enum Argument<'a> {
    /// Becomes `bytes`.
    Bytes(&'a [u8]),
    /// Become a `bytearray` of 32-bit floats.
    Samples(&'a [f32]),
}

/// What a call returned.
pub(crate) enum Returned {
    /// `None`.
    None,
    /// `bytes`.
    Bytes(Vec<u8>),
    /// Anything else.
    Object(Object),
}

/// A reference to an object.
pub(crate) struct Object {
    object: NonNull<c_void>,
    python: &'static Python,
}

// SAFETY: the object is touched only with the GIL, on whichever thread.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

impl Python {
    /// Opens the library and starts the interpreter. `program` is the interpreter's program, from which Python finds its
    /// packages. Only the first call in a process has an effect.
    ///
    /// If Python finds no standard library, it ends the process.
    ///
    /// # Errors
    /// The library cannot be opened or is not Python's.
    pub(crate) fn start(library: &Path, program: &str) -> Result<&'static Self, String> {
        static RUNNING: OnceLock<Python> = OnceLock::new();
        if let Some(python) = RUNNING.get() {
            return Ok(python);
        }
        let opened = open(library).map_err(|error| format!("{} cannot be opened: {error}", library.display()))?;
        // SAFETY: the file is named as Python's library.
        let interface = unsafe { Interface::find(&opened) };
        let interface = interface.map_err(|error| format!("{} is not a Python library: {error}", library.display()))?;
        // Text in files is UTF-8, whatever the locale; Python 3.15 has no such variable because that is always so.
        // SAFETY: as above. The variable is an int that is read by the initialisation.
        if let Ok(utf8) = unsafe { opened.get::<*mut c_int>(b"Py_UTF8Mode") } {
            // SAFETY: as above.
            unsafe { **utf8 = 1 };
        }
        // Extension modules use it until the process ends.
        std::mem::forget(opened);
        let program: Vec<Wide> = wide(program);
        // SAFETY: the text ends with 0 and is leaked, because Python keeps the pointer. After the initialisation this
        // thread holds the GIL, which it then returns.
        unsafe {
            (interface.set_program)(program.leak().as_ptr());
            (interface.initialize)(0);
            STATE.set((interface.save_thread)());
        }
        Ok(RUNNING.get_or_init(|| Self { interface }))
    }

    /// Runs `work` with the GIL.
    fn locked<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Unlock<'a>(&'a Python);
        impl Drop for Unlock<'_> {
            fn drop(&mut self) {
                HOLDS.set(false);
                // SAFETY: this thread holds the GIL.
                STATE.set(unsafe { (self.0.interface.save_thread)() });
            }
        }
        if HOLDS.get() {
            return work();
        }
        let state = STATE.get();
        // SAFETY: the interpreter runs, and this thread does not hold the GIL. The state is this thread's own.
        unsafe {
            if state.is_null() {
                (self.interface.ensure_thread)();
            } else {
                (self.interface.restore_thread)(state);
            }
        }
        HOLDS.set(true);
        let _unlock = Unlock(self);
        work()
    }

    /// Runs source text as the module `name`.
    ///
    /// # Errors
    /// The text raised an exception, which Python has printed.
    pub(crate) fn run_module(&'static self, name: &CStr, source: &str) -> Result<Object, Error> {
        let source = CString::new(source)?;
        self.locked(|| {
            // SAFETY: with the GIL. The texts end with 0; `compile` returns a new reference.
            let module = unsafe {
                let code = self.own((self.interface.compile)(source.as_ptr(), name.as_ptr(), FILE_INPUT))?;
                (self.interface.run_module)(name.as_ptr(), code.raw())
            };
            self.own(module)
        })
    }

    /// Calls a function.
    ///
    /// # Errors
    /// It raised an exception, which Python has printed.
    pub(crate) fn call(&'static self, function: &Object, arguments: &[Argument<'_>]) -> Result<Returned, Error> {
        let python = &self.interface;
        self.locked(|| {
            // SAFETY: with the GIL. `new_tuple` returns a new reference, or null.
            let tuple = self.own(unsafe { (python.new_tuple)(arguments.len() as isize) })?;
            for (place, argument) in (0..).zip(arguments) {
                let value = match argument {
                    // SAFETY: the bytes are copied.
                    Argument::Bytes(bytes) => unsafe {
                        (python.new_bytes)(bytes.as_ptr().cast(), bytes.len() as isize)
                    },
                    // SAFETY: the samples are copied.
                    Argument::Samples(samples) => unsafe {
                        (python.new_bytearray)(samples.as_ptr().cast(), size_of_val(*samples) as isize)
                    },
                };
                let value = self.own(value)?;
                // SAFETY: the tuple is new, and takes the reference that is added here.
                unsafe {
                    (python.retain)(value.raw());
                    (python.set_item)(tuple.raw(), place, value.raw());
                }
            }
            // SAFETY: with the GIL, both are objects.
            let returned = self.own(unsafe { (python.call)(function.raw(), tuple.raw()) })?;
            if returned.raw() == python.none {
                return Ok(Returned::None);
            }
            // SAFETY: with the GIL, both are objects.
            if unsafe { (python.is_instance)(returned.raw(), python.bytes_type) } != 1 {
                return Ok(Returned::Object(returned));
            }
            let (mut bytes, mut length) = (ptr::null_mut(), 0);
            // SAFETY: with the GIL, on an object of type `bytes`.
            unsafe { (python.read_bytes)(returned.raw(), &raw mut bytes, &raw mut length) };
            // SAFETY: the bytes belong to `returned` and do not change.
            let bytes = unsafe { slice::from_raw_parts(bytes.cast::<u8>(), length.unsigned_abs()) };
            Ok(Returned::Bytes(bytes.to_vec()))
        })
    }

    /// Takes a new reference. Null means that there was an exception. With the GIL only.
    fn own(&'static self, object: Raw) -> Result<Object, Error> {
        let object = NonNull::new(object).ok_or_else(|| {
            // SAFETY: with the GIL, and there is an exception. Prints it, without ending the process at `SystemExit`.
            unsafe { (self.interface.report_exception)(ptr::null_mut()) };
            Error::other("Python raised an exception that was not expected; it is in the log")
        })?;
        Ok(Object { object, python: self })
    }
}

impl Object {
    /// An attribute, for instance a method.
    ///
    /// # Errors
    /// There is none; Python has printed the exception.
    pub(crate) fn attribute(&self, name: &CStr) -> Result<Self, Error> {
        // SAFETY: with the GIL. Returns a new reference.
        self.python.locked(|| self.python.own(unsafe { (self.python.interface.attribute)(self.raw(), name.as_ptr()) }))
    }

    fn raw(&self) -> Raw {
        self.object.as_ptr()
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: with the GIL. The reference is owned.
        self.python.locked(|| unsafe { (self.python.interface.release)(self.raw()) });
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
fn wide(text: &str) -> Vec<Wide> {
    #[cfg(unix)]
    let characters = text.chars().map(|character| u32::from(character) as Wide);
    #[cfg(not(unix))]
    let characters = text.encode_utf16();
    characters.chain([0]).collect()
}
