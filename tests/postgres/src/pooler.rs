//! PgBouncer in transaction mode.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::{env, fs};

use tempfile::TempDir;

use crate::server::{as_user, free_port, give};

/// A pooler before a server: each transaction gets one of a few connections. Ended with the value.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    process: Child,
    _folder: TempDir,
}

impl Pooler {
    /// Starts a pooler with two connections to the server at this port, or returns `None` if PgBouncer is not
    /// installed. Where `CI` is set, that is a failure.
    ///
    /// # Panics
    /// If PgBouncer does not start, or `CI` is set and it is not installed.
    #[must_use]
    pub fn start(server: u16) -> Option<Self> {
        let program = program().or_else(|| {
            let text = "PgBouncer is not installed; on Debian: apt-get install pgbouncer";
            assert!(env::var_os("CI").is_none(), "{text}");
            eprintln!("skipped: {text}");
            None
        })?;
        let folder = tempfile::Builder::new().prefix("pop3-pgbouncer-").tempdir().unwrap();
        let port = free_port();
        let file = folder.path().join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
            listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
        );
        fs::write(&file, settings).unwrap();
        give(folder.path());
        give(&file);
        let process =
            as_user(&program).arg(&file).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        // From here on it ends with this.
        let mut pooler = Self { port, process, _folder: folder };
        let lines = BufReader::new(pooler.process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        for line in lines.map_while(Result::ok) {
            said.push(line);
            if said.last().is_some_and(|line| line.contains("process up")) {
                return Some(pooler);
            }
        }
        panic!("PgBouncer does not start: {}", said.join("\n"));
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn program() -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&paths).chain([Path::new("/usr/sbin").to_owned()]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists())
}
