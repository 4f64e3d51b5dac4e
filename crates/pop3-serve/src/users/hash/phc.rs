//! Hashes in the PHC format.

use core::cell::RefCell;

use argon2::password_hash::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use password_auth::{is_hash_obsolete, verify_password};

use super::{DAMAGED, MAX_KIB, MAX_KIB_FILLED, MAX_PBKDF2_ROUNDS, TOO_COSTLY};

thread_local! {
    /// The memory that argon2 fills. A thread keeps it for its next hash. If it came from the allocator each time, the
    /// allocator would end up with many times as much as all threads use at once, and keep it.
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Checks a PHC string as far as that goes without computing the hash.
pub(super) fn parse(hash: &str) -> Result<String, &'static str> {
    const KNOWN: [&str; 6] = ["argon2id", "argon2i", "argon2d", "scrypt", "pbkdf2-sha256", "pbkdf2-sha512"];

    let fields = hash.split('$').collect::<Vec<_>>();
    if !fields.get(1).is_some_and(|algorithm| KNOWN.contains(algorithm)) {
        return Err("unknown kind of hash; use argon2id, scrypt, pbkdf2-sha256 or pbkdf2-sha512");
    }
    let hash = with_length(&fields).unwrap_or_else(|| hash.to_owned());
    let complete = hash.rsplit('$').take(2).all(|field| !field.is_empty() && !field.contains('='));
    if !complete || is_hash_obsolete(&hash).is_err() {
        return Err("the PHC string is damaged or has no hash");
    }
    if is_affordable(&hash).ok_or(DAMAGED)? { Ok(hash) } else { Err(TOO_COSTLY) }
}

/// Whether a check takes no more time and memory than it may. None if the hash is damaged.
fn is_affordable(hash: &str) -> Option<bool> {
    let hash = PasswordHash::new(hash).ok()?;
    let number = |name, default: u64| hash.params.get_decimal(name).map_or(default, u64::from);
    let (kib, passes) = match hash.algorithm.as_str() {
        "scrypt" => {
            let (log_n, r, p) = (number("ln", 15), number("r", 8), number("p", 1));
            // A block has 128 octets.
            (1_u64.checked_shl(u32::try_from(log_n).ok()?).unwrap_or(u64::MAX).saturating_mul(r) / 8, p)
        }
        name if name.starts_with("pbkdf2-") => return Some(number("i", 0) <= MAX_PBKDF2_ROUNDS.into()),
        _ => (number("m", Params::DEFAULT_M_COST.into()), number("t", Params::DEFAULT_T_COST.into())),
    };
    Some(kib <= MAX_KIB && kib.saturating_mul(passes) <= MAX_KIB_FILLED)
}

/// Brings a PBKDF2 hash into the form that the checker reads: with the length said, which many
/// programs leave out, and out of the older form of Python's passlib,
/// `$pbkdf2-sha256$rounds$salt$hash` with dots for plus signs.
fn with_length(fields: &[&str]) -> Option<String> {
    let &["", algorithm, parameters, salt, hash] = fields else { return None };
    let rounds = parameters.strip_prefix("i=").unwrap_or(parameters);
    if !algorithm.starts_with("pbkdf2-") || !rounds.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let (salt, hash) = (salt.replace('.', "+"), hash.replace('.', "+"));
    let length = hash.len() * 3 / 4;
    Some(format!("${algorithm}$i={rounds},l={length}${salt}${hash}"))
}

/// Whether this is the password that the hash was made from.
pub(super) fn verify(password: &[u8], hash: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(hash) else { return false };
    match Algorithm::try_from(parsed.algorithm) {
        Ok(algorithm) => verify_argon2(password, algorithm, &parsed).unwrap_or(false),
        Err(_) => verify_password(password, hash).is_ok(),
    }
}

/// The same with argon2. None if the hash is damaged.
fn verify_argon2(password: &[u8], algorithm: Algorithm, hash: &PasswordHash<'_>) -> Option<bool> {
    let expected = hash.hash?;
    let mut salt = [0; 64];
    let salt = hash.salt?.decode_b64(&mut salt).ok()?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let params = Params::try_from(hash).ok()?;
    let count = params.block_count();
    let argon2 = Argon2::new(algorithm, version, params);
    let found = MEMORY.with_borrow_mut(|memory| {
        if memory.len() < count {
            // Never both at once.
            *memory = Vec::new();
            *memory = vec![Block::default(); count];
        }
        Output::init_with(expected.len(), |output| {
            Ok(argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..count])?)
        })
    });
    // Compares in constant time.
    Some(found.ok()? == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tests of the reference implementation of Argon2: the larger memory first, then parts of what it left.
    const REFERENCE: [&str; 4] = [
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E",
        "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
    ];

    #[test]
    fn what_the_last_hash_left_in_memory_changes_nothing() {
        for _ in 0..2 {
            for hash in REFERENCE {
                // The last one says nothing of its version, which is then the current one.
                let right = hash.contains("v=");
                assert_eq!(verify(b"password", hash), right, "{hash}");
                assert_eq!(verify_password(b"password", hash).is_ok(), right, "{hash}");
                assert!(!verify(b"passwore", hash), "{hash}");
            }
        }
    }

    #[test]
    fn all_kinds_of_hashes_are_as_the_library_makes_them() {
        for hash in [
            "$pbkdf2-sha256$i=1000,l=32$c29tZXNhbHQ$jWLo0H3oNqMPUEQ2VzyEN6z4mJr5EJsrdYKjbFYzK48",
            "$scrypt$ln=4,r=8,p=1$c29tZXNhbHQ$9rCzFVKB1Go3hVsN3V8Wg3nZ6PLSdL6Bd2YOdPrmKpA",
            "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ",
            "$argon2id$v=99$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
            "$argon2id$v=19$m=1,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
            "$argon2id$v=19$m=256,t=2,x=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
            "",
        ] {
            assert_eq!(verify(b"password", hash), verify_password(b"password", hash).is_ok(), "{hash}");
        }
        let made = password_auth::generate_hash("password");
        assert!(verify(b"password", &made) && !verify(b"Password", &made), "{made}");
    }
}
