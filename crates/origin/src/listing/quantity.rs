//! Numbers as people read them.

use std::fmt;

/// Powers of 1024 (IEC 80000-13).
const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// A size in bytes, in the unit that makes it a short number: `0 B`, `1.5 KiB`, `120 MiB`.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut unit_bytes = 1024_u128;
        let mut text = String::new();
        for unit in UNITS {
            text = in_unit(u128::from(self.0), unit_bytes, unit);
            // Rounded up to 1024 it is one of the next unit.
            if !text.starts_with("1024 ") && u128::from(self.0) < unit_bytes.saturating_mul(1024) {
                break;
            }
            unit_bytes = unit_bytes.saturating_mul(1024);
        }
        f.write_str(&text)
    }
}

/// Three significant digits below a hundred, else a whole number; rounded half up.
fn in_unit(bytes: u128, unit_bytes: u128, unit: &str) -> String {
    let rounded = |steps: u128| {
        bytes.saturating_mul(steps).saturating_add(unit_bytes / 2).checked_div(unit_bytes).unwrap_or(0)
    };
    let tenths = rounded(10);
    if tenths < 1000 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", rounded(1))
    }
}

/// A number with its thousands set apart: `1,234,567`.
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousands = self.0 / 1000;
        if thousands == 0 {
            return write!(f, "{}", self.0);
        }
        write!(f, "{},{:03}", Self(thousands), self.0 % 1000)
    }
}

/// `1 file`, `1,200 files`
pub(crate) struct Count {
    pub(crate) number: usize,
    pub(crate) one: &'static str,
    pub(crate) many: &'static str,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u64::try_from(self.number).unwrap_or(u64::MAX);
        write!(f, "{} {}", Grouped(number), if number == 1 { self.one } else { self.many })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_short_number() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_240, "10.0 KiB"),
            (102_348, "99.9 KiB"),
            (102_349, "100 KiB"),
            (1_048_063, "1023 KiB"),
            (1_048_064, "1.0 MiB"),
            (1_048_576, "1.0 MiB"),
            (5_368_709_120, "5.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text, "{bytes}");
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_002_003, "1,002,003"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(Grouped(number).to_string(), text);
        }
        let files = |number| Count { number, one: "file", many: "files" }.to_string();
        assert_eq!([files(0), files(1), files(1200)], ["0 files", "1 file", "1,200 files"]);
    }
}
