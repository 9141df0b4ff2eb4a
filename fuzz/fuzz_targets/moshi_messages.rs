#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auricle_fuzz_targets::moshi_messages(bytes));
