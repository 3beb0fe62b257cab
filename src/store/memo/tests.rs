use super::*;
use crate::digest;

fn stat(inode: u64, mtime: i64) -> Stat {
    Stat {
        device: 1,
        inode,
        size: 5,
        mtime,
        changed: mtime,
        guarded: false,
    }
}

fn known(text: &str) -> Known {
    Known::all(&digest::bytes(text.as_bytes()))
}

fn memo() -> (tempfile::TempDir, Memo) {
    let dir = tempfile::tempdir().unwrap();
    let memo = Memo::at(dir.path().join("memo"));
    (dir, memo)
}

/// The files of the memo that have records.
fn files(dir: &tempfile::TempDir) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(dir.path().join("memo")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| !file.ends_with("lock"));
    files
}

#[test]
fn reads_back_what_it_wrote() {
    let (_dir, memo) = memo();
    assert_eq!(memo.get(&stat(7, 5)), None);
    let text = digest::bytes(b"one\r\n");
    let name = Known::name(Format::V2, &text.md5);
    memo.put([(stat(7, 5), Known::all(&text)), (stat(8, 6), name)]);
    let found = memo.get(&stat(7, 5)).unwrap();
    assert_eq!(found.digest(5).as_ref(), Some(&text));
    let name = memo.get(&stat(8, 6)).unwrap();
    assert_eq!(name.md5(Format::V2), Some(&*text.md5));
    assert_eq!(name.md5(Format::V3), None);
    assert_eq!(name.digest(5), None);
    for other in [
        stat(7, 6),
        stat(9, 5),
        Stat {
            device: 2,
            ..stat(7, 5)
        },
        Stat {
            size: 6,
            ..stat(7, 5)
        },
        Stat {
            guarded: true,
            ..stat(7, 5)
        },
    ] {
        assert_eq!(memo.get(&other), None, "{other:?}");
    }
    let nothing = Memo::default();
    nothing.put([(stat(7, 5), known("x"))]);
    assert_eq!(nothing.get(&stat(7, 5)), None);
}

#[test]
fn finds_many_of_many() {
    let (_dir, memo) = memo();
    let all = |range: std::ops::Range<u64>| range.map(|inode| stat(inode * 3, 5));
    let named = |inode: u64| known(&inode.to_string());
    memo.put(all(0..3000).map(|stat| (stat, named(stat.inode))));
    memo.put(all(2000..5000).map(|stat| (stat, named(stat.inode))));
    for range in [0..10_000, 4990..5010, 7..8] {
        let mut count = 0;
        let wanted: Vec<Stat> = range.clone().map(|inode| stat(inode, 5)).collect();
        memo.find(wanted.iter().copied(), |at, known| {
            assert_eq!(known, named(wanted[at].inode));
            count += 1;
        });
        assert_eq!(count, range.filter(|inode| inode % 3 == 0).count());
    }
}

#[test]
fn the_newest_of_an_inode_counts() {
    let (_dir, memo) = memo();
    let name = Known::name(Format::V3, &digest::bytes(b"b").md5);
    memo.put([(stat(7, 5), known("a"))]);
    memo.put([(stat(7, 6), known("b"))]);
    assert_eq!(memo.get(&stat(7, 5)), None);
    memo.put([(stat(7, 6), name.clone())]);
    assert_eq!(memo.get(&stat(7, 6)), Some(known("b")));
    memo.put([(stat(7, 7), name.clone())]);
    assert_eq!(memo.get(&stat(7, 7)), Some(name));
}

#[test]
fn several_writers_lose_nothing() {
    let (_dir, memo) = memo();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let memo = memo.clone();
            scope.spawn(move || {
                for inode in (0..40).filter(|inode| inode % 4 == writer) {
                    memo.put([(stat(inode, 5), known("x"))]);
                }
            });
        }
    });
    let mut count = 0;
    memo.find((0..40).map(|inode| stat(inode, 5)), |_, _| count += 1);
    assert_eq!(count, 40);
}

