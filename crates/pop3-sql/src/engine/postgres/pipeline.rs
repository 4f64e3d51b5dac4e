//! Statements that are all sent before the first answer is awaited.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;

use futures_util::TryStreamExt as _;
use tokio_postgres::Client;

use super::super::connect::failed;
use super::values::{row, types};
use crate::error::{SqlError, SqlErrorKind};
use crate::statement::{Answer, Call, Dialect};

/// Something that is sent.
pub(super) enum Sent<'a> {
    Call(&'a Call),
    /// Statements without values, whose rows nobody needs.
    Text(&'a str),
}

/// Sends everything at once, and returns the answers.
///
/// # Errors
/// The first one that failed, and why. Those behind it may have been run.
pub(super) async fn run(
    client: &Client,
    sent: &[Sent<'_>],
    patience: Duration,
) -> Result<Vec<Answer>, (usize, SqlError)> {
    let mut running: Vec<_> = sent.iter().map(|one| Some(send(client, one))).collect();
    let mut results: Vec<_> = sent.iter().map(|_| None).collect();
    // The driver sends a statement when its future is polled for the first time: so in this order.
    let all = poll_fn(|context| {
        let mut pending = false;
        for (future, result) in running.iter_mut().zip(&mut results) {
            let Some(polled) = future else { continue };
            match polled.as_mut().poll(context) {
                Poll::Ready(value) => {
                    *result = Some(value);
                    *future = None;
                }
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    });
    if tokio::time::timeout(patience, all).await.is_err() {
        let text = format!("the database has not answered for {} seconds", patience.as_secs());
        return Err((0, SqlError::new(SqlErrorKind::UnknownOutcome, text)));
    }
    let answers = results.into_iter().flatten().enumerate();
    answers.map(|(index, result)| result.map_err(|error| (index, error))).collect()
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, SqlError>> + Send + 'a>>;

fn send<'a>(client: &'a Client, sent: &'a Sent<'a>) -> Running<'a> {
    match sent {
        Sent::Text(text) => Box::pin(async move {
            client.batch_execute(text).await.map_err(failed)?;
            Ok(Answer::default())
        }),
        Sent::Call(call) => Box::pin(async move {
            let text = call.statement.text(Dialect::Postgres);
            let stream = client.query_typed_raw(text, types(&call.values)).await.map_err(failed)?;
            let mut stream = core::pin::pin!(stream);
            let mut rows = Vec::new();
            while let Some(next) = stream.try_next().await.map_err(failed)? {
                rows.push(row(&next)?);
            }
            Ok(Answer { rows, changed: stream.rows_affected().unwrap_or_default() })
        }),
    }
}
