use super::*;
use proptest::prelude::*;

fn first(schedule: &Schedule, clients: u64) -> Vec<usize> {
    (0..clients).map(|client| schedule.turn(client).unwrap()).collect()
}

fn counts(replicas: usize, turns: &[usize]) -> Vec<u32> {
    let mut counts = vec![0; replicas];
    turns.iter().for_each(|index| counts[*index] += 1);
    counts
}

/// The largest distance, in clients, between what a replica has had and its share of `turns`.
fn worst(weights: &[f64], turns: &[usize]) -> f64 {
    let sum: f64 = weights.iter().sum();
    let clients = f64::from(u32::try_from(turns.len()).unwrap());
    let counts = counts(weights.len(), turns);
    let distances =
        weights.iter().zip(counts).map(|(weight, had)| (weight / sum * clients - f64::from(had)).abs());
    distances.fold(0.0, f64::max)
}

#[test]
fn four_two_one_is_smooth_and_within_the_bounds() {
    let weights = [4.0, 2.0, 1.0];
    let schedule = Schedule::new(&weights, &[], 0).unwrap();
    let turns = first(&schedule, 1000);
    assert_eq!(counts(3, &turns[..7]), [4, 2, 1]);
    assert_eq!(turns[..7], turns[7..14]);
    assert!(turns.windows(3).all(|three| three[0] != three[1] || three[1] != three[2]), "no run of three");
    assert!(worst(&weights, &turns[..100]) / 100.0 <= 0.006);
    assert!(worst(&weights, &turns) / 1000.0 <= 0.001);
}

#[test]
fn who_has_no_weight_gets_no_turn_and_nobody_at_all_is_no_schedule() {
    let schedule = Schedule::new(&[1.0, 0.0, 2.0, f64::NAN], &[0.3, 0.9, -0.2], 0).unwrap();
    assert_eq!(counts(4, &first(&schedule, 3000)), [1000, 0, 2000, 0]);
    assert!(Schedule::new(&[0.0, 0.0], &[], 0).is_none());
    assert!(Schedule::new(&[], &[], 0).is_none());
    let alone = Schedule::new(&[0.0, 7.0], &[], 3).unwrap();
    assert_eq!(counts(2, &first(&alone, 100)), [0, 100]);
}

#[test]
fn the_seed_decides_which_of_equals_is_first() {
    let firsts: Vec<_> =
        (0..3).map(|seed| Schedule::new(&[1.0; 3], &[], seed).unwrap().turn(0).unwrap()).collect();
    let mut sorted = firsts.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1, 2], "{firsts:?}");
}

#[test]
fn a_new_schedule_goes_on_where_the_one_before_was() {
    // Published after each client: starting anew each time would always choose the first.
    let weights = [4.0, 2.0, 1.0];
    let mut schedule = Schedule::new(&weights, &[], 0).unwrap();
    let mut turns = Vec::new();
    for _ in 0..700 {
        turns.push(schedule.turn(0).unwrap());
        schedule = Schedule::new(&weights, &schedule.credits_after(1), 0).unwrap();
    }
    assert_eq!(counts(3, &turns), [400, 200, 100]);
    assert_eq!(turns, first(&Schedule::new(&weights, &[], 0).unwrap(), 700));
}

#[test]
fn credits_are_what_is_owed_and_begin_again_after_a_lap() {
    let schedule = Schedule::new(&[2.0, 1.0], &[], 0).unwrap();
    assert_eq!(schedule.credits_after(0), [0.0, 0.0]);
    let after_one = schedule.credits_after(1);
    assert!((after_one[0] + 1.0 / 3.0).abs() < 1e-9 && (after_one[1] - 1.0 / 3.0).abs() < 1e-9);
    let lap = u64::from(LAP_MIN);
    assert_eq!(schedule.credits_after(lap), schedule.credits_after(0));
    assert_eq!(schedule.turn(lap + 5), schedule.turn(5));
}

#[test]
fn a_thousand_replicas_all_get_their_turn() {
    let weights: Vec<f64> = (0..1000).map(|i| f64::from(1 + i % 10)).collect();
    let schedule = Schedule::new(&weights, &[], 0).unwrap();
    let turns = first(&schedule, 16_000);
    assert!(worst(&weights, &turns) < 1.0);
    assert!(counts(1000, &turns).iter().all(|had| *had > 0));
}

prop_compose! {
    fn some_weights()(weights in proptest::collection::vec(0.05_f64..20.0, 1..12)) -> Vec<f64> { weights }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_replica_is_ever_a_whole_client_away_from_its_share(weights in some_weights(), seed: u64) {
        let schedule = Schedule::new(&weights, &[], seed).unwrap();
        let turns = first(&schedule, 1000);
        let others = weights.len().max(2) - 1;
        let bound = 1.0 - 0.5 / f64::from(u32::try_from(others).unwrap()) + 1e-6;
        for clients in 1..=turns.len() {
            let worst = worst(&weights, &turns[..clients]);
            prop_assert!(worst <= bound, "{worst} > {bound} after {clients}");
        }
        // So the error of a share is under 0.01 after 100 clients and under 0.001 after 1,000.
        prop_assert!(worst(&weights, &turns) / 1000.0 < 0.001);
    }

    #[test]
    fn runs_of_one_replica_are_as_short_as_its_share_lets_them_be(weights in some_weights(), seed: u64) {
        let schedule = Schedule::new(&weights, &[], seed).unwrap();
        let turns = first(&schedule, 1000);
        for index in 0..weights.len() {
            let share = schedule.share(index);
            let longest = turns.split(|turn| *turn != index).map(<[usize]>::len).max().unwrap();
            let longest = f64::from(u32::try_from(longest).unwrap());
            prop_assert!(weights.len() == 1 || longest < 2.0 / (1.0 - share), "{longest} with a share of {share}");
        }
    }

}

proptest! {
    // Each case lays out many schedules.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn publishing_anew_does_not_move_anybody_off_its_share(
        weights in some_weights(),
        seed: u64,
        every in 3_u64..50,
    ) {
        let mut schedule = Schedule::new(&weights, &[], seed).unwrap();
        let mut turns = Vec::new();
        while turns.len() < 1000 {
            turns.extend(first(&schedule, every));
            schedule = Schedule::new(&weights, &schedule.credits_after(every), seed).unwrap();
        }
        prop_assert!(worst(&weights, &turns) < 1.0, "{}", worst(&weights, &turns));
    }

    #[test]
    fn after_changes_of_weights_all_stay_near_what_they_were_promised(
        steps in proptest::collection::vec((proptest::collection::vec(0.0_f64..10.0, 5), 1_u32..80), 1..12),
    ) {
        let mut promised = [0.0; 5];
        let mut had = [0.0; 5];
        let mut credits = Vec::new();
        for (weights, clients) in steps {
            let Some(schedule) = Schedule::new(&weights, &credits, 0) else { continue };
            for client in 0..clients {
                had[schedule.turn(u64::from(client)).unwrap()] += 1.0;
            }
            for (index, promise) in promised.iter_mut().enumerate() {
                *promise += schedule.share(index) * f64::from(clients);
            }
            credits = schedule.credits_after(u64::from(clients));
            prop_assert!(credits.iter().sum::<f64>().abs() < 1e-6);
            prop_assert!(credits.iter().all(|credit| credit.abs() < 2.0), "{credits:?}");
        }
        for (promise, had) in promised.iter().zip(had) {
            prop_assert!((promise - had).abs() < 2.0, "promised {promise}, had {had}");
        }
    }
}
