//! Hashes that other programs have made.

use super::*;

/// Of `tanstaaf`, by `doveadm pw` of Dovecot 2.3.19.
const DOVEADM: &[&str] = &[
    "{PLAIN}tanstaaf",
    "{CLEAR}tanstaaf",
    "{CLEARTEXT}tanstaaf",
    "{PLAIN.B64}dGFuc3RhYWY=",
    "{CRYPT}$2y$05$kXR7WFQh8OGYSMHDhJGvcu74TscZFmzIThfkcsiAmO7gArJBOnhUK",
    "{BLF-CRYPT}$2y$05$.b28XpiLhL/rOhG.rQgAIeAmnAvVTmRKVouDodmFmlgw4MARbvsR2",
    "{MD5-CRYPT}$1$xc86A/F8$38sHEpN86e5d1D0L7vn/t1",
    "{MD5}$1$tistrMFd$SeOMwnCqORv9BdQ.kLtLO0",
    "{SHA256-CRYPT}$5$S/PD6tH9qoIF2ucA$2EQVg5X6YCzEB6B7td2ZwzKJ4MwIa2f.jC89BXsO4a6",
    "{SHA512-CRYPT}$6$RwA2.HACpQnydxmF$4N9QBGRnwLWtQzFmzPN5cRRtcP0V/6NiT.PFlQbeAxVqw2QVMNr7QwmHbBVQ8jj.6o6.0hEKPa8Z.33hhf/py/",
    "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$hvkPUb0KsLF+cEteylgpzg$/bEXl4EMWB8VIW+nSHiVPuvVCp6eGXh1hoTeIUHYxgw",
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$vmglepquerOlkqBATSTx/Q$K9u4nH9Ecp/tgIMi/6VNmu6r0yhMKSDnt+/PxTF+14o",
    "{PBKDF2}$1$DOdLq5Qe2yJOd7R3$5000$339c572d8b5c9a81c54b02774e3db37ab3c60fc1",
    "{SCRAM-SHA-1}4096,Sg3LpRBADc/juwDLlnfXCQ==,7DjoqQ6E/Qp0Vla+OV36oplxVOE=,Oa8LuBWcbh5UYpuR/ZSEKEcnwto=",
    "{SCRAM-SHA-256}4096,LpTOJkcvGBmNRkFtcsIdxQ==,IwdKRBJtr14YpzwLLlgGZCfFgGl/x/ltNSdD6LpTQrI=,98UVPZhN1sR9oWECwNUFh57WvwQz2eSHH220pu6s5l8=",
    "{SSHA}HO+jYPWWpGInMs2lHuA8NgtLJqRdW6vQ",
    "{SSHA256}rpqsG5h9Cyrfs3gvhG/8IXtTwKO1tzvdKUm6Ym7uM9xenA9T",
    "{SSHA512}yU2SHDB5Dcr8ivxI6Gfg9d/lwGMHqF65XYMxVaVjdgqrsf4LOW7hSuVVVM0Sm33+HZJURMeYYM1OLhg6Fnxp/FZqqkA=",
    "{SSHA512.HEX}46cce45440b33673419ecdacb5392bcd8b515b9ecd1672695e05e5f6af8382716ddd08aebf1eef834955a9b643babc9c134485957a1582a3dbacf0b7b1c231db179433c6",
    "{SMD5}XHn+zZK6Fr70tPPHwc7D5NY1a+M=",
    "{SHA}60cXn4M+9rlkPiIl1CM8mjjFKYE=",
    "{SHA1}60cXn4M+9rlkPiIl1CM8mjjFKYE=",
    "{SHA.HEX}eb47179f833ef6b9643e2225d4233c9a38c52981",
    "{SHA256}2OZJiX4f3IEocTIetqYiu1a2GovhuIBYRxZR+uXBLKo=",
    "{SHA256.HEX}d8e649897e1fdc812871321eb6a622bb56b61a8be1b88058471651fae5c12caa",
    "{SHA512}7k4B2Jp+VfRq9eIRUB9fGp9ZeNyZPWiiDRYSh7oJALW7dmzxjah/z/nf+cj/MOzDknLTjla4zoq4EfWvmjU7oA==",
    "{PLAIN-MD5}b3aa0ba4e1f957e5f3ef356cfc147008",
    "{LDAP-MD5}s6oLpOH5V+Xz7zVs/BRwCA==",
    // In other letters, and encodings that its length tells.
    "{ssha}HO+jYPWWpGInMs2lHuA8NgtLJqRdW6vQ",
    "{SHA}eb47179f833ef6b9643e2225d4233c9a38c52981",
    "{MD5}b3aa0ba4e1f957e5f3ef356cfc147008",
    "{PLAIN-MD5}s6oLpOH5V+Xz7zVs/BRwCA==",
    "{CRYPT.B64}JDEkeGM4NkEvRjgkMzhzSEVwTjg2ZTVkMUQwTDd2bi90MQ==",
];

