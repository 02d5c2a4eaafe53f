//! `sockets cache` between clients and an origin whose every word is chosen: as a forward proxy and as a
//! reverse proxy, all that it promises.

mod ages;
mod answers;
mod bodies;
mod disk;
mod explain;
mod forwarding;
mod many;
mod proxying;
mod purging;
mod rules;
mod sites;
mod storing;
mod together;
mod town;
mod trouble;
mod want;
