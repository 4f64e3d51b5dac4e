//! Seeds for what surrounds the core, written by hand.

use pop3_tests::dialogue::data;
use pop3_tests::store::awkward;

/// Writes the seeds.
pub(crate) fn make(write: &mut dyn FnMut(&str, String, &[u8])) {
    let mut all = |target: &str, seeds: &[&[u8]]| {
        for (number, seed) in seeds.iter().enumerate() {
            write(target, format!("made-{number}"), seed);
        }
    };
    all(
        "capability",
        &[
            b"TOP\nUSER\nSASL PLAIN CRAM-MD5\nRESP-CODES\nLOGIN-DELAY 900 USER\nPIPELINING",
            b"EXPIRE 60\nEXPIRE NEVER USER\nEXPIRENEVER\nEXPIRE 4294967296\nUIDL\nIMPLEMENTATION a b",
            b"STLS\nAUTH-RESP-CODE\nUTF8 USER\nutf8\nLANG\nPIPELINE\nXOIP \n",
            b" TOP \nSASL\nsasl\tLOGIN  PLAIN\nLOGIN-DELAY\nLOGIN-DELAY x\n\xff\n",
            b"\x02\x10SASL A B",
            b"\x04\x01\x02\x03\x04\x05\x06\x07\x08\x01",
            b"\x06\x01\x10\x00\x00\x00\x01",
            b"\x08\xc0a server\x08",
            b"\x0b\x01",
            b"\x0d\xc0X-OTHER one  two\x08",
        ],
    );
    all("notes", &[
        b"deleting 50401930b359b3fded36d405dd9204bc.0",
        b"stored 50401930b359b3fded36d405dd9204bc.1 120 2 000000000000000f listed kept\ndeleting 50401930b359b3fded36d405dd9204bc.1",
        b"stored 50401930b359b3fded36d405dd9204bc.0 0 1 0000000000000000 returned deleting",
        b"stored 50401930b359b3fded36d405dd9204bc.0 18446744073709551615 4294967295 ffffffffffffffff gone:20000 kept",
        b"50401930b359b3fded36d405dd9204bc.4294967295",
        b"50401930b359b3fded36d405dd9204bc",
        b"50401930B359B3FDED36D405DD9204BC",
        b"\x03\x00\x01\x02\x00\x01\xff\x05\x03\x00\x01\x02\x01\x05\x03\xff\x00\x00\x04",
        b"\x04\x00\x00\x01\x02\x01\x01\x01\x07\x09\x02\x00\x01\x01\x20\x00\x02\x01\x01\x01\x30\x05\x03",
        b"\x02\x00\x00\x00\x01\x03\x00\x02\x00\x00\x00\x03\x01\x01\x00\x00\x00\x00",
    ]);
    all("uid_lists", &[
        // The way, the messages, how the list is made; the messages; the late one; the list.
        b"\x00\x02\x00\x01\x01\x00\x01\x00\x00\x01\x00\x00\x01\x00\x01\x02\x00\x00\x00\x01\x03\x00\x00\x00\x003 V7 N9 Xmore\n2 W5 :1700000001.M0P7.host\n4 Pp1 :1700000001.M1P7.host\n",
        b"\x00\x00\x00\x01\x01\x00\x00\x00\x003 V1 N9\n2 :a",
        b"\x01\x00\x00\x01\x01\x00\x00\x00\x001 7 9\n2 a\n3 b c\n",
        b"\x07\x01\x00\x01\x01\x00\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00/3 9 7\n1700000000.M0P7.host:2, 4 8:7:0\n",
        b"\x07\x01\x00\x01\x01\x00\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00/3 18446744073709551615 7\n1700000000.M0P7.host:2, 4 18446744073709551615:7:0\n",
        b"\x08\x00\x00\x01\x01\x00\x00\x00\x00/1 9\na 4 2\n",
        b"\x08\x00\x00\x01\x01\x00\x00\x00\x00/2 9 7\na 4 2:7\nb 4 0:7\n",
        b"\x09\x00\x00\x01\x01\x00\x00\x00\x00a 4\nb c 5\n",
        b"\x00\x02\x02\x01\x01\x00\x01\x00\x00\x00\x01\x01\x01\x00\x00\x00\x01\x02\x00\x00\x00\x00\x05\0\0\0\x07\0\0\0\x02\x01\x02\x03\x00\x07\x00\x01\x09",
        b"\x07\x02\x02\x01\x01\x00\x01\x00\x00\x00\x01\x01\x01\x00\x00\x00\x01\x02\x00\x00\x00\x00\x05\0\0\0\x07\0\0\0\x02\x01\x02\x03\x00\x07\x00\x01\x09",
        b"\x02\x02\x03\x01\x01\x00\x01\x00\x00\x00\x01\x01\x01\x00\x00\x00\x01\x02\x00\x00\x00\x00\x05\0\0\0\x07\0\0\0\x02\x01\x06\x43\x00\x06\x00\x01\x09",
        b"\x00\x01\xfd\x01\x01\x00\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00",
    ]);
    let key = "50401930b359b3fded36d405dd9204bc";
    let header = "=pop3-state-3 name mrose@pop.example -\n";
    let states = [
        header.to_owned(),
        format!("{header}=a unique-ids\n=s {key} 0 1 120 0 % f -\n=p\n"),
        format!("{header}=s {key} 0 1 120 1700000000 token%20a f 20000\n=x {key} 0\n"),
        format!("{header}=d {key} 3 1 120 0 % 0 r\n=p\n=s {key} 4 2 1 0 %25 0 -\n=p\nabc"),
        format!("=pop3-state-2 name mrose@pop.example -\n=s {key} 0 1 120 0 % f -\n"),
        format!("=pop3-state-1 name mrose@pop.example -\n=s {key} 0 1 120 0 %\n=p\n"),
        "=pop3-state-3 name other@pop.example -\n=p\n".to_owned(),
        format!("=pop3-state-3 name mrose@pop.example dir:%2ftmp\n=s {key} 0 1 120 0 t f -\n"),
        "=pop3-state-3 name mrose@pop.example dir:/tmp\n=a content estimates-sizes lost-synchronisation later\n".to_owned(),
        format!("{header}{header}"),
        "something else\n".to_owned(),
        String::new(),
    ];
    for (number, state) in states.iter().enumerate() {
        write("state_file", format!("made-{number}"), state.as_bytes());
    }
    around(write);
}

