//! Finding the server of a mail domain: names, order and consent.

use pop3_url::discovery::{Candidate, Record, SrvService, candidates, domain_of, user_names};

const fn record(priority: u16, weight: u16, port: u16, target: &str) -> Record<'_> {
    Record { priority, weight, port, target }
}

fn hosts(found: &[Candidate]) -> Vec<&str> {
    found.iter().map(|candidate| candidate.host.as_str()).collect()
}

/// A small random number generator, so that a run can be repeated.
fn generator(mut seed: u64) -> impl FnMut(u32) -> u32 {
    move |most| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 33) % (u64::from(most) + 1)) as u32
    }
}

// 6186-3.01
#[test]
fn the_names_to_ask() {
    assert_eq!(SrvService::Pop3.query("example.org").unwrap(), "_pop3._tcp.example.org");
    assert_eq!(SrvService::Pop3s.query("Example.ORG.").unwrap(), "_pop3s._tcp.Example.ORG");
    for bad in ["", ".", "a..b", "-a.org", "a-.org", "a b.org", "é.org", "a\0.org", &"a".repeat(64), "_x.org"]
    {
        assert_eq!(SrvService::Pop3.query(bad), None, "{bad:?}");
    }
    assert_eq!(domain_of("a@b@example.org"), Some("example.org"));
    assert_eq!((domain_of("a"), domain_of("a@")), (None, None));
}

// 6186-3.02
#[test]
fn a_target_that_is_the_root_says_that_there_is_no_service() {
    let records =
        [(SrvService::Pop3, record(0, 0, 0, ".")), (SrvService::Pop3s, record(0, 0, 995, "m.example.org"))];
    assert_eq!(hosts(&candidates("example.org", &records, |_| 0)), ["m.example.org"]);
    assert_eq!(candidates("example.org", &records[..1], |_| 0), []);
    for bad in ["", "a b", "m\r\n.example.org", "..", "m.example.org.."] {
        assert_eq!(
            candidates("example.org", &[(SrvService::Pop3, record(0, 0, 110, bad))], |_| 0),
            [],
            "{bad:?}"
        );
    }
}

// 6186-4.01, 8314-5.10
#[test]
fn tls_from_the_start_comes_first_and_then_the_lowest_priority() {
    let records = [
        (SrvService::Pop3, record(0, 0, 110, "a.example.org")),
        (SrvService::Pop3s, record(20, 0, 995, "d.example.org")),
        (SrvService::Pop3s, record(10, 0, 995, "c.example.org.")),
        (SrvService::Pop3, record(5, 0, 1110, "b.example.org")),
    ];
    let found = candidates("example.org", &records, |_| 0);
    assert_eq!(hosts(&found), ["c.example.org", "d.example.org", "a.example.org", "b.example.org"]);
    assert_eq!((found[0].service, found[2].service), (SrvService::Pop3s, SrvService::Pop3));
}

// 6186-4.01
#[test]
fn weights_decide_how_often_a_server_comes_first() {
    let records = [
        (SrvService::Pop3s, record(1, 3, 995, "three.example.org")),
        (SrvService::Pop3s, record(1, 1, 995, "one.example.org")),
        (SrvService::Pop3s, record(1, 0, 995, "none.example.org")),
    ];
    let mut random = generator(7);
    let mut first = [0_u32; 3];
    for _ in 0..10_000 {
        let found = candidates("example.org", &records, &mut random);
        assert_eq!(found.len(), 3);
        let place = records.iter().position(|(_, record)| record.target == found[0].host).unwrap();
        first[place] += 1;
    }
    // Of the sums 0 to 4, 0 selects the one without weight, 1 the lighter one, and 2 to 4 the heavier one.
    for (count, share) in first.into_iter().zip([6_000, 2_000, 2_000]) {
        assert!(count.abs_diff(share) < 300, "{first:?}");
    }
    // Whatever the random numbers are, each is found exactly once.
    for answer in [0, 1, 2, 3, 4, u32::MAX] {
        let found = candidates("example.org", &records, |_| answer);
        let mut all = hosts(&found);
        all.sort_unstable();
        assert_eq!(all, ["none.example.org", "one.example.org", "three.example.org"]);
    }
}

// 6186-6.01
#[test]
fn a_server_outside_the_domain_needs_consent() {
    for (target, foreign) in [
        ("example.org", false),
        ("MAIL.Example.Org.", false),
        ("a.b.example.org", false),
        ("mail.host.net", true),
        ("notexample.org", true),
        ("org", true),
        ("example.org.evil.net", true),
    ] {
        let found = candidates("example.org.", &[(SrvService::Pop3s, record(0, 0, 995, target))], |_| 0);
        assert_eq!(found[0].foreign, foreign, "{target}");
    }
}

// 6186-4.02
#[test]
fn the_whole_address_is_tried_before_its_local_part() {
    assert_eq!(user_names("alice@example.org").collect::<Vec<_>>(), ["alice@example.org", "alice"]);
    assert_eq!(user_names("alice").collect::<Vec<_>>(), ["alice"]);
    assert_eq!(user_names("@example.org").collect::<Vec<_>>(), ["@example.org"]);
}
