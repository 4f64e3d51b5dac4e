//! The options of `pop3 generate`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// The directory. Missing directories are created in it: man/man1, bash-completion/completions,
    /// zsh/site-functions and fish/vendor_completions.d
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}
