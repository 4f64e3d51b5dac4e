use core::time::Duration;
use std::fs;

use proptest::prelude::*;

use super::print::shown;
use super::*;
use crate::args::Serve;

/// A directory with a configuration file.
struct House(tempfile::TempDir);

impl House {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pop3.toml"), text).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Reads the file, with these options on the command line.
    fn read(&self, options: &str) -> Result<Given, Refused> {
        let mut line: Vec<OsString> = vec!["pop3".into(), "serve".into(), "--config".into()];
        line.push(self.path("pop3.toml").into());
        line.extend(options.split_whitespace().map(OsString::from));
        CommandLine::new(line).read()
    }

    fn serve(&self, options: &str) -> (Serve, Settings) {
        match self.read(options) {
            Ok(Given::Run(Command::Serve(serve), settings)) => (*serve, *settings),
            other => panic!("{other:?}"),
        }
    }

    /// The mistakes, without the directory of the file.
    fn mistakes(&self, options: &str) -> Vec<String> {
        let Err(Refused::File(mistakes)) = self.read(options) else { panic!("nothing is wrong") };
        let folder = format!("{}/", self.0.path().display());
        mistakes.iter().map(|mistake| mistake.to_string().replace(&folder, "")).collect()
    }
}

/// What a file must have.
const REQUIRED: &str = "maildrops = \"mail\"\nusers = \"users\"\n";

fn house(rest: &str) -> House {
    House::new([REQUIRED, rest].concat())
}

#[test]
fn keys_are_options() {
    let house = house(
        "listen = [\"127.0.0.1:0\", '[::1]:0']\nlisten-tls = \"127.0.0.1:0\"\napop = true\nutf8 = false\n\
         idle-timeout = 700\nlogin-timeout = \"2m\"\nmax-connections = 0x10\nexpire = 31\n\
         hostname = 'a.b'\nproxy-from = ['10.0.0.0/8']\ntoken-command = '--rm -rf \"$HOME\" a; b'\n\
         implementation = \"v 1\"\nlog = 'debug'\ntls-cert = \"/etc/cert\"\ntls-key = 'key'\n",
    );
    let (serve, settings) = house.serve("");
    assert_eq!((serve.listen.len(), serve.listen_tls.len()), (2, 1));
    assert_eq!((serve.apop, serve.utf8), (true, false));
    let times = (serve.idle_timeout, serve.login_timeout);
    assert_eq!(times, (Duration::from_secs(700), Duration::from_secs(120)));
    assert_eq!((serve.max_connections, serve.expire), (16, Some(Some(31))));
    assert_eq!((serve.hostname.as_deref(), serve.proxy_from.len()), (Some("a.b"), 1));
    // It is one value, whatever is in it.
    assert_eq!(settings.value("token-command"), "--rm -rf \"$HOME\" a; b");
    assert_eq!(serve.implementation.as_deref(), Some("v 1"));
    // Relative paths begin at the directory of the file.
    assert_eq!(serve.maildrops, Some(house.path("mail")));
    assert_eq!((serve.tls_cert, serve.tls_key), (vec!["/etc/cert".into()], vec![house.path("key")]));
    assert_eq!(settings.value("listen"), "127.0.0.1:0, [::1]:0");
    assert_eq!(settings.mistake("apop", "x").unwrap().to_string().rsplit(':').nth(2), Some("5"));
}

#[test]
fn the_command_line_wins() {
    let house = house(
        "listen = ['127.0.0.1:1', '127.0.0.1:2']\nmax-connections = 5\napop = true\nutf8 = true\n\
         tls-cert = 'c'\ntls-key = 'k'\n",
    );
    let (serve, settings) = house.serve(
        "--listen 127.0.0.1:3 --max-connections=6 --apop=false --utf8=true --users u --tls-self-signed",
    );
    assert_eq!(serve.listen, ["127.0.0.1:3".parse().unwrap()]);
    assert_eq!((serve.max_connections, serve.apop, serve.utf8), (6, false, true));
    assert_eq!((serve.users.file, serve.maildrops), (Some("u".into()), Some(house.path("mail"))));
    // What it excludes does not count either.
    assert_eq!((serve.tls_cert, serve.tls_key, serve.tls_self_signed), (Vec::new(), Vec::new(), true));
    assert_eq!(settings.mistake("max-connections", "x"), None);
    assert!(settings.mistake("maildrops", "x").is_some());
    // A switch that nothing turns on.
    assert!(!house.serve("--channel-binding=false").0.channel_binding);
    assert!(matches!(house.read("--bogus"), Err(Refused::CommandLine(_))));
    assert!(matches!(house.read("--max-connections x"), Err(Refused::CommandLine(_))));
}