#[test]
fn damage_is_absence() {
    let (dir, memo) = memo();
    let all = || (0..20).map(|inode| stat(inode, 5));
    let count = || {
        let mut count = 0;
        memo.find(all(), |_, it| {
            assert_eq!(it, known("x"));
            count += 1;
        });
        for stat in all() {
            assert!(memo.get(&stat).is_none_or(|it| it == known("x")));
        }
        count
    };
    memo.put(all().map(|stat| (stat, known("x"))));
    let [file] = &files(&dir)[..] else {
        panic!("neighbours lie in one file");
    };
    let good = fs_err::read(file).unwrap();
    assert_eq!(count(), 20);
    let mut flipped = good.clone();
    flipped[HEADER.len() + 3 * record::SIZE + 100] ^= 1;
    let mut zeros = good.clone();
    zeros[HEADER.len() + 10 * record::SIZE + 64..].fill(0);
    let swapped: Vec<u8> = HEADER
        .iter()
        .chain(good[HEADER.len()..].chunks(record::SIZE).rev().flatten())
        .copied()
        .collect();
    for bytes in [
        b"".as_slice(),
        b"git-exp",
        b"1 2 3 an older format\n",
        &good[..good.len() - 1],
        &flipped,
        &zeros,
        &swapped,
    ] {
        fs_err::write(file, bytes).unwrap();
        assert!(count() < 20);
        // The next one to add something heals it.
        memo.put(all().map(|stat| (stat, known("x"))));
        assert_eq!(count(), 20);
    }
}

#[test]
fn what_is_of_no_use_goes() {
    let (dir, memo) = memo();
    let today = today();
    let of_day = |inode, day| Record::new(&stat(inode, 5), &known("x"), day);
    memo.add(vec![of_day(1, today - KEPT - 1), of_day(2, today - KEPT)]);
    memo.put([(stat(3, 5), known("x"))]);
    assert_eq!(memo.get(&stat(1, 5)), None);
    assert!(memo.get(&stat(2, 5)).is_some());
    let file = &files(&dir)[0];
    let seen = Shard::open(file, 1).unwrap().find(&key(&stat(2, 5)));
    assert_eq!(seen.unwrap().seen(), today);

    let many = (0..MOST as u64 + 10).map(|inode| Stat {
        inode: inode % NEIGHBOURS,
        device: ((inode / NEIGHBOURS) << 32) | 1,
        ..stat(0, 5)
    });
    let records: Vec<Record> = many
        .map(|stat| Record::new(&stat, &known("x"), today))
        .collect();
    let old = of_day(1, today - 1);
    let bytes = merged(Path::new("none"), &[&[old], &records[..]].concat(), today);
    assert_eq!(bytes.len(), HEADER.len() + MOST * record::SIZE);
}

#[test]
fn a_write_right_after_our_own_is_seen() {
    let (dir, memo) = memo();
    let file = dir.path().join("model");
    let look = || Stat::of(&fs_err::metadata(&file).unwrap());
    for round in 0..100 {
        fs_err::write(&file, vec![round; WORTH_A_TICK as usize]).unwrap();
        let stat = look();
        fs_err::rename(&file, dir.path().join("other")).unwrap();
        fs_err::rename(dir.path().join("other"), &file).unwrap();
        assert!(stat.is_same_file(&look()));
        memo.put_own(vec![(look(), known("x"))]);
        assert_eq!(memo.get(&look()), Some(known("x")));
        fs_err::write(&file, vec![round + 1; WORTH_A_TICK as usize]).unwrap();
        assert_eq!(memo.get(&look()), None);
    }
}

#[test]
fn remembers_a_large_file_that_we_wrote_ourselves() {
    let (dir, memo) = memo();
    let file = dir.path().join("model");
    let look = || Stat::of(&fs_err::metadata(&file).unwrap());
    fs_err::write(&file, vec![1; WORTH_A_TICK as usize]).unwrap();
    memo.put_own(vec![(look(), known("x"))]);
    assert_eq!(memo.get(&look()), Some(known("x")));
    fs_err::write(&file, vec![2; WORTH_A_TICK as usize]).unwrap();
    assert_eq!(memo.get(&look()), None);
}
