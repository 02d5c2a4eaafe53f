//! What must hold in the laboratory, whatever the figures are.

use crate::chooser::Rule;
use crate::scenarios::{dead, flapping, fleet, light, millions, slowed, steady, thousand};
use crate::world::{Results, Scenario, World};

/// Some seeds: what holds for one only is chance.
const SEEDS: [u64; 2] = [1, 2];

fn run(scenario: &Scenario, rule: Rule, seed: u64) -> Results {
    World::new(scenario, rule, seed).run()
}

#[test]
fn the_same_seed_is_the_same_world() {
    let (one, two) = (run(&slowed(), Rule::Ours, 7), run(&slowed(), Rule::Ours, 7));
    assert_eq!((one.sent, one.completions, one.adapted), (two.sent, two.completions, two.adapted));
}

#[test]
fn with_little_load_shares_are_the_speeds() {
    for seed in SEEDS {
        let results = run(&light(), Rule::Ours, seed);
        assert!(results.share_error < 0.03, "{}", results.share_error);
    }
}

#[test]
fn under_load_clients_are_served_sooner_than_by_who_measures_nothing() {
    for seed in SEEDS {
        let ours = run(&steady(), Rule::Ours, seed).mean();
        for rule in [Rule::RoundRobin, Rule::Random, Rule::Fastest] {
            let other = run(&steady(), rule, seed).mean();
            assert!(ours < 0.65 * other, "{ours} against {other} of {}", rule.name());
        }
        let all_seen = run(&steady(), Rule::LeastConnections, seed).mean();
        assert!(ours < 2.0 * all_seen, "{ours} against {all_seen} of who sees everything");
    }
}

#[test]
fn a_slowdown_is_followed_within_a_few_intervals() {
    for seed in SEEDS {
        let adapted = run(&slowed(), Rule::Ours, seed).adapted;
        let name = slowed().name;
        assert!(adapted.is_some_and(|seconds| seconds < 5.0), "{name}: {adapted:?}");
        assert_eq!(run(&slowed(), Rule::RoundRobin, seed).adapted, None);
    }
}

#[test]
fn nobody_goes_to_the_dead_for_longer_than_an_interval() {
    for seed in SEEDS {
        let results = run(&dead(), Rule::Ours, seed);
        // 2.1 clients a second, 57 of 100 to the one that dies, and 1.1 s until it is known at most.
        assert!(results.to_dead <= 8, "{}", results.to_dead);
        assert_eq!(results.unserved, 0);
        let results = run(&flapping(), Rule::Ours, seed);
        let all: u64 = results.sent.iter().sum();
        assert!(results.to_dead * 20 <= all, "{} of {all}", results.to_dead);
    }
}

/// The scenario with fewer servers, balancers and clients: tests are not optimised.
fn smaller(scenario: Scenario, servers: usize, balancers: usize, clients: u64) -> Scenario {
    let capacities = scenario.capacities.iter().copied().take(servers).collect();
    Scenario { capacities, balancers, clients, ..scenario }
}

#[test]
fn many_servers_and_many_balancers_are_no_worse_than_few() {
    for scenario in [smaller(thousand(), 40, 1, 3000), smaller(fleet(), 8, 5, 3000)] {
        let (ours, random) = (run(&scenario, Rule::Ours, 1).mean(), run(&scenario, Rule::Random, 1).mean());
        assert!(ours < random, "{ours} against {random}: {}", scenario.name);
    }
}

#[test]
fn no_rule_loses_a_client() {
    let small = smaller(millions(), 20, 1, 3000);
    for rule in Rule::ALL {
        let mut results = run(&small, rule, 1);
        let sent: u64 = results.sent.iter().sum();
        assert_eq!(sent, u64::try_from(results.completions.len()).unwrap(), "{}", rule.name());
        assert_eq!((results.to_dead, results.unserved), (0, 0), "{}", rule.name());
        assert!(results.p99() >= results.mean() || results.completions.is_empty());
    }
}