#[test]
fn what_one_place_lacks_the_other_can_have() {
    let house = House::new("maildrops = 'm'\nexpire-enforce = true\n");
    let (serve, _) = house.serve("--users u --expire 3");
    assert!(serve.expire_enforce);
    assert_eq!(
        house.mistakes(""),
        [
            "pop3.toml: `users` is missing; add it here, or --users on the command line",
            "pop3.toml:2: `expire-enforce` needs `expire`; add it",
        ]
    );
    let other = House::new("expire = 5\n");
    assert!(other.serve("--users u --maildrops m --expire-enforce").0.expire_enforce);
}

/// With a store in the environment.
fn with_store(house: &House, options: &str) -> Result<Given, Refused> {
    let words = ["pop3", "serve"].into_iter().chain(options.split_whitespace()).map(OsString::from);
    let config = ["--config".into(), house.path("pop3.toml").into_os_string()];
    CommandLine { store: Some("sqlite:env.db".into()), ..CommandLine::new(words.chain(config)) }.read()
}

#[test]
fn a_store_is_named_once() {
    let url = |given: Result<Given, Refused>| match given {
        Ok(Given::Run(Command::Serve(serve), settings)) => {
            (serve.maildrops.clone(), settings.value("store"), serve.users.file.is_some())
        }
        other => panic!("{other:?}"),
    };
    // The path in a file begins at its directory. Users are in the store.
    let store = format!("sqlite:{}", House::new("").path("mail.db").display());
    assert!(store.contains("/mail.db"));
    let house = House::new("store = 'sqlite:mail.db'\n");
    let path = format!("sqlite:{}", house.path("mail.db").display());
    assert_eq!(url(house.read("")), (None, path.clone(), false));
    // The command line wins over the file, and the file over the environment.
    assert_eq!(url(house.read("--store maildir:m --users u")).1, "maildir:m");
    assert_eq!(url(house.read("--maildrops m --users u")), (Some("m".into()), String::new(), true));
    assert_eq!(url(with_store(&house, "")).1, path);
    let empty = House::new("apop = true\n");
    assert_eq!(url(with_store(&empty, "")), (None, "sqlite:env.db".to_owned(), false));
    assert_eq!(url(with_store(&empty, "--maildrops m --users u")), (Some("m".into()), String::new(), true));
    let maildirs = House::new("maildrops = '/m'\nusers = 'u'\n");
    assert_eq!(url(with_store(&maildirs, "")), (Some("/m".into()), String::new(), true));
    // One that is not named, or named twice.
    assert_eq!(
        empty.mistakes(""),
        [
            "pop3.toml: `maildrops` is missing; add it here, or --maildrops on the command line",
            "pop3.toml: `users` is missing; add it here, or --users on the command line",
        ]
    );
    assert_eq!(
        House::new("store = 'sqlite:mail.db'\nmaildrops = 'm'\n").mistakes(""),
        ["pop3.toml:2: `maildrops` and `store` (line 1) exclude each other; remove one"]
    );
    // No password is shown.
    let secret = House::new("store = 'postgres://u:pw@h/d'\n");
    assert_eq!(url(secret.read("")).1, "postgres://h/d");
    // A check makes up for a users file, wherever it is named.
    assert!(House::new("maildrops = 'm'\ncheck-command = 'c'\n").read("").is_ok());
    assert!(House::new("maildrops = 'm'\n").read("--check-command c").is_ok());
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let house = house(
        "max-conections = 5\nmax_connections = 5\napop = 'yes'\nidle-timeout = '600'\n\
         listen = [\n  '127.0.0.1:1',\n  'nowhere',\n  7,\n]\nhostname = 'a b'\nmax-connections-per-ip = 0\nlog = 'loud'\n\
         config = 'x'\nnothing-like-it-at-all = 1\ntls-cert = 'c'\ntls-self-signed = true\nusers-file.path = 'x'\n\
         login-timeout = 1.5\nhelp = true\nmax-connections-per-user = [1]\nruntime = 1979-05-27\n\n[limits]\nexpire = 3\n",
    );
    let expected = [
        "pop3.toml:3: there is no option `max-conections`; did you mean `max-connections`?",
        "pop3.toml:4: there is no option `max_connections`; write `max-connections`",
        "pop3.toml:5: `apop` must be true or false, without quotation marks, not a string",
        "pop3.toml:6: `idle-timeout` must be a whole number of seconds, or a string with a unit such as \"10m\", not a string",
        "pop3.toml:9: invalid value 'nowhere' for '--listen <ADDR>': invalid socket address syntax",
        "pop3.toml:10: invalid value '7' for '--listen <ADDR>': invalid socket address syntax",
        "pop3.toml:12: invalid value 'a b' for '--hostname <NAME>': a host name consists of letters, digits and hyphens, separated by dots",
        "pop3.toml:13: invalid value '0' for '--max-connections-per-ip <N>': 0 is not in 1..=4294967295",
        "pop3.toml:14: invalid value 'loud' for '--log <LEVEL>' [possible values: off, error, warn, info, debug, trace]",
        "pop3.toml:15: `config` can only be given on the command line; remove it",
        "pop3.toml:16: there is no option `nothing-like-it-at-all`; pop3 serve --help lists all options",
        "pop3.toml:17: `tls-cert` needs `tls-key`; add it",
        "pop3.toml:18: `tls-self-signed` and `tls-cert` (line 17) exclude each other; remove one",
        "pop3.toml:19: there are no tables in this file, such as `users-file`; write its keys without a heading, at the top",
        "pop3.toml:20: `login-timeout` must be a whole number of seconds, or a string with a unit such as \"10m\", not a number with a fraction",
        "pop3.toml:21: `help` can only be given on the command line; remove it",
        "pop3.toml:22: `max-connections-per-user` must be a whole number, without quotation marks, not a list",
        "pop3.toml:23: `runtime` must be a string in quotation marks, not a date",
        "pop3.toml:25: there are no tables in this file, such as `limits`; write its keys without a heading, at the top",
    ];
    let mistakes = house.mistakes("");
    assert_eq!(mistakes, expected, "{mistakes:#?}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let house = house("apop = \nutf8 = true\nutf8 = true\nmax-conections = 1\nhostname = \"secret\n");
    let mistakes = house.mistakes("");
    let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["3", "5", "6", "7"], "{mistakes:#?}");
    assert!(mistakes.iter().all(|mistake| !mistake.contains("secret")), "{mistakes:#?}");
}

