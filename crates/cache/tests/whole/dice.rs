//! Chance that is the same for the same seed.

/// xorshift64*: small, and the same everywhere.
pub(crate) struct Dice(u64);

impl Dice {
    /// Those of history number `seed`.
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number from 0 to before `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    /// The same for a place in a list.
    pub(crate) fn pick(&mut self, of: usize) -> usize {
        usize::try_from(self.roll(of.try_into().unwrap())).unwrap()
    }
}
