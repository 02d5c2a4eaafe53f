//! From weights to shares: none smaller and none larger than is wanted. Pure.

/// The smallest and the largest share that one replica gets of those that get any: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// So that a slow one stays known to clients.
    pub least: f64,
    /// So that the fastest is not relied on alone.
    pub most: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { least: 0.0, most: 1.0 }
    }
}

impl Bounds {
    /// Shares in proportion to `weights`, adding up to 1 (all 0 if no weight is positive), held within these bounds;
    /// as far as the bounds allow, with few replicas: two can't have 40 % each at most.
    #[must_use]
    pub fn shares(self, weights: &[f64]) -> Vec<f64> {
        let usable = |weight: &f64| if weight.is_finite() && *weight > 0.0 { *weight } else { 0.0 };
        let mut shares: Vec<f64> = weights.iter().map(usable).collect();
        let sharers = shares.iter().filter(|share| **share > 0.0).count();
        let Ok(count) = u32::try_from(sharers) else { return shares };
        if count == 0 {
            return shares;
        }
        let equal = 1.0 / f64::from(count);
        let (least, most) = (self.least.min(equal), self.most.max(equal));
        scale(&mut shares, |_| true, 1.0);
        if least > 0.0 || most < 1.0 {
            // Each pass fixes at least one share at a bound, or is the last.
            let mut fixed = vec![false; shares.len()];
            for _ in 0..sharers {
                if !fix(&mut shares, &mut fixed, least, most) {
                    break;
                }
            }
        }
        shares
    }
}

/// Brings what is out of bounds to its bound, on the side where more is missing, and shares out the rest; whether
/// there was anything to do.
fn fix(shares: &mut [f64], fixed: &mut [bool], least: f64, most: f64) -> bool {
    let free = |index: usize, fixed: &[bool]| !fixed.get(index).copied().unwrap_or(true);
    let (mut below, mut above) = (0.0, 0.0);
    for (index, share) in shares.iter().enumerate() {
        if *share > 0.0 && free(index, fixed) {
            below += (least - share).max(0.0);
            above += (share - most).max(0.0);
        }
    }
    if below <= f64::EPSILON && above <= f64::EPSILON {
        return false;
    }
    for (share, fixed) in shares.iter_mut().zip(fixed.iter_mut()) {
        let out = if below >= above { *share < least } else { *share > most };
        if *share > 0.0 && !*fixed && out {
            (*share, *fixed) = (if below >= above { least } else { most }, true);
        }
    }
    let taken: f64 = shares.iter().zip(&*fixed).filter(|(_, fixed)| **fixed).map(|(share, _)| share).sum();
    let held = fixed.to_vec();
    scale(shares, |index| free(index, &held), (1.0 - taken).max(0.0));
    true
}

/// Makes those shares that `which` names add up to `sum`.
fn scale(shares: &mut [f64], which: impl Fn(usize) -> bool, sum: f64) {
    let now: f64 = shares.iter().enumerate().filter(|(index, _)| which(*index)).map(|(_, share)| share).sum();
    if now > 0.0 {
        for (index, share) in shares.iter_mut().enumerate() {
            if which(index) {
                *share *= sum / now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shares(least: f64, most: f64, weights: &[f64]) -> Vec<f64> {
        let shares = Bounds { least, most }.shares(weights);
        shares.iter().map(|share| (share * 1000.0).round() / 1000.0).collect()
    }

    #[test]
    fn shares_follow_weights_within_their_bounds() {
        assert_eq!(shares(0.0, 1.0, &[4.0, 0.0, 2.0, 2.0]), [0.5, 0.0, 0.25, 0.25]);
        assert_eq!(shares(0.0, 0.6, &[8.0, 1.0, 1.0]), [0.6, 0.2, 0.2]);
        assert_eq!(shares(0.1, 1.0, &[98.0, 1.0, 1.0]), [0.8, 0.1, 0.1]);
        assert_eq!(shares(0.05, 0.5, &[90.0, 9.0, 1.0]), [0.5, 0.45, 0.05]);
        assert_eq!(shares(0.0, 0.4, &[3.0, 1.0]), [0.5, 0.5], "two can't have less than a half each");
        assert_eq!(shares(0.0, 0.4, &[0.0, 1.0]), [0.0, 1.0]);
        assert_eq!(shares(0.9, 0.1, &[3.0, 1.0]), [0.5, 0.5]);
        assert_eq!(shares(0.0, 1.0, &[0.0, f64::NAN]), [0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn they_add_up_to_one_and_nobody_is_out_of_bounds(
            weights in proptest::collection::vec(0.01_f64..1000.0, 1..20),
            least in 0.0_f64..0.2,
            most in 0.2_f64..1.0,
        ) {
            let shares = Bounds { least, most }.shares(&weights);
            let equal = 1.0 / f64::from(u32::try_from(weights.len()).unwrap());
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
            for share in &shares {
                prop_assert!(*share >= least.min(equal) - 1e-9 && *share <= most.max(equal) + 1e-9, "{shares:?}");
            }
        }
    }
}