#[test]
fn a_file_that_can_not_be_read_is_told() {
    let house = House::new(b"apop = true\n# \xff\n");
    assert_eq!(house.mistakes(""), ["pop3.toml: line 2 is not UTF-8"]);
    let house = House::new("#".repeat(300_000));
    assert!(house.mistakes("")[0].contains("more than"), "{:?}", house.mistakes(""));
    fs::remove_file(house.path("pop3.toml")).unwrap();
    assert!(house.mistakes("")[0].starts_with("pop3.toml: the configuration file can't be read"));
    fs::create_dir(house.path("pop3.toml")).unwrap();
    assert!(house.mistakes("")[0].starts_with("pop3.toml: the configuration file can't be read"));
}

#[test]
fn the_annotated_file_has_every_option_and_its_default() {
    let text = annotated();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    // As it is, it says nothing.
    let (defaults, _) = House::new(&text).serve("--maildrops m --users u");
    let of_none = House::new("").serve("--maildrops m --users u").0;
    let without_path = |text: String| text.replace(|c: char| c != '.' && !c.is_alphanumeric(), "");
    let strip = |serve: Serve| without_path(format!("{:?}", Serve { config: None, ..serve }));
    assert_eq!(strip(defaults), strip(of_none));
    let mut all = String::new();
    let mut names = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('#') && !line.starts_with("# ") && *line != "#") {
        let (name, _) = line[1..].split_once(" = ").unwrap();
        let option = shown().into_iter().find(|option| option.name == name).unwrap();
        // Each default is a value that the file can have, and changes nothing.
        let setting = format!("{}\n", &line[1..]);
        if option.default.is_some() && option.name != "expire-enforce" {
            let (with, _) = House::new(&setting).serve("--maildrops m --users u");
            let of_none = House::new("").serve("--maildrops m --users u").0;
            assert_eq!(strip(with), strip(of_none), "{setting}");
        }
        all += &setting;
        names.push(name.to_owned());
    }
    toml::de::DeTable::parse(&all).unwrap();
    let options: Vec<_> = options().map(|(long, _)| long).collect();
    assert_eq!(names, options);
    assert!(names.len() > 25 && NEEDS_RESTART.iter().all(|name| names.iter().any(|one| one == name)));
}

