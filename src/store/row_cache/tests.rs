use super::*;
use crate::checkpoint::{FileData, Status};
use crate::listing::{Row, sample};
use crate::store::testing::Sandbox;
use crate::value::Value;
use proptest::prelude::*;
use std::sync::Arc;

fn noted(start: &str, parent: &str) -> NotedRow {
    let listing = sample::tutorial();
    let experiment = &listing.baselines[0].experiments[0];
    let mut row = Row::clone(&experiment.chain[0]);
    row.id = Some(sample::commit(start));
    row.parent = Some(sample::commit(parent));
    NotedRow {
        row: Arc::new(row),
        note: Some(sample::commit("aa")),
        status: Some(Status::Failed),
        exit: Some(-3),
        incomplete: Some("no space left on device".into()),
    }
}

fn unusual() -> NotedRow {
    let mut noted = noted("cc", "bb");
    let row = Arc::make_mut(&mut noted.row);
    row.metrics = sample::file(
        "m é.json",
        &[
            ("nan", Value::Float(f64::INFINITY)),
            ("zero", Value::Float(-0.0)),
            ("small", Value::Int(i64::MIN)),
            (
                "big",
                Value::BigInt("123456789012345678901234567890".into()),
            ),
            (
                "list",
                Value::from(vec![Value::Null, Value::Bool(true), Value::from("x")]),
            ),
            ("in", sample::map(&[("", Value::Bool(false))])),
        ],
    );
    Arc::make_mut(&mut row.params).insert(
        "bad.yaml".into(),
        FileData::Error {
            kind: "YAMLFileCorruptedError".into(),
            message: "broken".into(),
        },
    );
    row.error = Some("cannot parse 'dvc.yaml'".into());
    noted.note = None;
    noted
}

fn key() -> ChainKey {
    ChainKey {
        tip: sample::commit("cc"),
        baseline: sample::commit("ab"),
        notes: Some(sample::commit("dd")),
    }
}

/// The zone is the reader's, not the row's.
fn here(mut noted: NotedRow) -> NotedRow {
    let row = Arc::make_mut(&mut noted.row);
    row.time = row.time.map(|time| LocalZone::load().localise(time));
    noted
}

fn bytes() -> Vec<u8> {
    let chains = HashMap::from([(key(), vec![unusual(), noted("bb", "ab")])]);
    encode::file(&chains).unwrap()
}

#[test]
fn what_was_written_is_read() {
    let file = File::parse(bytes(), &LocalZone::load()).unwrap();
    let expected = [unusual(), noted("bb", "ab")].map(here);
    assert_eq!(file.chain(&key()).unwrap(), expected);
    let [first, second] = expected;
    assert_eq!(file.row(sample::commit("cc"), None), Some(first));
    let note = Some(sample::commit("aa"));
    assert_eq!(file.row(sample::commit("bb"), note), Some(second));
    assert_eq!(file.row(sample::commit("bb"), None), None);
    assert_eq!(file.row(sample::commit("ef"), None), None);
    assert_eq!(
        file.parent(sample::commit("cc")),
        Some(sample::commit("bb"))
    );
}

#[test]
fn one_flipped_byte_or_a_short_file_is_no_file() {
    let bytes = bytes();
    let zone = LocalZone::load();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(File::parse(damaged, &zone).is_none(), "byte {at}");
        assert!(
            File::parse(bytes[..at].to_vec(), &zone).is_none(),
            "{at} bytes"
        );
    }
}

proptest! {
    /// Damage that the checksum does not notice: decoding ends with a row or with nothing.
    #[test]
    fn any_bytes_behind_a_right_checksum(at in 0usize..600, byte: u8, cut in 0usize..600) {
        let mut bytes = bytes();
        let start = magic().len();
        let mut body = bytes.split_off(start + 8);
        let position = at % body.len();
        body[position] = byte;
        body.truncate(body.len() - cut % 8);
        bytes.truncate(start);
        bytes.extend_from_slice(&checksum(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        if let Some(file) = File::parse(bytes, &LocalZone::load()) {
            let keys: Vec<ChainKey> = file.chains().copied().collect();
            for key in keys {
                let _ = file.chain(&key);
            }
            let _ = file.row(sample::commit("bb"), None);
        }
    }
}

#[test]
fn a_saved_cache_keeps_living_experiments_and_needs_no_repair() {
    let sandbox = Sandbox::new();
    let baseline = sandbox.commit("base");
    let tip = sandbox.commit("tip");
    let store = sandbox.store();
    let hex = baseline.to_string();
    let name = format!("refs/exps/{}/{}/living", &hex[..2], &hex[2..]);
    sandbox.git(&["update-ref", &name, &tip.to_string()]);
    let chain = |tip| ChainKey {
        tip,
        baseline,
        notes: None,
    };
    let row = |id: ObjectId| {
        let mut noted = noted("aa", "bb");
        Arc::make_mut(&mut noted.row).id = Some(id);
        vec![noted]
    };
    let mut cache = RowCache::load(&store, &LocalZone::load());
    let gone = sample::commit("99");
    cache.put(chain(tip), row(tip), WORTH_WRITING);
    cache.put(chain(gone), row(gone), 0);
    cache.put(ChainKey::alone(baseline), row(baseline), 0);
    cache.save(&store);

    let mut cache = RowCache::load(&store, &LocalZone::load());
    assert!(cache.chain(&chain(gone)).is_some());
    let other = sample::commit("98");
    cache.put(ChainKey::alone(other), row(other), WORTH_WRITING);
    cache.save(&store);

    let mut cache = RowCache::load(&store, &LocalZone::load());
    assert!(cache.chain(&chain(tip)).is_some());
    assert!(cache.chain(&ChainKey::alone(baseline)).is_some());
    assert!(cache.chain(&ChainKey::alone(other)).is_some());
    assert!(cache.chain(&chain(gone)).is_none(), "its ref is gone");

    cache.put(chain(gone), row(gone), WORTH_WRITING - 1);
    cache.save(&store);
    let cache = RowCache::load(&store, &LocalZone::load());
    assert!(cache.chain(&chain(gone)).is_none(), "too little to write");

    let path = sandbox.path(".git/git-exp/rows");
    fs_err::write(&path, "damaged").unwrap();
    let mut cache = RowCache::load(&store, &LocalZone::load());
    assert!(cache.chain(&chain(tip)).is_none());
    cache.put(chain(tip), row(tip), WORTH_WRITING);
    cache.save(&store);
    assert!(
        RowCache::load(&store, &LocalZone::load())
            .chain(&chain(tip))
            .is_some()
    );
}
