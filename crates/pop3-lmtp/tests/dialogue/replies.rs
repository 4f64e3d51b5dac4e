//! What is answered, and what becomes of the content.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::support::{House, Memory, content};

#[test]
fn each_recipient_has_a_reply_of_its_own() {
    let house = House::new(Memory::default(), |_| ());
    let mut client = house.connect();
    assert_eq!(
        client.say("LHLO client.example"),
        "250-mail.example|250-PIPELINING|250-8BITMIME|250-SMTPUTF8|250-ENHANCEDSTATUSCODES|250 SIZE 52428800"
    );
    assert!(client.say("MAIL FROM:<bob@x> SIZE=100 BODY=8BITMIME").starts_with("250 2.1.0 "));
    for (recipient, expected) in [
        ("alice@example.org", "250 2.1.5 "),
        ("nobody@example.org", "550 5.1.1 no such user"),
        ("full@x", "250 2.1.5 "),
        ("broken@x", "250 2.1.5 "),
        ("carol@x", "250 2.1.5 "),
    ] {
        assert!(client.say(&format!("RCPT TO:<{recipient}>")).starts_with(expected));
    }
    assert!(client.say("DATA").starts_with("354 "));
    client.send(b"Subject: x\r\n\r\n..\r\n.x\r\n\xff\n.\nz\r\n.\r\n");
    let replies = [(); 4].map(|()| client.reply());
    assert_eq!(replies[0], "250 2.0.0 <alice@example.org> delivered");
    assert_eq!(replies[1], "552 5.2.2 no more room");
    assert!(replies[2].starts_with("451 4.3.0 "), "{}", replies[2]);
    assert_eq!(replies[3], "250 2.0.0 <carol@x> delivered");
    let delivered = house.delivered();
    let recipients: Vec<_> =
        delivered.iter().map(|(recipient, sender, _)| (&recipient[..], &sender[..])).collect();
    assert_eq!(recipients, [("alice@example.org", "bob@x"), ("carol@x", "bob@x")]);
    for (.., message) in &delivered {
        assert!(message.ends_with(b"+0000\r\nSubject: x\r\n\r\n.\r\nx\r\n\xff\n.\nz\r\n"));
    }
    // The next message of the same connection.
    assert!(client.say("DATA").starts_with("503 5.5.1 "));
    assert!(client.say("MAIL FROM:<>").starts_with("250 "));
    assert!(client.say("QUIT").starts_with("221 2.0.0 "));
    assert!(client.is_closed());
}

#[test]
fn commands_out_of_their_order_and_without_meaning() {
    let house = House::new(Memory::default(), |config| {
        (config.max_octets, config.max_recipients) = (1000, 2);
    });
    let mut client = house.connect();
    for (line, expected) in [
        ("MAIL FROM:<a@b>", "503 5.5.1 "),
        ("EHLO a", "500 5.5.1 "),
        ("HELO a", "500 5.5.1 "),
        ("LHLO client.example", "250-"),
        ("RCPT TO:<a@x>", "503 5.5.1 "),
        ("DATA", "503 5.5.1 "),
        ("MAIL FROM:<a@b> SIZE=1001", "552 5.3.4 "),
        ("MAIL FROM:<a@b> X", "555 5.5.4 "),
        ("MAIL FROM:<a@b>", "250 2.1.0 "),
        ("MAIL FROM:<a@b>", "503 5.5.1 "),
        ("DATA", "503 5.5.1 "),
        ("RCPT TO:<nobody@x>", "550 5.1.1 "),
        ("DATA", "503 5.5.1 "),
        ("RCPT TO:<\u{e9}@b>", "553 5.6.7 "),
        ("RCPT TO:<one@x>", "250 2.1.5 "),
        ("RCPT TO:<two@x>", "250 2.1.5 "),
        ("RCPT TO:<three@x>", "452 4.5.3 "),
        ("RSET", "250 2.0.0 "),
        ("DATA", "503 5.5.1 "),
        ("NOOP", "250 2.0.0 "),
        ("VRFY a", "252 2.5.0 "),
        ("MAIL FROM:<\u{e9}@b> SMTPUTF8", "250 2.1.0 "),
        ("RCPT TO:<\u{e9}@b>", "250 2.1.5 "),
        ("LHLO again", "250-"),
        ("DATA", "503 5.5.1 "),
    ] {
        let reply = client.say(line);
        assert!(reply.starts_with(expected), "{line}: {reply}");
    }
    assert!(house.delivered().is_empty());
    // Too large a message is read to its end, and refused for each recipient.
    client.begin(&["one@x", "two@x"]);
    client.send(&[&b"x".repeat(100_000)[..], b"\r\n.\r\n"].concat());
    assert!(client.reply().starts_with("552 5.3.4 ") && client.reply().starts_with("552 5.3.4 "));
    assert!(client.say("NOOP").starts_with("250 "));
    // Whoever says nothing that has a meaning is sent away.
    let mut client = house.connect();
    for _ in 0..20 {
        assert!(client.say("GET / HTTP/1.1").starts_with("500 5.5.1 "));
    }
    assert!(client.reply().starts_with("421 4.7.0 ") && client.is_closed());
    assert!(house.delivered().is_empty());
}