#[test]
fn differences_are_named() {
    let (_, one) = house("apop = true\nlog = 'warn'\n").serve("--maildrops m --users u");
    let (_, other) =
        house("utf8 = true\nlog = 'warn'\nlisten = ['127.0.0.1:1']\n").serve("--maildrops m --users u");
    assert_eq!(one.differences(&other).collect::<Vec<_>>(), ["apop", "listen", "utf8"]);
    assert_eq!(one.differences(&one).count(), 0);
    assert_eq!((one.value("listen"), other.value("listen").as_str()), (String::new(), "127.0.0.1:1"));
}

#[cfg(feature = "tokio")]
const BEGIN: &str =
    "<!-- What follows is made by UPDATE_DOCS=1 cargo test -p pop3-cli --bin pop3 config -->\n";
#[cfg(feature = "tokio")]
const END: &str = "<!-- The end of what is made -->\n";

/// The table of the page, from the options.
#[cfg(feature = "tokio")]
fn table() -> String {
    let mut table = "| key | meaning | default | changes at SIGHUP |\n|---|---|---|---|\n".to_owned();
    for option in shown() {
        let meaning = option.meaning.replace('|', "\\|");
        let default = match (&option.default, option.is_required) {
            (_, true) => "required".to_owned(),
            (Some(default), _) => format!("`{default}`"),
            (None, _) => option.otherwise.clone().unwrap_or_else(|| "none".to_owned()),
        };
        let reloads = if option.needs_restart { "no, needs a restart" } else { "yes" };
        table += &format!("| `{}` | {meaning} | {default} | {reloads} |\n", option.name);
    }
    table
}

/// The default of the runtime depends on the features.
#[cfg(feature = "tokio")]
#[test]
fn the_page_has_every_option() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the begin of what is made");
    let (kept, behind) = rest.split_once(END).expect("the end of what is made");
    let made = format!("\n{}\n", table());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, [before, BEGIN, &made, END, behind].concat()).unwrap();
        return;
    }
    assert_eq!(
        kept, made,
        "docs/configuration.md: run UPDATE_DOCS=1 cargo test -p pop3-cli --bin pop3 config"
    );
}

/// The example of the page is a file without mistakes.
#[test]
fn the_page_has_an_example_that_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = fs::read_to_string(path).unwrap();
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (serve, _) = House::new(example).serve("");
    assert!(!serve.tls_cert.is_empty() && serve.listen_tls.len() == 1);
}

/// Pieces of files, good and bad.
fn piece() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        prop::sample::select(shown().into_iter().map(|option| option.name).collect::<Vec<_>>()),
        "[a-zA-Z_.\"' =-]{0,12}",
    ];
    let value = prop_oneof![
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "\"[ -~]{0,8}\"",
        "'[^']{0,8}'",
        "\\[('[a-z0-9.:]{0,9}'(, )?|[0-9]{1,3}, ){0,4}\\]",
        "[{}\\[\\]\"'=#,.0-9a-z\u{e9}\u{2028}-]{0,12}",
    ];
    (key, value, "(\n|\r\n| |)").prop_map(|(key, value, end)| format!("{key} = {value}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_file_panics(pieces in prop::collection::vec(piece(), 0..8), cut in any::<prop::sample::Index>()) {
        let text = pieces.concat();
        let cut: String = text.chars().take(cut.index(text.chars().count() + 1)).collect();
        for text in [text, cut] {
            let lines = text.split('\n').count();
            let line = Line { before: &["pop3".into(), "serve".into()], behind: &[], store: None };
            if let Err(mistakes) = file::parse(Path::new("f"), &text, &BTreeSet::new(), &line) {
                prop_assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    prop_assert!(mistake.line.is_none_or(|line| (1..=lines).contains(&line)));
                    prop_assert_eq!(mistake.to_string().lines().count(), 1);
                }
            }
        }
    }

    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let house = House::new(&octets);
        let _ = house.read("");
    }
}
