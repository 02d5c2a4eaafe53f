//! What a server says of its own load, on the answer to a test. Pure.
//!
//! The field is ORCA's `endpoint-load-metrics` in its text form (Open Request Cost Aggregation, as gRPC's
//! proposal A51 and Envoy have it), asked for by `endpoint-load-metrics-format`:
//!
//! ```text
//! endpoint-load-metrics: TEXT application_utilization=0.42, named_metrics.in_flight=120,
//!   named_metrics.in_flight_max=1000, named_metrics.bytes_per_second=5e7, named_metrics.bytes_per_second_max=1e8
//! ```

use message::field::list;
use message::{Fields, HeaderName, HeaderValue};

/// What asks for a report.
pub const LOAD_FORMAT: HeaderName = HeaderName::from_static("endpoint-load-metrics-format");

/// What a report is in.
pub const LOAD_METRICS: HeaderName = HeaderName::from_static("endpoint-load-metrics");

/// Up to this part of its own limit a server is as fast as it measures.
const EASY: f64 = 0.7;

/// What is left of the share of a server that has reached its limit: what it is found to bear, and not zero,
/// since it still answers.
const PART_AT_LIMIT: f64 = 0.1;

/// A server's report of its own load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Transfers that are running.
    pub in_flight: Option<f64>,
    /// How many may be.
    pub in_flight_max: Option<f64>,
    /// Bytes that it sends per second.
    pub bytes_per_second: Option<f64>,
    /// How many it may.
    pub bytes_per_second_max: Option<f64>,
    /// How much of its limit it uses, by its own account: 0 to 1, and more beyond it.
    pub utilization: Option<f64>,
}

impl Load {
    /// Asks for a report.
    pub fn ask(fields: &mut Fields) {
        fields.set(LOAD_FORMAT, HeaderValue::from_static("TEXT"));
    }

    /// Whether a report is asked for, in the form that is known.
    #[must_use]
    pub fn is_asked(fields: &Fields) -> bool {
        fields.get(&LOAD_FORMAT).is_some_and(|format| format == "TEXT")
    }

    /// Tells it, as far as anything is known.
    pub fn tell(&self, fields: &mut Fields) {
        let pairs = [
            ("application_utilization", self.utilization),
            ("named_metrics.in_flight", self.in_flight),
            ("named_metrics.in_flight_max", self.in_flight_max),
            ("named_metrics.bytes_per_second", self.bytes_per_second),
            ("named_metrics.bytes_per_second_max", self.bytes_per_second_max),
        ];
        let known = pairs.iter().filter_map(|(name, value)| Some(format!("{name}={}", (*value)?)));
        let members: Vec<_> = known.collect();
        if let (false, Ok(value)) =
            (members.is_empty(), HeaderValue::try_from(format!("TEXT {}", members.join(", "))))
        {
            fields.set(LOAD_METRICS, value);
        }
    }

    /// The report in `fields`; `None` if there is none, or none that is understood.
    #[must_use]
    pub fn of(fields: &Fields) -> Option<Self> {
        let text = fields.text(&LOAD_METRICS)?.strip_prefix("TEXT ")?;
        let mut load = Self::default();
        for member in list::members(text.as_bytes()) {
            let (name, value) = str::from_utf8(member.ok()?).ok()?.split_once('=')?;
            let value = value.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
            match name {
                "named_metrics.in_flight" => load.in_flight = value,
                "named_metrics.in_flight_max" => load.in_flight_max = value,
                "named_metrics.bytes_per_second" => load.bytes_per_second = value,
                "named_metrics.bytes_per_second_max" => load.bytes_per_second_max = value,
                "application_utilization" => load.utilization = value,
                _ => {}
            }
        }
        Some(load)
    }

    /// The part of its limit that it uses, by whichever of the limits is nearest; 0 if it names none.
    #[must_use]
    pub fn used(&self) -> f64 {
        let part = |now: Option<f64>, max: Option<f64>| match now.zip(max) {
            Some((now, max)) if max > 0.0 => now / max,
            _ => 0.0,
        };
        let by_transfers = part(self.in_flight, self.in_flight_max);
        let by_bytes = part(self.bytes_per_second, self.bytes_per_second_max);
        by_transfers.max(by_bytes).max(self.utilization.unwrap_or(0.0))
    }

    /// What part of the share that its speed earns it a server of this load gets: it is given less before it
    /// becomes slow.
    #[must_use]
    pub fn part(&self) -> f64 {
        let beyond = ((self.used() - EASY) / (1.0 - EASY)).clamp(0.0, 1.0);
        1.0 - beyond * (1.0 - PART_AT_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &'static str) -> Option<Load> {
        let mut fields = Fields::new();
        fields.set(LOAD_METRICS, HeaderValue::from_static(text));
        Load::of(&fields)
    }

    #[test]
    fn what_is_told_is_read_as_it_was_and_only_who_asks_is_told() {
        let load = Load { in_flight: Some(7.0), in_flight_max: Some(10.0), ..Load::default() };
        let mut fields = Fields::new();
        load.tell(&mut fields);
        assert_eq!(Load::of(&fields), Some(load));
        let mut none = Fields::new();
        Load::default().tell(&mut none);
        assert!(none.is_empty());
        let mut asking = Fields::new();
        assert!(!Load::is_asked(&asking));
        Load::ask(&mut asking);
        assert!(Load::is_asked(&asking));
        asking.set(LOAD_FORMAT, HeaderValue::from_static("BIN"));
        assert!(!Load::is_asked(&asking));
    }

    #[test]
    fn a_report_is_read_and_what_is_none_is_not() {
        let report =
            load("TEXT named_metrics.in_flight=5, named_metrics.in_flight_max=10,cpu_utilization=0.3");
        assert_eq!(report.unwrap().used(), 0.5);
        assert_eq!(load("TEXT application_utilization=0.9").unwrap().used(), 0.9);
        assert_eq!(load("TEXT application_utilization=-1").unwrap().used(), 0.0);
        assert_eq!(
            load("TEXT named_metrics.in_flight=5, named_metrics.in_flight_max=0").unwrap().used(),
            0.0
        );
        for none in ["JSON {}", "TEXT", "TEXT x", "TEXT a=\"", "nonsense"] {
            assert_eq!(load(none), None, "{none}");
        }
    }

    #[test]
    fn who_is_near_its_limit_gets_less() {
        for (used, part) in [(0.0, 1.0), (0.7, 1.0), (0.85, 0.55), (1.0, 0.1), (7.0, 0.1)] {
            let load = Load { utilization: Some(used), ..Load::default() };
            assert!((load.part() - part).abs() < 1e-9, "{used}: {}", load.part());
        }
    }
}
