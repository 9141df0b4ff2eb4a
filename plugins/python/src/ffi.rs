//! Python's C interface, loaded at run time. All `unsafe` code of this engine is here and in `interface`.
//!
//! Invariant: an object is touched only inside [`Python::locked`], that is with the GIL. Each thread keeps its thread
//! state from its first call to its end, because thread-local values of Python libraries belong to it. The interpreter
//! is never ended. Threads: any.

mod interface;

use auricle_plugin_api::Error;
use interface::{FILE_INPUT, Interface, Raw, wide};
use std::{
    cell::Cell,
    ffi::{CStr, CString, c_void},
    path::Path,
    ptr::{self, NonNull},
    slice,
    sync::OnceLock,
};

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
    /// The object itself.
    Object(&'a Object),
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
        let interface = Interface::open(library)?;
        let program = wide(program);
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
                    // SAFETY: the reference that is added here is released with the others.
                    Argument::Object(object) => unsafe {
                        (python.retain)(object.raw());
                        object.raw()
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
