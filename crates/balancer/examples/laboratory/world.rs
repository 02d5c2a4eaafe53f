//! Servers, clients and balancers in simulated time: what happens, one event after the other.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use balancer::health::Reason;

use crate::chance::Chance;
use crate::chooser::{Chooser, Rule};
use crate::server::Server;

/// Something that is done to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Its capacity is this many bytes per second from now on.
    Capacity(f64),
    /// It refuses from now on, and what is running breaks off.
    Die,
    /// It answers again.
    Rise,
}

/// What is simulated.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// As it is called in the table.
    pub(crate) name: &'static str,
    /// Bytes per second of each server.
    pub(crate) capacities: Vec<f64>,
    /// Which part of all capacity clients ask for.
    pub(crate) load: f64,
    /// What a client transfers on average, in bytes, exponentially distributed.
    pub(crate) transfer: f64,
    /// What a test transfers, in bytes.
    pub(crate) probe: f64,
    /// Time between two tests of a server, in seconds.
    pub(crate) interval: f64,
    /// How many balancers share the clients.
    pub(crate) balancers: usize,
    /// How many clients come.
    pub(crate) clients: u64,
    /// When what is done to which server.
    pub(crate) acts: Vec<(f64, usize, Act)>,
}

/// What has come of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    /// How many clients each server was sent.
    pub(crate) sent: Vec<u64>,
    /// How many were sent to one that was dead.
    pub(crate) to_dead: u64,
    /// For how many nobody was there.
    pub(crate) unserved: u64,
    /// Completion times in seconds, in no order.
    pub(crate) completions: Vec<f32>,
    /// After the last change of a capacity: when all shares were within 0.05 of what they should be, in seconds.
    pub(crate) adapted: Option<f64>,
    /// The largest difference between a share that was given and the capacity's, over all clients.
    pub(crate) share_error: f64,
}

/// Clients before this are not counted: what is not known yet is learnt then, in seconds.
const WARM_UP: f64 = 10.0;

/// How near shares must be to what they should be to have adapted.
const NEAR: f64 = 0.05;

#[derive(Clone, Copy, Debug)]
enum Event {
    Client,
    End { server: usize, version: u64 },
    Test { balancer: usize, server: usize },
    Late { probe: u64 },
    Act { number: usize },
}

#[derive(Clone, Copy, Debug)]
enum Job {
    Client { balancer: usize, began: f64 },
    Probe { balancer: usize, server: usize, began: f64 },
}

/// The simulated world.
pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    rule: Rule,
    now: f64,
    events: BinaryHeap<Reverse<(u64, u64, usize)>>,
    /// Events by their number, so that the heap holds numbers only.
    pending: Vec<Event>,
    free: Vec<usize>,
    sequence: u64,
    servers: Vec<Server>,
    balancers: Vec<Chooser>,
    jobs: HashMap<u64, (usize, Job)>,
    next_job: u64,
    chance: Chance,
    came: u64,
    counted: Vec<u64>,
    changed: Option<f64>,
    results: Results,
}

