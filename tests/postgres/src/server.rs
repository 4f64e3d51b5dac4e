//! A PostgreSQL server with a data directory of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

use tempfile::TempDir;

/// A running server on a free port of 127.0.0.1, with `fsync`. It ends with the test process, however that ends, and
/// its directory is removed.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    settings: String,
    port: u16,
    /// Stops the server when its standard input ends, and then removes the directory.
    keeper: Mutex<Option<Child>>,
}

/// The user whom the server runs as if the tests run as root, which it refuses.
const USER: &str = "postgres";

impl Postgres {
    /// Starts a server, or returns `None` if PostgreSQL is not installed. Where `CI` is set, that is a failure.
    ///
    /// # Panics
    /// If PostgreSQL does not start, or `CI` is set and it is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with(&[], &[])
    }

    /// Does the same with more settings, such as `ssl=on`, and with files in the data directory.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(settings: &[&str], files: &[(&str, String)]) -> Option<Self> {
        let programs = programs().or_else(|| {
            let text = "PostgreSQL is not installed; on Debian: apt-get install postgresql";
            assert!(env::var_os("CI").is_none(), "{text}");
            eprintln!("skipped: {text}");
            None
        })?;
        let folder = tempfile::Builder::new().prefix("pop3-postgres-").tempdir().unwrap();
        let settings = settings.iter().map(|setting| format!(" -c {setting}")).collect();
        let server = Self { programs, folder, settings, port: free_port(), keeper: Mutex::default() };
        give(server.folder.path());
        let initdb = server.programs.join("initdb");
        let mut initdb = as_user(&initdb);
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]);
        let done = initdb.arg("-D").arg(server.data()).output().unwrap();
        assert!(done.status.success(), "initdb: {}", String::from_utf8_lossy(&done.stderr));
        for (name, content) in files {
            let path = server.data().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            give(&path);
        }
        server.restart();
        Some(server)
    }

    /// Returns the server that all tests of this process share, each with a database of its own.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Returns the port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of a database over TCP, as a user who may do everything.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        Self::url_on(self.port, database)
    }

    /// Returns the same for another port, such as that of a [`Proxy`](crate::Proxy).
    #[must_use]
    pub fn url_on(port: u16, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/{database}")
    }

    /// Creates an empty database, and returns its name.
    ///
    /// # Panics
    /// If the server does not.
    pub fn create_database(&self) -> String {
        static COUNT: Mutex<u32> = Mutex::new(0);
        let count = {
            let mut count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
            *count += 1;
            *count
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("test_{}_{count}_{now}", std::process::id());
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs SQL with psql, and returns what it prints: rows as lines, with `|` between the columns.
    ///
    /// # Panics
    /// If the SQL fails.
    pub fn sql(&self, database: &str, text: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-c", text]);
        let done = psql.output().unwrap();
        assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// Kills the server and all its processes, as a power failure does.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill(&self) {
        let pid = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap_or_default().to_owned();
        // Its children are in groups of their own, and notice that it is gone.
        let children = Command::new("pgrep").args(["-P", &pid]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let mut kill = Command::new("kill");
        let killed = kill.arg("-KILL").arg(&pid).args(children.split_whitespace()).output().unwrap();
        assert!(killed.status.success() || !children.is_empty(), "the server did not run");
    }

    /// Stops the server, if it runs, and starts it again with the same data.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        self.stop();
        let script = r#"
            trap : HUP INT TERM
            "$1/pg_ctl" -D "$2" -l "$2.log" -w -t 120 -o "$3" start >&2 && echo ready
            read -r word
            [ "$word" = keep ] && exec "$1/pg_ctl" -D "$2" -m fast -w stop >&2
            "$1/pg_ctl" -D "$2" -m immediate -w stop >&2
            rm -rf "$4""#;
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{}' -c fsync=on \
                -c max_connections=200 -c shared_buffers=32MB{}",
            self.port,
            self.folder.path().display(),
            self.settings
        );
        let mut keeper = as_user(Path::new("/bin/sh"));
        keeper
            .args(["-c", script, "sh"])
            .arg(&self.programs)
            .arg(self.data())
            .arg(options)
            .arg(self.folder.path());
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = keeper.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = fs::read_to_string(self.folder.path().join("data.log")).unwrap_or_default();
        assert_eq!(line, "ready\n", "PostgreSQL does not start: {log}");
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
    }

    /// Stops the server.
    pub fn stop(&self) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut keeper) = keeper {
            if let Some(mut stdin) = keeper.stdin.take() {
                stdin.write_all(b"keep\n").ok();
            }
            keeper.wait().ok();
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the programs of the newest version are.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let paths = env::var_os("PATH").unwrap_or_default();
    folders.into_iter().rev().chain(env::split_paths(&paths)).find(|folder| folder.join("initdb").exists())
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Makes a file or a directory that of the user whom the server runs as.
pub(crate) fn give(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(id("-u")), Some(id("-g"))).unwrap();
    }
}

/// A command as another user if this is root.
pub(crate) fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={USER}"), format!("--regid={USER}"), "--clear-groups".to_owned()]);
    command.arg("--").arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    id_of("-u", &[]) == 0
}

fn id(option: &str) -> u32 {
    id_of(option, &[USER])
}

fn id_of(option: &str, user: &[&str]) -> u32 {
    let done = Command::new("id").arg(option).args(user).output().unwrap();
    String::from_utf8(done.stdout).unwrap().trim().parse().unwrap()
}
