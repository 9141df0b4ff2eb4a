//! Tests with models of random weights.

mod forward;
mod networks;
mod refusals;
