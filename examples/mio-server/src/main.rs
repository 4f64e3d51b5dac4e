//! Serves two messages on a free port: `cargo run -p pop3-example-mio-server`, then
//! `curl pop3://anyone:secret@127.0.0.1:PORT/2`.

use pop3_example_mio_server::{Store, listen, serve};

fn main() -> std::io::Result<()> {
    let messages = vec![b"Subject: one\n\nhello\n".to_vec(), b"Subject: two\n\n.dot\n".to_vec()];
    let store = Store::new(messages, "secret");
    let listener = listen()?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, &store)
}
