//! How a balancer stands, for programs, people and Prometheus. Pure.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use crate::load::Load;
use crate::markup::json;
use crate::report::{Alarm, Row};
use crate::score::{Sample, Spread};

/// How a balancer stands at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// Each replica, the fastest first.
    pub rows: Vec<Row>,
    /// The last alarms, oldest first.
    pub alarms: Vec<Alarm>,
    /// How many there have been.
    pub alarmed: u64,
    /// Clients for whom nobody was there.
    pub unserved: u64,
    /// When.
    pub now: SystemTime,
}

impl Status {
    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        let servers: Vec<_> = self.rows.iter().map(|row| self.server(row)).collect();
        let alarm = |alarm: &Alarm| {
            let (at, text) = (seconds(alarm.at), json(&alarm.to_string()));
            let (server, path) = (json(&alarm.replica), json(&alarm.path));
            format!("{{\"at\":{at},\"server\":{server},\"path\":{path},\"text\":{text}}}")
        };
        let alarms: Vec<_> = self.alarms.iter().map(alarm).collect();
        format!(
            "{{\"now\":{},\"unserved\":{},\"servers\":[{}],\"alarms_total\":{},\"alarms\":[{}]}}\n",
            seconds(self.now),
            self.unserved,
            servers.join(","),
            self.alarmed,
            alarms.join(",")
        )
    }

    fn server(&self, row: &Row) -> String {
        let health = &row.health;
        let failure = health.last_failure().map_or_else(null, |reason| json(&reason.to_string()));
        let tests: Vec<_> = row.samples.iter().map(test).collect();
        let country = row.replica.country().map_or_else(null, |country| json(country.as_str()));
        let pairs = [
            ("url", json(row.replica.url())),
            ("state", json(health.state().name())),
            ("since", seconds(health.since())),
            ("reason", json(&health.to_string())),
            ("last_failure", failure),
            ("drained", row.replica.is_drained().to_string()),
            ("country", country),
            ("admin_weight", row.replica.weight().to_string()),
            ("weight", format!("{:.6}", row.weight)),
            ("share", format!("{:.6}", row.share)),
            ("given", format!("{:.6}", self.given(row))),
            ("clients", row.redirects.to_string()),
            ("in_flight", row.in_flight.to_string()),
            ("failed", row.failed.to_string()),
            ("median_ms", row.median.map_or_else(null, millis)),
            ("first_byte", row.first_byte.as_ref().map_or_else(null, spread)),
            ("transfer", row.transfer.as_ref().map_or_else(null, spread)),
            ("bytes_per_second", row.throughput.map_or_else(null, |rate| format!("{rate:.0}"))),
            ("load", row.load.as_ref().map_or_else(null, load)),
            ("tests", format!("[{}]", tests.join(","))),
        ];
        object(&pairs)
    }

    /// For people: one line per server.
    #[must_use]
    pub fn to_text(&self) -> String {
        let head = [
            "SERVER",
            "STATE",
            "SINCE",
            "FIRST BYTE",
            "TRANSFER",
            "SPEED",
            "WEIGHT",
            "SHARE",
            "GIVEN",
            "CLIENTS",
        ];
        let mut lines: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
        lines.extend(self.rows.iter().map(|row| self.line(row)));
        let mut text = columns(&lines);
        for row in &self.rows {
            if let (false, Some(reason)) = (row.health.is_in(), row.health.last_failure()) {
                let _ = writeln!(text, "{}: {reason}", row.replica);
            }
        }
        for alarm in &self.alarms {
            let _ = writeln!(text, "alarm: {alarm}");
        }
        text
    }

    fn line(&self, row: &Row) -> Vec<String> {
        let dash = || "-".to_owned();
        let state = if row.replica.is_drained() { "drained" } else { row.health.state().name() };
        let age = self.now.duration_since(row.health.since()).unwrap_or_default();
        vec![
            row.replica.to_string(),
            state.to_owned(),
            rounded(age),
            row.first_byte.map_or_else(dash, |spread| format!("{} ms", millis(spread.median))),
            row.transfer.map_or_else(dash, |spread| format!("{} ms", millis(spread.median))),
            row.throughput.map_or_else(dash, |rate| format!("{:.1} MB/s", rate / 1e6)),
            format!("{:.2}", row.weight),
            format!("{:.1} %", 100.0 * row.share),
            format!("{:.1} %", 100.0 * self.given(row)),
            row.redirects.to_string(),
        ]
    }

    /// For Prometheus, in its text format 0.0.4.
    #[must_use]
    pub fn to_metrics(&self) -> String {
        let mut text = String::new();
        let seconds_of = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let of_whole = |count: u64| Some(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        self.family(&mut text, "up", "gauge", "Whether the server gets clients.", |row| {
            Some(f64::from(u8::from(row.health.is_in() && !row.replica.is_drained())))
        });
        self.family(&mut text, "share", "gauge", "Part of the clients it is to get.", |row| Some(row.share));
        self.family(&mut text, "weight", "gauge", "What the share is in proportion to.", |row| {
            Some(row.weight)
        });
        self.family(&mut text, "clients_total", "counter", "Clients sent to it.", |row| {
            of_whole(row.redirects)
        });
        self.family(&mut text, "in_flight", "gauge", "Exchanges with it, in proxy mode.", |row| {
            Some(f64::from(row.in_flight))
        });
        self.family(&mut text, "failed_total", "counter", "Exchanges that failed, in proxy mode.", |row| {
            of_whole(row.failed)
        });
        self.family(&mut text, "test_seconds", "gauge", "Median of its last tests.", |row| {
            seconds_of(row.median)
        });
        self.family(&mut text, "test_first_byte_seconds", "gauge", "Median time to the first byte.", |row| {
            seconds_of(row.first_byte.map(|spread| spread.median))
        });
        self.family(
            &mut text,
            "test_transfer_seconds",
            "gauge",
            "Median time from there to the last.",
            |row| seconds_of(row.transfer.map(|spread| spread.median)),
        );
        for (name, what, count) in [
            ("unserved_total", "Clients for whom no server was there.", self.unserved),
            ("alarms_total", "Files that were not as on the reference server.", self.alarmed),
        ] {
            let name = format!("sockets_balancer_{name}");
            let _ = writeln!(text, "# HELP {name} {what}\n# TYPE {name} counter\n{name} {count}");
        }
        text
    }

    fn family(
        &self,
        text: &mut String,
        name: &str,
        kind: &str,
        what: &str,
        value: impl Fn(&Row) -> Option<f64>,
    ) {
        let name = format!("sockets_balancer_{name}");
        let _ = writeln!(text, "# HELP {name} {what}\n# TYPE {name} {kind}");
        for row in &self.rows {
            if let Some(value) = value(row) {
                // A URL holds neither quotes nor backslashes.
                let _ = writeln!(text, "{name}{{server=\"{}\"}} {value}", row.replica.url());
            }
        }
    }

    /// The part of the clients that it was given.
    fn given(&self, row: &Row) -> f64 {
        let as_f64 = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let all: u64 = self.rows.iter().map(|row| row.redirects).sum();
        if all == 0 { 0.0 } else { as_f64(row.redirects) / as_f64(all) }
    }
}

