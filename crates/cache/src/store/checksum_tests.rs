use lab::noise;
use proptest::prelude::*;

use super::*;

fn file(content: &[u8]) -> File {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(content, 0).unwrap();
    file
}

fn sums(content: &[u8]) -> Checksums {
    let mut summing = Summing::default();
    summing.add(0, content);
    summing.finish(&file(content), length(content)).unwrap()
}

fn fits(sums: &Checksums, content: &[u8], size: u64) -> bool {
    sums.fit(&file(content), std::iter::once(0..size))
}

#[test]
fn of_a_part_only_what_is_there_counts() {
    let content = noise(5 * BLOCK);
    let there = [100..200, 1_000..200_000];
    let sums = Checksums::of(&file(&content), there.iter().cloned()).unwrap();
    for (at, is_there) in
        [(99, false), (100, true), (200, false), (1_000, true), (199_999, true), (200_000, false)]
    {
        let mut other = content.clone();
        other[at] ^= 1;
        assert_eq!(!sums.fit(&file(&other), there.iter().cloned()), is_there, "byte {at}");
    }
    assert!(!sums.fit(&file(&content), there.iter().take(1).cloned()));
}

#[test]
fn it_is_crc_32c_rfc_3720_b_4() {
    assert_eq!(sums(&[0; 32]), Checksums(vec![0x8a91_36aa]));
    assert_eq!(sums(b""), Checksums::default());
    assert_eq!(sums(&[0; BLOCK + 32]).0[1], 0x8a91_36aa);
}

#[test]
fn whatever_is_changed_cut_or_longer_is_noticed() {
    for size in [1, 100, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
        let content = noise(size);
        let sums = sums(&content);
        assert!(fits(&sums, &content, length(&content)));
        assert_eq!(Checksums::decode(&sums.encode()), sums);
        for at in [0, size / 2, size - 1] {
            let mut other = content.clone();
            other[at] ^= 1;
            assert!(!fits(&sums, &other, length(&other)), "{size}: byte {at}");
            let mut torn = content.clone();
            torn[at..].fill(0);
            assert!(torn == content || !fits(&sums, &torn, length(&torn)), "{size}: from {at}");
        }
        assert!(!fits(&sums, &content[1..], length(&content)), "the file is shorter");
        assert!(!fits(&sums, &content, length(&content) - 1));
        assert!(!fits(&sums, &[&content[..], &[0]].concat(), length(&content) + 1));
    }
}

proptest! {
    /// Pieces come in order, twice, with gaps, backwards: the sums are those of what is in the file.
    #[test]
    fn however_it_is_written_the_sums_are_those_of_the_file(
        size in 0..4 * BLOCK,
        pieces in prop::collection::vec((0..4 * BLOCK, 0..2 * BLOCK), 0..12),
    ) {
        let content = noise(size);
        let mut summing = Summing::default();
        for (start, length) in pieces {
            let (start, end) = (start.min(size), start.saturating_add(length).min(size));
            summing.add(start.try_into().unwrap(), &content[start..end]);
        }
        prop_assert_eq!(summing.finish(&file(&content), length(&content)).unwrap(), sums(&content));
    }
}
