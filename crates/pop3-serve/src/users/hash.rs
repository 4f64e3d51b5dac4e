//! Passwords are compared with hashes in the PHC format.

use core::cell::RefCell;

use argon2::password_hash::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use password_auth::verify_password;

thread_local! {
    /// The memory that argon2 fills. A thread keeps it for its next hash. If it came from the allocator each time, the
    /// allocator would end up with many times as much as all threads use at once, and keep it.
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
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
