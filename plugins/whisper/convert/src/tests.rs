//! Conversions of made-up models, and of a published one where it is there.

mod forward;
mod networks;
mod refusals;
