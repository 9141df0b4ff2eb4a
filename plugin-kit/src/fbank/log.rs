//! The natural logarithm, written so that the compiler can vectorise it. The standard library's takes a third of the
//! time of a frame.

use std::f32::consts::LN_2;

/// The logarithm of a positive normal number, to two units in the last place.
#[inline]
pub(crate) fn ln(x: f32) -> f32 {
    // x = m 2^e, with m from sqrt(1/2) to sqrt(2).
    let bits = x.to_bits() as i32;
    let e = (bits - std::f32::consts::FRAC_1_SQRT_2.to_bits() as i32) >> 23;
    let m = f32::from_bits((bits - (e << 23)) as u32);
    // ln m = 2 artanh s. The series is truncated where a term is less than 1e-8 of the sum.
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = s * z * (((2.0 / 9.0 * z + 2.0 / 7.0) * z + 2.0 / 5.0) * z + 2.0 / 3.0);
    e as f32 * LN_2 + (2.0 * s + series)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_logarithm(x in f32::MIN_POSITIVE..f32::MAX, e in -126..128) {
            for x in [x, 2f32.powi(e), 2f32.powi(e) * 1.414_213_4, 1.0 + x / f32::MAX] {
                let want = f64::from(x).ln();
                let off = (f64::from(super::ln(x)) - want).abs();
                prop_assert!(off <= 1.5e-7 * want.abs().max(0.5), "ln({x}) off by {off}");
            }
        }
    }
}
