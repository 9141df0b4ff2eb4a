//! A library that the engine of the ABI tests finds in its folder.

/// What the engine reports if it found this.
#[unsafe(no_mangle)]
pub extern "C" fn abi_sibling_answer() -> u32 {
    42
}
