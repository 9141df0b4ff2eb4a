//! Arithmetic over a row of logits: about fifty thousand values, once or more for each token.
//!
//! Everything is computed in lanes, without branches or calls, so that the compiler can vectorise it. The standard
//! library's `exp` and `max` would take a sixth of the time of a small model's token.

/// Number of lanes.
const LANES: usize = 16;

/// The maximum; minus infinity for none. NaN is ignored.
pub(crate) fn greatest(logits: &[f32]) -> f32 {
    let (whole, rest) = logits.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for values in whole {
        for (lane, value) in lanes.iter_mut().zip(values) {
            // The standard library's `max` checks for NaN.
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The index of the first maximum; 0 for none.
pub(crate) fn best(logits: &[f32]) -> usize {
    let most = greatest(logits);
    logits.iter().position(|logit| *logit == most).unwrap_or(0)
}

/// The logarithm of the sum of exponentials; minus infinity for none.
pub(crate) fn log_sum_exp(logits: &[f32]) -> f32 {
    let most = greatest(logits);
    if most == f32::NEG_INFINITY {
        return most;
    }
    let (whole, rest) = logits.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for values in whole {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += exp(*value - most);
        }
    }
    most + (lanes.iter().sum::<f32>() + rest.iter().map(|value| exp(value - most)).sum::<f32>()).ln()
}

/// The exponential of a number up to 0, to at least five digits. NaN, and values too small for a float, become almost
/// 0.
#[inline(always)]
fn exp(value: f32) -> f32 {
    /// Adding this rounds a number to an integer, which is then in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let twos = value * std::f32::consts::LOG2_E;
    let twos = if twos > -126.0 { twos } else { -126.0 };
    let rounded = twos + ROUND;
    let part = twos - (rounded - ROUND);
    // Two to the power of -0.5 to 0.5: the series of the exponential.
    let mut power = 1.540_353e-4;
    for factor in [1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, std::f32::consts::LN_2, 1.0] {
        power = power * part + factor;
    }
    let whole = rounded.to_bits().wrapping_sub(ROUND.to_bits());
    power * f32::from_bits(whole.wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_of_the_greatest_is_taken_wherever_it_is() {
        for place in [0, 3, 15, 16, 20, 36] {
            let mut logits = vec![-1.0; 37];
            logits[place] = 2.0;
            logits[36] = 2.0;
            assert_eq!(best(&logits), place);
        }
        assert_eq!(best(&[f32::NAN, 1.0]), 1);
        assert_eq!(best(&[f32::NAN; 40]), 0);
        assert_eq!(best(&[]), 0);
    }

    #[test]
    fn sums_without_overflow_and_of_what_is_forbidden() {
        assert!((log_sum_exp(&[1_000.0, 1_000.0]) - (1_000.0 + 2f32.ln())).abs() < 1e-3);
        assert_eq!(log_sum_exp(&[]), f32::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[f32::NEG_INFINITY; 40]), f32::NEG_INFINITY);
        let mut one = vec![f32::NEG_INFINITY; 50_000];
        one[777] = -3.0;
        assert!((log_sum_exp(&one) + 3.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn exponentials_are_exact_enough(value in -87.0f32..0.0) {
            let exact = f64::from(value).exp();
            prop_assert!((f64::from(exp(value)) - exact).abs() <= exact * 1e-5);
        }

        #[test]
        fn sums_are_exact_enough(logits in prop::collection::vec(-60.0f32..30.0, 1..2_000)) {
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exact = logits.iter().map(|logit| f64::from(logit - most).exp()).sum::<f64>().ln() + f64::from(most);
            prop_assert!((f64::from(log_sum_exp(&logits)) - exact).abs() < 1e-4);
        }
    }
}