impl<'a> World<'a> {
    /// At its beginning; all that happens follows from `seed`.
    pub(crate) fn new(scenario: &'a Scenario, rule: Rule, seed: u64) -> Self {
        let servers: Vec<_> = scenario.capacities.iter().map(|capacity| Server::new(*capacity)).collect();
        let interval = Duration::from_secs_f64(scenario.interval);
        let chooser = |number: usize| {
            let seed = seed.wrapping_add(u64::try_from(number).unwrap_or_default().wrapping_mul(7919));
            Chooser::new(rule, servers.len(), interval, seed)
        };
        let mut world = Self {
            scenario,
            rule,
            now: 0.0,
            events: BinaryHeap::new(),
            pending: Vec::new(),
            free: Vec::new(),
            sequence: 0,
            balancers: (0..scenario.balancers).map(chooser).collect(),
            jobs: HashMap::new(),
            next_job: 0,
            chance: Chance::new(seed ^ 0x5eed),
            came: 0,
            counted: vec![0; servers.len()],
            changed: None,
            results: Results { sent: vec![0; servers.len()], ..Results::default() },
            servers,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        if self.rule.tests() {
            for balancer in 0..self.scenario.balancers {
                for server in 0..self.servers.len() {
                    let phase = self.chance.unit() * self.scenario.interval.min(WARM_UP / 2.0);
                    self.at(phase, Event::Test { balancer, server });
                }
            }
        }
        for (number, (when, _, _)) in self.scenario.acts.iter().enumerate() {
            self.at(*when, Event::Act { number });
        }
        self.at(WARM_UP / 2.0, Event::Client);
    }

    /// Lets everything happen.
    pub(crate) fn run(mut self) -> Results {
        while let Some(Reverse((nanos, _, number))) = self.events.pop() {
            self.now = as_f64(nanos) / 1e9;
            self.free.push(number);
            let Some(event) = self.pending.get(number).copied() else { continue };
            match event {
                Event::Client => self.client(),
                Event::End { server, version } => self.end(server, version),
                Event::Test { balancer, server } => self.test(balancer, server),
                Event::Late { probe } => self.late(probe),
                Event::Act { number } => self.act(number),
            }
            if self.came >= self.scenario.clients && self.jobs.is_empty() {
                break;
            }
        }
        self.finish()
    }

    fn at(&mut self, when: f64, event: Event) {
        let number = self.free.pop().unwrap_or(self.pending.len());
        match self.pending.get_mut(number) {
            Some(place) => *place = event,
            None => self.pending.push(event),
        }
        self.sequence += 1;
        let nanos = Duration::from_secs_f64(when.max(self.now)).as_nanos();
        self.events.push(Reverse((u64::try_from(nanos).unwrap_or(u64::MAX), self.sequence, number)));
    }

    fn client(&mut self) {
        if self.came >= self.scenario.clients {
            return;
        }
        self.came += 1;
        let all: f64 = self.scenario.capacities.iter().sum();
        let pause = self.chance.wait(self.scenario.transfer / (self.scenario.load * all));
        self.at(self.now + pause, Event::Client);
        let (balancer, bytes) =
            (self.chance.below(self.balancers.len()), self.chance.wait(self.scenario.transfer));
        let now = self.now;
        let chosen = self.balancers.get_mut(balancer).and_then(|chooser| chooser.choose(&self.servers, now));
        let counts = self.now >= WARM_UP;
        let Some(server) = chosen else {
            self.results.unserved += u64::from(counts);
            return;
        };
        if counts && let Some(sent) = self.results.sent.get_mut(server) {
            *sent += 1;
        }
        if self.changed.is_none()
            && counts
            && let Some(count) = self.counted.get_mut(server)
        {
            *count += 1;
        }
        if self.servers.get(server).is_none_or(|server| server.dead) {
            self.results.to_dead += u64::from(counts);
            return;
        }
        self.start(server, bytes, Job::Client { balancer, began: self.now });
    }

    fn start(&mut self, server: usize, bytes: f64, job: Job) -> u64 {
        let id = self.next_job;
        self.next_job += 1;
        self.jobs.insert(id, (server, job));
        let now = self.now;
        if let Some(place) = self.servers.get_mut(server) {
            place.begin(now, id, bytes);
        }
        self.expect(server);
        id
    }

    /// Waits for the next end at that server.
    fn expect(&mut self, server: usize) {
        let next = self.servers.get(server).and_then(|place| Some((place.next_end()?, place.version)));
        if let Some((when, version)) = next {
            self.at(when, Event::End { server, version });
        }
    }

    fn end(&mut self, server: usize, version: u64) {
        let now = self.now;
        let Some(place) = self.servers.get_mut(server).filter(|place| place.version == version) else {
            return;
        };
        let ended = place.end(now);
        self.expect(server);
        match ended.and_then(|id| self.jobs.remove(&id)) {
            Some((_, Job::Client { balancer, began })) => {
                if began >= WARM_UP {
                    #[expect(clippy::cast_possible_truncation, reason = "half the memory, and exact enough")]
                    self.results.completions.push((now - began) as f32);
                }
                if let Some(chooser) = self.balancers.get_mut(balancer) {
                    chooser.served(server, now - began, now);
                }
            }
            Some((_, Job::Probe { balancer, server, began })) => {
                self.probed(balancer, server, Ok(Duration::from_secs_f64(now - began)));
            }
            None => {}
        }
    }

    fn test(&mut self, balancer: usize, server: usize) {
        let jitter = 1.0 + 0.1 * self.chance.unit();
        self.at(self.now + self.scenario.interval * jitter, Event::Test { balancer, server });
        if let Some(chooser) = self.balancers.get_mut(balancer) {
            chooser.begin_test(server);
        }
        self.probe(balancer, server);
    }

    fn probe(&mut self, balancer: usize, server: usize) {
        if self.servers.get(server).is_none_or(|place| place.dead) {
            return self.probed(balancer, server, Err(Reason::Range));
        }
        let usual = self.balancers.get(balancer).and_then(|chooser| chooser.usual(server));
        let interval = self.scenario.interval;
        let limit = usual.map_or(interval, |usual| (4.0 * usual.as_secs_f64()).max(1.0)).max(interval);
        let probe = self.start(server, self.scenario.probe, Job::Probe { balancer, server, began: self.now });
        self.at(self.now + limit, Event::Late { probe });
    }

    /// What takes longer than an interval is believed to take so long: it goes on, and is not dead.
    fn late(&mut self, probe: u64) {
        if let Some((_, Job::Probe { balancer, server, began })) = self.jobs.remove(&probe) {
            self.probed(balancer, server, Ok(Duration::from_secs_f64(self.now - began)));
        }
    }

    fn probed(&mut self, balancer: usize, server: usize, found: Result<Duration, Reason>) {
        let now = self.now;
        let more = self.balancers.get_mut(balancer).is_some_and(|chooser| chooser.probed(server, found, now));
        if more {
            self.probe(balancer, server);
        }
        self.look();
    }

    /// Whether shares are what they should be after a change.
    fn look(&mut self) {
        let (Some(changed), None) = (self.changed, self.results.adapted) else { return };
        let all: f64 = self.servers.iter().map(Server::capacity).sum();
        let near = |chooser: &Chooser| {
            let error = |(at, server): (usize, &Server)| (chooser.share(at) - server.capacity() / all).abs();
            self.servers.iter().enumerate().map(error).fold(0.0, f64::max) <= NEAR
        };
        if self.balancers.iter().all(near) {
            self.results.adapted = Some(self.now - changed);
        }
    }

    fn act(&mut self, number: usize) {
        let Some((_, server, act)) = self.scenario.acts.get(number).copied() else { return };
        let now = self.now;
        let Some(place) = self.servers.get_mut(server) else { return };
        match act {
            Act::Capacity(capacity) => {
                place.change(now, capacity);
                self.changed = Some(now);
                self.results.adapted = None;
                self.expect(server);
            }
            Act::Rise => place.dead = false,
            Act::Die => {
                place.die();
                self.break_off(server);
            }
        }
    }

    fn break_off(&mut self, server: usize) {
        let mut broken: Vec<_> =
            self.jobs.iter().filter(|(_, (at, _))| *at == server).map(|(id, (_, job))| (*id, *job)).collect();
        broken.sort_unstable_by_key(|(id, _)| *id);
        for (id, job) in broken {
            self.jobs.remove(&id);
            if let Job::Probe { balancer, server, .. } = job {
                self.probed(balancer, server, Err(Reason::Range));
            }
        }
    }

    fn finish(mut self) -> Results {
        let all: f64 = self.scenario.capacities.iter().sum();
        let clients = as_f64(self.counted.iter().sum::<u64>().max(1));
        let error = |(sent, capacity): (&u64, &f64)| (as_f64(*sent) / clients - capacity / all).abs();
        let errors = self.counted.iter().zip(&self.scenario.capacities).map(error);
        self.results.share_error = errors.fold(0.0, f64::max);
        self.results
    }
}

impl Results {
    /// Mean of completion times, in seconds.
    pub(crate) fn mean(&self) -> f64 {
        let sum: f64 = self.completions.iter().copied().map(f64::from).sum();
        sum / as_f64(u64::try_from(self.completions.len()).unwrap_or(u64::MAX).max(1))
    }

    /// The completion time that 99 of 100 clients are within, in seconds.
    pub(crate) fn p99(&mut self) -> f64 {
        let place = self.completions.len() * 99 / 100;
        if place >= self.completions.len() {
            return 0.0;
        }
        let (_, middle, _) = self.completions.select_nth_unstable_by(place, f32::total_cmp);
        f64::from(*middle)
    }
}

/// Exact up to 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
