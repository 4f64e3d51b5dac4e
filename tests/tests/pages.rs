//! The pages link to files that exist, the decisions are numbered, and each crate is in the map.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The entries of a directory, sorted.
fn list(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn pages() -> Vec<PathBuf> {
    let folders = [".", "docs", "docs/decisions", "docs/tasks", "fuzz"];
    let crates = list("crates").into_iter().map(|path| path.join("README.md")).filter(|path| path.exists());
    let pages = folders.into_iter().flat_map(list).chain(crates);
    pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn links_lead_to_files() {
    let mut checked = 0;
    for page in pages() {
        for link in read(&page).split("](").skip(1) {
            let link = link.split(')').next().unwrap().split('#').next().unwrap();
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let target = page.parent().unwrap().join(link);
            assert!(target.exists(), "{} has a link to {link}, which is not there", page.display());
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked} links were found");
}

#[test]
fn the_front_page_leads_to_all_others() {
    let readme = read(&root().join("README.md"));
    for folder in ["docs", "docs/tasks"] {
        for path in list(folder) {
            let link = format!("({folder}/{})", name(&path));
            assert!(readme.contains(&link), "README.md has no link to {link}");
        }
    }
}

#[test]
fn decisions_are_numbered() {
    for (before, path) in list("docs/decisions").iter().enumerate() {
        let number = before + 1;
        assert!(name(path).starts_with(&format!("{number:04}-")), "{} is not {number}", path.display());
        let begin = format!("# {number}. ");
        assert!(read(path).starts_with(&begin), "{} does not begin with {begin:?}", path.display());
    }
}

/// The names at the beginning of the lines in `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<&str> {
    let section = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let lines = section.take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| Some(&line[..line.find(['.', ' ', '='])?])).collect()
}

/// Options, prompts, signals and progress bars belong to the program.
#[test]
fn only_the_program_has_options_and_a_terminal() {
    let of_the_program = ["clap", "indicatif", "rpassword", "signal-hook"];
    for path in list("crates") {
        let manifest = read(&path.join("Cargo.toml"));
        let dependencies = dependencies(&manifest);
        let has = of_the_program.iter().filter(|one| dependencies.contains(one)).count();
        let expected = if name(&path) == "pop3-cli" { of_the_program.len() } else { 0 };
        assert_eq!(has, expected, "{}", path.display());
    }
}

#[test]
fn each_crate_stands_in_the_map_above_what_it_depends_on() {
    let page = read(&root().join("docs/architecture.md"));
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `pop3-")).collect();
    let place = |of: &str| {
        let cell = |row: &&str| row.split('|').nth(1).unwrap().contains(&format!("`{of}`"));
        rows.iter().position(cell).unwrap_or_else(|| panic!("docs/architecture.md has no row for {of}"))
    };
    let readme = read(&root().join("README.md"));
    for path in list("crates") {
        let (crate_name, manifest) = (name(&path), read(&path.join("Cargo.toml")));
        assert!(readme.contains(&format!("(crates/{crate_name})")), "README.md does not name {crate_name}");
        for other in dependencies(&manifest).into_iter().filter(|other| other.starts_with("pop3-")) {
            assert!(
                place(crate_name) < place(other),
                "{crate_name} depends on {other}, which stands above it"
            );
        }
        place(crate_name);
    }
}