fn object(pairs: &[(&str, String)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{}:{value}", json(name))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn null() -> String {
    "null".to_owned()
}

fn spread(spread: &Spread) -> String {
    object(&[
        ("median_ms", millis(spread.median)),
        ("least_ms", millis(spread.least)),
        ("most_ms", millis(spread.most)),
    ])
}

fn test(sample: &Sample) -> String {
    object(&[
        ("first_byte_ms", millis(sample.first_byte)),
        ("total_ms", millis(sample.took)),
        ("bytes", sample.bytes.to_string()),
    ])
}

fn load(load: &Load) -> String {
    let number = |value: Option<f64>| value.map_or_else(null, |value| value.to_string());
    object(&[
        ("in_flight", number(load.in_flight)),
        ("in_flight_max", number(load.in_flight_max)),
        ("bytes_per_second", number(load.bytes_per_second)),
        ("bytes_per_second_max", number(load.bytes_per_second_max)),
        ("used", load.used().to_string()),
    ])
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// Since 1970.
fn seconds(time: SystemTime) -> String {
    format!("{:.3}", time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64())
}

/// `42s`, `3m`, `5h` or `2d`.
fn rounded(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds @ 7200..=172_799 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Lines of words, in columns: the first two to the left, the others, numbers, to the right.
fn columns(lines: &[Vec<String>]) -> String {
    let count = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let words = lines.iter().filter_map(|line| line.get(column));
        words.map(|word| word.chars().count()).max()
    };
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let mut padded = String::new();
        for (column, (word, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 | 1 => write!(padded, "{word:<width$}  "),
                _ => write!(padded, "{word:>width$}  "),
            };
        }
        text.push_str(padded.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Health, Reason};
    use crate::replica::Replica;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn status() -> Status {
        let sample = Sample {
            first_byte: Duration::from_millis(2),
            took: Duration::from_millis(12),
            bytes: 1000,
            length: 1000,
        };
        let spread = |time: Duration| Spread { median: time, least: time, most: time };
        let row = |line: &str, health: Health, share, redirects| Row {
            replica: Replica::parse(line).unwrap(),
            health,
            median: Some(sample.took),
            first_byte: Some(spread(sample.first_byte)),
            transfer: Some(spread(sample.transfer())),
            throughput: Some(1e5),
            samples: vec![sample],
            load: None,
            weight: 83.3,
            share,
            redirects,
            in_flight: 0,
            failed: 0,
        };
        let up = Health::untested(at(0)).after_good(at(10), Duration::ZERO);
        let down = up.after_bad(Reason::Range, at(50));
        let rows = vec![row("a.test country=de", up, 1.0, 3), row("b.test", down, 0.0, 1)];
        Status { rows, alarms: Vec::new(), alarmed: 0, unserved: 7, now: at(60) }
    }

    #[test]
    fn programs_read_json() {
        let parsed: serde_json::Value = serde_json::from_str(&status().to_json()).unwrap();
        let [first, second] = [&parsed["servers"][0], &parsed["servers"][1]];
        assert_eq!((&first["url"], &first["state"]), (&"http://a.test".into(), &"up".into()));
        assert_eq!((&first["given"], &first["share"]), (&0.75.into(), &1.0.into()));
        assert_eq!(first["tests"][0]["total_ms"], 12.0);
        assert_eq!(first["first_byte"]["median_ms"], 2.0);
        assert_eq!((&second["state"], &second["since"]), (&"down".into(), &50.0.into()));
        assert!(second["last_failure"].as_str().unwrap().contains("range"));
        assert_eq!(parsed["unserved"], 7);
    }

    #[test]
    fn people_read_a_table() {
        let text = status().to_text();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("SERVER         STATE"), "{text}");
        assert!(lines[1].contains("up") && lines[1].contains("50s") && lines[1].contains("75.0 %"), "{text}");
        assert!(lines[3].starts_with("http://b.test: sends another range"), "{text}");
    }

    #[test]
    fn prometheus_reads_families() {
        let text = status().to_metrics();
        for line in [
            "# TYPE sockets_balancer_up gauge",
            "sockets_balancer_up{server=\"http://a.test\"} 1",
            "sockets_balancer_up{server=\"http://b.test\"} 0",
            "sockets_balancer_clients_total{server=\"http://a.test\"} 3",
            "sockets_balancer_test_seconds{server=\"http://a.test\"} 0.012",
            "sockets_balancer_unserved_total 7",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in {text}");
        }
    }
}
