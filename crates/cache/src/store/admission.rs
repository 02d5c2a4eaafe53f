//! What is written to the disk at all.
//!
//! Most of what is asked for is asked for once. While there is room, all of it is stored; where something else
//! would have to go for it, only what was asked for not long before, or is asked for by several at once. What is
//! not admitted answers as if the disk had failed: from the origin, and from memory to all who wait for it.

use crate::config::Admission;
use crate::key::CacheKey;
use crate::store::Store;
use crate::store::fault::Unstored;
use crate::store::quota::weight;

impl Store {
    /// Lets a response in whose content has that length, if it is known. If something else would have to go for
    /// it, and it is new, `is_wanted_once` decides: asked whether nobody else waits for it.
    ///
    /// # Errors
    /// [`Unstored::TooLarge`], [`Unstored::Unadmitted`]
    pub(crate) fn admit(
        &self,
        key: &CacheKey,
        length: Option<u64>,
        is_wanted_once: impl FnOnce() -> bool,
    ) -> Result<(), Unstored> {
        let size = length.unwrap_or_default();
        if weight(size) > self.quota.limit() {
            return Err(Unstored::TooLarge);
        }
        let is_let_in = self.admission == Admission::Always
            || self.quota.has_room(size)
            || self.memory.get(key).is_some_and(|variants| !variants.is_empty())
            || self.ghosts.note(key)
            || !is_wanted_once();
        if is_let_in {
            return Ok(());
        }
        self.tally.unadmitted.note();
        Err(Unstored::Unadmitted)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Admission, Config};
    use crate::key::CacheKey;
    use crate::store::Store;
    use crate::store::fault::Unstored;

    #[tokio::test]
    async fn where_something_has_to_go_only_what_is_asked_for_again_or_by_several_is_let_in() {
        let dir = tempfile::tempdir().unwrap();
        let key = |name: &str| CacheKey::parse(&format!("http://a/{name}")).unwrap();
        let open =
            |size, admission| Store::open(&Config { size, admission, ..Config::new(dir.path()) }).unwrap();
        let store = open(1 << 20, Admission::Again);
        let admit = |name, length, is_wanted_once: bool| {
            let outcome = store.admit(&key(name), length, || is_wanted_once);
            assert!(matches!(outcome, Ok(()) | Err(Unstored::Unadmitted)));
            outcome.is_ok()
        };
        // There is room.
        assert!(admit("a", Some(1 << 19), true) && admit("a", None, true));
        // There is none.
        assert!(!admit("b", Some(1 << 20), true) && admit("b", Some(1 << 20), true), "it came back");
        assert!(admit("c", Some(1 << 20), false), "several want it");
        assert_eq!(store.statistics().unadmitted, 1);
        drop(store);
        let store = open(1 << 20, Admission::Always);
        assert!(store.admit(&key("b"), Some(1 << 20), || true).is_ok());
    }
}
