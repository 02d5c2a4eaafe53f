//! What one more client costs.

use std::sync::Arc;
use std::time::SystemTime;

use cache::{Front, Steward, Terms};
use message::{Request, Response, Service, Target};

use crate::world::World;

/// Each connection has room for an exchange as long as it is open, and most are idle, or send what is there.
#[tokio::test]
async fn an_answer_in_the_making_takes_no_more_room_than_the_answer() {
    let world = World::new();
    let front = Front::new(Terms::forward(), Arc::clone(&world.cache));
    let steward = Steward::new(Arc::clone(&world.cache), "token".to_owned(), Vec::new(), front);
    let target = Target::parse_url("http://o.test:8000/x").unwrap();
    let making = steward.call(Request::get(target, SystemTime::UNIX_EPOCH));
    assert!(size_of_val(&making) <= size_of::<Response>() + 16, "{} bytes", size_of_val(&making));
}
