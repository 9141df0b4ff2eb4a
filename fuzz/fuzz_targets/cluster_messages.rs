#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auricle_fuzz_targets::cluster_messages(bytes));
