//! PostgreSQL for tests: a [server](Postgres) of their own, a [proxy](Proxy) that disturbs its connections, and a
//! [pooler](Pooler).

mod pooler;
mod proxy;
mod server;

pub use pooler::Pooler;
pub use proxy::Proxy;
pub use server::Postgres;