/// By crypt(3) of libxcrypt 4.4, which is that of Debian 12, and by OpenSSL.
const CRYPT: &[(&str, &str)] = &[
    ("tanstaaf", "$y$j9T$abcdefgh1234$n7bP1jukTlfxN2jFVwmaFqRHwZDhAadxdoGfYzBtRt4"),
    ("tanstaaf", "$y$j75$abcdefgh1234$0byAQnWmubgSeEaebUaaJNtSiQbDb/huZ8JbeZ7nup1"),
    ("tanstaaf", "$1$abcdefgh$hDf8O5em1.mnibl8TkeZO."),
    ("tanstaaf", "$y$j9T$Kd1f2zGvYw8hVb3S4qT5e.$ulZGSdpGE10YfJk6Dve213C.oVnA9e1mzFdnjgcaO88"),
    (
        "tanstaaf",
        "$6$rounds=1000$saltsaltsaltsalt$zGviWBesO9c33gJHpEpIzjAkNFbu5ca051WOmYeboEdmAe2Itoy7wIa0OZ4ZqzV2.56usPXo6e5IODfqii7M1.",
    ),
    (
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i",
    ),
    ("pässwörd", "$5$rounds=1234$s$bbXTybm30y7B45pSt4CYSGQiRfOvPKpRfq19428O523"),
    (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "$6$abc$P0dSC3nhrAvKhZTIHMp/T2vQh5J79UEZArzOdspDinQvyklT9Q4NSzp0NrQRHuZSKMmorjLSWohYu7VC9LAU./",
    ),
    (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "$1$abcdefgh$RAACyPJgyZkwwCU2vKY6X0",
    ),
    ("tanstaaf", "$2a$05$abcdefghijklmnopqrstuuwByubmpIg6p9eeqm.Bn7rrsKcoFGwx."),
    ("tanstaaf", "$1$$FO0.sobzDZJVTUUo2gvW.."),
];

fn is_password(form: &str, password: &str) -> bool {
    match Form::parse(form.as_bytes()) {
        Ok(Form::Plain(plain)) => plain.octets.same_octets(password.as_bytes()),
        Ok(Form::Hash(hash)) => hash.verify(password.as_bytes()),
        Ok(Form::Keys(keys)) => keys.verify_password(password.as_bytes()),
        other => panic!("{form}: {other:?}"),
    }
}

#[test]
fn hashes_of_dovecot() {
    for form in DOVEADM {
        assert!(is_password(form, "tanstaaf"), "{form}");
        assert!(!is_password(form, "tanstaag") && !is_password(form, ""), "{form}");
    }
    let without = |name: &&str| !DOVEADM.iter().any(|form| form.starts_with(&format!("{{{name}}}")));
    assert_eq!(password_schemes().filter(without).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn hashes_of_crypt() {
    for (password, form) in CRYPT {
        assert!(is_password(form, password), "{form}");
        assert!(!is_password(form, &format!("y{password}")) && !is_password(form, ""), "{form}");
    }
}

#[test]
fn what_costs_too_much_is_refused() {
    let refused = |form: &str| Form::parse(form.as_bytes()).unwrap_err();
    let sha512 = "R6IWQ9WlVqIrkU1T8wTBhKpnJ0x6f1bT0dV8yVd9R0f6P6w8yVd9R0f6P6w8yVd9R0f6P6w8yVd9R0f6P6w81/";
    let tail = "c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
    for form in [
        format!("$6$rounds=999999999$salt${sha512}"),
        "{PBKDF2}$1$DOdLq5Qe2yJOd7R3$50000000$339c572d8b5c9a81c54b02774e3db37ab3c60fc1".into(),
        "$2y$16$.b28XpiLhL/rOhG.rQgAIeAmnAvVTmRKVouDodmFmlgw4MARbvsR2".into(),
        "$y$jHT$abcdefgh1234$n7bP1jukTlfxN2jFVwmaFqRHwZDhAadxdoGfYzBtRt4".into(),
        format!("$argon2id$v=19$m=4194304,t=1,p=1${tail}"),
        format!("$argon2id$v=19$m=65536,t=1000,p=1${tail}"),
        format!("$scrypt$ln=22,r=8,p=1${tail}"),
        format!("$scrypt$ln=15,r=8,p=1000${tail}"),
        format!("$pbkdf2-sha256$i=40000000,l=32${tail}"),
    ] {
        assert!(refused(&form).contains("more time or memory"), "{form}: {}", refused(&form));
    }
}

#[test]
fn what_is_damaged_or_unknown_is_refused() {
    for form in [
        "{SSHA}",
        "{SSHA}60cXn4M+9rlkPiIl1CM8mjjFKYE=",
        "{SHA}60cXn4M",
        "{SHA.HEX}60cXn4M+9rlkPiIl1CM8mjjFKYE=",
        "{SHA.ROT13}x",
        "{DES-CRYPT}xBlPMNL1YF7ZA",
        "{CRYPT}xBlPMNL1YF7ZA",
        "{CRAM-MD5}bc85",
        "{PLAIN}",
        "{PLAIN.HEX}0",
        "{CRYPT}",
        "{CRYPT}$",
        "{CRYPT}$$",
        "{CRYPT}$6$",
        "$6$salt",
        "$6$rounds=x$salt$hash",
        "$6$rounds=999$s$h",
        "$5$$",
        "$y$",
        "$y$j9T$$",
        "$y$$$",
        "$1$abcdefgh$",
        "$2y$05$",
        "$2x$05$.b28XpiLhL/rOhG.rQgAIeAmnAvVTmRKVouDodmFmlgw4MARbvsR2",
        "$gy$j75$a$b",
        "$2y$99$x",
        "{PBKDF2}",
        "{PBKDF2}$1$x$0$339c572d8b5c9a81c54b02774e3db37ab3c60fc1",
        "{PBKDF2}$1$x$1$33",
        "{SCRAM-SHA-1}4096,a,b",
        "{SCRAM-SHA-1}1,a,b,c",
    ] {
        assert!(Form::parse(form.as_bytes()).is_err(), "{form}");
    }
}
