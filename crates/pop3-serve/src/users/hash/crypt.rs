//! What crypt(3) of Unix systems makes: `$1$`, `$5$`, `$6$`, `$2y$` and `$y$`.

use base64ct::{Base64Bcrypt, Base64ShaCrypt, Encoding};
use pop3_proto::Secret;
use sha_crypt::{Params as ShaParams, sha256_crypt, sha512_crypt};
use yescrypt::{Mode, Params};

use super::{Algorithm, DAMAGED, Hashed, MAX_BCRYPT_COST, MAX_KIB, MAX_SHA_ROUNDS, TOO_COSTLY};

/// Parses a hash, if it has one of these prefixes.
///
/// # Errors
/// Inner errors are what is wrong with it.
pub(super) fn parse(hash: &str) -> Option<Result<Hashed, &'static str>> {
    let (name, rest) = hash.strip_prefix('$')?.split_once('$')?;
    Some(match name {
        "1" => parse_md5(rest),
        "5" => parse_sha(rest, 32, Algorithm::Sha256Crypt),
        "6" => parse_sha(rest, 64, Algorithm::Sha512Crypt),
        "2a" | "2b" | "2y" => parse_bcrypt(rest),
        "y" => parse_yescrypt(rest),
        "2" | "2x" => Err("hashes of bcrypt with $2$ or $2x$ are not supported; set the password anew"),
        "7" | "gy" | "sha1" | "md5" | "3" => {
            Err("this kind of hash is not supported; set the password anew, for example with $y$ or argon2id")
        }
        _ => return None,
    })
}

fn parse_md5(rest: &str) -> Result<Hashed, &'static str> {
    let (salt, hash) = rest.split_once('$').ok_or(DAMAGED)?;
    let hash = decode(hash, 16)?;
    // More of it is not used.
    let salt = salt.as_bytes();
    Ok(Hashed::raw(Algorithm::Md5Crypt, &salt[..salt.len().min(8)], &hash))
}

fn parse_sha(rest: &str, octets: usize, algorithm: fn(u32) -> Algorithm) -> Result<Hashed, &'static str> {
    let (rounds, rest) = match rest.strip_prefix("rounds=").map(|rest| rest.split_once('$')) {
        Some(fields) => {
            let (rounds, rest) = fields.ok_or(DAMAGED)?;
            (rounds.parse().map_err(|_| DAMAGED)?, rest)
        }
        None => (ShaParams::RECOMMENDED_ROUNDS, rest),
    };
    let (salt, hash) = rest.split_once('$').ok_or(DAMAGED)?;
    let hash = decode(hash, octets)?;
    if rounds > MAX_SHA_ROUNDS {
        return Err(TOO_COSTLY);
    }
    if rounds < ShaParams::ROUNDS_MIN {
        return Err(DAMAGED);
    }
    let salt = salt.as_bytes();
    Ok(Hashed::raw(algorithm(rounds), &salt[..salt.len().min(16)], &hash))
}

fn parse_bcrypt(rest: &str) -> Result<Hashed, &'static str> {
    let (cost, rest) = rest.split_once('$').ok_or(DAMAGED)?;
    let cost: u32 = cost.parse().ok().filter(|cost| (4..=31).contains(cost)).ok_or(DAMAGED)?;
    if rest.len() != 53 || !rest.is_ascii() {
        return Err(DAMAGED);
    }
    let (salt, hash) = rest.split_at(22);
    let decode = |text: &str| Base64Bcrypt::decode_vec(text).map_err(|_| DAMAGED);
    let (salt, hash) = (decode(salt)?, decode(hash)?);
    if cost > MAX_BCRYPT_COST {
        return Err(TOO_COSTLY);
    }
    Ok(Hashed::raw(Algorithm::Bcrypt(cost), &salt, &hash))
}

fn parse_yescrypt(rest: &str) -> Result<Hashed, &'static str> {
    let fields: Vec<_> = rest.split('$').collect();
    let &[params, salt, hash] = &fields[..] else { return Err(DAMAGED) };
    let params: Params = params.parse().map_err(|_| DAMAGED)?;
    let salt = Base64ShaCrypt::decode_vec(salt).map_err(|_| DAMAGED)?;
    let hash = decode(hash, 32)?;
    // crypt(3) makes no other kinds, and none that takes more time than its memory needs.
    if Params::new(Mode::Rw, params.n(), params.r(), params.p()) != Ok(params) {
        return Err("this kind of yescrypt is not supported; set the password anew");
    }
    // A block has 128 octets.
    let kib = params.n().saturating_mul(params.r().into()) / 8;
    if kib > MAX_KIB {
        return Err(TOO_COSTLY);
    }
    Ok(Hashed::raw(Algorithm::Yescrypt(params), &salt, &hash))
}

/// The octets that these characters stand for, if there are so many.
fn decode(text: &str, octets: usize) -> Result<Vec<u8>, &'static str> {
    let hash = Base64ShaCrypt::decode_vec(text).map_err(|_| DAMAGED)?;
    if hash.len() == octets { Ok(hash) } else { Err(DAMAGED) }
}

/// The octets of a hash in the order in which they are written.
pub(super) fn transposed(hash: &[u8], order: impl Iterator<Item = usize>) -> Vec<u8> {
    order.filter_map(|index| hash.get(index).copied()).collect()
}

/// The 32 octets of the hash, in the order in which they are written.
pub(super) fn sha256(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let Ok(rounds) = ShaParams::new(rounds) else { return Vec::new() };
    transposed(&sha256_crypt(password, salt, rounds), rows(10, 2).chain([30, 31]))
}

/// The 64 octets of the hash, in the order in which they are written.
pub(super) fn sha512(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let Ok(rounds) = ShaParams::new(rounds) else { return Vec::new() };
    transposed(&sha512_crypt(password, salt, rounds), rows(21, 1).chain([63]))
}

/// The order of three columns: row by row, from right to left, each row turned by so many places more than the last.
fn rows(count: usize, turn: usize) -> impl Iterator<Item = usize> {
    (0..count).flat_map(move |row| (0..3).map(move |place| (2 + turn * row + 2 * place) % 3 * count + row))
}

/// The 23 octets of the hash. As crypt(3) has it, the password ends with a NUL, and more than 72 octets are not used.
pub(super) fn bcrypt(password: &[u8], salt: &[u8], cost: u32) -> Vec<u8> {
    let Ok(salt) = salt.try_into() else { return Vec::new() };
    let password = Secret::join(&[password, b"\0"]);
    let password = password.expose();
    let hash = bcrypt::bcrypt(cost, salt, &password[..password.len().min(72)]);
    hash[..23].to_vec()
}

/// The hash, of so many octets. There is none if the memory cannot be had.
pub(super) fn yescrypt(password: &[u8], salt: &[u8], params: &Params, octets: usize) -> Vec<u8> {
    let mut hash = vec![0; octets];
    match yescrypt::yescrypt(password, salt, params, &mut hash) {
        Ok(()) => hash,
        Err(_) => Vec::new(),
    }
}
