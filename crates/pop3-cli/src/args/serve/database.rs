//! The options of `pop3 serve` for maildrops in a database.

use clap::Args;

use crate::args::store_url::StoreText;

#[derive(Debug, Args)]
pub(crate) struct DatabaseOptions {
    /// Where the maildrops are: maildir:DIR, sqlite:FILE, or postgres://USER@HOST/DATABASE; a password in it is better
    /// kept in the configuration file, or in the environment variable POP3_STORE, which is used without this option and
    /// --maildrops
    #[arg(long, value_name = "URL", value_parser = StoreText::parser(), conflicts_with = "maildrops")]
    pub(crate) store: Option<StoreText>,
    /// The name of this server among those that share the database, for people who look into it [default: the name of
    /// the machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// The maximum number of connections to the database, beside one that shows the others that this server lives
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) store_connections: u16,
    /// The URL of the database itself, if --store leads to a pooler in transaction mode: for the connection that shows the
    /// others that this server lives
    #[arg(long, value_name = "URL", value_parser = StoreText::parser())]
    pub(crate) node_store: Option<StoreText>,
}
