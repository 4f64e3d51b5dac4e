//! Many commands in flight, and the writes that they take.

use pop3_driver::client::{ClientOptions, from_fn};
use pop3_driver::wait;
use pop3_proto::MessageNumber;

use crate::logins::open;
use crate::wire::Wire;

/// Each reply arrives by itself. More commands are sent when a quarter of those in flight is answered, and not one
/// for each reply.
#[test]
fn few_writes_send_many_commands() {
    let wire = Wire::talking("+OK\r\n", |line| {
        Some(match line.split(' ').next()? {
            "CAPA" => "+OK\r\nPIPELINING\r\n.\r\n".to_owned(),
            "LIST" => {
                let size = |number: usize| format!("{number} {}\r\n", format!("RETR {number}\r\n").len());
                format!("+OK\r\n{}.\r\n", (1..=1000).map(size).collect::<String>())
            }
            "RETR" => format!("+OK\r\n{line}\r\n.\r\n"),
            _ => "+OK\r\n".to_owned(),
        })
    });
    let mut client = open(&wire, ClientOptions::new());
    wait(client.login(b"mrose", b"tanstaaf")).expect("a login");
    assert_eq!(wait(client.list()).expect("a listing").len(), 1000);
    let before = wire.state().writes.len();
    let numbers = (0..1000).map(|index| MessageNumber::from_index(index).unwrap()).collect::<Vec<_>>();
    let mut came = Vec::new();
    let mut take = from_fn(|octets: &[u8]| {
        came.extend_from_slice(octets);
        Ok(())
    });
    wait(client.retr_all(&numbers, &mut take)).expect("all of them");
    let writes = wire.state().writes.split_off(before);
    assert_eq!(String::from_utf8(came).unwrap(), String::from_utf8(writes.concat()).unwrap());
    assert!(client.quirks().is_empty() && writes.len() <= 8, "{}", writes.len());
    // No more than what may be in flight at a time.
    assert!(writes.iter().all(|write| write.len() <= 4096));
}