#[test]
fn lines_that_are_none_end_the_connection() {
    let house = House::new(Memory::default(), |_| ());
    let long = format!("NOOP {}\r\n", "x".repeat(5000));
    for line in ["NOOP\n", "NO\rOP\r\n", "NOOP \0\r\n", "NOOP\nQUIT\r\n", &long, &"x".repeat(5000)] {
        let mut client = house.connect();
        client.send(line.as_bytes());
        let reply = client.reply();
        assert!(reply.starts_with("500 5.5.2 "), "{line:?}: {reply}");
        assert!(client.is_closed());
    }
}

/// A second message that is hidden in the first one is content, whatever its line ends look like.
#[test]
fn nothing_can_be_smuggled() {
    const HIDDEN: &str = "MAIL FROM:<eve@x>\r\nRCPT TO:<carol@x>\r\nDATA\r\nevil\r\n";
    let house = House::new(Memory::default(), |_| ());
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\n.\r", "\r\n\0.\r\n"] {
        let mut client = house.connect();
        client.begin(&["alice@x"]);
        client.send(format!("a{end}{HIDDEN}.\r\n").as_bytes());
        assert!(client.reply().starts_with("250 2.0.0 <alice@x>"), "{end:?}");
        assert!(client.say("NOOP").starts_with("250 "));
    }
    let delivered = house.delivered();
    assert_eq!(delivered.len(), 7);
    assert!(delivered.iter().all(|(recipient, _, message)| {
        recipient == "alice@x" && message.windows(4).any(|window| window == b"evil")
    }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// However the octets of a session are split, the replies are the same, and so is what is delivered.
    #[test]
    fn splits_make_no_difference(cuts in prop::collection::vec(0_usize..600, 0..30)) {
        let mut session = String::from("LHLO client.example\r\n");
        for message in 0..3 {
            session += "MAIL FROM:<bob@x>\r\nRCPT TO:<alice@x>\r\nRCPT TO:<nobody@x>\r\nRCPT TO:<full@x>\r\nDATA\r\n";
            session += &format!("Subject: {message}\r\n\r\n..\r\n.\n\r.\r\r\n...\r\n{}.\r\n", "x\r\n".repeat(message));
        }
        session += "QUIT\r\n";
        let house = House::new(Memory::default(), |_| ());
        let mut client = house.connect();
        let mut sorted: Vec<_> = cuts.into_iter().filter(|cut| *cut < session.len()).collect();
        sorted.sort_unstable();
        let mut last = 0;
        for cut in sorted.into_iter().chain([session.len()]) {
            client.send(&session.as_bytes()[last..cut]);
            last = cut;
        }
        let mut codes: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..1 + 3 * 7 + 1 {
            *codes.entry(client.reply()[..3].to_owned()).or_default() += 1;
        }
        prop_assert!(client.is_closed());
        // For each message MAIL, two recipients and one delivery, besides the refusals.
        let expected = [("221", 1), ("250", 1 + 3 * 4), ("354", 3), ("550", 3), ("552", 3)];
        let expected: BTreeMap<_, _> = expected.map(|(code, count)| (code.to_owned(), count)).into();
        prop_assert_eq!(codes, expected);
        for (message, (recipient, sender, octets)) in house.delivered().into_iter().enumerate() {
            prop_assert_eq!((recipient.as_str(), sender.as_str()), ("alice@x", "bob@x"));
            let expected = format!("Subject: {message}\r\n\r\n.\r\n\n\r.\r\r\n..\r\n{}", "x\r\n".repeat(message));
            prop_assert_eq!(content(&octets), expected.as_bytes());
        }
        prop_assert_eq!(house.delivered().len(), 3);
    }
}
