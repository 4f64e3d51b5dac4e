//! The seeds of the fuzz targets. Those that are written by hand or come from the data of the tests are made here; the
//! others were found by the fuzz targets. All of them are run through the properties.

mod around;
mod core;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pop3_properties::TARGETS;

/// The most octets of all seeds.
const MOST: u64 = 2 << 20;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds")
}

/// Writes the seeds that are made if `SEEDS=1` is set.
fn make() {
    if std::env::var_os("SEEDS").is_none_or(|value| value != "1") {
        return;
    }
    let mut write = |target: &str, name: String, octets: &[u8]| {
        let folder = folder().join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), octets).unwrap();
    };
    core::make(&mut write);
    around::make(&mut write);
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn seeds_hold_the_properties() {
    make();
    let mut octets = 0;
    for (target, property) in TARGETS {
        let folder = folder().join(target);
        let names = names(&folder);
        assert!(names.len() >= 10, "{target} has {} seeds; SEEDS=1 makes some", names.len());
        for name in names {
            let seed = fs::read(folder.join(&name)).unwrap();
            octets += seed.len() as u64;
            // The name of the seed is told if it does not hold the property.
            let held = std::panic::catch_unwind(|| property(&seed));
            assert!(held.is_ok(), "fuzz/seeds/{target}/{name}");
        }
    }
    assert!(octets <= MOST, "{octets} octets of seeds");
}

#[test]
fn each_fuzz_target_has_a_property_and_seeds_and_none_is_forgotten() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let fuzz = folder().join("..");
    let files = |folder: &str, end: &str| -> BTreeSet<String> {
        let names = names(&fuzz.join(folder));
        names.iter().map(|name| name.strip_suffix(end).unwrap_or(name).to_owned()).collect()
    };
    assert_eq!(files("fuzz_targets", ".rs"), targets);
    assert_eq!(files("seeds", ""), targets);
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let binaries = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let binaries: BTreeSet<String> =
        binaries.filter_map(|name| name.strip_suffix(".rs\"")).map(str::to_owned).collect();
    assert_eq!(binaries, targets);
    for name in files("dictionaries", ".dict") {
        assert!(targets.contains(&name), "no target {name}");
    }
    for (target, _) in TARGETS {
        let source = fs::read_to_string(fuzz.join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(source.contains("fuzz_target!(|octets: &[u8]| pop3_"), "{target}");
    }
}
