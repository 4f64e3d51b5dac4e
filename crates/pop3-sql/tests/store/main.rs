//! The store on both databases.

mod commits;
mod database;
mod deliveries;
mod imports;
mod locks;
mod model;
mod nodes;
mod reading;
mod servers;
mod trips;
mod users;

/// Makes two tests of each scenario: on SQLite, and on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::database::Database::sqlite().await).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let Some(database) = crate::database::Database::postgres().await else { return };
                    super::$name(database).await;
                }
            )*
        }
    };
}

/// Makes a test of each scenario on PostgreSQL, behind a proxy.
macro_rules! on_postgres {
    ($($name:ident),* $(,)?) => {
        mod behind_a_proxy {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let Some(database) = crate::database::Database::postgres().await else { return };
                    super::$name(database).await;
                }
            )*
        }
    };
}

pub(crate) use {on_both, on_postgres};
