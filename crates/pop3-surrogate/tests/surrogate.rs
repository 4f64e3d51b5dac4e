//! ASCII headers with the same meaning as UTF-8 headers.

use base64ct::Encoding as _;
use pop3_surrogate::{HeaderScan, surrogate};
use proptest::prelude::*;

fn made(header: &str) -> String {
    String::from_utf8(surrogate(header.as_bytes())).unwrap()
}

#[test]
fn ascii_stays_as_it_is() {
    for header in
        ["", "\n", "A: b\n\n", "A: b\r\n c\r\n\r\n", "no field\n\n", "A: b", "From: a <b@c>, \"d\" <e@f>\n"]
    {
        assert_eq!(made(header), header);
    }
}

// 6856-2.12
#[test]
fn texts_become_encoded_words() {
    assert_eq!(made("Subject: Grüße\n\n"), "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\n\n");
    assert_eq!(made("Subject: an é and ö end\r\n"), "Subject: an =?UTF-8?B?w6kgYW5kIMO2?= end\r\n");
    assert_eq!(made("Subject:é\n"), "Subject: =?UTF-8?B?w6k=?=\n");
    // Folded in the middle of the encoded text.
    assert_eq!(made("X: é\r\n é\r\nY: z\r\n"), "X: =?UTF-8?B?w6kgw6k=?=\r\nY: z\r\n");
    assert_eq!(surrogate(b"X: \xe9\n"), b"X: =?unknown-8bit?B?6Q==?=\n");
    assert_eq!(made("é: x\n"), "X-Unreadable: =?UTF-8?B?w6k6IHg=?=\n");
}

#[test]
fn addresses_keep_their_form() {
    assert_eq!(
        made("To: José <jose@example.org>, bob@example.org\n"),
        "To: =?UTF-8?B?Sm9zw6k=?= <jose@example.org>, bob@example.org\n"
    );
    assert_eq!(
        made("From: \"José, \\\"el\\\"\" <j@example.org> (niño)\n"),
        "From: =?UTF-8?B?Sm9zw6ksICJlbCI=?= <j@example.org> (=?UTF-8?B?bmnDsW8=?=)\n"
    );
    assert_eq!(
        made("From: José <josé@example.org>\n"),
        "From: =?UTF-8?B?Sm9zw6k=?= =?UTF-8?B?am9zw6lAZXhhbXBsZS5vcmc=?= <internationalized-address@invalid>\n"
    );
    assert_eq!(
        made("Cc: josé@example.org, x@example.org\n"),
        "Cc: =?UTF-8?B?am9zw6lAZXhhbXBsZS5vcmc=?= <internationalized-address@invalid>, x@example.org\n"
    );
}

#[test]
fn parameters_take_the_form_of_rfc_2231() {
    assert_eq!(
        made("Content-Type: text/plain; name=\"résumé; \\\"1\\\".txt\"; charset=utf-8\n"),
        "Content-Type: text/plain; name*=UTF-8''r%C3%A9sum%C3%A9%3B%20%221%22.txt; charset=utf-8\n"
    );
    assert_eq!(
        made("Content-Disposition: attachment;\r\n filename=é\r\n"),
        "Content-Disposition: attachment; filename*=UTF-8''%C3%A9\r\n"
    );
}

#[test]
fn long_texts_are_cut_between_characters() {
    let header = format!("Subject: {}\n", "é€𝄞x".repeat(40));
    let made = made(&header);
    assert!(made.lines().count() > 5 && made.lines().all(|line| line.len() <= 85), "{made}");
    for word in made.split("=?UTF-8?B?").skip(1) {
        let word = word.split("?=").next().unwrap();
        let octets = base64ct::Base64::decode_vec(word).unwrap();
        assert!(core::str::from_utf8(&octets).is_ok());
    }
}

#[test]
fn the_header_ends_at_the_blank_line_at_every_split() {
    for (message, octets, complete, eight_bit) in [
        ("a: b\n\né", 6, true, false),
        ("a: b\r\n\r\né", 8, true, false),
        ("a: é\n\nb", 7, true, true),
        ("a: é", 5, false, true),
        ("\né", 1, true, false),
        ("\r\né", 2, true, false),
        ("a\r\r\n\nb", 5, true, false),
        ("\r\r\n\n", 4, true, false),
        ("", 0, false, false),
    ] {
        for size in 1..=message.len().max(1) {
            let mut scan = HeaderScan::new();
            for piece in message.as_bytes().chunks(size) {
                scan.update(piece);
            }
            assert_eq!((scan.octets(), scan.is_complete()), (octets, complete), "{message:?}");
            assert_eq!(scan.needs_utf8(), eight_bit, "{message:?} by {size}");
        }
    }
}

proptest! {
    #[test]
    fn any_header_becomes_ascii_with_the_same_end(
        header in prop::collection::vec(prop::sample::select(b"aT:o<>@(),;\"\\= \t\r\n\xc3\xa9\xff".to_vec()), 0..200),
        name in prop::sample::select(vec!["To: ", "Subject: ", "Content-Type: ", ""]),
    ) {
        let mut scan = HeaderScan::new();
        let message = [name.as_bytes(), &header].concat();
        scan.update(&message);
        let header = &message[..scan.octets()];
        let made = surrogate(header);
        prop_assert!(made.is_ascii());
        prop_assert_eq!(surrogate(&made), made.clone());
        if !scan.needs_utf8() {
            prop_assert_eq!(&made, header);
        }
        // It ends at the right place, and not before.
        let mut again = HeaderScan::new();
        again.update(&made);
        prop_assert_eq!((again.octets(), again.is_complete()), (made.len(), scan.is_complete()));
    }
}
