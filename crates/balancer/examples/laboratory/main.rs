//! A laboratory: the balancer's own rules in simulated time, beside its rivals.
//!
//! ```text
//! cargo run --release -p balancer --example laboratory [SEED]
//! ```
//!
//! Tests, scores, weights and turns are the balancer's code; servers, clients and time are simulated, and follow
//! from the seed. A test is a transfer among others, and is slow where they are many.

mod chance;
mod chooser;
mod scenarios;
mod server;
mod world;

use std::io::{Write, stdout};

use chooser::Rule;
use scenarios::{dead, flapping, fleet, light, millions, slowed, steady, thousand};
use world::{Scenario, World};

fn main() {
    let seed = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    for scenario in [light(), steady(), slowed(), dead(), flapping(), thousand(), fleet()] {
        table(&scenario, &Rule::ALL, seed);
    }
    table(&millions(), &[Rule::Ours, Rule::Random], seed);
    say("\n* sees every transfer, as only a proxy does\n");
}

fn table(scenario: &Scenario, rules: &[Rule], seed: u64) {
    say(&format!(
        "\n### {}\n\n| | share error | adapted after | to the dead | mean | p99 |\n|---|---|---|---|---|---|\n",
        scenario.name
    ));
    for rule in rules {
        let mut results = World::new(scenario, *rule, seed).run();
        let p99 = results.p99();
        let adapted = match results.adapted {
            Some(seconds) => format!("{seconds:.1} s"),
            None => "-".to_owned(),
        };
        say(&format!(
            "| {} | {:.4} | {adapted} | {} | {:.2} s | {:.2} s |\n",
            rule.name(),
            results.share_error,
            results.to_dead,
            results.mean(),
            p99
        ));
    }
}

fn say(text: &str) {
    // Where stdout is closed there is nobody to tell.
    let _ = stdout().write_all(text.as_bytes());
}
