//! PostgreSQL for tests: a [server](Postgres) of their own, and a [proxy](Proxy) that disturbs its connections.

mod proxy;
mod server;

pub use proxy::Proxy;
pub use server::Postgres;
