//! Failed logins on other nodes.

use core::net::IpAddr;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use super::SqlNode;
use crate::error::SqlError;
use crate::sql;

impl SqlNode {
    /// Tells the other nodes of failed logins here, and returns those of the others since the last call, by the
    /// client's address. Both are forgotten after a minute, so call this every few seconds. For the brake against
    /// guessing; nothing depends on its success.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn exchange_failures(&self, own: &[(IpAddr, u32)]) -> Result<Vec<(IpAddr, u32)>, SqlError> {
        let (shared, own) = (Arc::clone(&self.shared), own.to_vec());
        self.shared
            .store
            .run(async move {
                let (node, engine) = (shared.incarnation, shared.store.engine());
                for batch in own.chunks(500) {
                    let calls = batch.iter().map(|(address, failures)| {
                        let address = address.to_string();
                        sql::FAILED.with([node.into(), (&*address).into(), i64::from(*failures).into()])
                    });
                    engine.write_lightly(calls.collect()).await?;
                }
                let seen = shared.failures_seen.load(Ordering::Relaxed);
                let answer = engine.read_one(sql::FAILURES.with([node.into(), seen.into()])).await?;
                let mut failures = Vec::with_capacity(answer.rows.len());
                for mut row in answer.rows {
                    shared.failures_seen.fetch_max(row.number(0)?, Ordering::Relaxed);
                    if let Ok(address) = row.text(1)?.parse() {
                        failures.push((address, u32::try_from(row.count(2)?).unwrap_or(u32::MAX)));
                    }
                }
                Ok(failures)
            })
            .await
    }
}