fn around(write: &mut dyn FnMut(&str, String, &[u8])) {
    let mut all = |target: &str, seeds: &[&[u8]]| {
        for (number, seed) in seeds.iter().enumerate() {
            write(target, format!("made-{number}"), seed);
        }
    };
    let second = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\0\x6e\x20\0\x05\x01\0\0\0\0QUIT\r\n";
    let mut sixth = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".to_vec();
    sixth.extend([0x20; 36]);
    all(
        "proxy",
        &[
            b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 110\r\nQUIT\r\n",
            b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 995\r\nCAPA\r\nQUIT\r\n",
            b"PROXY UNKNOWN\r\nNOOP\r\nQUIT\r\n",
            b"PROXY UNKNOWN ffff::1 ::1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 056324 110\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 110\r\n",
            second,
            &sixth,
            b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0QUIT\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8",
            b"USER mrose\r\nPASS tanstaaf\r\n",
        ],
    );
    all(
        "url",
        &[
            b"pop://rg;AUTH=+APOP@mail.eudora.com:8110",
            b"pop3s://a%40b;AUTH=SCRAM-SHA-256@[2001:db8::1]:995/",
            b"POPS://;AUTH=*@h.:",
            b"pop3://J%C3%B6rg;auth=+x%21y@127.0.0.1:65535",
            b"pop3://u:p@h",
            "pop3://a@b\u{fc}cher.example:1".as_bytes(),
            b"pop3://a@b%C3%BCcher.example:1",
            b"pop3://xn--bcher-kva.example",
            b"a@b@example.org",
            b"\0\x03\x03\x01\x01\x05\x02\x01\x02\x01\x04\x02\x01\x02\x03\0\0\0\x01",
            b"pop://h?x#y",
            b"pop://a%00b@h",
            b"pop://a%0d%0aDELE@h",
            b"pop://a;AUTH=%2BX%0A@h",
        ],
    );
    all("users", &[
        b"alice:{PLAIN}secret\nbob:{PLAIN}other\nbob:{LOGIN-DELAY}60\nbob:{EXPIRE}never\n",
        b"# a comment\r\n\r\nalice:{TOKEN}\r\nalice:{EXPIRE}31\r\n",
        b"alice:{CERT}sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
        b"alice:$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc\n",
        b"a:$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk\n",
        b"a:SCRAM-SHA-1$4096:BwcHBw==$AAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAA=\na:{PLAIN}x\n",
        "j\u{f6}rg:{PLAIN}p\u{e4}ss\njo\u{308}rg:{TOKEN}\n".as_bytes(),
        b"bob:{LOGIN-DELAY}60\n",
        b"no colon\n",
        b"never",
        b"192.0.2.0/24",
        b"PLAIN, SCRAM-SHA-256",
        b"mail.example.org",
    ]);
    all(
        "saslprep",
        &[
            b"\0I\xc2\xadX",
            "\0\u{2168}\u{fb01}e\u{301}\u{338}".as_bytes(),
            "\0\u{627}1\u{628}".as_bytes(),
            "\0\u{ac00}\u{11a8}\u{1100}\u{1161}".as_bytes(),
            "\0\u{1f600}\u{221}".as_bytes(),
            "\0a\u{345}\u{313}\u{3b9}".as_bytes(),
            "\0\u{2f868}\u{fdfa}".as_bytes(),
            b"\x01\0\0a\0\x03\x01\0\x05\xb1",
            b"\x01\x02\xf8\x74\0\x03\x99",
            b"\0\xe2\x80\x8b \xe3\x80\x80",
        ],
    );
    for (number, (name, octets)) in awkward().into_iter().enumerate() {
        let octets = &octets[..octets.len().min(300)];
        write("surrogate", format!("awkward-{name}"), &[&[number as u8], octets].concat());
        write("text", format!("awkward-{name}"), octets);
        // Messages, and what happens to the size cache.
        let mail = [&[1, 3, number as u8, 5, 0, 0, 1, 7, 1, 2, 0, 40], octets].concat();
        write("maildir", format!("awkward-{name}"), &mail);
    }
    for (number, header) in [
        "Subject: Gr\u{fc}\u{df}e an alle\n\nK\u{f6}rper\n",
        "To: \"J\u{f6}rg\" <a@b>, Gruppe: \u{e9}@x.example (\u{e4});\r\nCc: <\u{e9}@b>\r\n\r\n",
        "Content-Disposition: attachment; filename=\"\u{e9} \\\"x\\\".txt\"; size=3\n\n",
        "From\u{e9} x\n y: z\nX-\u{e9}: 1\n\n",
        "\x1b]0;owned\x07\u{202e}\u{9b}31m \\x1b ...\nb\n",
    ]
    .into_iter()
    .enumerate()
    {
        write("surrogate", format!("made-{number}"), &[b"\x03", header.as_bytes()].concat());
        write("text", format!("made-{number}"), header.as_bytes());
    }
    recordings(write);
    for number in 0..12_u8 {
        // Settings, messages and lines; then how the network passes everything on.
        let mut plan = vec![number.wrapping_mul(37), number.wrapping_mul(11), number % 6, 1];
        plan.extend((0..40).map(|index: u8| index.wrapping_mul(17).wrapping_add(number)));
        plan.extend_from_slice(b"Subject: x\r\n\r\n.\r\n..\n\xff");
        plan.extend((0..120).map(|index: u8| index.wrapping_mul(number + 3)));
        write("network", format!("made-{number}"), &plan);
        write("session", format!("made-{number}"), &plan);
        // Words of each kind.
        write("words", format!("made-{number}"), &[&[number], &plan[..80]].concat());
        write("words", format!("more-{number}"), &[&[number], &plan[40..]].concat());
    }
}

