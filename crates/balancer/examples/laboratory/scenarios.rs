//! What is simulated for the table.

use crate::world::{Act, Scenario};

/// Bytes per second of the slowest server.
const SLOW: f64 = 1e6;

/// Three servers of 4:2:1, at four fifths of what they can do.
pub(crate) fn steady() -> Scenario {
    Scenario {
        name: "3 servers 4:2:1, load 0.8",
        capacities: vec![4.0 * SLOW, 2.0 * SLOW, SLOW],
        load: 0.8,
        transfer: 1e6,
        probe: 128e3,
        interval: 5.0,
        balancers: 1,
        clients: 20_000,
        acts: Vec::new(),
    }
}

/// The same with little to do, where a share can be told from the others' load.
pub(crate) fn light() -> Scenario {
    Scenario { name: "the same, load 0.1", load: 0.1, clients: 2000, ..steady() }
}

/// The fastest becomes the slowest.
pub(crate) fn slowed() -> Scenario {
    let acts = vec![(120.0, 0, Act::Capacity(SLOW))];
    Scenario {
        name: "the fastest slows 4x, load 0.05",
        load: 0.05,
        clients: 200,
        acts,
        interval: 1.0,
        ..light()
    }
}

/// The fastest refuses for a minute.
pub(crate) fn dead() -> Scenario {
    let acts = vec![(60.0, 0, Act::Die), (120.0, 0, Act::Rise)];
    Scenario {
        name: "the fastest dies for 60 s, load 0.3",
        clients: 3000,
        acts,
        load: 0.3,
        interval: 1.0,
        ..steady()
    }
}

/// The fastest is there for 7 s and away for 7 s.
pub(crate) fn flapping() -> Scenario {
    let act = |number: u32| {
        (20.0 + 7.0 * f64::from(number), 0, if number.is_multiple_of(2) { Act::Die } else { Act::Rise })
    };
    let acts = (0..60).map(act).collect();
    Scenario {
        name: "the fastest flaps, 7 s, load 0.3",
        clients: 900,
        acts,
        load: 0.3,
        interval: 1.0,
        ..steady()
    }
}

/// A thousand servers of ten speeds.
pub(crate) fn thousand() -> Scenario {
    let capacities = (0..1000).map(|number| SLOW * f64::from(1 + number % 10)).collect();
    Scenario {
        name: "1,000 servers of 10 speeds, load 0.7",
        capacities,
        load: 0.7,
        clients: 300_000,
        ..steady()
    }
}

/// Fifty balancers that know nothing of each other.
pub(crate) fn fleet() -> Scenario {
    let capacities = (0..20).map(|number| 20.0 * SLOW * f64::from(1 + number % 4)).collect();
    Scenario {
        name: "20 servers, 50 balancers, load 0.7",
        capacities,
        load: 0.7,
        balancers: 50,
        clients: 100_000,
        ..steady()
    }
}

/// Ten million clients.
pub(crate) fn millions() -> Scenario {
    let capacities = (0..100).map(|number| 1000.0 * SLOW * f64::from(1 + number % 4)).collect();
    Scenario {
        name: "100 servers, 10 million clients, load 0.7",
        capacities,
        load: 0.7,
        clients: 10_000_000,
        ..steady()
    }
}
