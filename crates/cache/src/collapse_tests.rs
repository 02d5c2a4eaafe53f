use std::time::SystemTime;

use message::{Fields, StatusCode};

use super::*;
use crate::policy::rules::Rules;
use crate::policy::vary::Selecting;

fn key() -> CacheKey {
    CacheKey::parse("http://a/x").unwrap()
}

fn join(flights: &Arc<Flights>, about: Option<u64>) -> Joined {
    flights.join(&key(), about, |_| true, || true)
}

fn lead(joined: Joined) -> (Ticket, Lead) {
    match joined {
        Joined::Leads(ticket, lead) => (ticket, lead),
        other => panic!("{other:?}"),
    }
}

fn follow(joined: Joined) -> Ticket {
    match joined {
        Joined::Follows(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

fn arrived() -> Outcome {
    let epoch = SystemTime::UNIX_EPOCH;
    let (selecting, rules) = (Selecting::default(), Rules::default());
    let head = StoredResponse::new(StatusCode::OK, Fields::new(), selecting, epoch, epoch, &rules);
    Outcome::Arrived(Arc::new(Arrival {
        response: head,
        withheld: Fields::new(),
        content: Content::Whole(Bytes::new()),
        unstored: None,
    }))
}

#[tokio::test(start_paused = true)]
async fn the_first_leads_and_the_others_follow_to_the_same_outcome() {
    let flights = Arc::new(Flights::default());
    let (mut first, duty) = lead(join(&flights, None));
    let mut second = follow(join(&flights, None));
    duty.tell(arrived());
    assert!(matches!(first.lead().await, Outcome::Arrived(_)));
    assert!(matches!(second.follow().await, Outcome::Arrived(_)));
    follow(join(&flights, None));
    drop(duty);
    lead(join(&flights, None));
}

#[tokio::test(start_paused = true)]
async fn a_duty_that_is_dropped_lets_the_others_ask_again() {
    let flights = Arc::new(Flights::default());
    let (_first, duty) = lead(join(&flights, None));
    let mut second = follow(join(&flights, None));
    drop(duty);
    assert!(matches!(second.follow().await, Outcome::Dropped));
    assert!(flights.table().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_follows_for_ever() {
    let flights = Arc::new(Flights::default());
    let (_first, _duty) = lead(join(&flights, None));
    let mut second = follow(join(&flights, None));
    assert!(matches!(second.follow().await, Outcome::Apart));
}

#[test]
fn a_fetch_for_another_purpose_is_not_joined() {
    let flights = Arc::new(Flights::default());
    let _fetch = lead(join(&flights, None));
    let _validation = lead(join(&flights, Some(1)));
    let _other_validation = lead(join(&flights, Some(2)));
    follow(join(&flights, Some(1)));
    let _private = lead(flights.apart(&key(), Some(3)));
    lead(join(&flights, Some(3)));
}

#[test]
fn what_has_arrived_must_suit_and_what_has_failed_is_over() {
    let flights = Arc::new(Flights::default());
    let (_ticket, duty) = lead(join(&flights, None));
    duty.tell(arrived());
    let _other = lead(flights.join(&key(), None, |_| false, || true));
    duty.tell(Outcome::Apart);
    follow(join(&flights, None)); // the other one, of which nothing has arrived
}

#[test]
fn what_is_obsolete_is_neither_joined_nor_stored() {
    let flights = Arc::new(Flights::default());
    let (_ticket, duty) = lead(join(&flights, None));
    let (_ticket, private) = lead(flights.apart(&key(), None));
    let may_store = (duty.may_store(), private.may_store());
    assert!(may_store.0() && may_store.1());
    flights.make_obsolete(&key());
    assert!(!may_store.0() && !may_store.1());
    lead(join(&flights, None));
}

#[test]
fn nothing_is_led_that_is_not_needed_any_more() {
    let flights = Arc::new(Flights::default());
    assert!(matches!(flights.join(&key(), None, |_| true, || false), Joined::Changed));
    assert!(flights.table().is_empty());
}

#[tokio::test]
async fn a_fetch_knows_when_nobody_is_left_and_hears_of_it() {
    let flights = Arc::new(Flights::default());
    let (first, duty) = lead(join(&flights, None));
    let second = follow(join(&flights, None));
    assert!(!duty.is_alone());
    drop(first);
    assert!(!duty.is_alone());
    let leaves = async {
        tokio::task::yield_now().await;
        drop(second);
    };
    tokio::join!(duty.deserted(), leaves);
    assert!(duty.is_alone());
}

#[tokio::test(start_paused = true)]
async fn keys_that_go_apart_are_forgotten_after_a_while_and_bounded() {
    let flights = Flights::default();
    flights.note_apart(&key());
    assert!(flights.goes_apart(&key()));
    tokio::time::advance(APART_FOR).await;
    assert!(!flights.goes_apart(&key()));
    for number in 0..2 * APART_MAX {
        flights.note_apart(&CacheKey::parse(&format!("http://a/{number}")).unwrap());
    }
    assert_eq!(flights.apart_keys().len(), APART_MAX);
}
