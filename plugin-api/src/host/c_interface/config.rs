//! A configuration, as the engine reads it.

use crate::{Config, abi::c};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    ffi::{CStr, CString, c_char},
    mem, ptr,
};

/// A configuration and its strings for C.
#[repr(C)]
pub(super) struct Fields {
    /// The first field, so that the engine's pointer to it is one to the whole.
    raw: c::Config,
    json: CString,
    texts: BTreeMap<Vec<u8>, CString>,
    numbers: BTreeMap<Vec<u8>, f64>,
}

/// A string for C, without its zeros.
pub(super) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

impl Fields {
    pub(super) fn new(config: &Config) -> Box<Self> {
        let fields = config.fields();
        let texts = fields.iter().filter_map(|(name, value)| Some((name.clone().into(), c_string(value.as_str()?))));
        let numbers = fields.iter().filter_map(|(name, value)| {
            let number = match value {
                Value::Bool(flag) => f64::from(u8::from(*flag)),
                other => other.as_f64()?,
            };
            Some((name.clone().into(), number))
        });
        let json = c_string(&serde_json::to_string(fields).unwrap_or_default());
        let raw = c::Config { size: mem::size_of::<c::Config>(), json: json.as_ptr(), text, number };
        Box::new(Self { raw, json, texts: texts.collect(), numbers: numbers.collect() })
    }

    /// For the engine, as long as `self` lives.
    pub(super) fn raw(&self) -> *const c::Config {
        debug_assert_eq!(self.raw.json, self.json.as_ptr());
        (&raw const *self).cast()
    }
}

/// The configuration and the field's name, unless one of the pointers is null.
unsafe fn asked<'a>(config: *const c::Config, field: *const c_char) -> Option<(&'a Fields, &'a [u8])> {
    // SAFETY: the pointers are null, or that of `Fields::raw` and a string of the engine.
    unsafe { Some((config.cast::<Fields>().as_ref()?, CStr::from_ptr(field.as_ref()?).to_bytes())) }
}

unsafe extern "C" fn text(config: *const c::Config, field: *const c_char) -> *const c_char {
    // SAFETY: as `asked`.
    let asked = unsafe { asked(config, field) };
    asked.and_then(|(fields, name)| fields.texts.get(name)).map_or(ptr::null(), |text| text.as_ptr())
}

unsafe extern "C" fn number(config: *const c::Config, field: *const c_char, otherwise: f64) -> f64 {
    // SAFETY: as `asked`.
    let asked = unsafe { asked(config, field) };
    asked.and_then(|(fields, name)| fields.numbers.get(name)).copied().unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_found_by_name_and_type() {
        let Value::Object(fields) = json!({"unit": "dB", "beams": 3, "fast": true, "list": [1]}) else { panic!() };
        let fields = Fields::new(&Config::new(fields));
        let config = fields.raw();
        // SAFETY: as an engine calls it.
        let text = |name: &CStr| unsafe { text(config, name.as_ptr()) };
        // SAFETY: as an engine calls it.
        let number = |name: &CStr| unsafe { number(config, name.as_ptr(), -1.0) };
        // SAFETY: the string lives as long as the fields.
        assert_eq!(unsafe { CStr::from_ptr(text(c"unit")) }, c"dB");
        assert!(text(c"beams").is_null() && text(c"none").is_null());
        assert_eq!([c"beams", c"fast", c"unit", c"list", c"none"].map(number), [3.0, 1.0, -1.0, -1.0, -1.0]);
    }
}
