//! Checks of credentials. What is answered, and what it costs, is the same whether a name is nobody's or the secret is
//! wrong, as far as the users' [profile](super::Profile) allows it.

use core::hint::black_box;
use std::io;
use std::path::Path;

use pop3_sasl::scram::{Hash, Keys};

use super::user::Given;
use super::{DecoyKey, LoggedIn, Profile, UserName, Users};

/// The user of this name, if there is one.
pub(crate) fn name(users: &dyn Users, name: &[u8]) -> io::Result<Option<LoggedIn>> {
    let Some(name) = users.name(name) else { return Ok(None) };
    Ok(users.find(&name)?.map(|user| LoggedIn::known((name, user))))
}

/// Whom others vouch for, and what is known of that user, if anything.
pub(crate) fn vouched(name: UserName, users: &dyn Users) -> io::Result<LoggedIn> {
    let user = users.find(&name)?;
    let home = user.as_ref().and_then(|user| user.home()).map(Path::to_owned);
    Ok(LoggedIn { user, name, home })
}

/// Whether this is the user's password; if so, the user.
///
/// An unknown name costs as much as a known one: a check of the kind that is commonest is made for it, and where some
/// users have hashes or keys, for those without them too. Where hashes have different costs, the cost of a known name
/// is that of its own.
pub(crate) fn password(users: &dyn Users, name: &[u8], password: &[u8]) -> io::Result<Option<LoggedIn>> {
    let name = users.name(name);
    let password = Given::new(password);
    let user = match &name {
        Some(name) => users.find(name)?,
        None => None,
    };
    let profile = users.profile();
    let right = match user.as_ref().map(|user| (&user.plain, user.verifier())) {
        Some((Some(plain), _)) => {
            pretend(&profile, &password);
            plain.verify(&password)
        }
        Some((None, Some(verifier))) => verifier.verify(&password),
        Some((None, None)) | None => {
            pretend(&profile, &password);
            false
        }
    };
    Ok(name.zip(user).filter(|_| right).map(LoggedIn::known))
}

/// Whether a digest of APOP or CRAM-MD5 is right, of users whose password is kept in clear: `prove` says so of a
/// secret. It is asked about the password as it is kept, and about what SASLprep makes of it (RFC 6856 section 2.2); of
/// an unknown name, about an empty one.
pub(crate) fn digest(
    users: &dyn Users,
    name: &[u8],
    prove: impl Fn(&[u8]) -> bool,
) -> io::Result<Option<LoggedIn>> {
    let name = users.name(name);
    let user = match &name {
        Some(name) => users.find(name)?,
        None => None,
    };
    let plain = user.as_ref().and_then(|user| user.plain.as_ref());
    let octets = plain.map_or(&b""[..], |plain| plain.octets.expose());
    let prepared = plain.and_then(|plain| plain.prepared.as_ref());
    let prepared = prepared.map_or(octets, |text| text.expose().as_bytes());
    let right = prove(octets) | prove(prepared);
    let right = right && plain.is_some();
    Ok(name.zip(user).filter(|_| right).map(LoggedIn::known))
}

/// The SCRAM keys of the user of this name: those that are kept, else some made of a password in clear, else some that
/// nothing fits, which look the same and cost the same.
///
/// The salt is always the same for the same name: as it is kept, or made of the decoy key.
pub(crate) fn scram_keys(
    users: &dyn Users,
    name: &[u8],
    hash: Hash,
    decoy_key: &DecoyKey,
) -> io::Result<Keys> {
    let parsed = users.name(name);
    let user = match &parsed {
        Some(name) => users.find(name)?,
        None => None,
    };
    let scram = users.profile().scram(hash);
    let shown = parsed.as_ref().map_or_else(|| String::from_utf8_lossy(name), |name| name.as_str().into());
    let (iterations, salt) = scram.cost;
    let fake = Keys::decoy_with_salt(hash, decoy_key.expose(), &shown, iterations, salt);
    let stored = user.as_ref().and_then(|user| user.stored_keys(hash)).cloned();
    if !scram.made {
        return Ok(stored.unwrap_or(fake));
    }
    // If some keys must be computed, each look-up computes some, so that all take the same time.
    let password = user.as_ref().and_then(|user| user.key_password(hash));
    let octets = password.map_or(&b"x"[..], |password| password.expose().as_bytes());
    let made = black_box(Keys::derive(hash, octets, fake.salt(), fake.iterations()));
    let made = made.ok().filter(|_| password.is_some());
    Ok(stored.or(made).unwrap_or(fake))
}

/// Does the work of a check, whatever it says.
fn pretend(profile: &Profile, password: &Given<'_>) {
    if let Some(decoy) = profile.decoy() {
        black_box(decoy.verify(password));
    }
}
