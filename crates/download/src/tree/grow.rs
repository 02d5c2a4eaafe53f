//! The asking for listings.

use std::time::SystemTime;

use message::service::Service;
use message::{HeaderValue, header};

use crate::crew::Crew;
use crate::order::Order;
use crate::progress::Progress;
use crate::text::get_text;
use crate::tree::page::{Page, read};
use crate::tree::walk::{Branch, Grown, Tree, TreeFault, Walk};
use crate::url::Url;

/// The longest listing that is read, in bytes: some hundred thousand names.
const LISTING_MAX: u64 = 64 * 1024 * 1024;

/// How many listings are asked for side by side.
const LISTINGS_AT_ONCE: usize = 8;

/// What is understood, best first (RFC 9110 §12.5.1).
const ACCEPT: HeaderValue = HeaderValue::from_static("application/json, text/html;q=0.9, */*;q=0.1");

/// Follows the listings of `tree` to their ends. `order` says how each URL is asked for; where it would be saved
/// does not matter.
///
/// # Errors
/// There is no listing at the root, or the tree has no end. What is missing elsewhere is among the tree's faults.
pub async fn grow<S: Service, P: Progress>(
    upstream: &S,
    tree: Tree,
    order: impl Fn(Url) -> Order,
    now: SystemTime,
    progress: &P,
) -> Result<Grown, TreeFault> {
    let mut walk = Walk::new(tree);
    let mut crew = Crew::new();
    let mut at_work: usize = 0;
    loop {
        while at_work < LISTINGS_AT_ONCE
            && let Some(branch) = walk.next()
        {
            let mut order = order(walk.url(&branch));
            order.fields.set(header::ACCEPT, ACCEPT);
            crew.add(look(upstream, branch, order, now, progress));
            at_work = at_work.saturating_add(1);
        }
        if at_work == 0 {
            return Ok(walk.into_grown());
        }
        let (branch, looked) = crew.next().await;
        at_work = at_work.saturating_sub(1);
        let taken = looked.and_then(|(led_to, page)| walk.found(&branch, &led_to, page));
        if let Err(fault) = taken {
            walk.leave_out(&branch, fault)?;
        }
    }
}

type Looked = Result<(Url, Option<Page>), TreeFault>;

async fn look<S: Service, P: Progress>(
    upstream: &S,
    branch: Branch,
    order: Order,
    now: SystemTime,
    progress: &P,
) -> (Branch, Looked) {
    match get_text(upstream, order, LISTING_MAX, now, progress).await {
        Ok(text) => {
            let page = read(&text.text, &text.url);
            (branch, Ok((text.url, page)))
        }
        Err(fault) => (branch, Err(fault.into())),
    }
}