fn recordings(write: &mut dyn FnMut(&str, String, &[u8])) {
    for file in ["dovecot", "courier", "popa3d"] {
        let text = std::fs::read(data().join(format!("transcripts/{file}.txt"))).unwrap();
        let mut sessions = vec![Vec::new()];
        for line in text.split_inclusive(|&octet| octet == b'\n') {
            if line.starts_with(b"# session") {
                sessions.push(Vec::new());
            }
            let last = sessions.last_mut().unwrap();
            if last.len() < 1500 {
                last.extend_from_slice(line);
            }
        }
        for (number, session) in sessions.iter().enumerate().take(6) {
            write("transcript", format!("{file}-{number}"), session);
        }
    }
    let turns: &[&[u8]] =
        &[b"+OK hi\r\n", b"USER a\r\nPASS b\r\n", b"+OK\r\n-ERR no\r\n", b"QUIT\r\n", b"+OK bye\r\n"];
    for number in 0..8_u8 {
        let mut connection = vec![1, number, 4, 3, number * 31 + 2, 5, number];
        for turn in turns {
            connection.push(u8::try_from(turn.len()).unwrap());
            connection.extend_from_slice(turn);
        }
        write("capture", format!("shuffled-{number}"), &connection);
    }
    for (number, magic) in [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ]
    .into_iter()
    .enumerate()
    {
        let mut capture = vec![0];
        capture.extend(magic);
        if number == 3 {
            // A section, an interface of Ethernet, and a packet.
            capture.extend(28_u32.to_le_bytes());
            capture.extend([0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]);
            capture.extend([0xff; 8]);
            capture.extend(28_u32.to_le_bytes());
            capture.extend([1, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0]);
            capture.extend([6, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0]);
            capture.extend([0; 8]);
            capture.extend([4, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 36, 0, 0, 0]);
        } else {
            capture.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0]);
            capture.extend([0; 8]);
            capture.extend([4, 0, 0, 0, 4, 0, 0, 0, 0x45, 0, 0, 4]);
        }
        write("capture", format!("file-{number}"), &capture);
    }
}
