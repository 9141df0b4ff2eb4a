#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auricle_fuzz_targets::flux_messages(bytes));
