use super::*;

fn open_at(dir: &Path) -> Result<Index, IndexFault> {
    Index::open(&dir.join("index.redb"))
}

fn put(index: &Index, key: &str, slot: u8, record: &str) -> Option<Vec<u8>> {
    index.write(|tables| tables.put(key, slot, record.as_bytes(), (Queue::Small, 10))).unwrap()
}

#[test]
fn records_of_a_key_are_found_after_a_restart_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let index = open_at(dir.path()).unwrap();
    for (key, slot, record) in [("b", 0, "b0"), ("b", 255, "b255"), ("a", 1, "a1"), ("bb", 0, "bb0")] {
        assert_eq!(put(&index, key, slot, record), None);
    }
    assert_eq!(put(&index, "b", 0, "new"), Some(b"b0".to_vec()));
    drop(index);
    let index = open_at(dir.path()).unwrap();
    assert_eq!(index.records("b").unwrap(), [(0, b"new".to_vec()), (255, b"b255".to_vec())]);
    assert_eq!(index.records("c").unwrap(), []);
}

#[test]
fn the_first_written_is_the_first_to_go() {
    let dir = tempfile::tempdir().unwrap();
    let index = open_at(dir.path()).unwrap();
    for key in ["a", "b", "c", "d"] {
        put(&index, key, 0, key);
    }
    put(&index, "a", 0, "again");
    index.write(|tables| tables.take("b", 0)).unwrap();
    index.write(|tables| tables.update("c", 0, b"updated")).unwrap();
    index.write(|tables| tables.update("nobody", 0, b"updated")).unwrap();
    let mut gone = Vec::new();
    let outcome = index.write(|tables| {
        while let Some(row) = tables.take_next(Queue::Small)? {
            gone.push((row.key, String::from_utf8(row.record).unwrap()));
        }
        Ok(())
    });
    outcome.unwrap();
    let expected = [("c", "updated"), ("d", "d"), ("a", "again")];
    assert_eq!(gone, expected.map(|(key, record)| (key.to_owned(), record.to_owned())));
}

#[test]
fn what_fails_half_way_has_not_happened() {
    let dir = tempfile::tempdir().unwrap();
    let index = open_at(dir.path()).unwrap();
    let outcome: Result<(), _> = index.write(|tables| {
        tables.put("a", 0, b"a", (Queue::Small, 10))?;
        Err(redb::Error::PreviousIo)
    });
    assert!(matches!(outcome, Err(IndexFault::System(_))));
    assert_eq!(index.records("a").unwrap(), []);
}

#[test]
fn a_second_process_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let index = open_at(dir.path()).unwrap();
    assert!(matches!(open_at(dir.path()), Err(IndexFault::InUse)));
    drop(index);
    assert!(open_at(dir.path()).is_ok());
}

#[test]
fn what_is_no_index_is_set_aside() {
    for content in [&b"not a database"[..], &[0; 8192]] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("index.redb"), content).unwrap();
        let index = open_at(dir.path()).unwrap();
        put(&index, "a", 0, "a");
        assert_eq!(fs::read(dir.path().join("index.unreadable")).unwrap(), content);
    }
}

#[test]
fn an_index_of_another_version_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let index = open_at(dir.path()).unwrap();
    put(&index, "a", 0, "a");
    index.write(|tables| Ok(tables.totals.insert(VERSION.0, 99).map(drop)?)).unwrap();
    drop(index);
    assert_eq!(open_at(dir.path()).unwrap().records("a").unwrap(), []);
    assert!(dir.path().join("index.unreadable").exists());
}

#[test]
fn after_a_fault_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let index = open_at(dir.path()).unwrap();
    put(&index, "a", 0, "a");
    index.fail();
    assert!(index.records("a").is_err());
    index.reopen().unwrap();
    assert_eq!(index.records("a").unwrap().len(), 1);
}

#[test]
fn each_queue_has_its_order_and_the_small_one_its_weight() {
    let dir = tempfile::tempdir().unwrap();
    let index = open_at(dir.path()).unwrap();
    let put = |key: &str, queue, weight| {
        index.write(|tables| tables.put(key, 0, key.as_bytes(), (queue, weight))).unwrap();
        index.write(|tables| Ok(tables.small())).unwrap()
    };
    assert_eq!(put("a", Queue::Small, 10), 10);
    assert_eq!(put("b", Queue::Main, 100), 10);
    assert_eq!(put("c", Queue::Small, 20), 30);
    assert_eq!(put("d", Queue::Main, 100), 30);
    assert_eq!(put("a", Queue::Main, 10), 20, "it went over");
    let taken = |queue| index.write(|tables| Ok(tables.take_next(queue)?.map(|row| row.key))).unwrap();
    assert_eq!(taken(Queue::Main).as_deref(), Some("b"));
    assert_eq!(taken(Queue::Small).as_deref(), Some("c"));
    assert_eq!(taken(Queue::Small), None);
    assert_eq!((taken(Queue::Main).as_deref(), taken(Queue::Main).as_deref()), (Some("d"), Some("a")));
    assert_eq!(index.write(|tables| Ok(tables.small())).unwrap(), 0);
}
